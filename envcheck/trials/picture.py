"""
What became of a grid, so that a person can read it: which versions ran with which, and where it broke.

Versions of the first package that went alike with all that both were tried with share a row. What was
drawn by lot is no grid, and has a row for each cell.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.clean import clip
from envcheck.formats.text import WIDTH, wrapped
from envcheck.trials import sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.version import Version

    from envcheck.formats.text import Row
    from envcheck.trials.record import Record

OK: Final = "ok"
_BEFORE_TRAINING: Final = ("resolve", "install", "metadata", "import", "arguments", "trainer")
_DECLARED: Final = "declared requirements exclude each other"
_EXCLUDE: Final = re.compile(r"\bbecause\b|\bconflict|No solution", re.IGNORECASE)
"""How installers say so; what can't even be asked for its requirements hasn't any."""

Ways = dict["Version", str]
"""By version of the second package: ok, or how it broke."""


class _Group(NamedTuple):
    """
    Neighbouring versions of the first package.
    """

    versions: list[Version]
    ways: Ways


def rows(records: Sequence[Record], width: int = WIDTH) -> Iterator[Row]:
    """
    Yield the rows of a table, or of one for each choice of further packages.

    Args:
        records: The cells of a grid of two packages or more; of one, what ran is told stage by stage.
        width: Columns.
    """
    names = varied(records)
    if len(names) < 2:
        if len(records) > 1 and names:
            yield from _by_stage(records, names[0], width)
        return
    if len(records) < 2 * len({_pins(record).get(names[0]) for record in records}):
        yield from _by_cell(records, names[0], width)
        return
    first, second, *rest = names
    parts = _parts(records, first, second, rest)
    tables = {title: _groups(cells, first, second) for title, cells in parts.items()}
    reasons = dict.fromkeys(
        way
        for groups in tables.values()
        for group in groups
        for _, way in sorted(group.ways.items())
        if way not in {OK, ""}
    )
    marks = {way: str(number) for number, way in enumerate(reasons, 1)} | {OK: OK}
    spans = (len(_span(group.versions)) for groups in tables.values() for group in groups)
    wide = max([len(first), *spans])
    for title, groups in tables.items():
        if title:
            yield ((title, "strong"),)
        yield ((f"{first:<{wide}}  {second}", "label"),)
        for group in groups:
            head = f"{_span(group.versions):<{wide}}  "
            yield from wrapped(head, "; ".join(_spans(group, marks)), width, head_style="strong")
        yield ()
    yield from _legend(marks, width, ok=f"{_what(records)} together")


def _by_stage(records: Sequence[Record], name: str, width: int) -> Iterator[Row]:
    """Yield a row for each version of one package: the stages that ran, and those that broke."""
    ways: dict[str, str] = {}
    several: list[tuple[Version, Record]] = []
    for record in records:
        found = versions.version(_pins(record).get(name, ""))
        if found is not None:
            several.append((found, record))
    several.sort(key=lambda each: each[0])
    wide = max(len(name), *(len(str(found)) for found, _ in several))
    yield ((f"{name:<{wide}}  stages", "label"),)
    for found, record in several:
        by_mark: dict[str, list[str]] = {}
        for stage in record.stages:
            if stage.reason.startswith("after ") or (
                stage.outcome == "ok" and stage.stage in _BEFORE_TRAINING[:3]
            ):
                continue  # of these, only what is out of the ordinary
            if stage.outcome in {"ok", "expected-failure"}:
                by_mark.setdefault(OK, []).append(stage.stage)
                continue
            why = stage.reason if stage.outcome == "not-run" else stage.line
            way = clip(f"{stage.outcome}: {why}", 90)
            by_mark.setdefault(ways.setdefault(way, str(len(ways) + 1)), []).append(stage.stage)
        text = "; ".join(f"{mark} {', '.join(stages)}" for mark, stages in by_mark.items())
        yield from wrapped(f"{found!s:<{wide}}  ", text, width, head_style="strong")
    yield ()
    yield from _legend(ways, width, ok="ran as it has to")


def _by_cell(records: Sequence[Record], name: str, width: int) -> Iterator[Row]:
    """Yield a row for each cell, by the version of one package: few versions were tried with several."""
    marks = {OK: OK}
    pythons = {record.python for record in records}
    cells = [(versions.version(_pins(record).get(name, "")), record) for record in records]
    told = [(found, record) for found, record in cells if found and record.outcome != "not-run"]
    wide = max([len(name), *(len(str(found)) for found, _ in told)])
    yield ((f"{name:<{wide}}  with", "label"),)
    for found, record in sorted(told, key=lambda each: (each[0], each[1].asked, each[1].python)):
        others = [f"{other} {its}" for other, its in _pins(record).items() if other != name]
        others += [f"Python {record.python}"] if len(pythons) > 1 else []
        mark = marks.setdefault(_way(record), str(len(marks)))
        text = f"{mark:<4}{', '.join(others)}"
        yield from wrapped(f"{found!s:<{wide}}  ", text, width, head_style="strong")
    yield ()
    yield from _legend(marks, width, ok=f"{_what(records)} together")


def _legend(marks: Mapping[str, str], width: int, *, ok: str) -> Iterator[Row]:
    yield from wrapped("ok  ", ok, width, head_style="known-good")
    for way, mark in marks.items():
        if way != OK:
            yield from wrapped(f"{mark:<4}", way, width, head_style="error")


def _what(records: Sequence[Record]) -> str:
    """Return what those that went well did."""
    ran = {stage.stage for record in records for stage in record.stages if stage.outcome == "ok"}
    return "trained" if ran - {*_BEFORE_TRAINING} else "were imported"


def _parts(
    records: Sequence[Record], first: str, second: str, rest: Sequence[str]
) -> dict[str, list[Record]]:
    """Return the cells of each table by its title: one for all, unless two cells would share a place."""
    places: dict[tuple[str | None, str | None], set[str]] = {}
    titles: dict[str, list[Record]] = {}
    for record in records:
        pins = _pins(record)
        title = ", ".join(f"{name} {pins[name]}" for name in rest if name in pins)
        titles.setdefault(title, []).append(record)
        places.setdefault((pins.get(first), pins.get(second)), set()).add(title)
    if all(len(each) == 1 for each in places.values()):
        return {"": list(records)}
    return dict(sorted(titles.items()))


def _spans(group: _Group, marks: Mapping[str, str]) -> Iterator[str]:
    for way, several in groupby(sorted(group.ways.items()), key=lambda each: each[1]):
        yield f"{marks[way]} {_span([version for version, _ in several])}"


def varied(records: Sequence[Record]) -> list[str]:
    """
    Return the packages of a grid, the one of which most versions were tried first.
    """
    tried: dict[str, set[str]] = {}
    for record in records:
        for name, version in _pins(record).items():
            tried.setdefault(name, set()).add(version)
    return sorted(tried, key=lambda name: (-len(tried[name]), name))


def _pins(record: Record) -> Mapping[str, str]:
    return dict(pin for each in record.asked if (pin := sheet.exact(each)))


def _groups(records: Sequence[Record], first: str, second: str) -> list[_Group]:
    by_first: dict[Version, Ways] = {}
    for record in records:
        pins = _pins(record)
        found = versions.version(pins.get(first, "")), versions.version(pins.get(second, ""))
        if found[0] is not None and found[1] is not None and record.outcome != "not-run":
            by_first.setdefault(found[0], {})[found[1]] = _way(record)
    groups: list[_Group] = []
    for version, ways in sorted(by_first.items()):
        last = groups[-1] if groups else None
        if last and all(last.ways.get(each, way) == way for each, way in ways.items()):
            last.versions.append(version)
            last.ways.update(ways)
        else:
            groups.append(_Group([version], dict(ways)))
    return groups


def _way(record: Record) -> str:
    broken = record.broken
    if broken is None:
        return OK
    # The advice at the end of a long line differs from release to release, and is of no use here.
    if broken.stage == "resolve" and _EXCLUDE.search(broken.line):
        return _DECLARED
    return clip(f"{broken.stage}: {broken.line}", 90)


def _span(several: Sequence[Version]) -> str:
    return str(several[0]) if len(several) == 1 else f"{several[0]} to {several[-1]}"
