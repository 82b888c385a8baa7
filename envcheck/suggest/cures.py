"""
What single entries recommend, each for itself.

Other suggestions remove all that is wrong at once, and avoid to bring in anything new. What an entry
recommends was seen to help, so it is told as well where it is something else:

- for an error, even where it brings in a warning, which it then names;
- for what hits only some people, if nothing is certainly wrong, under the condition that one has just
  this trouble. Whoever has it wants its cure, and the smallest one; to others it is of no use.

The report for people shows these only when asked for more (`-v`); a machine's has them always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.checks.known_bad import Cause
from envcheck.model import SEVERITIES
from envcheck.suggest.goal import Goal
from envcheck.suggest.limits import pinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envcheck.checks import Hit
    from envcheck.model import Change, Suggestion
    from envcheck.suggest.advisor import Advisor
    from envcheck.suggest.search import Search

_BOLD: Final = Goal(frozenset(), frozenset(), errors=True, bold=True)
_MOST_NODES: Final = 32
"""How many nodes are looked at for all of them together: a large environment has many notes."""


def cures(advisor: Advisor, made: Iterable[Suggestion]) -> list[Suggestion]:
    """
    Return what entries recommend beside the suggestions that were made: for errors, else conditional.
    """
    if not advisor.options.in_full:
        return []
    errors = advisor.goal.errors
    search = advisor.searching("down up")
    others = {each.changes for each in made}
    found: dict[tuple[Change, ...], Suggestion] = {}
    for hit in sorted(advisor.hits, key=_weight):
        if search.visited >= _MOST_NODES:
            break
        if not isinstance(hit.subject, Cause) or (hit.severity == "error") is not errors:
            continue
        if not hit.certain and _refused(hit.subject):
            continue
        record = hit.subject.record()
        for suggestion in _recommended(advisor, search, hit, record):
            if suggestion.changes in others:
                continue
            known = found.get(suggestion.changes, suggestion)
            advised_by = {*known.advised_by, hit.id}
            found[suggestion.changes] = known._replace(advised_by=tuple(sorted(advised_by)))
            if not errors:
                titles = dict.fromkeys([*filter(None, [known.condition]), record["title"]])
                condition = "; or: ".join(titles)
                found[suggestion.changes] = found[suggestion.changes]._replace(condition=condition)
    return [*found.values()]


def _weight(hit: Hit) -> tuple[int, bool]:
    """What is worse, or certain, goes first."""
    return -SEVERITIES.index(hit.severity), not hit.certain


def _refused(cause: Cause) -> bool:
    """Tell whether it is about a key of the configuration being there: the first run names that key."""
    conditions = cause.rule.facts.get("deepspeed-config", {})
    return any("present" in wanted for wanted in conditions.values())


def _recommended(
    advisor: Advisor, search: Search, hit: Hit, record: Mapping[str, Any]
) -> Iterator[Suggestion]:
    """
    Yield what an entry recommends first, if that is versions.

    Where it would rather have a setting or a script changed, who has the trouble is better off with
    that (`envcheck explain` tells it) than with a release of another year.
    """
    for fix in record.get("fixes", ())[:1]:
        limits = pinned(fix.get("packages", ()))
        if not limits:
            continue
        node, must = search.run(_BOLD, limits)
        if must or not node.picks or any(left.id == hit.id for left in node.hits):
            continue
        if advisor.outside(node.environment) == "error":
            continue
        yield advisor.worded(node)
