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
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.checks import requirements
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.choices import Choices
from envcheck.model import SEVERITIES, Package

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Container,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks import Hit
    from envcheck.choices import Scope
    from envcheck.model import Environment
    from envcheck.versions import Requirement

MUST, SHOULD, MAY = 2, 1, 0
"""Whether a hit must go, should go, or may stay."""

_MOST_NODES: Final = 400
_PATIENCE: Final = 60
_LESS_PATIENCE: Final = 15
_LEAST_PATIENCE: Final = 3
"""How far errors, warnings, and what single entries recommend (of which there are many) are pursued."""

_SPARED: Final = 1.0
"""What it costs to let stay what should go."""
_TOLD: Final = 0.6
_NEXT: Final = 0.2
"""What each package costs in a way out that an entry recommends, and what each later one costs more."""
_UNTOLD: Final = 1.5
_NEARLY_TOLD: Final = 0.5
"""What it costs beside to leave such an entry in another way, or by the same package."""
_GUESS: Final = 2.0
"""What it costs to go back to a release that admits too new a version of another package only because
nobody knew of that one yet."""


class Goal(NamedTuple):
    """
    What is to be removed.
    """

    ids: frozenset[str]
    warnings: frozenset[str]
    "Those there are before: any other would be new."
    errors: bool
    "Whether the goal is errors; else it is warnings."
    bold: bool = False
    "Whether new warnings may come in."

    @property
    def patience(self) -> int:
        """
        How many nodes are looked at for something better once all that must go is gone.
        """
        return _LEAST_PATIENCE if self.bold else _PATIENCE if self.errors else _LESS_PATIENCE

    def level(self, hit: Hit, moved: Container[NormalizedName]) -> int:
        """
        Tell of a hit whether it must or should go: errors at any price, warnings if nothing gets worse.

        Args:
            moved: Packages that have changed: what they require, or is required of them, should hold.
        """
        if hit.severity == "info":
            return MAY
        if hit.severity == "error":
            return MUST
        if hit.id not in self.warnings and not self.bold:
            return SHOULD if self.errors else MUST
        return SHOULD if hit.id in self.ids or half_done(hit, moved) else MAY


def half_done(hit: Hit, moved: Container[NormalizedName]) -> bool:
    """
    Tell whether a hit is a requirement that a package which has moved doesn't meet.
    """
    return isinstance(hit.subject, Breach) and any(name in moved for name in hit.packages)


class Limit(NamedTuple):
    """
    What the version of a package must be in one part of the search.
    """

    package: NormalizedName
    kind: str
    """
    in, maybe, out: of a specifier | admits, refuses, otherwise: by what it requires of another one |
    gone: not installed
    """
    operand: str
    "A specifier | the severity from which on a breach counts | the requirement that it must not be."
    other: NormalizedName | None = None
    version: Version | None = None
    "Of the other package; `None`: not installed."


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
    A search from one environment.
    """

    def __init__(
        self,
        scope: Scope,
        hits: Iterable[Hit],
        audit: Callable[[Environment, Collection[NormalizedName]], list[Hit]],
        *,
        most: int | None = None,
        lax: bool = False,
    ) -> None:
        """
        Prepare a search.

        Args:
            scope: Where it begins, and which packages may move where.
            hits: What is wrong at the start.
            audit: Tells what is wrong in which one of these packages takes part.
            most: How many packages may change.
            lax: Also leave requirements in breach, as far as that is no error.
        """
        self.root = Node(0.0, scope.environment, {}, {}, tuple(hits))
        self._scope = scope
        self._audit = audit
        self._most = most
        self._lax = lax
        self._choices: dict[NormalizedName, Choices] = {}
        self._fitting: dict[Limit, dict[int, bool]] = {}
        self._wants: dict[tuple[NormalizedName, Version | None], list[Requirement] | None] = {}

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
        queue = [(0.0, 0, start)]
        pushed = visited = 0
        seen: set[object] = set()
        best, value = start, (len(start.hits) + 1, 0, 0.0)
        patience = goal.patience
        while queue and patience and visited < _MOST_NODES:
            node = heapq.heappop(queue)[2]
            if node.unseen:
                hits = (*node.hits, *self._audit(node.environment, node.unseen))
                node = node._replace(hits=hits, unseen=())
                rank = node.cost + _left(node, goal)
                if queue and rank > queue[0][0]:
                    pushed += 1
                    heapq.heappush(queue, (rank, pushed, node))
                    continue
            visited += 1
            must = [hit for hit in node.hits if goal.level(hit, node.picks) == MUST]
            should = [hit for hit in node.hits if goal.level(hit, node.picks) == SHOULD]
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
                    pushed += 1
                    heapq.heappush(queue, (child.cost + _left(child, goal), pushed, child))
        return best, value[0]

    def _children(self, hit: Hit, node: Node, goal: Goal, *, spare: bool) -> Iterator[Node]:
        """Yield the parts into which a node falls where one hit is removed, or spared."""
        fixes = _fixes(hit)
        told: set[NormalizedName] = set()
        for number, limits in enumerate(fixes):
            child = self._within(node, limits)
            if child is not None and child.unseen:
                told.update(child.unseen)
                yield child._replace(cost=node.cost + _TOLD * len(child.unseen) + _NEXT * number)
        # A warning is worth only what its entry recommends, an error whatever removes it.
        if goal.errors or not (spare and isinstance(hit.subject, Cause)):
            for limits, price in self._ways_out(hit, node):
                untold = _NEARLY_TOLD if limits[-1].package in told else _UNTOLD
                child = self._within(node, limits, price + (untold if fixes else 0.0))
                if child is not None:
                    yield child
        if spare:
            yield node._replace(cost=node.cost + _SPARED, spared=node.spared | {hit.id})

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
            if self._lax and hit.severity == "error":
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

    def _within(self, node: Node, limits: Sequence[Limit], price: float = 0.0) -> Node | None:
        """Return the part of a node that is within more limits; `None`: there is none."""
        merged = dict(node.limits)
        picks = dict(node.picks)
        cost = node.cost + price
        changed: dict[NormalizedName, Package | None] = {}
        for limit in limits:
            if limit not in merged.get(limit.package, ()):
                merged[limit.package] = (limit, *merged.get(limit.package, ()))
        for name in dict.fromkeys(limit.package for limit in limits):
            now = picks.get(name, 0)
            paid = 0.0
            fits = self._judging(merged[name])
            for number, choice in self._choices_of(name).since(now):
                if number == now:
                    paid = choice.price
                if fits(number, choice.package):
                    break
            else:
                return None
            if number != now:
                cost += choice.price - paid
                picks[name] = number
                changed[name] = choice.package
        if not changed:
            return node._replace(cost=cost, limits=merged)
        if self._most is not None and len(picks) > self._most:
            return None
        packages = {**node.environment.packages}
        for name, package in changed.items():
            if package is None:
                del packages[name]
            else:
                packages[name] = package
        environment = node.environment._replace(packages=packages)
        hits = tuple(hit for hit in node.hits if changed.keys().isdisjoint(hit.packages))
        return Node(cost, environment, picks, merged, hits, node.spared, tuple(changed))

    def _choices_of(self, name: NormalizedName) -> Choices:
        if name not in self._choices:
            self._choices[name] = Choices(self._scope, name)
        return self._choices[name]

    def _judging(self, limits: Iterable[Limit]) -> Callable[[int, Package | None], bool]:
        """Return what tells whether a package's choice of some number is within all of its limits."""
        judged = [(limit, self._fitting.setdefault(limit, {})) for limit in limits]

        def fits(number: int, package: Package | None) -> bool:
            for limit, known in judged:
                if number not in known:
                    known[number] = self._judge(limit, package)
                if not known[number]:
                    return False
            return True

        return fits

    def _judge(self, limit: Limit, package: Package | None) -> bool:
        kind = limit.kind
        if limit.other is None:
            if package is None or kind == "gone":
                return package is None and kind in {"gone", "out"}
            holds = versions.satisfies(package.version, limit.operand)
            return holds is True if kind == "in" else (holds is False) is (kind == "out")
        wanted = None if package is None else self._wanted(package, limit.other)
        if package is None or wanted is None:
            return False  # what isn't known is no way out
        if kind == "otherwise":
            return "; ".join(map(str, wanted)) != limit.operand
        other = {limit.other: Package(limit.other, limit.version)} if limit.version else {}
        environment = self._scope.environment._replace(packages=other)
        counts = SEVERITIES.index(limit.operand)
        breaches = (requirements.judged(package.name, each, environment) for each in wanted)
        admits = not any(hit and SEVERITIES.index(hit.severity) >= counts for hit in breaches)
        return admits is (kind == "admits")

    def _wanted(self, package: Package, other: NormalizedName) -> list[Requirement] | None:
        """Return what a package requires of another one; `None`: not known."""
        key = package.name, package.version
        if key not in self._wants:
            known = requirements.known(package, self._scope.matrix)
            wants = requirements.declared(package, self._scope.matrix)
            self._wants[key] = [*wants] if known else None
        found = self._wants[key]
        return None if found is None else [each for each in found if each.name == other]

    def why_not(self, hit: Hit, node: Node) -> str:
        """
        Say why nothing removes a hit, and what else its entry advises.
        """
        reasons = [self._stuck(limit, node) for limit in self._exits(hit, node)]
        if isinstance(hit.subject, Breach):
            reasons.insert(0, _said(hit, node.environment))
        elif isinstance(hit.subject, Cause):
            fixes = hit.subject.record().get("fixes", ())
            reasons += [f"the entry advises: {fix['advice']}" for fix in fixes if "advice" in fix]
            removed = [", ".join(fix["remove"]) for fix in fixes if "remove" in fix]
            reasons += [f"the entry advises to uninstall {each}" for each in removed]
        return "; ".join(reasons)

    def _stuck(self, limit: Limit, node: Node) -> str:
        """Say why a package can't move out of a hit."""
        name, keep = limit.package, self._scope.keep
        if name in keep:
            return f"{name} is to be kept"
        if not self._scope.matrix.releases(name):
            return f"no releases of {name} are known"
        moved = self._within(node, [limit])
        if moved is None:
            python = self._scope.environment.python
            text = f" for Python {python}" if python else ""
            return f"no other release of {name}{text} is free of it"
        hits = self._audit(moved.environment, moved.unseen)
        wrong = next((hit for hit in hits if hit.severity == "error"), None)
        if wrong is None:
            return f"with another {name} something else fails"
        version = moved.environment.packages[name].version  # nothing is removable in this search
        kept = "".join(f", and {each} is to be kept" for each in wrong.packages if each in keep)
        return f"with {name} {version}, {_said(wrong, moved.environment)}{kept}"


def _said(hit: Hit, environment: Environment) -> str:
    if not isinstance(hit.subject, Breach):
        return f"{hit.id} hits"
    name, required = hit.subject
    version = environment.packages[name].version
    return f"{name} {version} requires {required.name}{required.specifier}"


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
        if hit.severity == "info" or hit.id in node.spared or not taken.isdisjoint(hit.packages):
            continue
        if goal.level(hit, node.picks):
            taken.update(hit.packages)
            left += 0.1 if any(name in node.picks for name in hit.packages) else 1.1
    return left
