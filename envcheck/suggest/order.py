"""
Which suggestions are made, and in what order.

Each is one set of changes, audited again. The nearest known-good set comes first where it is close,
then the smallest change in the preferred direction, then what else there is. One that brings in a
warning is only made where none without removes the errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.suggest.cures import cures
from envcheck.suggest.known_good import nearest_set
from envcheck.suggest.obstacles import in_the_way
from envcheck.suggest.removal import with_removal
from envcheck.suggest.settings import by_settings, without_idle_settings

if TYPE_CHECKING:
    from envcheck.model import Suggestion
    from envcheck.suggest.advisor import Advice, Advisor
    from envcheck.suggest.search import Node, Search

PREFERENCES: Final = {
    "downgrade": ("downgrade", "settings", "upgrade"),
    "upgrade": ("upgrade", "settings", "downgrade"),
    "fewest": ("settings", "downgrade", "upgrade"),
}
"""What `--prefer` puts first."""

_WORDS: Final = {"downgrade": "down", "upgrade": "up"}


def suggest(advisor: Advisor) -> tuple[tuple[Suggestion, ...], tuple[tuple[str, str], ...]]:
    """
    Return the suggestions, best first, and (finding id, what is in the way) where there is none.
    """
    found: list[Advice] = []
    miss = None
    if advisor.goal.ids and advisor.is_outside != "error":  # else only a known-good set helps
        found, miss = _smallest(advisor)
    if advisor.goal.ids or advisor.is_outside:
        known_good = nearest_set(advisor)
        found[:0] = [known_good] if known_good is not None else []
    flaws = min((each.flaws for each in found), default=None)
    found = [each for each in found if each.flaws == flaws]
    if advisor.goal.ids and advisor.is_outside != "error":
        found = with_removal(advisor, found)
    same: dict[object, Suggestion] = {}
    for each in found:
        same.setdefault((each.suggestion.changes, each.suggestion.settings), each.suggestion)
    suggestions = without_idle_settings([*same.values()])
    if advisor.options.prefer == "fewest":
        suggestions.sort(key=lambda each: (len(each.changes), each.known_good is not None))
    if suggestions or not (advisor.goal.errors or advisor.is_outside == "error"):
        return (*suggestions, *cures(advisor, suggestions)), ()
    return (), tuple(in_the_way(advisor, miss))


def _smallest(advisor: Advisor) -> tuple[list[Advice], tuple[Search, Node] | None]:
    """Return the smallest change of each kind, and what came nearest where there may be none."""
    found: list[Advice] = []
    for kind in PREFERENCES[advisor.options.prefer]:
        if kind == "settings":
            advice = by_settings(advisor)
        else:
            advice, _ = advisor.advice(advisor.searching(_WORDS[kind]))
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
    if fewest == 1 or (found and not advisor.goal.errors):
        return found, None
    words = "up down" if advisor.options.prefer == "upgrade" else "down up"
    search = advisor.searching(words, most=None if fewest is None else fewest - 1)
    advice, node = advisor.advice(search)
    if advice is not None:
        found.insert(min(1, len(found)), advice)
    if advisor.goal.errors and all(any(each.flaws) for each in found):
        search = advisor.searching(words, far=True, lax=True)
        advice, node = advisor.advice(search)
        found += [advice] if advice is not None else []
    return found, (search, node)
