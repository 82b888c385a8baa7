"""
The search for the smallest change that removes what is wrong.

What is wrong says: not all of these versions at once. A node stands for every combination of versions
within some limits, and is looked at through the cheapest of them, the nearest release of each
package. Where something is wrong with that one, the rest is divided among children, each of which
takes one package out of what is wrong: together they leave out no other combination. The cheapest
node goes first, so the first that is clean is the smallest change, as far as the estimate of what
is left to do holds.
"""

from __future__ import annotations

import heapq
from itertools import chain
from math import log2
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.checks import requirements
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.model import SEVERITIES, Package

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.matrix.index import Release
    from envcheck.model import Environment
    from envcheck.versions import Requirement

MUST, SHOULD, MAY = 2, 1, 0
"""Whether a hit must go, should go, or may stay."""

_MOST_NODES: Final = 400
_PATIENCE: Final = 60
_LESS_PATIENCE: Final = 15
"""Nodes looked at for something better once all that must go is gone, or if nothing must."""

_DEAR: Final = {"torch": 4.0, "numpy": 1.5, "pydantic": 1.5}
"""What it costs to touch a package on which much else was built, against 1 for any other."""
_WORKING_COPY: Final = 3.0
_UNTOLD: Final = 1.5
"""What it costs to leave an entry in another way than those that it recommends."""
_GUESS: Final = 2.0
"""What it costs to go back to a release that admits too new a version of another package only because
nobody knew of that one yet."""

_YEARS_BACK: Final = 2
"""Nobody goes back to a release that is older by more, unless nothing else helps."""


class Goal(NamedTuple):
    """
    What is to be removed.
    """

    ids: frozenset[str]
    warnings: frozenset[str]
    "Those there are before: any other would be new."
    errors: bool
    "Whether the goal is errors; else it is warnings."

    def level(self, hit: Hit) -> int:
        """
        Tell of a hit whether it must or should go: errors at any price, warnings if nothing gets worse.
        """
        if hit.severity == "info":
            return MAY
        if hit.severity == "error":
            return MUST
        if hit.id not in self.warnings:
            return SHOULD if self.errors else MUST
        return SHOULD if hit.id in self.ids else MAY


class Limit(NamedTuple):
    """
    What the version of a package must be in one part of the search.
    """

    package: NormalizedName
    kind: str
    "in, maybe, out: of a specifier | admits, refuses, otherwise: by what it requires of another one"
    operand: str
    "A specifier | the severity from which on a breach counts | the requirement that it must not be."
    other: NormalizedName | None = None
    version: Version | None = None
    "Of the other package; `None`: not installed."


class Choice(NamedTuple):
    """
    One thing that may become of a package.
    """

    price: float
    package: Package | None
    "`None`: not installed."


class Node(NamedTuple):
    """
    The combinations within some limits, and the cheapest of them.
    """

    cost: float
    environment: Environment
    picks: Mapping[NormalizedName, int]
    "Which choice is taken of each package that isn't left as it is."
    limits: Mapping[NormalizedName, tuple[Limit, ...]]
    hits: tuple[Hit, ...]
    spared: frozenset[str] = frozenset()
    "Ids of hits that should go, but may stay in this part."
    unseen: tuple[NormalizedName, ...] = ()
    "Packages that have moved since the audit: `hits` only holds what they take no part in."


class Search:
    """
    A search in one direction, from one environment.
    """

    def __init__(
        self,
        matrix: Matrix,
        start: Environment,
        hits: Iterable[Hit],
        audit: Callable[[Environment, Collection[NormalizedName]], list[Hit]],
        *,
        directions: str,
        keep: frozenset[NormalizedName] = frozenset(),
        exists: Mapping[NormalizedName, Version | None] = MappingProxyType({}),
        most: int | None = None,
        far: bool = False,
        lax: bool = False,
    ) -> None:
        """
        Prepare a search.

        Args:
            hits: What is wrong at the start.
            audit: Tells what is wrong in which one of these packages takes part.
            directions: Where versions may move: `down`, `up`, or both words, the preferred one first.
            keep: Packages that must not change.
            exists: Versions that are releases although none of their package are known.
            most: How many packages may change.
            far: Also go back for years.
            lax: Also leave requirements in breach, as far as that is no error.
        """
        self.matrix = matrix
        self.start = start
        self.audit = audit
        self.directions = directions
        self.keep = keep
        self.exists = exists
        self.most = most
        self.far = far
        self.lax = lax
        self.root = Node(0.0, start, {}, {}, tuple(hits))
        self._choices: dict[NormalizedName, _Choices] = {}
        self._fitting: dict[Limit, dict[int, bool]] = {}
        self._wants: dict[tuple[NormalizedName, Version | None], list[Requirement] | None] = {}
        self.nodes = 0

    def run(self, goal: Goal, limits: Sequence[Limit] = ()) -> tuple[Node, int]:
        """
        Search for the cheapest node without anything that must or should go.

        Args:
            goal: Tells of a hit whether it must or should go.
            limits: What must hold beside.

        Returns:
            The best node, and how many hits of it still must go.
        """
        start = self._within(self.root, limits)
        if start is None:
            return self.root, 1
        count = 0
        queue = [(0.0, count, start)]
        seen: set[object] = set()
        best, value = start, (len(start.hits) + 1, 0, 0.0)
        patience = _PATIENCE if goal.errors else _LESS_PATIENCE
        while queue and patience and self.nodes < _MOST_NODES:
            node = heapq.heappop(queue)[2]
            if node.unseen:
                hits = (*node.hits, *self.audit(node.environment, node.unseen))
                node = node._replace(hits=hits, unseen=())
                rank = node.cost + _left(node, goal)
                if queue and rank > queue[0][0]:
                    count += 1
                    heapq.heappush(queue, (rank, count, node))
                    continue
            self.nodes += 1
            must = [hit for hit in node.hits if goal.level(hit) == MUST]
            should = [hit for hit in node.hits if goal.level(hit) == SHOULD]
            if (len(must), len(should), node.cost) < value:
                best, value = node, (len(must), len(should), node.cost)
            if not (must or should):
                break
            patience -= value[0] == 0
            wrong = must or [hit for hit in should if hit.id not in node.spared]
            children = self._children(wrong[0], node, goal, spare=not must) if wrong else ()
            for child in children:
                key = (frozenset(chain.from_iterable(child.limits.values())), child.spared)
                if key not in seen:
                    seen.add(key)
                    count += 1
                    rank = child.cost + _left(child, goal)
                    heapq.heappush(queue, (rank, count, child))
        return best, value[0]

    def _children(self, hit: Hit, node: Node, goal: Goal, *, spare: bool) -> Iterator[Node]:
        """Yield the parts into which a node falls where one hit is removed, or spared."""
        fixes = _fixes(hit)
        for limits in fixes:
            child = self._within(node, limits)
            if child is not None and child.picks != node.picks:
                yield child
        # A warning is worth only what its entry recommends, an error whatever removes it.
        if goal.errors or not (spare and isinstance(hit.subject, Cause)):
            for limits, price in self._ways_out(hit, node):
                child = self._within(node, limits, price + (_UNTOLD if fixes else 0.0))
                if child is not None:
                    yield child
        if spare:
            yield node._replace(cost=node.cost + 1.0, spared=node.spared | {hit.id})

    def _exits(self, hit: Hit, node: Node) -> list[Limit]:
        """Return for each package of a hit what takes it out of there."""
        subject = hit.subject
        if isinstance(subject, Cause):
            return [Limit(name, "out", specifier) for name, specifier in subject.rule.packages]
        if isinstance(subject, Breach):
            required = subject.requirement
            other = node.environment.packages.get(required.name)
            found = other.version if other else None
            admitted, counts = required.specifier, "warning"
            if self.lax and hit.severity == "error":
                admitted, counts = requirements.without_caps(admitted), "error"
            return [
                Limit(subject.package, "admits", counts, required.name, found),
                Limit(required.name, "in", admitted),
            ]
        return []

    def _ways_out(self, hit: Hit, node: Node) -> Iterator[tuple[list[Limit], float]]:
        """Divide the combinations that are free of a hit, by the first package that is out of it."""
        exits = self._exits(hit, node)
        if not isinstance(hit.subject, Breach):
            staying: list[Limit] = []
            for limit in exits:
                yield [*staying, limit], 0.0
                staying.append(limit._replace(kind="maybe"))
            return
        admits, inside = exits
        package = node.environment.packages[admits.package]
        if package.version and admits.version and _too_new(admits.version, inside.operand):
            here = f"<={versions.public(package.version)}"
            yield [admits, Limit(package.name, "out", here)], 0.0
            yield [admits, Limit(package.name, "in", here)], _GUESS
        else:
            yield [admits], 0.0
        refuses, outside = admits._replace(kind="refuses"), inside._replace(kind="out")
        yield [refuses, inside], 0.0
        # Or both move, the one to a release that requires something else of the other.
        wanted = "; ".join(map(str, self._wanted(package, inside.package) or ()))
        moves = [Limit(inside.package, "in", ""), outside]
        if admits.version:
            moves.append(outside._replace(operand=f"=={admits.version}"))
        yield [refuses, Limit(package.name, "otherwise", wanted, inside.package), *moves], 0.0

    def _choice(self, name: NormalizedName, number: int) -> Choice | None:
        if name not in self._choices:
            self._choices[name] = _Choices(self, name)
        return self._choices[name].get(number)

    def _within(self, node: Node, limits: Sequence[Limit], price: float = 0.0) -> Node | None:
        """Return the part of a node that is within more limits; `None`: there is none."""
        merged = dict(node.limits)
        picks = dict(node.picks)
        cost = node.cost + price
        changed: dict[NormalizedName, Package] = {}
        for limit in limits:
            if limit not in merged.get(limit.package, ()):
                merged[limit.package] = (limit, *merged.get(limit.package, ()))
        for name in {limit.package: None for limit in limits}:
            number = picks.get(name, 0)
            before = self._choice(name, number)
            while choice := self._choice(name, number):
                if all(self._fits(limit, number, choice.package) for limit in merged[name]):
                    break
                number += 1
            if choice is None or before is None:
                return None
            if choice.package is not None and number != picks.get(name, 0):
                cost += choice.price - before.price
                picks[name] = number
                changed[name] = choice.package
        if not changed:
            return node._replace(cost=cost, limits=merged)
        if self.most is not None and len(picks) > self.most:
            return None
        packages = {**node.environment.packages, **changed}
        environment = node.environment._replace(packages=packages)
        hits = tuple(hit for hit in node.hits if changed.keys().isdisjoint(hit.packages))
        return Node(cost, environment, picks, merged, hits, node.spared, tuple(changed))

    def _fits(self, limit: Limit, number: int, package: Package | None) -> bool:
        """Tell whether a package's choice of that number is within a limit."""
        known = self._fitting.get(limit)
        if known is None:
            known = self._fitting[limit] = {}
        if number not in known:
            known[number] = self._judge(limit, package)
        return known[number]

    def _judge(self, limit: Limit, package: Package | None) -> bool:
        kind = limit.kind
        if limit.other is None:
            if package is None:
                return kind == "out"
            holds = versions.satisfies(package.version, limit.operand)
            return holds is True if kind == "in" else (holds is False) is (kind == "out")
        if package is None:
            return kind == "admits"
        wanted = self._wanted(package, limit.other)
        if wanted is None:
            return False  # what isn't known is no way out
        if kind == "otherwise":
            return "; ".join(map(str, wanted)) != limit.operand
        other = {limit.other: Package(limit.other, limit.version)} if limit.version else {}
        environment = self.start._replace(packages=other)
        counts = SEVERITIES.index(limit.operand)
        breaches = (requirements.judged(package.name, each, environment) for each in wanted)
        admits = not any(hit and SEVERITIES.index(hit.severity) >= counts for hit in breaches)
        return admits is (kind == "admits")

    def _wanted(self, package: Package, other: NormalizedName) -> list[Requirement] | None:
        """Return what a package requires of another one; `None`: not known."""
        key = package.name, package.version
        if key not in self._wants:
            known = requirements.known(package, self.matrix)
            self._wants[key] = [*requirements.declared(package, self.matrix)] if known else None
        wants = self._wants[key]
        return None if wants is None else [each for each in wants if each.name == other]

    def why_not(self, hit: Hit, node: Node) -> str:
        """
        Say why nothing removes a hit, and what else its entry advises.
        """
        reasons = [self._stuck(limit) for limit in self._exits(hit, node)]
        if isinstance(hit.subject, Breach):
            package, required = hit.subject
            version = node.environment.packages[package].version
            reasons.insert(0, f"{package} {version} requires {required.name}{required.specifier}")
        elif isinstance(hit.subject, Cause):
            fixes = hit.subject.record().get("fixes", ())
            reasons += [f"the entry advises: {fix['advice']}" for fix in fixes if "advice" in fix]
        return "; ".join(reasons)

    def _stuck(self, limit: Limit) -> str:
        name = limit.package
        if name in self.keep:
            return f"{name} is to be kept"
        if not self.matrix.releases(name):
            return f"no releases of {name} are known"
        number = 1
        while choice := self._choice(name, number):
            if self._fits(limit, number, choice.package):
                return f"with another {name} something else fails"
            number += 1
        python = f" for Python {self.start.python}" if self.start.python else ""
        return f"no other release of {name}{python} is free of it"


def _too_new(version: Version, specifier: str) -> bool:
    return versions.contains(requirements.without_caps(specifier), version)


def _fixes(hit: Hit) -> list[list[Limit]]:
    """Return what the entry behind a hit recommends, as far as that is versions."""
    fixes = hit.subject.record().get("fixes", ()) if isinstance(hit.subject, Cause) else ()
    pins = ([versions.requirement(text) for text in fix.get("packages", ())] for fix in fixes)
    return [[Limit(pin.name, "in", pin.specifier) for pin in each] for each in pins if each]


def _left(node: Node, goal: Goal) -> float:
    """Estimate what is left to do: hits that share no package need a change each."""
    taken: set[NormalizedName] = set()
    left = 0.0
    for hit in node.hits:
        if goal.level(hit) and hit.id not in node.spared and taken.isdisjoint(hit.packages):
            taken.update(hit.packages)
            left += 0.1 if any(name in node.picks for name in hit.packages) else 1.1
    return left


class _Choices:
    """
    What can be had of one package, cheapest first: as it is, then the releases one may install here.

    Releases are looked at as far as they are asked for.
    """

    def __init__(self, search: Search, name: NormalizedName) -> None:
        self._search = search
        self._name = name
        self._before = search.start.packages.get(name)
        self._more = self._moves() if name not in search.keep else iter(())
        self._found = [Choice(0.0, self._before)]

    def get(self, number: int) -> Choice | None:
        """
        Return a choice by its number; `None`: there are not so many.
        """
        while number >= len(self._found):
            more = next(self._more, None)
            if more is None:
                return None
            self._found.append(more)
        return self._found[number]

    def _moves(self) -> Iterator[Choice]:
        name, before = self._name, self._before
        price = _DEAR.get(name, 1.0)
        if before is not None and before.origin in {"editable", "vcs", "file"}:
            price += _WORKING_COPY
        installed = before.version if before else None
        releases = self._search.matrix.releases(name)
        existing = self._search.exists.get(name)
        if existing is not None and not releases:
            yield Choice(price, Package(name, existing))
        ways = [
            _priced(price, self._allowed(way, installed))
            for way in _ways(releases, installed, self._search.directions)
        ]
        for cost, release in heapq.merge(*ways, key=lambda each: each[0]):
            yield Choice(cost, Package(name, release.version))

    def _allowed(self, releases: Iterable[Release], installed: Version | None) -> Iterator[Release]:
        text = self._search.start.python
        python = versions.version(text) if text else None
        early = installed is not None and installed.is_prerelease
        oldest = "" if self._search.far else self._oldest(installed)
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
            for release in self._search.matrix.releases(self._name)
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
