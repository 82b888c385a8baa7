"""
The advisor: which suggestions are made, and in what order.

Each is one set of changes, audited again. The nearest known-good set comes first where it is close,
then the smallest change in the preferred direction, then what else there is. One that brings in a
warning is only made where none without removes the errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.known_good import OUTSIDE
from envcheck.suggest.choices import Scope
from envcheck.suggest.cures import cures
from envcheck.suggest.goal import Goal, curable, half_done
from envcheck.suggest.known_good import nearest_set
from envcheck.suggest.obstacles import in_the_way
from envcheck.suggest.removal import with_removal
from envcheck.suggest.search import Search
from envcheck.suggest.settings import by_settings, without_idle_settings
from envcheck.suggest.wording import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.known_good import Candidate
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Options, Suggestion
    from envcheck.suggest.limits import Limit
    from envcheck.suggest.search import Node

    Audit = Callable[[Environment, Collection[NormalizedName] | None], list[Hit]]

PREFERENCES: Final = {
    "downgrade": ("downgrade", "settings", "upgrade"),
    "upgrade": ("upgrade", "settings", "downgrade"),
    "fewest": ("settings", "downgrade", "upgrade"),
}
"""What `--prefer` puts first."""

_WORDS: Final = {"downgrade": "down", "upgrade": "up"}


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

    def suggest(self) -> tuple[tuple[Suggestion, ...], tuple[tuple[str, str], ...]]:
        """
        Return the suggestions, best first, and (finding id, what is in the way) where there is none.
        """
        found: list[Advice] = []
        miss = None
        if self.goal.ids and self.is_outside != "error":  # else only a known-good set helps
            found, miss = self._smallest()
        if self.goal.ids or self.is_outside:
            known_good = nearest_set(self)
            found[:0] = [known_good] if known_good is not None else []
        flaws = min((each.flaws for each in found), default=None)
        found = [each for each in found if each.flaws == flaws]
        if self.goal.ids and self.is_outside != "error":
            found = with_removal(self, found)
        same: dict[object, Suggestion] = {}
        for each in found:
            same.setdefault((each.suggestion.changes, each.suggestion.settings), each.suggestion)
        suggestions = without_idle_settings([*same.values()])
        if self.options.prefer == "fewest":
            suggestions.sort(key=lambda each: (len(each.changes), each.known_good is not None))
        if suggestions or not (self.goal.errors or self.is_outside == "error"):
            return (*suggestions, *cures(self, suggestions)), ()
        return (), tuple(in_the_way(self, miss))

    def _smallest(self) -> tuple[list[Advice], tuple[Search, Node] | None]:
        """Return the smallest change of each kind, and what came nearest where there may be none."""
        found: list[Advice] = []
        for kind in PREFERENCES[self.options.prefer]:
            if kind == "settings":
                advice = by_settings(self)
            else:
                advice, _ = self.advice(self.searching(_WORDS[kind]))
            if advice is not None:
                found.append(advice)
        fewest = min(
            (
                len(each.suggestion.changes)
                for each in found
                if not (any(each.flaws) or each.suggestion.settings)
            ),
            default=None,
        )
        if fewest == 1 or (found and not self.goal.errors):
            return found, None
        words = "up down" if self.options.prefer == "upgrade" else "down up"
        search = self.searching(words, most=None if fewest is None else fewest - 1)
        advice, node = self.advice(search)
        if advice is not None:
            found.insert(min(1, len(found)), advice)
        if self.goal.errors and all(any(each.flaws) for each in found):
            search = self.searching(words, far=True, lax=True)
            advice, node = self.advice(search)
            found += [advice] if advice is not None else []
        return found, (search, node)

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
        suggestion = worded(self, node, settings, known_good)
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
