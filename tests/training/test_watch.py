from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.training.watch import SEARCH, Watch, fields

NAN, INF = float("nan"), float("inf")


def logs(loss: Any, norm: Any = None, rate: Any = 1e-5, **more: Any) -> dict[str, Any]:
    middle = {} if norm is None else {"grad_norm": norm}
    return {"loss": loss, **middle, "learning_rate": rate, "epoch": 0.1, **more}


def signs(records: list[dict[str, Any]], patience: int = 3) -> list[tuple[int, str, bool]]:
    """Return (step, proof, stops) for everything that is told."""
    watch = Watch(patience)
    return [
        (step, sign.proof.id, sign.stops)
        for step, record in enumerate(records, 1)
        for sign in watch.take(record, step)
    ]


FINE = [logs(loss, 1.5 + loss) for loss in (2.5, 2.4, 2.3)]
OLD = [logs(loss) for loss in (2.5, 2.4, 2.3)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param(FINE * 20, [], id="a sound run"),
        pytest.param(OLD + [logs(0.0)] * 9, [(6, "zero-loss", True)], id="0.0, no norm"),
        pytest.param([logs(0.0)] * 9, [(3, "zero-loss", True)], id="from the first step"),
        pytest.param(OLD + [logs(0.0)] * 2 + OLD, [], id="two of them, then back"),
        pytest.param(
            FINE + [logs(0.0, NAN)] * 9, [(6, "nan-behind-zero", True)], id="0.0 with a NaN norm"
        ),
        pytest.param(
            FINE + [logs("0", "nan", "1e-05")] * 9,
            [(6, "nan-behind-zero", True)],
            id="printed as text",
        ),
        pytest.param(
            FINE + [logs("0", "1.414", "1e-05")] * 9,
            [(6, "nan-behind-constant-norm", True)],
            id="0 with the root of 2, as text",
        ),
        pytest.param(
            FINE + [logs(0.0, 1.4142135381698608)] * 9,
            [(6, "nan-behind-constant-norm", True)],
            id="0.0 with the root of 2",
        ),
        pytest.param(FINE + [logs(0.0, 0.0)] * 9, [(6, "nothing-to-learn", True)], id="all 0"),
        pytest.param(FINE + [logs(NAN)] * 9, [(6, "nan-loss", True)], id="the filter is off"),
        pytest.param(FINE + [logs(INF)] * 9, [(6, "nan-loss", True)], id="infinite"),
        pytest.param(
            FINE + [logs(2.5, 0.0)] * 9, [(6, "no-gradient", False)], id="norm 0: only told"
        ),
        pytest.param([logs(0.0, rate=0)] * 9, [(3, "skipped-steps", True)], id="loss 0 and rate 0"),
        pytest.param(
            [logs(loss / 10, INF, 0) for loss in range(20, 30)], [], id="a scaler that looks"
        ),
        pytest.param(
            [logs(2 + loss / 100, INF, 1e-5) for loss in range(2 * SEARCH)],
            [(SEARCH, "nan-gradients", True)],
            id="norms that are none for long",
        ),
        pytest.param(
            [logs(2 + loss / 100, 1.0 + loss, 0) for loss in range(2 * SEARCH)],
            [(SEARCH, "skipped-steps", True)],
            id="no rate for long",
        ),
        pytest.param([logs(0.0, 0.2, reward=0.5)] * 9, [], id="a policy"),
        pytest.param(FINE + [logs(0.0, 0.01 + n) for n in range(9)], [], id="a small loss"),
    ],
)
def test_what_is_told_and_when(
    records: list[dict[str, Any]], expected: list[tuple[int, str, bool]]
) -> None:
    assert signs(records) == expected


@pytest.mark.parametrize("patience", [1, 2, 5, 8])
def test_patience_is_the_number_of_bad_records(patience: int) -> None:
    told = signs(FINE + [logs(0.0, NAN)] * 9, patience)

    assert told[0][0] == len(FINE) + max(2, patience)  # one record alone proves nothing


def test_it_may_be_told_anew_after_the_run_was_sound_again() -> None:
    again = FINE + [logs(NAN, 1.0)] * 3

    assert signs(again * 2) == [
        (6, "nan-loss", True),
        (7, "nan-batches", False),
        (12, "nan-loss", True),
    ]


@pytest.mark.parametrize(
    ("steps", "good"),
    [
        pytest.param([1, 2, 3], 3, id="a record of every step"),
        pytest.param([10, 20, 30], 20, id="the last mean may hide a NaN"),
        pytest.param([10, 11], 11, id="looked closer"),
        pytest.param([10], None, id="so may the first"),
    ],
)
def test_the_last_step_that_is_known_to_be_sound(steps: list[int], good: int | None) -> None:
    watch = Watch(3)
    for step in steps:
        watch.take(logs(2.0, 1.0), step)
    assert watch.good_step == good
    watch.take(logs(0.0, NAN), steps[-1] + 1)
    assert (watch.good_step, watch.suspicious) == (good, True)


def test_a_resumed_run_is_known_to_be_sound_up_to_where_it_begins() -> None:
    watch = Watch(3, start=500)
    assert watch.good_step == 500
    watch.take(logs(2.0), 510)
    assert watch.good_step == 500


def test_what_is_no_record_is_passed_over() -> None:
    watch = Watch(1)

    for each in ({"eval_loss": NAN, "epoch": 1.0}, {"train_loss": 0.0, "train_runtime": 3.0}, {}):
        assert watch.take(each, 1) == ()
    assert not watch.suspicious
    assert watch.take({"loss": [1, 2], "epoch": 0.1}, 1) == ()


def test_a_loss_scale_that_falls_without_end_is_an_overflow_loop() -> None:
    watch = Watch(3)
    scale = 65536.0
    while scale >= 1:
        watch.step(skipped=True, scale=scale)
        scale /= 2

    (sign,) = watch.take(logs(2.0, INF, 0.0), 17)

    assert (sign.proof.id, sign.stops, watch.skipped) == ("overflow-loop", True, 17)


def test_a_scale_that_is_found_is_none_and_neither_is_a_scaler_that_waits() -> None:
    watch = Watch(3)
    for scale in (65536.0, 65536.0, 32768.0, 16384.0):
        watch.step(skipped=True, scale=scale)
    assert watch.take(logs(2.0, INF, 0.0), 4) == ()
    watch.step(skipped=False)
    assert watch.skipped == 0
    assert watch.take(logs(2.0, 1.0), 5) == ()


def test_steps_that_are_skipped_with_a_fixed_scale_are_counted_and_prove_nothing() -> None:
    watch = Watch(3)
    for _ in range(9):
        watch.step(skipped=True)

    assert watch.skipped == 9
    assert watch.take(logs(2.0, 1.0), 9) == ()


NUMBERS = st.one_of(st.floats(), st.none(), st.integers(), st.text(), st.just([1.0]))
KEYS = st.sampled_from(["loss", "grad_norm", "learning_rate", "epoch", "eval_loss", "rewards/x"])


@given(st.lists(st.dictionaries(KEYS, NUMBERS), max_size=12))
def test_whatever_is_logged_nothing_is_raised(records: list[dict[str, Any]]) -> None:
    watch = Watch(2)

    for step, record in enumerate(records):
        watch.take(record, step)


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_numbers_arrive_as_they_are(number: float) -> None:
    found, exact = fields({"loss": number}, None)

    assert exact
    assert float(found[b"loss"]) == number
