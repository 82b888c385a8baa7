"""
What a grid adds to what is known: of each break, what explains it, or the entry that would.

An entry is proposed with the edges that were measured, and says so where releases between the last good and
the first bad one were not tried. What a run can't tell, the cause, is left to the person who reviews it.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.clean import clip
from envcheck.trials import sheet
from envcheck.trials.explain import BEFORE_ANY_RUN, explained
from envcheck.trials.picture import varied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.matrix import Matrix
    from envcheck.trials.record import Record

UNKNOWN: Final = "Not established: a run shows that it breaks, and where, but not why."
"""What stands in the place of the cause, until a person has found it."""


class Break(NamedTuple):
    """
    Cells that broke in the same way.
    """

    stage: str
    line: str
    cells: tuple[Record, ...]
    ids: tuple[str, ...]
    "What explains them all or in part; those whose symptoms name the error first."


class Edge(NamedTuple):
    """
    Where a break begins and ends in the versions of one package.
    """

    name: NormalizedName
    first: Version
    last: Version
    before: Version | None
    "The last one that ran well with what the others broke with."
    after: Version | None

    @property
    def requirement(self) -> str:
        """
        The versions that are bad, as far as was measured.
        """
        bounds = [f">={self.first}"] if self.before is not None else []
        bounds += [f"<{self.after}"] if self.after is not None else []
        return f"{self.name}{','.join(bounds)}"


def breaks(records: Iterable[Record], matrix: Matrix) -> tuple[list[Break], list[Break]]:
    """
    Return the ways in which cells broke: those that something explains, and those that nothing does.

    What can't be resolved or installed isn't among them: it says nothing of how versions run together.
    """
    known: dict[tuple[str, str], list[tuple[Record, list[str]]]] = {}
    new: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        broken = record.broken
        if broken is None or broken.stage in BEFORE_ANY_RUN:
            continue
        key = broken.stage, broken.line
        ids = [hit.id for hit, _ in explained(record, matrix)]
        if ids:
            known.setdefault(key, []).append((record, ids))
        else:
            new.setdefault(key, []).append(record)
    told = [
        Break(*key, tuple(cell for cell, _ in cells), tuple(_merged(ids for _, ids in cells)))
        for key, cells in known.items()
    ]
    return told, [Break(*key, tuple(cells), ()) for key, cells in new.items()]


def _merged(several: Iterable[list[str]]) -> Iterator[str]:
    yield from dict.fromkeys(each[0] for each in several)


def entries(
    of: Sequence[Break], records: Sequence[Record], matrix: Matrix, url: str, today: str
) -> Iterator[dict[str, Any]]:
    """
    Yield the entries that would explain breaks: of one whose edges are a staircase, one for each step.

    An entry is a rectangle of versions. The one around a staircase would call an error what ran well.
    """
    taken: dict[str, int] = {}
    for each in of:
        steps = _steps(each, records)
        for number, step in enumerate(steps, 1):
            made = entry(step, records, matrix, url, today)
            count = taken[made["id"]] = taken.get(made["id"], 0) + 1
            if count > 1:
                made["id"] += f"-{count}"
            if len(steps) > 1:
                made["boundary"] += (
                    f" Step {number} of {len(steps)}: together the bad versions are no rectangle."
                )
            yield made


def _steps(of: Break, records: Sequence[Record]) -> list[Break]:
    """Return the parts of a break that have nothing in them that ran well, as few as there can be."""
    if not _well_inside(list(_edges(of, records)), records):
        return [of]
    ways = [list(_along(of, records, name)) for name in varied(records)[:2]]
    return min(ways, key=len)


def _along(of: Break, records: Sequence[Record], name: str) -> Iterator[Break]:
    """Yield the parts of a break along the versions of one package."""
    step: tuple[Record, ...] = ()
    for _, cells in groupby(
        sorted(of.cells, key=lambda cell: _version(cell, name)),
        key=lambda cell: _version(cell, name),
    ):
        here = tuple(cells)
        both = of._replace(cells=(*step, *here))
        if step and _well_inside(list(_edges(both, records)), records):
            yield of._replace(cells=step)
            step = here
        else:
            step = both.cells
    yield of._replace(cells=step)


def entry(
    of: Break, records: Sequence[Record], matrix: Matrix, url: str, today: str
) -> dict[str, Any]:
    """
    Return the entry that would explain a break, as plain data.

    Args:
        of: The break.
        records: All cells of the grid.
        matrix: Which releases there are.
        url: Where the trial can be seen.
        today: ISO 8601.
    """
    edges = list(_edges(of, records))
    inside = _well_inside(edges, records)
    text = [_told(edge, matrix) for edge in edges]
    if inside:
        text.append(f"Ran well all the same: {'; '.join(inside)}: the entry is too wide.")
    return {
        "id": f"{edges[0].name}/{of.stage}-fails",
        "title": clip(f"{of.stage} fails: {of.line}", 100),
        "severity": "error",
        "packages": [edge.requirement for edge in edges],
        "symptoms": [{"error": of.line.partition(": ")[2] or of.line}],
        "why": UNKNOWN,
        **({"fixes": fixes} if (fixes := list(_fixes(edges))) else {}),
        "boundary": " ".join(text),
        "evidence": [url],
        "checked": today,
    }


def _edges(of: Break, records: Sequence[Record]) -> Iterator[Edge]:
    """Yield the edges for each package of the grid, the one with the fewest bad versions first."""
    names = varied(records)[:2]
    bad = {name: {_version(cell, name) for cell in of.cells} for name in names}
    well = [record for record in records if record.outcome == "ok"]
    found = []
    for name in names:
        others = [each for each in names if each != name]
        # What ran with the same versions of the others, on either side.
        ran = sorted(
            _version(record, name)
            for record in well
            if all(_version(record, other) in bad[other] for other in others)
        )
        first, last = min(bad[name]), max(bad[name])
        before = max((each for each in ran if each < first), default=None)
        after = min((each for each in ran if each > last), default=None)
        found.append(Edge(versions.normalize(name), first, last, before, after))
    yield from sorted(found, key=lambda edge: (edge.before is None, len(bad[edge.name])))


def _version(record: Record, name: str) -> Version:
    pins = dict(pin for each in record.asked if (pin := sheet.exact(each)))
    found = versions.version(pins[name])
    assert found is not None  # noqa: S101 - `exact` gives versions only
    return found


def _well_inside(edges: Sequence[Edge], records: Sequence[Record]) -> list[str]:
    return [
        " with ".join(record.asked)
        for record in records
        if record.outcome == "ok"
        and all(edge.first <= _version(record, edge.name) <= edge.last for edge in edges)
    ]


def _told(edge: Edge, matrix: Matrix) -> str:
    parts = []
    for word, outer, inner in (
        ("first", edge.before, edge.first),
        ("last", edge.after, edge.last),
    ):
        if outer is None:
            parts.append(f"{inner} is the {word} one that was tried")
            continue
        between = [
            each.version
            for each in matrix.releases(edge.name)
            if min(outer, inner) < each.version < max(outer, inner) and not each.yanked
        ]
        gap = f", {len(between)} releases between them were not tried" if between else ""
        parts.append(f"{inner} is the {word} bad one and {outer} ran well{gap}")
    return f"Run, {edge.name}: {'; '.join(parts)}."


def _fixes(edges: Sequence[Edge]) -> Iterator[Mapping[str, Any]]:
    for edge in edges:
        if edge.before is not None:
            yield {"packages": [f"{edge.name}=={edge.before}"]}
    for edge in edges:
        if edge.after is not None:
            yield {"packages": [f"{edge.name}=={edge.after}"]}
