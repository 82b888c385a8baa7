"""
The search for the cheapest changes that remove what is wrong.

A node is the environment after some changes. The first thing still wrong in the cheapest node is
removed in every sensible way, each giving a new node, until nothing is wrong: a best-first search,
so the first node that is clean is the smallest change. Each node is audited like any environment.
"""

from __future__ import annotations

import heapq
from math import log2
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from envcheck import versions
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.model import Package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.matrix.index import Release
    from envcheck.model import Environment

    Changes = Mapping[NormalizedName, Version]

_MOST_NODES: Final = 250
_MOST_TRIED: Final = 40
"""Releases looked at for one package in one direction before its nearest is taken as it is."""

_DEAR: Final = {"torch": 4.0, "numpy": 1.5, "pydantic": 1.5}
"""What it costs to touch a package on which much else was built, against 1 for any other."""


class Node(NamedTuple):
    """
    The environment after some changes.
    """

    cost: float
    environment: Environment
    changes: Changes
    hits: tuple[Hit, ...]


class Search(NamedTuple):
    """
    What stays the same during a search.
    """

    matrix: Matrix
    start: Environment
    audit: Callable[[Environment, Iterable[NormalizedName]], list[Hit]]
    "What is wrong with an environment in which one of these packages takes part."
    keep: frozenset[NormalizedName]
    "Packages that must not change."

    def node(self, environment: Environment, hits: Iterable[Hit]) -> Node:
        """
        Return the node of the environment as it is.
        """
        return Node(0.0, environment, {}, tuple(hits))

    def run(self, start: Node, wrong: Callable[[Hit], bool], directions: str) -> tuple[Node | None, Node]:
        """
        Search from a node.

        Args:
            wrong: Tells which hits have to go.
            directions: `down`, `up` or both words: where versions may move.

        Returns:
            The cheapest clean node, if one was found, and the node that came nearest to it.
        """
        count = 0
        queue = [(start.cost, count, start)]
        seen = {self._key(start.changes)}
        best, best_left = start, len([hit for hit in start.hits if wrong(hit)])
        for _ in range(_MOST_NODES):
            if not queue:
                break
            _, _, node = heapq.heappop(queue)
            left = [hit for hit in node.hits if wrong(hit)]
            if not left:
                return node, node
            if len(left) < best_left:
                best, best_left = node, len(left)
            for changes, bonus in self._ways_out(left[0], node, directions):
                merged = {**node.changes, **changes}
                key = self._key(merged)
                if key in seen:
                    continue
                seen.add(key)
                count += 1
                child = self.apply(node, changes, bonus)
                heapq.heappush(queue, (child.cost, count, child))
        return None, best

    @staticmethod
    def _key(changes: Changes) -> frozenset[tuple[str, Version]]:
        return frozenset(changes.items())

    def apply(self, node: Node, changes: Changes, bonus: float = 0.0) -> Node:
        """
        Return the node after some more changes, audited.
        """
        packages = dict(node.environment.packages)
        for name, version in changes.items():
            packages[name] = self._package(name, version)
        environment = node.environment._replace(packages=packages)
        hits = [hit for hit in node.hits if not any(name in changes for name in hit.packages)]
        hits += self.audit(environment, changes)
        merged = {**node.changes, **changes}
        return Node(self._cost(merged, hits) - bonus, environment, merged, tuple(hits))

    def _package(self, name: NormalizedName, version: Version) -> Package:
        return Package(name, version, requires=None)  # None: what that release declares

    def _cost(self, changes: Changes, hits: Iterable[Hit]) -> float:
        """Count packages first, then how far they move, then what else is wrong afterwards."""
        cost = 0.5 * sum(1 for hit in hits if hit.severity == "warning")
        for name, version in changes.items():
            before = self.start.packages.get(name)
            steps = 1
            if before is not None and before.version is not None:
                low, high = sorted((before.version, version))
                steps = sum(1 for release in self.matrix.releases(name) if low < release.version <= high)
            cost += _DEAR.get(name, 1.0) * (1.0 + 0.1 * log2(1 + steps))
        return cost

    def _ways_out(self, hit: Hit, node: Node, directions: str) -> Iterator[tuple[Changes, float]]:
        """Yield the changes that remove one hit, with a bonus for those that the matrix recommends."""
        if isinstance(hit.subject, Cause):
            yield from self._fixes(hit.subject, node, directions)
        for name in hit.packages:
            if name in self.keep:
                continue
            for direction in directions.split():
                release = self._nearest(name, hit, node, direction)
                if release is not None:
                    yield {name: release}, 0.0

    def _fixes(self, cause: Cause, node: Node, directions: str) -> Iterator[tuple[Changes, float]]:
        for fix in cause.record().get("fixes", ()):
            changes: dict[NormalizedName, Version] = {}
            for text in fix.get("packages", ()):
                pin = versions.requirement(text)
                installed = node.environment.packages.get(pin.name)
                if installed is not None and versions.satisfies(installed.version, pin.specifier):
                    continue
                target = self.closest(pin.name, pin.specifier, directions)
                if target is None or pin.name in self.keep:
                    changes.clear()
                    break
                changes[pin.name] = target
            if changes:
                yield changes, 0.3

    def closest(self, name: NormalizedName, specifier: str, directions: str) -> Version | None:
        """
        Return the release nearest to the installed one that a specifier admits.
        """
        for direction in directions.split():
            for release in self._releases(name, direction):
                if versions.contains(specifier, release.version):
                    return release.version
        return None

    def _nearest(self, name: NormalizedName, hit: Hit, node: Node, direction: str) -> Version | None:
        """Return the nearest release in a direction that removes a hit, and brings in no entry itself."""
        fallback = None
        tried = 0
        for release in self._releases(name, direction):
            if not self._removes(hit, name, release, node):
                continue
            fallback = fallback or release.version
            tried += 1
            if tried > _MOST_TRIED:
                break
            packages = {**node.environment.packages, name: self._package(name, release.version)}
            after = self.audit(node.environment._replace(packages=packages), (name,))
            if not any(each.severity == "error" and isinstance(each.subject, Cause) for each in after):
                return release.version
        return fallback

    def _removes(self, hit: Hit, name: NormalizedName, release: Release, node: Node) -> bool:
        subject = hit.subject
        if isinstance(subject, Cause):
            return any(
                pinned == name and not versions.contains(specifier, release.version)
                for pinned, specifier in subject.rule.packages
            )
        breach = cast("Breach", subject)
        if name == breach.requirement.name:
            return versions.contains(breach.requirement.specifier, release.version)
        requires = self.matrix.requires(name, release.version)
        for text in requires or ():
            try:
                required = versions.requirement(text)
            except ValueError:
                continue
            if required.name == breach.requirement.name and "extra" not in required.marker:
                other = node.environment.packages.get(required.name)
                return other is not None and versions.satisfies(other.version, required.specifier) is True
        return requires is not None

    def _releases(self, name: NormalizedName, direction: str) -> Iterator[Release]:
        """Yield the releases one may install here, nearest first: upwards the last patch of each minor first."""
        before = self.start.packages.get(name)
        installed = before.version if before else None
        allowed = [release for release in self.matrix.releases(name) if self._allowed(release, installed)]
        if direction == "down":
            if installed is not None:
                yield from (each for each in reversed(allowed) if each.version < versions.public(installed))
            return
        above = [each for each in allowed if installed is None or each.version > installed]
        if installed is None:
            yield from reversed(above)
            return
        families: dict[tuple[int, ...], list[Release]] = {}
        for each in above:
            families.setdefault(each.version.release[:2], []).append(each)
        for family in families.values():
            yield from reversed(family)

    def _allowed(self, release: Release, installed: Version | None) -> bool:
        if release.yanked:
            return False
        if release.version.is_prerelease and not (installed is not None and installed.is_prerelease):
            return False
        if not release.python or self.start.python is None:
            return True
        python = versions.version(self.start.python)
        try:
            return python is None or versions.contains(release.python, python)
        except ValueError:
            return False

    def why_not(self, name: NormalizedName) -> str:
        """
        Say why no release of a package helps.
        """
        if name in self.keep:
            return f"{name} is to be kept"
        if not self.matrix.releases(name):
            return f"no releases of {name} are known"
        python = f" for Python {self.start.python}" if self.start.python else ""
        return f"no release of {name}{python} is free of it"
