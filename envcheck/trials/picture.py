"""
What became of a grid, so that a person can read it: which versions ran with which, and where it broke.

Versions of the first package that went alike with all that both were tried with share a row.
"""

from __future__ import annotations

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
_DECLARED: Final = "declared requirements exclude each other"

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
    Yield the rows of a table.

    Args:
        records: The cells of a grid of two packages.
        width: Columns.
    """
    names = varied(records)
    if len(names) < 2:
        return
    first, second = names[:2]
    groups = _groups(records, first, second)
    reasons = dict.fromkeys(
        way for group in groups for _, way in sorted(group.ways.items()) if way not in {OK, ""}
    )
    marks = {way: str(number) for number, way in enumerate(reasons, 1)} | {OK: OK}
    heads = [_span(group.versions) for group in groups]
    wide = max(len(first), *map(len, heads))
    yield ((f"{first:<{wide}}  {second}", "label"),)
    for head, group in zip(heads, groups, strict=True):
        ordered = sorted(group.ways.items())
        spans = [
            f"{marks[way]} {_span([version for version, _ in several])}"
            for way, several in groupby(ordered, key=lambda each: each[1])
        ]
        yield from wrapped(f"{head:<{wide}}  ", "; ".join(spans), width, head_style="strong")
    yield ()
    yield from wrapped("ok  ", "trained together", width, head_style="known-good")
    for way, mark in marks.items():
        if way != OK:
            yield from wrapped(f"{mark:<4}", way, width, head_style="error")


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
    return _DECLARED if broken.stage == "resolve" else clip(f"{broken.stage}: {broken.line}", 90)


def _span(several: Sequence[Version]) -> str:
    return str(several[0]) if len(several) == 1 else f"{several[0]} to {several[-1]}"
