"""
What the losses of a run prove: 0 that is NaN, NaN, and the curve as a whole.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from envcheck.diagnose.gradients import no_step_yet
from envcheck.diagnose.proof import (
    ACCUMULATION,
    CHECKPOINT,
    FEW,
    FILTER,
    GRADIENTS,
    LABELS,
    MOVED,
    OVERLAP,
    PRECISION,
    Proof,
    before,
    first_or_later,
    note,
    records,
    since,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.diagnose.events import Events
    from envcheck.diagnose.patterns import Run, Streak

_FILTERED: Final = (
    "Hugging Face Trainer prints a NaN loss as 0.0 (logging_nan_inf_filter), and goes on "
    "training with it."
)
_OF_A_POLICY: Final = "A loss of 0.0 is ordinary where a policy is trained"
_SMALL: Final = (
    "The loss is below 0.00005 and printed as 0.0; the gradient norm is an ordinary number"
)
_DROP: Final = 0.05
"A mean loss above this doesn't fall below 0.00005 in one step."
_STEADY: Final = 20
"Records in a row after which a loss that is the same to the last digit means something."
_LEAST_ACCUMULATION: Final = 4
"Below it, losses in training and in evaluation may differ by as much for good reasons."


def of_zero(run: Run, events: Events) -> Iterator[Proof]:
    """
    Judge losses of exactly 0, which most programs print where the loss is NaN.
    """
    watch = run.zero
    streak = watch.now
    if streak is None or (streak.count == 1 < run.count):
        yield from _now_and_then(run)
        return
    seen = (
        f"Loss exactly 0 in {records(streak.count)} in a row {since(streak)}, to the end of the log."
        f"{before(streak)}"
    )
    hollow = run.latest is not None and run.latest.hollow
    if streak.nan_norms and (streak.count >= FEW or not run.reinforced or hollow):
        yield _behind_zero(streak, seen)
    elif run.reinforced:
        if not streak.nan_norms:
            yield note("zero-loss-of-a-policy", _OF_A_POLICY, seen).at(streak)
    elif streak.root():
        yield _behind_norm(streak, seen)
    elif streak.norms and streak.zero_norms == streak.norms and streak.count >= FEW:
        yield _nothing(streak, seen)
    elif streak.norms:
        yield note("small-loss", _SMALL, seen).at(streak)
    elif streak.rates and streak.zero_rates == streak.rates and no_step_yet(run, events):
        return  # no step was made, which is said there
    elif _sudden(streak):
        yield _untold(streak, seen)


def _now_and_then(run: Run) -> Iterator[Proof]:
    """Judge losses of 0 between others; the last record alone says nothing yet."""
    watch, first = run.zero, run.zero.first
    if first is None or (watch.now is not None and watch.total == 1):
        return
    seen = f"Loss exactly 0 in {watch.total} of {run.count} records, first at {first.start}."
    if run.reinforced:
        if not watch.nan_norms:
            yield note("zero-loss-of-a-policy", _OF_A_POLICY, seen).at(first)
    elif watch.norms and not watch.nan_norms:
        yield note("small-loss", _SMALL, seen).at(first)
    else:
        yield (
            Proof(
                "nan-batches",
                "certain" if watch.nan_norms else "likely",
                "warning",
                f"Single batches are NaN: loss exactly 0 in {watch.total} of {run.count} records, then back",
                (
                    (
                        f"First at {first.start}. The loss comes back, so the weights are sound: "
                        "those batches have no label that counts, or overflow in 16 bits and are skipped."
                    ),
                ),
                ("nan",),
                (LABELS, FILTER),
            )
            .at(first)
            ._replace(times=watch.total)
        )


def _behind_zero(streak: Streak, seen: str) -> Proof:
    return Proof(
        "nan-behind-zero",
        "certain",
        "error",
        f"The loss of 0.0 is NaN {since(streak)}",
        (
            seen,
            f"The gradient norm beside it is not a number ({records(streak.nan_norms)}). {_FILTERED}",
        ),
        (first_or_later(streak), "nan"),
        _experiments(streak),
    ).at(streak)


def _behind_norm(streak: Streak, seen: str) -> Proof:
    root = streak.root() or 0
    groups = f"{root} parameter group{'s' if root > 1 else ''}"
    return Proof(
        "nan-behind-constant-norm",
        "certain" if streak.exact and math.isqrt(root) ** 2 != root else "likely",
        "error",
        f"The gradients are NaN {since(streak)}: loss 0.0, gradient norm stuck at {streak.norm:.7g}",
        (
            seen,
            (
                f"The norm is the square root of {root} every time. DeepSpeed's ZeRO-1/2 optimizer counts "
                f"the norm of a group whose gradients are not numbers as -1, which makes this of {groups}."
            ),
        ),
        (first_or_later(streak), "nan"),
        _experiments(streak),
    ).at(streak)


def _nothing(streak: Streak, seen: str) -> Proof:
    return Proof(
        "nothing-to-learn",
        "certain",
        "error",
        f"Loss and gradient are exactly 0 {since(streak)}: nothing is learned",
        (
            seen,
            (
                "The gradient norm is exactly 0 too, so this is no NaN: no label counts (all are -100, or "
                "everything was cut off), or the loss isn't connected to the parameters."
            ),
        ),
        (first_or_later(streak), "does-not-fall"),
        (LABELS, GRADIENTS),
    ).at(streak)


def _untold(streak: Streak, seen: str) -> Proof:
    return Proof(
        "zero-loss",
        "likely",
        "error",
        f"The loss is exactly 0.0 {since(streak)}: almost certainly NaN",
        (
            seen,
            (
                f"{_FILTERED} There is no gradient norm beside it, so the log alone can't tell NaN from a "
                "loss that really is 0."
            ),
        ),
        (first_or_later(streak), "nan"),
        (FILTER, *(each for each in _experiments(streak) if each != FILTER)),
    ).at(streak)


def _sudden(streak: Streak) -> bool:
    loss = streak.before.loss if streak.before else None
    return loss is None or loss > _DROP


def _experiments(streak: Streak) -> tuple[str, ...]:
    """From the first step on it is the data or the precision; later, gradients and the optimizer."""
    return (LABELS, PRECISION, FILTER) if streak.start.record == 1 else (OVERLAP, FILTER)


def of_nan(run: Run) -> Iterator[Proof]:
    """
    Judge losses that are printed as no number, or not printed for that reason.
    """
    streak = run.nan.now or run.nan.longest
    first = run.nan.first
    if streak is None or first is None:
        return
    unprinted = run.latest is not None and run.latest.loss is None
    if unprinted and streak.norms and not streak.nan_norms:
        return  # some programs print no loss at all; the norm says that all is well
    if run.nan.now is None:
        yield (
            Proof(
                "nan-batches",
                "certain",
                "warning",
                f"Single steps have a NaN loss: {run.nan.total} of {run.count} records, then it is back",
                (f"First at {first.start}. The loss comes back, so the weights are sound.",),
                ("nan",),
                (LABELS, PRECISION),
            )
            .at(first)
            ._replace(times=run.nan.total)
        )
        return
    yield Proof(
        "nan-loss",
        "likely" if unprinted and not streak.nan_norms else "certain",
        "error",
        f"The loss is not a number {since(streak)}",
        (
            f"{records(streak.count).capitalize()} in a row, to the end of the log.{before(streak)}",
            "Weights that have become NaN don't recover: go back to a checkpoint from before it.",
            *(("Megatron prints no lm loss where it is NaN.",) if unprinted else ()),
        ),
        ("nan", first_or_later(streak)),
        (LABELS, PRECISION) if streak.start.record == 1 else (OVERLAP, PRECISION),
    ).at(streak)


def of_course(run: Run, events: Events) -> Iterator[Proof]:
    """
    Say something about the curve as a whole, only where there can be no two opinions.
    """
    streak = run.constant.now
    if streak is not None and streak.count >= _STEADY and not run.reinforced:
        moved = streak.rates and streak.zero_rates == streak.rates
        if not moved and streak.norms == streak.zero_norms:
            yield Proof(
                "constant-loss",
                "likely",
                "warning",
                f"The loss doesn't move by a digit since {streak.start}",
                (
                    (
                        f"{records(streak.count + 1).capitalize()} in a row are the same number: the weights "
                        "or the data don't change."
                    ),
                ),
                ("does-not-fall",),
                (MOVED,),
            ).at(streak)
    yield from _risen(run)
    steps = events.accumulation
    if steps is None or steps < _LEAST_ACCUMULATION or len(run.ratios) < 2:
        return
    middle = sorted(run.ratios)[len(run.ratios) // 2]
    if abs(middle / steps - 1) < 0.15:
        yield Proof(
            "scaled-loss",
            "likely",
            "warning",
            f"The training loss is {middle:.3g} times the evaluation loss, with {steps} accumulation steps",
            (
                (
                    "The losses of the accumulated batches are added up and not averaged, in what is printed "
                    "or in the gradients too."
                ),
            ),
            ("scaled", "too-high"),
            (ACCUMULATION,),
            times=len(run.ratios),
        )


def _risen(run: Run) -> Iterator[Proof]:
    if not run.medians or run.reinforced or run.lowest is None:
        return
    first, lowest, earlier, last = run.medians
    now = min(earlier, last)
    if now <= max(3 * lowest, lowest + 2, first):
        return
    yield Proof(
        "diverged",
        "certain",
        "error",
        f"The loss has risen from {lowest:g} to {now:g}, above where it began, and stays there",
        (f"Medians of 10 records each; the lowest ends at {run.lowest}, the first was {first:g}.",),
        ("wrong-gradients", "does-not-fall"),
        (CHECKPOINT,),
        run.lowest,
        run.lowest.line,
    )


def of_evaluations(run: Run) -> Iterator[Proof]:
    """
    Judge evaluation losses that are no numbers.
    """
    place = run.first_bad_evaluation
    if place is None or run.nan.total:
        return
    hidden = run.zero.now is not None
    yield Proof(
        "nan-evaluation",
        "certain",
        "warning",
        f"The evaluation loss is not a number in {run.bad_evaluations} of {run.evaluations} evaluations",
        (
            "The training loss of 0.0 hides the same."
            if hidden
            else "The training loss is one: look at what differs in evaluation, the data and the precision.",
        ),
        ("nan",),
        (LABELS, PRECISION),
        place,
        place.line,
        run.bad_evaluations,
    )
