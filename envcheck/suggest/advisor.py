"""
The advisor: what suggestions are made from, and how one is made.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from envcheck.apply import command
from envcheck.known_good import OUTSIDE
from envcheck.model import Change, Suggestion
from envcheck.suggest.choices import Scope
from envcheck.suggest.goal import Goal, curable, half_done
from envcheck.suggest.search import Search
from envcheck.suggest.wording import direction, note

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.known_good import Candidate
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Options
    from envcheck.suggest.limits import Limit
    from envcheck.suggest.search import Node

    Audit = Callable[[Environment, Collection[NormalizedName] | None], list[Hit]]


class Advice(NamedTuple):
    """
    A suggestion, and what it lacks.
    """

    suggestion: Suggestion
    flaws: tuple[int, int]
    "How many warnings it brings in, and how many requirements of what it changes stay unmet."


class Advisor:
    """
    What suggestions are made from.
    """

    def __init__(
        self,
        matrix: Matrix,
        environment: Environment,
        options: Options,
        *,
        hits: Sequence[Hit],
        audit: Audit,
        candidates: Sequence[Candidate],
        outside: Callable[[Environment], str | None],
    ) -> None:
        """
        Prepare to advise.

        Args:
            hits: What is wrong with the environment.
            audit: What is wrong with any: everything, or that in which some packages take part.
            candidates: Known-good sets, nearest first.
            outside: How bad it is that an environment is none of its project's sets; `None`: it is one.
        """
        self.matrix = matrix
        self.environment = environment
        self.hits = hits
        self.audit = audit
        self.candidates = candidates
        self.outside = outside
        self.options = options
        self.is_outside = outside(environment)
        errors = frozenset(hit.id for hit in hits if hit.severity == "error")
        warnings = {hit.id for hit in hits if hit.severity == "warning"}
        self.goal = Goal(
            errors or frozenset(hit.id for hit in hits if curable(hit)),
            frozenset(warnings | {OUTSIDE} if self.is_outside else warnings),
            bool(errors),
        )

    def searching(
        self, directions: str, *, most: int | None = None, lax: bool = False, **more: Any
    ) -> Search:
        """
        Prepare a search, where packages may move in these directions.
        """
        scope = Scope(self.matrix, self.environment, directions, keep=self.options.keep, **more)
        return Search(scope, self.hits, self.audit, most=most, lax=lax)

    def advice(
        self,
        search: Search,
        bounds: Sequence[Limit] = (),
        settings: Mapping[str, str | None] | None = None,
        known_good: str | None = None,
    ) -> tuple[Advice | None, Node]:
        """
        Return the smallest change within bounds, and the node that came nearest to it.
        """
        node, must = search.run(self.goal, bounds)
        if must or not (node.picks or settings):
            return None, node
        return self.judged(node, settings or {}, known_good), node

    def judged(
        self, node: Node, settings: Mapping[str, str | None], known_good: str | None = None
    ) -> Advice | None:
        """
        Put a node without errors into words; `None`: it removes nothing, or not without making worse.
        """
        suggestion = self.worded(node, settings, known_good)
        worse = {*suggestion.remaining} - self.goal.warnings
        helps = self.goal.errors or (
            not worse and {*suggestion.resolves} & {*self.goal.ids, OUTSIDE}
        )
        if not helps or self.outside(node.environment) == "error":
            return None
        half = {
            hit.id
            for hit in node.hits
            if hit.id in suggestion.remaining and half_done(hit, node.picks)
        }
        return Advice(suggestion, (len(worse), len(half)))

    def worded(
        self,
        node: Node,
        settings: Mapping[str, str | None] = MappingProxyType({}),
        known_good: str | None = None,
    ) -> Suggestion:
        """
        Put a node without errors into words.
        """
        outside = self.outside(node.environment)
        left = {hit.id for hit in node.hits} | ({OUTSIDE} if outside else set())
        remaining = {hit.id for hit in node.hits if hit.severity == "warning"}
        remaining |= {OUTSIDE} if outside == "warning" else set()
        resolves = (
            {hit.id for hit in self.hits} | ({OUTSIDE} if self.is_outside else set())
        ) - left
        changes = tuple(
            Change(name, before.version if before else None, after.version if after else None)
            for name in sorted(node.picks)
            for before in [self.environment.packages.get(name)]
            for after in [node.environment.packages.get(name)]
        )
        return Suggestion(
            direction=direction(changes),
            changes=changes,
            settings=tuple(settings.items()),
            resolves=tuple(sorted(resolves)),
            remaining=tuple(sorted(remaining)),
            known_good=known_good,
            command=command(self.environment, changes) if changes else "",
            note=note(self.environment, changes),
        )
