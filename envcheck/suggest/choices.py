"""
What may become of one package: the releases one could install, and what each would cost.

A price is no money but what people shy away from: touching a package at all, one on which much was
built, and going far.
"""

from __future__ import annotations

import heapq
from math import log2
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.model import Package

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.matrix import Matrix
    from envcheck.matrix.index import Release
    from envcheck.model import Environment

_DEAR: Final = {"torch": 4.0, "numpy": 1.5, "pydantic": 1.5}
"""What it costs to touch a package on which much else was built, against 1 for any other."""
_WORKING_COPY: Final = 3.0
"""What it costs to take a release in place of what somebody installed from elsewhere."""

_YEARS_BACK: Final = 2
"""Nobody goes back to a release that is older by more, unless nothing else helps."""


class Scope(NamedTuple):
    """
    Which packages may move, and where to.
    """

    matrix: Matrix
    environment: Environment
    directions: str
    "`down`, `up`, or both words, the preferred one first; what isn't installed moves anywhere."
    keep: frozenset[NormalizedName] = frozenset()
    "Packages that must not change."
    exists: Mapping[NormalizedName, Version | None] = MappingProxyType({})
    "Versions to count as releases of packages of which none is known."
    far: bool = False
    "Whether one may go back for years."
    removable: frozenset[NormalizedName] = frozenset()
    "Packages that may be uninstalled."


class Choice(NamedTuple):
    """
    One thing that may become of a package.
    """

    price: float
    package: Package | None
    "`None`: not installed."


class Choices:
    """
    Everything that may become of a package, cheapest first; the first is to leave it as it is.

    Releases are looked at as far as they are asked for.
    """

    def __init__(self, scope: Scope, name: NormalizedName) -> None:
        self._scope = scope
        self._name = name
        self._before = scope.environment.packages.get(name)
        self._found = [Choice(0.0, self._before)]
        self._more = self._moves() if name not in scope.keep else iter(())

    def since(self, number: int) -> Iterator[tuple[int, Choice]]:
        """
        Yield the choices from a number on, with their numbers.
        """
        while True:
            if number == len(self._found):
                more = next(self._more, None)
                if more is None:
                    return
                self._found.append(more)
            yield number, self._found[number]
            number += 1

    def _moves(self) -> Iterator[Choice]:
        name, before = self._name, self._before
        price = _DEAR.get(name, 1.0)
        if before is not None and before.origin != "index":
            price += _WORKING_COPY
        releases = self._scope.matrix.releases(name)
        existing = self._scope.exists.get(name)
        if existing is not None and not releases:
            yield Choice(price, Package(name, existing))
        installed = before.version if before else None
        ways = [
            _priced(price, self._allowed(way, installed))
            for way in _ways(releases, installed, self._scope.directions)
        ]
        for cost, release in heapq.merge(*ways, key=lambda each: each[0]):
            yield Choice(cost, Package(name, release.version))
        if before is not None and name in self._scope.removable:
            yield Choice(price, None)

    def _allowed(self, releases: Iterable[Release], installed: Version | None) -> Iterator[Release]:
        """Leave out what is yanked, early, too old, or for another Python."""
        text = self._scope.environment.python
        python = versions.version(text) if text else None
        early = installed is not None and installed.is_prerelease
        oldest = "" if self._scope.far else self._oldest(installed)
        for release in releases:
            if release.yanked or (release.version.is_prerelease and not early):
                continue
            if release.date and release.date < oldest:
                continue
            if python is None or versions.contains(release.python, python):
                yield release

    def _oldest(self, installed: Version | None) -> str:
        """Return the date before which a release is too old to go back to; empty: none is."""
        dates = [
            release.date
            for release in self._scope.matrix.releases(self._name)
            if installed is not None and release.version <= installed
        ]
        last = dates[-1] if dates else ""
        return last and f"{int(last[:4]) - _YEARS_BACK}{last[4:]}"


def _priced(price: float, releases: Iterable[Release]) -> Iterator[tuple[float, Release]]:
    for rank, release in enumerate(releases, 1):
        yield price * (1.0 + 0.1 * log2(1 + rank)), release


def _ways(
    releases: list[Release], installed: Version | None, directions: str
) -> list[list[Release]]:
    """Return the releases in each direction, nearest first; upwards the last patch of each minor first."""
    if installed is None:
        return [releases[::-1]]
    here = versions.public(installed)
    ways = []
    for direction in directions.split():
        if direction == "down":
            ways.append([each for each in reversed(releases) if each.version < here])
            continue
        families: dict[tuple[int, ...], list[Release]] = {}
        for each in releases:
            if each.version > here:
                families.setdefault(each.version.release[:2], []).insert(0, each)
        ways.append([each for family in families.values() for each in family])
    return ways
