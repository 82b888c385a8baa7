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

from envcheck.checks.known_bad import Cause
from envcheck.suggest.choices import Choices
from envcheck.suggest.goal import MUST, SHOULD
from envcheck.suggest.limits import Limits, recommended

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.model import Environment, Package
    from envcheck.suggest.choices import Scope
    from envcheck.suggest.goal import Goal
    from envcheck.suggest.limits import Limit

_MOST_NODES: Final = 400

_SPARED: Final = 1.0
"""What it costs to let stay what should go."""
_TOLD: Final = 0.6
_NEXT: Final = 0.2
"""What each package costs in a way out that an entry recommends, and what each later one costs more."""
_UNTOLD: Final = 1.5
_NEARLY_TOLD: Final = 0.5
"""What it costs beside to leave such an entry in another way, or by the same package."""


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

    def rank(self, goal: Goal) -> float:
        """
        Return what it costs, and is estimated to cost until the goal is reached.
        """
        return self.cost + goal.left(self.hits, self.picks, self.spared)


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
        self.scope = scope
        self.audit = audit
        self.limits = Limits(scope, lax=lax)
        self.visited = 0
        "How many nodes were looked at, in all runs."
        self._most = most
        self._choices: dict[NormalizedName, Choices] = {}

    def run(self, goal: Goal, limits: Sequence[Limit] = ()) -> tuple[Node, int]:
        """
        Search for the cheapest node without anything that must or should go.

        Args:
            goal: Tells of a hit whether it must or should go.
            limits: What must hold beside.

        Returns:
            The best node, and how many hits of it still must go.
        """
        start = self.within(self.root, limits)
        if start is None:
            return self.root, 1
        queue = [(0.0, 0, start)]
        pushed = 0
        last = self.visited + _MOST_NODES
        seen: set[object] = set()
        best, value = start, (len(start.hits) + 1, 0, 0.0)
        patience = goal.patience
        while queue and patience and self.visited < last:
            node = heapq.heappop(queue)[2]
            if node.unseen:
                hits = (*node.hits, *self.audit(node.environment, node.unseen))
                node = node._replace(hits=hits, unseen=())
                rank = node.rank(goal)
                if queue and rank > queue[0][0]:
                    pushed += 1
                    heapq.heappush(queue, (rank, pushed, node))
                    continue
            self.visited += 1
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
                    heapq.heappush(
                        queue,
                        (
                            child.cost + goal.left(child.hits, child.picks, child.spared),
                            pushed,
                            child,
                        ),
                    )
        return best, value[0]

    def _children(self, hit: Hit, node: Node, goal: Goal, *, spare: bool) -> Iterator[Node]:
        """Yield the parts into which a node falls where one hit is removed, or spared."""
        fixes = recommended(hit)
        told: set[NormalizedName] = set()
        for number, limits in enumerate(fixes):
            child = self.within(node, limits)
            if child is not None and child.unseen:
                told.update(child.unseen)
                yield child._replace(cost=node.cost + _TOLD * len(child.unseen) + _NEXT * number)
        # A warning is worth only what its entry recommends, an error whatever removes it.
        if goal.errors or not (spare and isinstance(hit.subject, Cause)):
            for limits, price in self.limits.ways_out(hit, node.environment):
                untold = _NEARLY_TOLD if limits[-1].package in told else _UNTOLD
                child = self.within(node, limits, price + (untold if fixes else 0.0))
                if child is not None:
                    yield child
        if spare:
            yield node._replace(cost=node.cost + _SPARED, spared=node.spared | {hit.id})

    def within(self, node: Node, limits: Sequence[Limit], price: float = 0.0) -> Node | None:
        """
        Return the part of a node that is within more limits; `None`: there is none.
        """
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
            fits = self.limits.judge(merged[name])
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
            self._choices[name] = Choices(self.scope, name)
        return self._choices[name]
