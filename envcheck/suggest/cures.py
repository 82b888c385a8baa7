"""
What single entries recommend, each for itself.

Other suggestions remove all that is wrong at once, and avoid to bring in anything new. What an entry
recommends was seen to help, so it is told as well where it is something else:

- for an error, even where it brings in a warning, which it then names;
- for what hits only some people, if nothing is certainly wrong, under the condition that one has just
  this trouble. Whoever has it wants its cure, and the smallest one; to others it is of no use.

Where an entry knows two versions that cure, an older and a newer one as a rule, both are told: which of
them a person can take depends on what else they need, and that the entry can't know. If it knows more,
those go first that change the fewest packages here.

The report for people shows these only when asked for more (`-v`); a machine's has them always.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, cast

from envcheck import versions
from envcheck.checks.known_bad import Cause
from envcheck.model import SEVERITIES
from envcheck.suggest.goal import Goal
from envcheck.suggest.limits import pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envcheck.checks import Hit
    from envcheck.model import Change, Environment, Suggestion
    from envcheck.suggest.advisor import Advisor
    from envcheck.suggest.limits import Limit
    from envcheck.suggest.search import Search

_BOLD: Final = Goal(frozenset(), frozenset(), errors=True, bold=True)
_MOST_NODES: Final = 24
"""How many nodes are looked at for all of them together: a large environment has many notes."""
_MOST_WAYS: Final = 2
"""How many ways out of the same trouble are told."""


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
    for hit, limits in _ways(advisor):
        if search.visited >= _MOST_NODES:
            break
        suggestion = _smallest(advisor, search, hit, limits)
        if suggestion is None or suggestion.changes in others:
            continue
        known = found.get(suggestion.changes, suggestion)
        advised_by = {*known.advised_by, hit.id}
        known = known._replace(advised_by=tuple(sorted(advised_by)))
        if not errors:
            title = cast("Cause", hit.subject).record()["title"]
            titles = dict.fromkeys([*filter(None, [known.condition]), title])
            known = known._replace(condition="; or: ".join(titles))
        found[suggestion.changes] = known
    return [*found.values()]


def _ways(advisor: Advisor) -> Iterator[tuple[Hit, list[Limit]]]:
    """
    Yield what entries recommend: for what is worse first, then for what is certain.

    Nobody's second way goes before another's first, where both are as bad: there are only so many nodes.
    """
    told: dict[str, list[list[Limit]]] = {}
    hits = sorted(filter(_counts(advisor), advisor.hits), key=_weight)
    for _, equals in groupby(hits, key=lambda hit: hit.severity):
        of_these = [*equals]
        for number in range(_MOST_WAYS):
            for hit in of_these:
                if hit.id not in told:
                    told[hit.id] = _versions(cast("Cause", hit.subject), advisor.environment)
                ways = told[hit.id][number : number + 1]
                yield from ((hit, limits) for limits in ways if limits)


def _counts(advisor: Advisor) -> Callable[[Hit], bool]:
    """Return what tells whether a hit is one of an entry, and an error if there are any."""
    errors = advisor.goal.errors
    return lambda hit: (
        isinstance(hit.subject, Cause)
        and (hit.severity == "error") is errors
        and (hit.certain or not _refused(hit.subject))
    )


def _weight(hit: Hit) -> tuple[int, bool]:
    """What is worse, or certain, goes first."""
    return -SEVERITIES.index(hit.severity), not hit.certain


def _refused(cause: Cause) -> bool:
    """Tell whether it is about a key of the configuration being there: the first run names that key."""
    conditions = cause.rule.facts.get("deepspeed-config", {})
    return any("present" in wanted for wanted in conditions.values())


def _versions(cause: Cause, environment: Environment) -> list[list[Limit]]:
    """
    Return what an entry recommends as far as that is versions; an empty way for advice that it gives first.

    Who can follow advice is better off with it, so versions are a second way then. Where an entry would
    rather have a setting changed, that does (`envcheck explain` tells it), and no release of another
    year is called for.
    """
    fixes = cause.record().get("fixes", ())
    if not fixes or not {"packages", "advice"} & {*fixes[0]}:
        return []
    ways = [pinned(fix["packages"]) for fix in fixes if "packages" in fix]
    ways.sort(key=lambda limits: _changes(limits, environment))
    return [[], *ways] if "advice" in fixes[0] else ways


def _changes(limits: Iterable[Limit], environment: Environment) -> int:
    """Return how many packages have to change for a way out."""
    installed = environment.packages
    return sum(
        limit.package not in installed
        or versions.satisfies(installed[limit.package].version, limit.operand) is not True
        for limit in limits
    )


def _smallest(advisor: Advisor, search: Search, hit: Hit, limits: list[Limit]) -> Suggestion | None:
    """Return the smallest change within limits that removes a hit; `None`: there is none."""
    node, must = search.run(_BOLD, limits)
    if must or not node.picks or any(left.id == hit.id for left in node.hits):
        return None
    if advisor.outside(node.environment) == "error":
        return None
    return advisor.worded(node)
