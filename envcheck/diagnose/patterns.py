"""
What a run's records prove: kept up to date record by record, in constant memory.

Three kinds of statement, never mixed up: `certain` follows from the record alone; `likely` is what nearly
always is behind it, said with the one look that decides; a note is worth knowing and accuses nobody.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from envcheck.diagnose.records import Evaluation, Record, Summary

BLOCK: Final = 10
"Losses of which a median is taken."
_ROOTS: Final = tuple((count, math.sqrt(count)) for count in range(1, 17))
_RATIOS: Final = 50
_STEP_BACK: Final = 0.015
"Epochs: processes that write out of order are apart by one in the last printed digit."
_RECENT: Final = 5
"Losses before an evaluation that it is compared with."


class Place(NamedTuple):
    """
    Where in a log a record is.
    """

    line: int
    "0: in no log, but in a run that is still going."
    record: int
    "Counted from 1 in its run."
    step: int | None
    epoch: float | None

    def __str__(self) -> str:
        """
        Name the place by what a person finds it with.
        """
        name = f"step {self.step}" if self.step is not None else f"record {self.record}"
        parts = [] if self.epoch is None else [f"epoch {self.epoch:g}"]
        parts += [f"line {self.line}"] if self.line else []
        return f"{name} ({', '.join(parts)})" if parts else name


class Streak:
    """
    Records in a row of which something holds, and what else they have in common.
    """

    def __init__(self, start: Place, before: Record | None) -> None:
        self.start = start
        self.before = before
        "The record in front of it."
        self.count = 0
        self.norms = 0
        "Records with a gradient norm."
        self.nan_norms = 0
        self.zero_norms = 0
        self.same_norm = True
        "All norms are the same number."
        self.norm: float | None = None
        self.exact = True
        self.rates = 0
        self.zero_rates = 0

    def add(self, record: Record) -> None:
        """
        Take one more record in.
        """
        self.count += 1
        if record.norm is not None:
            self.norms += 1
            self.nan_norms += not math.isfinite(record.norm)
            self.zero_norms += record.norm == 0
            self.same_norm = self.same_norm and (self.norm is None or record.norm == self.norm)
            self.norm = record.norm
            self.exact = self.exact and record.exact
        if record.rate is not None:
            self.rates += 1
            self.zero_rates += record.rate == 0

    def root(self) -> int | None:
        """
        Return n if every norm is the square root of the small integer n, as far as it is printed.
        """
        if self.norms < 2 or not self.same_norm or self.norm is None:
            return None
        near = 1e-6 if self.exact else 6e-4
        return next((count for count, root in _ROOTS if abs(self.norm - root) < near * root), None)


class Watch:
    """
    Keeps the longest and the latest streak of one kind, and how many records there were in all.
    """

    def __init__(self, holds: Callable[[Record, Record | None], bool]) -> None:
        self._holds = holds
        self.now: Streak | None = None
        "The streak that the last record belongs to."
        self.longest: Streak | None = None
        self.first: Streak | None = None
        self.total = self.norms = self.nan_norms = 0
        "Records; those with a gradient norm; those with one that is no number."

    def add(self, record: Record, place: Place, before: Record | None) -> None:
        """
        Judge one more record.
        """
        if not self._holds(record, before):
            self.now = None
            return
        if self.now is None:
            self.now = Streak(place, before)
            self.first = self.first or self.now
        self.now.add(record)
        self.total += 1
        if record.norm is not None:
            self.norms += 1
            self.nan_norms += not math.isfinite(record.norm)
        if self.longest is None or self.now.count > self.longest.count:
            self.longest = self.now


class Run:
    """
    One training run in a log.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first: Place | None = None
        self.latest: Record | None = None
        self.reinforced = False
        self.zero = Watch(lambda record, _: record.loss == 0)
        self.nan = Watch(_not_a_number)
        self.bad_norm = Watch(_norm_not_finite)
        self.no_norm = Watch(lambda record, _: record.norm == 0 and bool(record.loss))
        self.no_rate = Watch(lambda record, _: record.rate == 0)
        self.stuck = Watch(_same_norm)
        self.constant = Watch(_same_loss)
        self._watches = (
            self.zero,
            self.nan,
            self.bad_norm,
            self.no_norm,
            self.no_rate,
            self.stuck,
            self.constant,
        )
        self._quiet = True
        self.evaluations = 0
        self.bad_evaluations = 0
        self.first_bad_evaluation: Place | None = None
        self.final: float | None = None
        "The loss of the whole run, as it is printed at its end."
        self.ratios: list[float] = []
        "Loss in training through loss in evaluation, for the first evaluations."
        self._recent: list[float] = []
        self._block: list[float] = []
        self.medians: tuple[float, ...] = ()
        "Of the first block of losses, the lowest, the last but one and the last."
        self.lowest: Place | None = None
        self.skipped = 0
        "Steps that Megatron left out."

    def add(self, record: Record, line: Callable[[], int]) -> None:
        """
        Take one more record in.
        """
        before, self.latest = self.latest, record
        self.count += 1
        loss, norm = record.loss, record.norm
        if (
            loss is None
            or before is None
            or not 0 < loss < math.inf
            or (norm is not None and (not 0 < norm < math.inf or norm == before.norm))
            or record.rate == 0
            or loss == before.loss
            or not self._quiet
        ):
            self._look(record, before, line)
        if record.reinforced:
            self.reinforced = True
        if loss is not None and 0 < loss < math.inf:
            block = self._block
            block.append(loss)
            if len(block) == BLOCK:
                self._median(record, line)

    def _look(self, record: Record, before: Record | None, line: Callable[[], int]) -> None:
        """Look closely at a record that isn't like most, or comes after one."""
        place = self._place(record, line)
        self.first = self.first or place
        self.skipped += record.skipped
        for watch in self._watches:
            watch.add(record, place, before)
        self._quiet = all(watch.now is None for watch in self._watches)

    def _place(self, record: Record, line: Callable[[], int]) -> Place:
        return Place(line(), self.count, record.step, record.epoch)

    def _median(self, record: Record, line: Callable[[], int]) -> None:
        median = sorted(self._block)[BLOCK // 2]
        self._recent = self._block[-_RECENT:]
        self._block = []
        if not self.medians:
            self.medians = (median, median, median, median)
            self.lowest = self._place(record, line)
            return
        first, lowest, _, last = self.medians
        if median < lowest:
            lowest = median
            self.lowest = self._place(record, line)
        self.medians = (first, lowest, last, median)

    def evaluate(self, evaluation: Evaluation, line: Callable[[], int]) -> None:
        """
        Take an evaluation in.
        """
        self.evaluations += 1
        if not math.isfinite(evaluation.loss):
            self.bad_evaluations += 1
            if self.first_bad_evaluation is None:
                self.first_bad_evaluation = Place(line(), self.count, None, None)
        elif evaluation.loss > 0 and len(self.ratios) < _RATIOS:
            recent = sorted([*self._recent, *self._block][-_RECENT:])
            if recent:
                self.ratios.append(recent[len(recent) // 2] / evaluation.loss)

    def end(self, summary: Summary) -> None:
        """
        Take in what is printed at the end.
        """
        self.final = summary.loss

    def begins_anew(self, record: Record) -> bool:
        """
        Tell whether a record can't belong to this run, because it is from long before.
        """
        last = self.latest
        if last is None:
            return False
        if self.final is not None:
            return True
        if record.step is not None and last.step is not None:
            return record.step < last.step / 2
        if record.epoch is None or last.epoch is None:
            return False
        return record.epoch < min(last.epoch / 2, last.epoch - _STEP_BACK)


def _not_a_number(record: Record, _: Record | None) -> bool:
    if record.loss is None:  # Megatron leaves out a loss that isn't above 0
        return record.skipped == 0
    return not math.isfinite(record.loss)


def _norm_not_finite(record: Record, _: Record | None) -> bool:
    loss, norm = record.loss, record.norm
    return norm is not None and not math.isfinite(norm) and bool(loss) and math.isfinite(loss or 0)


def _same_norm(record: Record, before: Record | None) -> bool:
    return before is not None and bool(record.norm) and record.norm == before.norm


def _same_loss(record: Record, before: Record | None) -> bool:
    return before is not None and bool(record.loss) and record.loss == before.loss
