"""
From what was seen of a run to what it proves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.diagnose.events import Events
    from envcheck.diagnose.patterns import Place, Run, Streak

_FEW: Final = 3
"Records in a row from which on chance is out of the question."
_LOW_SCALE: Final = 4
_DROP: Final = 0.05
"A mean loss above this doesn't fall below 0.00005 in one step."
_NAN: Final = ("nan",)

FILTER: Final = (
    "Run 10 steps with logging_steps 1 and logging_nan_inf_filter False: where 0.0 stood, nan proves it."
)
OVERLAP: Final = (
    "Run the first steps again with overlap_comm false, then with stage 3 (dense models only), then on a "
    "single GPU: the first that stays clean names the side."
)
LABELS: Final = (
    "Take the first batch from the data loader and count the labels that are not -100, row by row: a row "
    "with none makes the loss NaN (chat template, maximum length, completion-only masking)."
)
PRECISION: Final = (
    "Run the same steps in bf16, or in fp32 on a small model: fp16 can't hold the activations of models that "
    "were trained in bf16."
)


class Proof(NamedTuple):
    """
    One thing that a log proves, or nearly proves.
    """

    id: str
    certainty: str
    "certain | likely | note"
    severity: str
    "error | warning | info"
    title: str
    facts: tuple[str, ...]
    "Sentences: where, how often, why it follows."
    symptoms: tuple[str, ...]
    "The matrix's words for it, the most specific first."
    experiments: tuple[str, ...]
    "What decides, cheapest first."
    place: Place | None = None
    line: int = 0
    count: int = 0


def of_run(run: Run, events: Events) -> Iterator[Proof]:
    """
    Yield what the records of a run prove.
    """
    if run.count:
        yield from _zero(run, events)
        yield from _nan(run)
        yield from _norms(run)
        yield from _rates(run, events)
        yield from _course(run, events)
    if run.bad_evaluations and run.nan.total == 0:
        yield _evaluations(run)


def of_log(events: Events) -> Iterator[Proof]:
    """
    Yield what single lines prove, whatever the records say.
    """
    yield from _scaler(events)
    yield from _counters(events)
    if events.hung:
        yield Proof(
            "collective-timeout",
            "certain",
            "error",
            "A process waited for the others until a collective operation timed out",
            ("The ranks don't run the same sequence of operations, or one of them is dead or stuck.",),
            ("hang",),
            ("Run with TORCH_DISTRIBUTED_DEBUG=DETAIL, and look at which rank wrote its last line first.",),
            line=events.hung,
        )
    if events.killed:
        name, line = events.killed
        memory = " The kernel does that when the machine's memory is used up." if name == "SIGKILL" else ""
        yield Proof(
            "killed",
            "certain",
            "error",
            f"A process was ended by {name}",
            (f"No exception was raised.{memory}",),
            ("memory",) if name == "SIGKILL" else (),
            ("Look at the kernel's messages of that minute: dmesg -T, or the job's accounting.",),
            line=line,
        )


def _zero(run: Run, events: Events) -> Iterator[Proof]:
    """Judge losses of exactly 0, which most programs print where the loss is NaN."""
    watch = run.zero
    streak = watch.now or watch.longest
    if streak is None or watch.first is None:
        return
    lasts = watch.now is not None
    first = streak.start.record == 1
    where = "from the first record on" if first else f"from {streak.start} on"
    ending = ", to the end of the log" if lasts else ""
    seen = f"Loss exactly 0 in {_times(streak.count)} in a row {where}{ending}."
    before = _before(streak)
    symptoms = ("zero-from-first-step" if first else "zero-after-first-step", *_NAN)
    root = streak.root()
    if streak.nan_norms and lasts and (streak.count > 1 or run.count == 1):
        yield Proof(
            "nan-behind-zero",
            "certain",
            "error",
            f"The loss of 0.0 is NaN {where}",
            (
                seen + before,
                f"The gradient norm beside it is not a number ({_times(streak.nan_norms)}). Hugging Face Trainer "
                "prints a NaN loss as 0.0 (logging_nan_inf_filter), and goes on training with it.",
            ),
            symptoms,
            (LABELS, PRECISION) if first else (OVERLAP, FILTER),
            streak.start,
            streak.start.line,
            streak.count,
        )
    elif root and not run.reinforced and streak.norm is not None:
        groups = f"{root} parameter group{'s' if root > 1 else ''}"
        yield Proof(
            "nan-behind-constant-norm",
            "certain" if streak.exact and math.isqrt(root) ** 2 != root else "likely",
            "error",
            f"The gradients are NaN {where}: loss 0.0, and a gradient norm that stays at {streak.norm:.7g}",
            (
                seen + before,
                f"The norm is the square root of {root} every time. DeepSpeed's ZeRO-1/2 optimizer counts the norm "
                f"of a group whose gradients are not numbers as -1, which makes this of {groups}.",
            ),
            symptoms,
            (LABELS, FILTER) if first else (OVERLAP, FILTER),
            streak.start,
            streak.start.line,
            streak.count,
        )
    elif run.reinforced:
        if not streak.nan_norms:
            yield _note("zero-loss-of-a-policy", "A loss of 0.0 is ordinary where a policy is trained", seen, streak)
    elif streak.norms and streak.zero_norms == streak.norms and lasts and streak.count >= _FEW:
        yield Proof(
            "nothing-to-learn",
            "certain",
            "error",
            f"Loss and gradient are exactly 0 {where}: nothing is learned",
            (
                seen + before,
                "The gradient norm is exactly 0 too, so this is no NaN: no label counts (all are -100, or "
                "everything was cut off), or the loss isn't connected to the parameters.",
            ),
            (symptoms[0], "does-not-fall"),
            (LABELS, "Print which parameters have requires_grad, and one gradient after backward()."),
            streak.start,
            streak.start.line,
            streak.count,
        )
    elif streak.norms and not streak.nan_norms:
        text = "The loss is below 0.00005 and printed as 0.0; the gradient norm is an ordinary number"
        yield _note("small-loss", text, seen, streak)
    elif streak.zero_rates == streak.rates and streak.rates and _no_step_yet(run, events):
        return  # steps are skipped, which is said there
    elif not lasts:
        yield Proof(
            "nan-batches",
            "certain" if streak.nan_norms else "likely",
            "warning",
            f"Single batches are NaN: the loss is exactly 0 in {watch.total} of {run.count} records, and comes back",
            (
                f"First at {watch.first.start}. The loss comes back, so the weights are sound: those batches have "
                "no label that counts, or overflow in 16 bits and are skipped.",
            ),
            ("nan",),
            (LABELS, FILTER),
            watch.first.start,
            watch.first.start.line,
            watch.total,
        )
    elif not streak.nan_norms and (streak.count > 1 or run.count == 1) and _sudden(streak):
        yield Proof(
            "zero-loss",
            "likely",
            "error",
            f"The loss is exactly 0.0 {where}: almost certainly NaN",
            (
                seen + before,
                "Hugging Face Trainer prints a NaN loss as 0.0 (logging_nan_inf_filter), and goes on training with it. "
                "There is no gradient norm beside it, so the log alone can't tell NaN from a loss that really is 0.",
            ),
            symptoms,
            (FILTER, LABELS, PRECISION) if first else (FILTER, OVERLAP),
            streak.start,
            streak.start.line,
            streak.count,
        )


def _sudden(streak: Streak) -> bool:
    loss = streak.before.loss if streak.before else None
    return loss is None or loss > _DROP


def _before(streak: Streak) -> str:
    loss = streak.before.loss if streak.before else None
    return "" if loss is None else f" The loss before was {loss:g}."


def _nan(run: Run) -> Iterator[Proof]:
    streak = run.nan.now or run.nan.longest
    if streak is None or run.nan.first is None:
        return
    lasts = run.nan.now is not None
    first = streak.start.record == 1
    where = "from the first record on" if first else f"from {streak.start} on"
    unprinted = run.latest is not None and run.latest.loss is None
    if lasts and unprinted and streak.norms and not streak.nan_norms:
        return  # some builds print no loss at all; the norm says that all is well
    if not lasts:
        yield Proof(
            "nan-batches",
            "certain",
            "warning",
            f"Single steps have a loss that is not a number: {run.nan.total} of {run.count}; it comes back",
            (f"First at {run.nan.first.start}. The loss comes back, so the weights are sound.",),
            _NAN,
            (LABELS, PRECISION),
            run.nan.first.start,
            run.nan.first.start.line,
            run.nan.total,
        )
        return
    yield Proof(
        "nan-loss",
        "likely" if unprinted and not streak.nan_norms else "certain",
        "error",
        f"The loss is not a number {where}",
        (
            f"{_times(streak.count).capitalize()} in a row, to the end of the log.{_before(streak)}",
            "Weights that have become NaN don't recover: go back to a checkpoint from before it.",
            *(("Megatron prints no lm loss where it is NaN.",) if unprinted else ()),
        ),
        ("nan", "zero-from-first-step" if first else "zero-after-first-step"),
        (LABELS, PRECISION) if first else (OVERLAP, PRECISION),
        streak.start,
        streak.start.line,
        streak.count,
    )


def _norms(run: Run) -> Iterator[Proof]:
    watch = run.bad_norm
    if watch.longest is not None and watch.first is not None:
        now = watch.now
        facts = (
            f"First at {watch.first.start}; in all {watch.total} of {run.count} records.",
            "As long as the loss stays a number the weights are sound: those steps are skipped, as fp16 with loss "
            "scaling does, or the norm itself overflows.",
        )
        if now is not None and now.count >= _FEW:
            yield Proof(
                "nan-gradients",
                "certain",
                "warning",
                f"The gradient norm is not a number since {now.start}, the loss still is one",
                facts,
                _NAN,
                (PRECISION, OVERLAP),
                now.start,
                now.start.line,
                now.count,
            )
        elif run.nan.now is None and run.zero.now is None:
            yield _note("single-bad-norms", "Single gradient norms are not numbers", facts[0], watch.first)
    streak = run.no_norm.now
    if streak is not None and streak.count >= _FEW and streak.zero_rates < streak.rates:
        yield Proof(
            "no-gradient",
            "certain",
            "error",
            f"The gradient norm is exactly 0 since {streak.start}: nothing is learned",
            (
                f"{_times(streak.count).capitalize()} in a row, with a loss above 0 and a learning rate above 0: no "
                "gradient reaches the trainable parameters, or the release reports none.",
            ),
            ("does-not-fall", "wrong-gradients"),
            (
                "Print which parameters have requires_grad, and one gradient after backward(); with gradient "
                "checkpointing and LoRA, call model.enable_input_require_grads() first.",
            ),
            streak.start,
            streak.start.line,
            streak.count,
        )
    streak = run.stuck.now
    root = streak.root() if streak is not None else None
    if streak is None or root is None or run.zero.now is not None or not streak.exact:
        return
    if streak.count >= _FEW and math.isqrt(root) ** 2 != root:
        yield Proof(
            "nan-behind-constant-norm",
            "likely",
            "error",
            f"The gradient norm stays at {streak.norm:.7g} since {streak.start}: the gradients are NaN",
            (
                f"It is the square root of {root}, which DeepSpeed's ZeRO-1/2 optimizer shows where the gradients "
                f"of {root} parameter groups are not numbers.",
            ),
            ("wrong-gradients", "zero-after-first-step", "nan"),
            (OVERLAP, FILTER),
            streak.start,
            streak.start.line,
            streak.count,
        )


def _no_step_yet(run: Run, events: Events) -> bool:
    streak = run.no_rate.now
    if streak is None or streak.start.record != 1:
        return False
    few = 2 if streak.count == run.zero.total else _FEW
    return streak.count >= few or bool(events.rate_unknown or events.overflows.count)


def _rates(run: Run, events: Events) -> Iterator[Proof]:
    streak = run.no_rate.now
    if streak is None or not _no_step_yet(run, events):
        return
    why = []
    if events.overflows.count:
        why.append(f"The loss scaler left out steps {events.overflows.count} times.")
    if events.rate_unknown:
        why.append(f"The trainer says {events.rate_unknown} times that no step had been made when it asked for the rate.")
    yield Proof(
        "skipped-steps",
        "certain" if why else "likely",
        "error",
        "The learning rate is 0 in every record: no step has changed the weights",
        (
            f"{_times(streak.count).capitalize()} so far. With fp16 a step whose gradients overflow is left out, and "
            "the schedule waits for the first step that is not.",
            *why,
        ),
        ("nan", "zero-from-first-step") if run.zero.total else ("does-not-fall",),
        (PRECISION, LABELS),
        streak.start,
        streak.start.line,
        streak.count,
    )


def _scaler(events: Events) -> Iterator[Proof]:
    overflows = events.overflows
    last = f" The last scale that was too large: {overflows.scale:g}." if overflows.scale is not None else ""
    low = overflows.scale is not None and overflows.scale <= _LOW_SCALE and overflows.in_a_row >= _FEW
    if overflows.bottom or low:
        yield Proof(
            "overflow-loop",
            "certain" if overflows.bottom else "likely",
            "error",
            "The loss scale is at its minimum and gradients still overflow"
            if overflows.bottom
            else "The loss scale falls step by step and gradients still overflow",
            (
                f"{overflows.count} steps were left out, the last {overflows.in_a_row} one after the other.{last}",
                "No scale helps where activations or weights themselves are inf or NaN in 16 bits.",
            ),
            _NAN,
            (PRECISION, LABELS),
            line=overflows.line,
            count=overflows.count,
        )
    elif overflows.count:
        text = "The loss scaler left out some steps, as it does while it looks for a scale"
        yield Proof("overflows", "note", "info", text, (f"{overflows.count} steps.{last}",), (), (), line=overflows.line)


def _counters(events: Events) -> Iterator[Proof]:
    step, skipped = events.late_step, events.late_skipped
    if step >= _FEW and skipped >= 0.9 * step:
        yield Proof(
            "skipped-steps",
            "certain",
            "error",
            f"DeepSpeed left out {skipped} of the last {step} steps: the weights hardly change",
            (f"Its own count: {events.skipped} of {events.step} steps skipped, each for gradients that overflow.",),
            ("nan", "zero-after-first-step"),
            (PRECISION, LABELS),
            count=events.skipped,
        )
    if events.mismatches >= _FEW:
        yield Proof(
            "dropped-labels",
            "certain",
            "warning",
            "Conversations were tokenized differently than the labels expect, and are not trained on",
            (
                f"The script says so {events.mismatches} times (tokenization mismatch): all labels of such a "
                "conversation are dropped, and a batch of nothing else has a NaN loss.",
            ),
            ("zero-from-first-step", "nan", "does-not-fall"),
            ("Check that the conversation template (--version) is that of the base model.", LABELS),
            count=events.mismatches,
        )


def _course(run: Run, events: Events) -> Iterator[Proof]:
    """Say something about the curve as a whole, only where there can be no two opinions."""
    streak = run.constant.now
    if streak is not None and streak.count >= 20 and not run.reinforced and streak.zero_rates < max(1, streak.rates):
        flat = streak.norms == streak.zero_norms
        if flat:
            yield Proof(
                "constant-loss",
                "likely",
                "warning",
                f"The loss doesn't move by a digit since {streak.start}",
                (f"{_times(streak.count + 1).capitalize()} in a row are the same number: the weights or the data don't change.",),
                ("does-not-fall",),
                ("Compare one parameter before and after a step, and the input of two batches.",),
                streak.start,
                streak.start.line,
                streak.count,
            )
    if run.medians and not run.reinforced and run.lowest is not None:
        first, lowest, earlier, last = run.medians
        now = min(earlier, last)
        if now > 3 * lowest and now > lowest + 2 and now > first:
            yield Proof(
                "diverged",
                "certain",
                "error",
                f"The loss has risen from {lowest:g} to {now:g}, above where it began, and stays there",
                (f"Medians of 10 records each; the lowest ends at {run.lowest}, the first was {first:g}.",),
                ("wrong-gradients", "does-not-fall"),
                (
                    "Go back to the checkpoint before the rise and halve the learning rate; if it rises at the same "
                    "step again, it is the data there, else the settings.",
                ),
                run.lowest,
                run.lowest.line,
            )
    steps = events.accumulation
    if steps is None or steps < 4 or len(run.ratios) < 2:
        return
    middle = sorted(run.ratios)[len(run.ratios) // 2]
    if abs(middle / steps - 1) < 0.15:
        yield Proof(
            "scaled-loss",
            "likely",
            "warning",
            f"The training loss is {middle:.3g} times the evaluation loss, and gradients are accumulated over {steps} steps",
            ("The losses of the accumulated batches are added up and not averaged, in what is printed or in the gradients too.",),
            ("scaled", "too-high"),
            ("Run the first steps with gradient_accumulation_steps 1: the loss must be the same.",),
            count=len(run.ratios),
        )


def _evaluations(run: Run) -> Proof:
    place = run.first_bad_evaluation
    return Proof(
        "nan-evaluation",
        "certain",
        "warning",
        f"The evaluation loss is not a number in {run.bad_evaluations} of {run.evaluations} evaluations",
        ("The training loss is one: look at what differs in evaluation, the data and the precision.",)
        if run.zero.now is None
        else ("The training loss of 0.0 hides the same.",),
        _NAN,
        (LABELS, PRECISION),
        place,
        place.line if place else 0,
        run.bad_evaluations,
    )


def _note(identifier: str, title: str, fact: str, streak: Streak) -> Proof:
    return Proof(
        identifier, "note", "info", title, (fact,), (), (), streak.start, streak.start.line, streak.count
    )


def _times(count: int) -> str:
    return f"{count} record{'s' if count != 1 else ''}"
