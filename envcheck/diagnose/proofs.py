"""
From what was seen in a log to what it proves.

`certain` follows from the log alone; `likely` is what nearly always is behind it, said with the one look
that decides; a note is worth knowing and accuses nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.diagnose import gradients, losses
from envcheck.diagnose.proof import (
    FEW,
    HALVE,
    KERNEL,
    LABELS,
    OFFLOAD,
    PRECISION,
    RANKS,
    TEMPLATE,
    Proof,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.diagnose.events import Events
    from envcheck.diagnose.patterns import Run
_TAIL: Final = 40
"Lines with which a program ends, a traceback too."


def of_run(run: Run, events: Events) -> Iterator[Proof]:
    """
    Yield what the records of a run prove.
    """
    yield from losses.of_zero(run, events)
    yield from losses.of_nan(run)
    yield from gradients.of_norms(run)
    yield from gradients.of_rates(run, events)
    yield from losses.of_course(run, events)
    yield from losses.of_evaluations(run)


def of_log(events: Events, lines: int = 0, *, known: bool = False) -> Iterator[Proof]:
    """
    Yield what single lines prove, whatever the records say.

    Args:
        lines: Of the log.
        known: There are records that are understood.
    """
    yield from gradients.of_scaler(events)
    yield from gradients.of_counters(events)
    if events.mismatches >= FEW:
        yield Proof(
            "dropped-labels",
            "certain",
            "warning",
            "Conversations were tokenized differently than the labels expect, and are not trained on",
            (
                (
                    f"The script says so {events.mismatches} times (tokenization mismatch): all labels of "
                    "such a conversation are dropped, and a batch of nothing else has a NaN loss."
                ),
            ),
            ("zero-from-first-step", "nan", "does-not-fall"),
            (TEMPLATE, LABELS),
            times=events.mismatches,
        )
    if events.hung:
        yield Proof(
            "collective-timeout",
            "certain",
            "error",
            "A process waited for the others until a collective operation timed out",
            ("The ranks don't run the same operations, or one of them is dead or stuck.",),
            ("hang",),
            (RANKS,),
            line=events.hung,
        )
    if not known and events.nan_lines >= FEW and _to_the_end(events, lines):
        yield Proof(
            "nan-loss",
            "likely",
            "error",
            f"The loss is printed as NaN since line {events.nan_first}",
            (
                (
                    f"{events.nan_lines} lines say so, the last one at the end of the log. Records in this "
                    "form are not known here, so the losses before are not judged."
                ),
            ),
            ("nan",),
            (LABELS, PRECISION),
            line=events.nan_first,
            times=events.nan_lines,
        )
    if events.full:
        line, capacity = events.full
        yield Proof(
            "out-of-memory",
            "certain",
            "error",
            "The memory of a GPU was used up" + (f", {capacity}" if capacity else ""),
            (
                "Weights, gradients and optimizer are divided by ZeRO; activations grow with the batch.",
            ),
            ("memory",),
            (OFFLOAD, HALVE),
            line=line,
        )
    if events.killed:
        name, line = events.killed
        memory = name == "SIGKILL"
        why = " The kernel does that when the machine's memory is used up." if memory else ""
        yield Proof(
            "killed",
            "certain",
            "error",
            f"A process was ended by {name}",
            (f"No exception was raised.{why}",),
            ("memory",) if memory else (),
            (KERNEL,),
            line=line,
        )


def _to_the_end(events: Events, lines: int) -> bool:
    """Tell whether the lines with a NaN go on as densely as they came, as far as the log goes."""
    apart = (events.nan_last - events.nan_first) / max(1, events.nan_lines - 1)
    return lines - events.nan_last <= 3 * apart + _TAIL
