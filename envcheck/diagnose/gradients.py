"""
What gradient norms, learning rates and loss scales prove.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from envcheck.diagnose.proof import (
    FEW,
    FILTER,
    GRADIENTS,
    LABELS,
    OVERLAP,
    PRECISION,
    Proof,
    note,
    records,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.diagnose.events import Events
    from envcheck.diagnose.patterns import Run

_STEADY: Final = 10
"Steps left out in a row that are no single bad batches any more."
_LOW: Final = 4
"A loss scale that is no longer part of a search for one."


def of_norms(run: Run) -> Iterator[Proof]:
    """
    Judge gradient norms beside a loss that is a number.
    """
    yield from _not_finite(run)
    streak = run.no_norm.now
    if (
        streak is not None
        and streak.count >= FEW
        and (not streak.rates or streak.zero_rates < streak.rates)
    ):
        yield Proof(
            "no-gradient",
            "certain",
            "error",
            f"The gradient norm is exactly 0 since {streak.start}: nothing is learned",
            (
                (
                    f"{records(streak.count).capitalize()} in a row, with a loss and a rate above 0: no "
                    "gradient reaches the trainable parameters, or the release reports none."
                ),
            ),
            ("does-not-fall", "wrong-gradients"),
            (GRADIENTS,),
        ).at(streak)
    streak = run.stuck.now
    root = streak.root() if streak is not None else None
    if streak is None or root is None or run.zero.now is not None or not streak.exact:
        return
    if streak.count >= FEW and math.isqrt(root) ** 2 != root:
        yield Proof(
            "nan-behind-constant-norm",
            "likely",
            "error",
            f"The gradient norm stays at {streak.norm:.7g} since {streak.start}: the gradients are NaN",
            (
                (
                    f"It is the square root of {root}, which DeepSpeed's ZeRO-1/2 optimizer shows where "
                    f"the gradients of {root} parameter groups are not numbers."
                ),
            ),
            ("wrong-gradients", "zero-after-first-step", "nan"),
            (OVERLAP, FILTER),
        ).at(streak)


def _not_finite(run: Run) -> Iterator[Proof]:
    watch = run.bad_norm
    if watch.first is None:
        return
    now = watch.now
    fact = f"First at {watch.first.start}; in all {watch.total} of {run.count} records."
    if now is not None and now.count >= FEW:
        yield Proof(
            "nan-gradients",
            "certain",
            "warning",
            f"The gradient norm is not a number since {now.start}, the loss still is one",
            (
                fact,
                (
                    "As long as the loss stays a number the weights are sound: those steps are skipped, as "
                    "fp16 with loss scaling does, or the norm itself overflows."
                ),
            ),
            ("nan",),
            (PRECISION, OVERLAP),
        ).at(now)
    elif run.nan.now is None and run.zero.now is None:
        yield note("single-bad-norms", "Single gradient norms are not numbers", fact).at(
            watch.first
        )


def no_step_yet(run: Run, events: Events) -> bool:
    """
    Tell whether the learning rate has been 0 in every record, which no schedule does for long.
    """
    streak = run.no_rate.now
    if streak is None or streak.start.record != 1:
        return False
    few = 2 if streak.count == run.zero.total else FEW
    return streak.count >= few or bool(events.rate_unknown or events.overflows.count)


def of_rates(run: Run, events: Events) -> Iterator[Proof]:
    """
    Judge learning rates of 0.
    """
    streak = run.no_rate.now
    if streak is None or not no_step_yet(run, events):
        return
    why = []
    if events.overflows.count:
        why.append(f"The loss scaler left out steps {events.overflows.count} times.")
    if events.rate_unknown:
        why.append(f"The trainer says {events.rate_unknown} times that it has made no step yet.")
    yield Proof(
        "skipped-steps",
        "certain" if why else "likely",
        "error",
        "The learning rate is 0 in every record: no step has changed the weights",
        (
            (
                f"{records(streak.count).capitalize()} so far. With fp16 a step whose gradients overflow is "
                "left out, and the schedule waits for the first step that is not."
            ),
            *why,
        ),
        ("nan", "zero-from-first-step") if run.zero.total else ("does-not-fall",),
        (PRECISION, LABELS),
    ).at(streak)


def of_scaler(events: Events) -> Iterator[Proof]:
    """
    Judge the steps that a loss scaler left out.
    """
    overflows = events.overflows
    last = ""
    if overflows.scale is not None:
        last = f" The last scale that was too large: {overflows.scale:g}."
    low = overflows.scale is not None and overflows.scale <= _LOW and overflows.in_a_row >= FEW
    if overflows.bottom or low:
        yield Proof(
            "overflow-loop",
            "certain" if overflows.bottom else "likely",
            "error",
            "The loss scale is at its minimum and gradients still overflow"
            if overflows.bottom
            else "The loss scale falls step by step and gradients still overflow",
            (
                f"{overflows.count} steps were left out, the last {overflows.in_a_row} in a row.{last}",
                "No scale helps where activations or weights themselves are inf or NaN in 16 bits.",
            ),
            ("nan",),
            (PRECISION, LABELS),
            line=overflows.line,
            times=overflows.count,
        )
    elif overflows.unscaled >= _STEADY:
        yield Proof(
            "skipped-steps",
            "certain",
            "error",
            f"DeepSpeed left out the last {overflows.unscaled} steps: no gradient is a number any more",
            (
                (
                    f"{overflows.count} steps in all. Nothing is scaled here (bf16 or fp32), so no scale is "
                    "being looked for, and the weights stay as they are."
                ),
            ),
            ("nan", "does-not-fall"),
            (LABELS, PRECISION, OVERLAP),
            line=overflows.line,
            times=overflows.count,
        )
    elif overflows.count and overflows.scale is None:
        title = "DeepSpeed left out steps whose gradients were not numbers: single batches, as far as it goes"
        yield note("overflows", title, f"{overflows.count} steps.")._replace(line=overflows.line)
    elif overflows.count:
        title = "The loss scaler left out some steps, as it does while it looks for a scale"
        yield note("overflows", title, f"{overflows.count} steps.{last}")._replace(
            line=overflows.line
        )


def of_counters(events: Events) -> Iterator[Proof]:
    """
    Judge what DeepSpeed counts itself.
    """
    step, skipped = events.late_step, events.late_skipped
    if step < FEW or skipped < 0.9 * step:
        return
    yield Proof(
        "skipped-steps",
        "certain",
        "error",
        f"DeepSpeed left out {skipped} of the last {step} steps: the weights hardly change",
        (f"Its own count: {events.skipped} of {events.step}, each for gradients that overflow.",),
        ("nan", "zero-after-first-step"),
        (PRECISION, LABELS),
        times=events.skipped,
    )
