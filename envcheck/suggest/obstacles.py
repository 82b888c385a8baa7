"""
Why nothing removes what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.known_good import OUTSIDE
from envcheck.suggest.known_good import no_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.checks import Hit
    from envcheck.model import Environment
    from envcheck.suggest.advisor import Advisor
    from envcheck.suggest.limits import Limit
    from envcheck.suggest.search import Node, Search


def in_the_way(advisor: Advisor, miss: tuple[Search, Node] | None) -> Iterator[tuple[str, str]]:
    """
    Say of each error why nothing removes it, going by what is left in the best attempt.
    """
    errors = sorted(advisor.goal.ids) if advisor.goal.errors else []
    if miss is None:
        for identifier in (*errors, OUTSIDE):
            yield identifier, no_set(advisor)
        return
    search, node = miss
    left = [(hit.id, why_not(search, hit, node)) for hit in node.hits if hit.severity == "error"]
    for identifier in errors:
        reasons = [why for about, why in left if about == identifier]
        reasons = reasons or [f"without it {about} stays: {why}" for about, why in left]
        yield identifier, "; ".join(dict.fromkeys(reasons))


def why_not(search: Search, hit: Hit, node: Node) -> str:
    """
    Say why nothing removes a hit, and what else its entry advises.
    """
    reasons = [_stuck(search, limit, node) for limit in search.limits.exits(hit, node.environment)]
    if isinstance(hit.subject, Breach):
        reasons.insert(0, _said(hit, node.environment))
    elif isinstance(hit.subject, Cause):
        fixes = hit.subject.record().get("fixes", ())
        reasons += [f"the entry advises: {fix['advice']}" for fix in fixes if "advice" in fix]
        removed = [", ".join(fix["remove"]) for fix in fixes if "remove" in fix]
        reasons += [f"the entry advises to uninstall {each}" for each in removed]
    return "; ".join(reasons)


def _stuck(search: Search, limit: Limit, node: Node) -> str:
    """Say why a package can't move out of a hit."""
    name, keep = limit.package, search.scope.keep
    if name in keep:
        return f"{name} is to be kept"
    if not search.scope.matrix.releases(name):
        return f"no releases of {name} are known"
    moved = search.within(node, [limit])
    if moved is None:
        python = search.scope.environment.python
        text = f" for Python {python}" if python else ""
        return f"no other release of {name}{text} is free of it"
    hits = search.audit(moved.environment, moved.unseen)
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
