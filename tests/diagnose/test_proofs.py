"""
What made-up logs prove. Each case is as small as it can be: where it begins to be proven, and what spoils it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.diagnose.log import Log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.diagnose.log import Said
    from envcheck.diagnose.proof import Proof

    Norm = float | str | None


def said(*lines: str) -> Said:
    log = Log(())
    log.feed("".join(f"{line}\n" for line in lines).encode())
    return log.said()


def record(
    loss: float | str,
    norm: Norm = None,
    rate: float | str = 1e-5,
    epoch: float = 0.1,
    more: str = "",
) -> str:
    middle = "" if norm is None else f"'grad_norm': {norm}, "
    return f"{{'loss': {loss}, {middle}'learning_rate': {rate}, {more}'epoch': {epoch}}}"


def records(losses: Sequence[float | str], norm: Norm = None) -> list[str]:
    return [record(loss, norm) for loss in losses]


def texts(losses: Sequence[str], norm: str) -> list[str]:
    """As transformers 5 prints records."""
    return [
        f"{{'loss': '{loss}', 'grad_norm': '{norm}', 'learning_rate': '1e-05', 'epoch': '0.1'}}"
        for loss in losses
    ]


def wrong(*lines: str) -> list[str]:
    return [proof.id for proof in said(*lines).proofs if proof.severity != "info"]


def notes(*lines: str) -> list[str]:
    return [proof.id for proof in said(*lines).proofs if proof.severity == "info"]


def only(*lines: str) -> Proof:
    (proof,) = said(*lines).proofs
    return proof


FINE = records([2.5, 2.4, 2.3])
OVERFLOW = "[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: {}, reducing to {}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(FINE, [], id="a loss that falls"),
        pytest.param([*FINE, *records([0.0, 0.0])], ["zero-loss"], id="0.0 after 2.3, no norm"),
        pytest.param([*FINE, record(0.0)], [], id="a single 0.0 says nothing yet"),
        pytest.param([record(0.0)], ["zero-loss"], id="unless it is all there is"),
        pytest.param(records([0.03, 0.0, 0.0]), [], id="a small loss may become 0.0"),
        pytest.param(
            [*FINE, record(0.0), record(0.0), *FINE], ["nan-batches"], id="0.0, then back"
        ),
        pytest.param(
            [record(2.5, 1.5), record(0.0, "nan"), record(2.4, 1.4), record(0.0, 1.3)],
            ["nan-batches"],
            id="0.0 at times",
        ),
        pytest.param(
            [record(2.5, 1.5), record(0.0, 1.4), record(2.4, 1.3)], [], id="0.0 once, with a norm"
        ),
        pytest.param(
            [record(0.0, "nan", more="'kl': 1.0, ")] * 3, ["nan-behind-zero"], id="a policy gone"
        ),
        pytest.param([*FINE, *records([0.0, 0.0], "nan")], ["nan-behind-zero"], id="norm nan"),
        pytest.param([*FINE, *records([0.0, 0.0], "inf")], ["nan-behind-zero"], id="norm inf"),
        pytest.param(
            [*FINE, *records([0.0] * 2, 1.4142135)], ["nan-behind-constant-norm"], id="root 2"
        ),
        pytest.param([*FINE, *records([0.0] * 2, 1.0)], ["nan-behind-constant-norm"], id="root 1"),
        pytest.param(
            [*FINE, *texts(["0"] * 2, "1.732")], ["nan-behind-constant-norm"], id="root 3 as text"
        ),
        pytest.param([*FINE, *records([0.0] * 3, 1.37)], [], id="a constant norm of no meaning"),
        pytest.param(
            records([2.5, 2.4, 2.3, 2.2], 1.4142135623),
            ["nan-behind-constant-norm"],
            id="root 2, loss is fine",
        ),
        pytest.param(records([2.5, 2.4, 2.3, 2.2], 1.0), [], id="norms clipped to 1"),
        pytest.param(
            texts(["2.5", "2.4", "2.3", "2.2"], "1.414"), [], id="four digits are too few"
        ),
        pytest.param(records([0.0] * 3, 0.0), ["nothing-to-learn"], id="norm 0 too"),
        pytest.param(records([0.0] * 3, 0.02), [], id="loss rounded to 0.0"),
        pytest.param(records([2.5, "nan"]), ["nan-loss"], id="nan is printed"),
        pytest.param(records([2.5, "nan", 2.4]), ["nan-batches"], id="nan, then back"),
        pytest.param(
            records([2.5, 2.4, 2.3, 2.2], "nan"), ["nan-gradients"], id="norm nan, loss fine"
        ),
        pytest.param(records([2.5, 2.4, 2.3, 2.2], 0.0), ["no-gradient"], id="norm 0, loss fine"),
        pytest.param([record(2.5, 0.0, 0)] * 2, [], id="first warm-up steps"),
        pytest.param(
            [record(loss, 0.0, 0) for loss in (2.5, 2.4, 2.3)],
            ["skipped-steps"],
            id="rate 0 for long",
        ),
        pytest.param([record(0.0, rate=0)] * 2, ["skipped-steps"], id="rate 0 and loss 0"),
        pytest.param(
            [record(2.5, rate=0), record(2.4, rate=0), record(2.3, rate=0), record(2.2)],
            [],
            id="rate 0, then more",
        ),
        pytest.param([*FINE, *[record(2.2, rate=0)] * 3], [], id="rate 0 at the end of a schedule"),
        pytest.param(records([0.6931] * 22), ["constant-loss"], id="a loss that doesn't move"),
        pytest.param(records([0.6931] * 22, 0.5), [], id="with a gradient it is no proof"),
        pytest.param(
            [record(0.6931, rate=0)] * 25, ["skipped-steps"], id="nothing moves without a rate"
        ),
        pytest.param(
            records([2.0] * 10 + [1.0] * 10 + [9.0] * 20),
            ["diverged"],
            id="a loss that rises and stays",
        ),
        pytest.param(records([2.0] * 10 + [1.0] * 10 + [9.0] * 10 + [1.1] * 10), [], id="a spike"),
        pytest.param(
            records([9.0] * 10 + [1.0] * 10 + [8.0] * 20), [], id="no higher than it began"
        ),
        pytest.param(
            [*records([2.5] * 3, 1.5), "{'eval_loss': nan, 'epoch': 1}"],
            ["nan-evaluation"],
            id="eval nan",
        ),
    ],
)
def test_a_log_proves(lines: list[str], expected: list[str]) -> None:
    assert wrong(*lines) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(records([0.0] * 3, 0.02), ["small-loss"], id="rounded"),
        pytest.param(
            [record(0.0, 0.1, more="'reward': 1.0, ")] * 3, ["zero-loss-of-a-policy"], id="a policy"
        ),
        pytest.param(
            [record(0.0, 0.0, more="'kl': 1.0, ")] * 3, ["zero-loss-of-a-policy"], id="no advantage"
        ),
        pytest.param(records([2.5], "nan") + FINE, ["single-bad-norms"], id="a norm, then none"),
        pytest.param(
            [OVERFLOW.format(65536, 32768), *FINE], ["overflows"], id="a search for a scale"
        ),
        pytest.param(
            [record(0.0, "nan", more="'kl': 1.0, "), record(0.1, 1.5)],
            [],
            id="one bad step of a policy",
        ),
        pytest.param(
            [record(0.0, 0.5, more="'kl': 1.0, "), record(0.1, 1.5)],
            ["zero-loss-of-a-policy"],
            id="a policy, at times",
        ),
        pytest.param([record(0.0, 0.5), record(2.4, 1.5)], ["small-loss"], id="small at times"),
        pytest.param(
            [record(0.0, "nan", more="'kl': 1.0, ")] * 2, [], id="two bad steps of a policy"
        ),
    ],
)
def test_a_log_is_worth_a_note(lines: list[str], expected: list[str]) -> None:
    found = said(*lines)

    assert [proof.id for proof in found.proofs] == expected
    assert all(proof.certainty == "note" for proof in found.proofs)


@pytest.mark.parametrize(
    ("first", "word"),
    [
        pytest.param(0.0, "zero-from-first-step", id="first"),
        pytest.param(2.0, "zero-after-first-step", id="later"),
    ],
)
def test_where_it_begins_decides_the_word_and_what_to_try(first: float, word: str) -> None:
    proof = only(*records([first, 0.0, 0.0], "nan"))

    assert proof.symptoms == (word, "nan")
    assert ("labels" in proof.experiments[0]) is (first == 0.0)
    assert ("overlap_comm" in proof.experiments[0]) is (first != 0.0)


def test_how_sure_a_constant_norm_makes_depends_on_the_number() -> None:
    assert only(*FINE, *records([0.0] * 3, 1.4142135623)).certainty == "certain"
    assert only(*FINE, *records([0.0] * 3, 2.0)).certainty == "likely"
    assert only(*FINE, *texts(["0"] * 3, "1.414")).certainty == "likely"


def test_the_place_is_that_of_the_first_bad_record() -> None:
    proof = only("a line", *FINE, *records([0.0, 0.0], "nan"))

    assert proof.place is not None
    assert proof.place[:2] == (5, 4)
    assert "record 4 (epoch 0.1, line 5)" in proof.title
    assert "The loss before was 2.3." in proof.facts[0]


@pytest.mark.parametrize(
    ("scales", "expected"),
    [
        pytest.param([(65536, 32768), (32768, 16384)], [], id="down from the start"),
        pytest.param([(8, 4), (4, 2), (2, 1)], ["overflow-loop"], id="lower and lower"),
        pytest.param([(8, 4), (4, 2), (4, 2)], [], id="not in a row"),
        pytest.param([(1, 1)], ["overflow-loop"], id="at the bottom"),
    ],
)
def test_a_loss_scale_proves_something_at_the_bottom_only(
    scales: list[tuple[int, int]], expected: list[str]
) -> None:
    lines = [OVERFLOW.format(*each) for each in scales]

    assert wrong(*lines) == expected
    assert said(*lines).recognised() is not False


def test_the_exception_of_the_loss_scaler_is_the_bottom() -> None:
    line = "Exception: Current loss scale already at minimum - cannot decrease scale anymore. Exiting run."

    proof = only(line)

    assert (proof.id, proof.certainty, proof.line) == ("overflow-loop", "certain", 1)


def test_apex_says_it_in_other_words() -> None:
    line = "Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to {}"

    assert wrong(*(line.format(scale) for scale in (8.0, 4.0, 2.0))) == ["overflow-loop"]
    assert notes(line.format(32768.0)) == ["overflows"]
    assert wrong(line.format("1e-30")) == ["overflow-loop"]
    assert said(line.format("-.-")).proofs == ()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            "[x] [WARNING] [logging.py:1:log_dist] [Rank 0] [deepspeed] OVERFLOW! Skipping step. "
            "Gradients are non-finite, weights were not updated.",
            id="DeepSpeed 0.19.8",
        ),
        pytest.param("[deepspeed] OVERFLOW! Rank 0 Skipping step.", id="0.15 on, not fp16"),
    ],
)
def test_steps_left_out_in_bf16_are_counted_without_a_scale(line: str) -> None:
    sound = [record(2.0, 1.5), record(1.9, 1.4)]
    stuck = [record(2.0, 1.4142135), record(2.0, 1.4142135)]

    assert notes(line, *sound) == ["overflows"]
    assert wrong(line, *sound) == []
    assert wrong(*[line] * 9) == []
    assert wrong(*[line] * 10) == ["skipped-steps"]
    assert wrong(*[line] * 9, *sound, *[line] * 9) == []
    assert wrong(stuck[0], *[line] * 5, stuck[1], *[line] * 5) == ["skipped-steps"]
    assert only(*[line] * 12).facts[0].startswith("12 steps in all.")


@pytest.mark.parametrize(
    ("line", "capacity"),
    [
        pytest.param(
            "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
            "capacity of 23.69 GiB of which 1.11 GiB is free.",
            ", 23.69 GiB",
            id="torch 2",
        ),
        pytest.param(
            "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 15.90 GiB total capacity; "
            "14.90 GiB already allocated)",
            ", 15.90 GiB",
            id="torch 1",
        ),
        pytest.param("RuntimeError: NPU out of memory. Tried to allocate 1 GiB", "", id="another"),
    ],
)
def test_a_gpu_without_memory_is_named_unless_the_run_goes_on(line: str, capacity: str) -> None:
    proof = only(*FINE, line)

    assert (proof.id, proof.line) == ("out-of-memory", 4)
    assert proof.title == f"The memory of a GPU was used up{capacity}"
    assert "--offload" in proof.experiments[0]
    assert wrong(line, *FINE) == []
    assert wrong("it was never out of memory") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "[Rank 0] Step 4: loss=nan, time=0.9s", ["nan-loss"], id="a loop of one's own"
        ),
        pytest.param("Epoch:[1/1](50/900) Loss: NaN ppl:nan", ["nan-loss"], id="in other letters"),
        pytest.param("step 4, 'loss': tensor(nan, device='cuda:0')", ["nan-loss"], id="a tensor"),
        pytest.param("det_loss: nan, loss: 2.5", [], id="one of several losses"),
        pytest.param("the loss nanny: 3", [], id="other words"),
    ],
)
def test_a_loss_that_a_program_calls_nan_in_its_own_words(line: str, expected: list[str]) -> None:
    assert wrong(*[line] * 3) == expected
    assert wrong(*[line] * 2) == []
    assert wrong(*[line] * 3, *["more"] * 100) == []
    assert wrong(*FINE, *[line] * 3) == []


def test_of_preferences_one_record_is_enough_where_the_log_probabilities_are_nan_too() -> None:
    assert wrong(record(0.0, "nan", more="'rewards/chosen': 0.1, 'logps/chosen': nan, ")) == [
        "nan-behind-zero"
    ]
    assert wrong(record(0.0, "nan", more="'rewards/chosen': 0.1, 'logps/chosen': -80.1, ")) == []


def test_what_makes_skipped_steps_certain_is_said() -> None:
    warning = "tried to get lr value before scheduler/optimizer started stepping, returning lr=0"

    proof = only(warning, record(2.5, 0.0, 0))

    assert proof.certainty == "certain"
    assert "1 times" in proof.facts[1]
    overflow = said(OVERFLOW.format(64, 32), record(2.5, 0.0, 0)).proofs[0]
    assert (overflow.id, overflow.certainty) == ("skipped-steps", "certain")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param([(2000, 1995)], ["skipped-steps"], id="nearly all"),
        pytest.param([(10, 6), (510, 8)], [], id="only at the start"),
        pytest.param([(1000, 0), (1010, 10)], ["skipped-steps"], id="all of the last ones"),
        pytest.param([(1000, 900), (10, 0)], [], id="a new run"),
        pytest.param([(2, 2)], [], id="too few"),
    ],
)
def test_deepspeeds_own_count_is_believed(
    counts: list[tuple[int, int]], expected: list[str]
) -> None:
    lines = [
        f"[Rank 0] step={step}, skipped={skipped}, lr=[1e-05], mom=[[0.9]]"
        for step, skipped in counts
    ]

    assert wrong(*lines) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "[ERROR] [launch.py:1:x] [1] exits with return code = -9",
            "killed",
            id="deepspeed, killed",
        ),
        pytest.param("  exitcode  : -11 (pid: 7)", "killed", id="torchrun, crashed"),
        pytest.param(
            "traceback : Signal 9 (SIGKILL) received by PID 7", "killed", id="torchrun, killed"
        ),
        pytest.param("exits with return code = 1", "", id="an exception"),
        pytest.param("Signal 15 (SIGTERM) received by PID 7", "", id="tidied up"),
        pytest.param(
            "Watchdog caught collective operation timeout: WorkNCCL(",
            "collective-timeout",
            id="hung",
        ),
    ],
)
def test_how_a_run_ended(line: str, expected: str) -> None:
    assert wrong(*FINE, line, line) == ([expected] if expected else [])


def test_dropped_labels_are_counted() -> None:
    line = "WARNING: tokenization mismatch: 31 vs. 32. (ignored)"

    assert wrong(*FINE, line, line) == []
    assert only(line, line, line).times == 3


def test_losses_that_are_added_up_are_told_by_the_evaluations() -> None:
    banner = "  Gradient Accumulation steps = 8"
    block = [*records([16.1, 16.2, 15.9]), "{'eval_loss': 2.0, 'epoch': 1}"]

    assert wrong(banner, *block, *block) == ["scaled-loss"]
    assert wrong(banner, *block) == []
    assert wrong(*block, *block) == []
    assert wrong("  Gradient Accumulation steps = 2", *block, *block) == []
    assert wrong("gradient_accumulation_steps .. 8", *block, *block, *block) == ["scaled-loss"]


def test_an_evaluation_before_any_record_compares_nothing() -> None:
    assert wrong("{'eval_loss': 2.0, 'epoch': 0}", "{'eval_loss': 0.0, 'epoch': 0}", *FINE) == []


def test_a_nan_evaluation_says_whether_the_training_loss_hides_it() -> None:
    evaluation = "{'eval_loss': nan, 'epoch': 1}"

    hidden = said(*records([2.0, 0.0, 0.0], "nan"), evaluation).proofs
    assert [proof.id for proof in hidden] == ["nan-behind-zero", "nan-evaluation"]
    assert "hides" in hidden[1].facts[0]
    assert wrong(*records(["nan", "nan"]), evaluation) == ["nan-loss"]
    assert "differs in evaluation" in only(*FINE, evaluation).facts[0]


def megatron(step: int, loss: str = "", norm: str = "", skipped: int = 0) -> str:
    parts = [
        f" iteration {step}/ 99 ",
        " elapsed time per iteration (ms): 1.0 ",
        " learning rate: 1.0E-04 ",
    ]
    parts += [f" lm loss: {loss} "] if loss else []
    parts += [f" grad norm: {norm} "] if norm else []
    return "|".join(
        [*parts, f" number of skipped iterations: {skipped} ", " number of nan iterations: 0 |"]
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [megatron(1, "1.0E+00", "0.5"), megatron(2)], ["nan-loss"], id="no loss is printed"
        ),
        pytest.param(
            [megatron(1, norm="nan"), megatron(2, norm="nan")],
            ["nan-loss"],
            id="and the norm is nan",
        ),
        pytest.param(
            [megatron(1, norm="0.5"), megatron(2, norm="0.6")], [], id="the norm says all is well"
        ),
        pytest.param(
            [megatron(1, skipped=1), megatron(2, "1.0E+01", "2.5")], [], id="a skipped step"
        ),
    ],
)
def test_megatron_leaves_out_a_loss_that_is_no_number(
    lines: list[str], expected: list[str]
) -> None:
    assert wrong(*lines) == expected


def test_runs_are_judged_one_by_one() -> None:
    bad = records([2.0, 0.0, 0.0], "nan")
    summary = "{'train_runtime': 1.0, 'train_loss': 0.0, 'epoch': 4.0}"

    found = said(*bad, summary, *FINE)

    assert found.runs == 2
    assert found.proofs == ()
    assert [(number, [proof.id for proof in proofs]) for number, proofs in found.earlier] == [
        (1, ["nan-behind-zero"])
    ]


@pytest.mark.parametrize(
    ("lines", "runs"),
    [
        pytest.param(["***** Running training *****", *FINE], 1, id="announced"),
        pytest.param([*FINE, "***** Running training *****", *FINE], 2, id="announced again"),
        pytest.param([record(1.0, epoch=3.0), record(1.1, epoch=0.1)], 2, id="from the start"),
        pytest.param([record(1.0, epoch=3.0), record(1.1, epoch=2.9)], 1, id="from a checkpoint"),
        pytest.param(
            ['{"loss": 1.0, "step": 90}', '{"loss": 1.1, "step": 1}'], 2, id="by its steps"
        ),
        pytest.param([*FINE, "***** Running training *****"], 1, id="announced and nothing more"),
    ],
)
def test_a_new_run_is_noticed(lines: list[str], runs: int) -> None:
    assert said(*lines).runs == runs


def test_only_so_many_bad_runs_are_kept() -> None:
    bad = records([2.0, 0.0, 0.0], "nan")

    found = said(*(["***** Running training *****", *bad] * 9))

    assert found.runs == 9
    assert len(found.earlier) == 5


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2.5", "2.4", "0.0", "nan", "inf", "1e-06"]),
            st.sampled_from([None, "1.5", "nan", "0.0", "1.4142135623730951", "1.0"]),
            st.sampled_from(["1e-05", "2e-05", "0.0", "0"]),
        ),
        max_size=40,
    ),
    st.integers(1, 7),
)
def test_how_a_log_is_cut_into_blocks_changes_nothing(
    steps: list[tuple[str, str | None, str]], size: int
) -> None:
    lines = [f"{record(*step)}\n".encode() for step in steps]
    whole, parts = Log(()), Log(())
    whole.feed(b"".join(lines))
    for at in range(0, len(lines), size):
        parts.feed(b"".join(lines[at : at + size]))

    assert whole.said() == parts.said()


@given(st.lists(st.floats(0.2, 5.0), min_size=3, max_size=120), st.floats(0.05, 9.0))
def test_ordinary_losses_prove_nothing_bad_but_a_lasting_rise(
    losses: list[float], norm: float
) -> None:
    lines = [
        record(f"{loss:.4f}", f"{norm + at / 7:.6f}", 1e-5 + at * 1e-9)
        for at, loss in enumerate(losses)
    ]

    assert set(wrong(*lines)) <= {"diverged"}
