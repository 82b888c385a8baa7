"""
What one `envcheck try` does, from what was asked to records and a report: one set, a grid, a bisection.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.clean import clean, clip
from envcheck.errors import SourceError
from envcheck.trials import asked as asked_
from envcheck.trials import bisect, days, explain, grid, report, stages, table
from envcheck.trials.installer import RefusedError, UnreachableError, Wanted
from envcheck.trials.process import Limits
from envcheck.trials.progress import progress
from envcheck.trials.run import Cell, log_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.formats.text import Row
    from envcheck.matrix import Matrix
    from envcheck.trials.asked import Asked
    from envcheck.trials.record import Record
    from envcheck.trials.workshop import Workshop

_ENDED: Final = re.compile(r"no end after .* seconds|MiB of memory: ended")
LEAST: Final = 256
"""MiB of memory below which not even torch could be imported."""


class TryOptions(NamedTuple):
    """
    What `envcheck try` was asked; field names are option names with `_` for `-`.
    """

    words: tuple[str, ...] = ()
    python: str | None = None
    date: str | None = None
    grid: tuple[str, ...] = ()
    with_: tuple[str, ...] = ()
    bisect: str | None = None
    good: str | None = None
    bad: str | None = None
    stages: str | None = None
    jobs: int | None = None
    timeout: float = 1800
    stage_timeout: float = 300
    memory: int | None = None
    dir: str | None = None
    installer: str = "auto"
    again: bool = False
    matrix: tuple[str, ...] = ()
    format: str = "text"
    output: str | None = None
    color: str = "auto"


class Session:
    """What one command tries."""

    def __init__(
        self, options: TryOptions, asked: Asked, matrix: Matrix, shop: Workshop, width: int
    ) -> None:
        """
        Take what was asked for.

        Args:
            width: Columns of the report.

        Raises:
            UsageError: It makes no sense.
        """
        self._width = width
        self._options, self._asked, self._matrix = options, asked, matrix
        self._today = datetime.now().astimezone().date().isoformat()
        self._day = asked_.day(options.date) if options.date else asked.date or self._today
        self._base = asked_.requirements(options.with_, "--with")
        self._stages = stages.read(options.stages)
        self._book = grid.Book(shop.place, again=options.again)
        self._shop = shop

    def run(self) -> tuple[list[Record], Iterator[Row]]:
        """
        Try it all; return the records, and the rows of the report.

        Raises:
            UsageError: What was asked for makes no sense.
            SourceError: It could not be begun.
            DiskFullError: There is no space left; what was recorded is kept.
        """
        if self._options.bisect is not None:
            return self._bisect()
        if self._options.grid:
            return self._grid()
        record = self._all([self._cell(self._asked, layered=False)])[0]
        return [record], self._one(record)

    def _cell(self, asked: Asked, *, layered: bool) -> Cell:
        """Return a cell of what was asked: of a set, only what was named beside it may be newer than it."""
        wanted = Wanted((*asked.requirements, *self._base))
        if self._day != self._today:
            newer: Mapping[NormalizedName, str] = {}
            if self._options.date is None:
                named = {*asked.named, *(versions.requirement(each).name for each in self._base)}
                newer = days.newer(wanted.requirements, named, self._day, self._today, self._matrix)
            wanted = wanted._replace(day=self._day, newer=newer)
        return Cell(
            asked.requirements,
            self._base,
            wanted,
            self._day,
            self._stages,
            layered,
        )

    def _all(self, cells: Sequence[Cell], parallel: int | None = None) -> list[Record]:
        """Return the records of cells, in their order."""
        memory = grid.available_memory()
        parallel = parallel or self._options.jobs or grid.jobs(len(cells), memory)
        limit = self._options.memory
        if limit is None:
            limit = max(LEAST, int(memory * 0.9) // min(parallel, len(cells))) if memory else 0
        shop = self._shop._replace(limits=Limits(self._options.timeout, limit))
        found: dict[int, Record] = {}
        with progress(len(cells)) as display:
            try:
                found.update(grid.try_all(cells, shop, self._book, display, parallel))
            except KeyboardInterrupt:
                display.interrupted(shop.place.folder)
                raise
        return [found[number] for number in range(len(cells))]

    def _one(self, record: Record) -> Iterator[Row]:
        title = self._asked.title or ", ".join((*self._asked.requirements, *self._base))
        if self._asked.title and self._asked.named:
            title += " with " + ", ".join(
                each
                for each in self._asked.requirements
                if versions.requirement(each).name in self._asked.named
            )
        return report.one(record, title=title, notes=list(self._notes(record)), width=self._width)

    def _notes(self, record: Record) -> Iterator[str]:
        """Yield what to do next."""
        broken = record.broken
        log = log_path(self._shop.place, record)
        if broken is not None and broken.stage == "resolve":
            clash = self._clash(record)
            others = "another Python (--python)"
            if record.resolved != self._today:
                others += f", or a later day than {record.resolved} (--date)"
            yield f"the installer's whole answer is in {log}; {clash or f'{others} may do'}"
        elif broken is not None:
            yield f"all that it printed is in {log}"
            if _ENDED.search(broken.line):
                yield "it may need more than it was given: --timeout, --stage-timeout, --memory"
            yield self._known(record)
        elif record.outcome == "not-run":
            yield f"all that was printed is in {log}"

    def _clash(self, record: Record) -> str:
        """Say which of the versions that were asked for can't be had together; empty: none is known."""
        pins = explain.environment(record, self._matrix).packages
        for hit in explain.hits(record, self._matrix):
            if isinstance(hit.subject, Breach) and hit.subject.requirement.name in pins:
                return (
                    f"{hit.subject.package} declares {hit.subject.requirement}: give another version of "
                    "one of the two"
                )
        return ""

    def _known(self, record: Record) -> str:
        """Say which entry explains a break, or how the release that broke it is found."""
        for hit, _ in explain.explained(record, self._matrix):
            if isinstance(hit.subject, Cause):
                title = hit.subject.record()["title"]
                return (
                    f"this is known: {clean(title)}; `envcheck explain {hit.id}` says what cures it"
                )
        return (
            "no entry explains it; `envcheck try --bisect PACKAGE --good V --bad V …` finds the release "
            "that broke it"
        )

    def _grid(self) -> tuple[list[Record], Iterator[Row]]:
        axes = asked_.grid(self._options.grid)
        cells = list(asked_.product(self._asked, axes))
        self._hold_base()
        records = self._all([self._cell(cell, layered=True) for _, cell in cells])
        by_versions = {chosen: each for (chosen, _), each in zip(cells, records, strict=True)}
        parts = [" × ".join(f"{len(several)} {name}" for name, several in axes)]
        if self._asked.requirements:
            parts.append(self._asked.title or ", ".join(self._asked.requirements))
        if self._base:
            parts.append(f"with {', '.join(self._base)}")
        rows = table.grid(
            [(str(name), several) for name, several in axes],
            by_versions,
            title="; ".join(parts),
            width=self._width,
        )
        return records, rows

    def _hold_base(self) -> None:
        """Choose the versions of `--with` once, so that all cells have the same."""
        if not self._base:
            return
        names = {versions.requirement(each).name for each in self._base}
        wanted = Wanted(self._base, day=None if self._day == self._today else self._day)
        with self._shop.place.scratch("base") as scratch:
            try:
                pins = self._shop.installer.resolve(wanted, scratch)
            except (RefusedError, UnreachableError) as error:
                shown = clip(str(error), 200)
                raise SourceError(f"--with {' '.join(self._base)}: {shown}") from None
        self._base = tuple(sorted(pin for pin in pins if versions.requirement(pin).name in names))

    def _bisect(self) -> tuple[list[Record], Iterator[Row]]:
        options = self._options
        name = versions.normalize(options.bisect or "")
        several = bisect.between(name, options.good or "", options.bad or "", self._matrix)
        self._hold_base()
        records: list[Record | None] = [None] * len(several)
        outcomes: list[str | None] = [None] * len(several)
        parallel = options.jobs or grid.jobs(len(several), grid.available_memory())
        while wanted := bisect.following(outcomes, parallel):
            cells = [
                self._cell(asked_.with_versions(self._asked, {name: several[each]}), layered=True)
                for each in wanted
            ]
            for number, record in zip(wanted, self._all(cells, parallel), strict=True):
                records[number] = record
                outcomes[number] = {"ok": "good", "not-run": "unknown"}.get(record.outcome, "bad")
            _ends(several, records, outcomes)
        tried = {version: each for version, each in zip(several, records, strict=True) if each}
        known = {version: each for version, each in zip(several, outcomes, strict=True) if each}
        rest = f", {', '.join(self._asked.requirements)}" if self._asked.requirements else ""
        rows = report.bisection(
            name,
            tried,
            known,
            [version for version in several if version not in tried],
            title=f"{name} from {several[0]} (good) to {several[-1]} (bad){rest}",
            width=self._width,
        )
        return list(tried.values()), rows


def _ends(
    several: Sequence[str], records: Sequence[Record | None], outcomes: Sequence[str | None]
) -> None:
    """Refuse to go on where the good end isn't good, or the bad one isn't bad."""
    for number, option, wanted in ((0, "--good", "good"), (-1, "--bad", "bad")):
        record = records[number]
        if record is None or outcomes[number] == wanted:
            continue
        stage = record.broken or record.stages[0]
        why = f"{stage.outcome} at {stage.stage}: {stage.line or stage.reason}"
        if outcomes[number] == "good":
            why = "it ran well"
        raise SourceError(f"{option} {clean(several[number])}: isn't {wanted}: {clean(why)}")
