"""
Removal: what entries recommend to uninstall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck import versions
from envcheck.checks import requirements
from envcheck.checks.known_bad import Cause
from envcheck.suggest.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from packaging.utils import NormalizedName

    from envcheck.suggest.advisor import Advice, Advisor


def with_removal(advisor: Advisor, found: list[Advice]) -> list[Advice]:
    """
    Add what entries recommend to uninstall, behind the last that they recommend more.
    """
    ways, told = [], []
    for hit in advisor.hits:
        if hit.id in advisor.goal.ids and isinstance(hit.subject, Cause):
            fixes = hit.subject.record().get("fixes", ())
            ways += [frozenset(fix["remove"]) for fix in fixes if "remove" in fix]
            told += [fix["packages"] for fix in fixes if "packages" in fix]
    ways = [*dict.fromkeys(names for names in ways if removable(advisor, names))]
    together = frozenset().union(*ways)
    tries = [(names, False) for names in dict.fromkeys((*ways, together) if ways else ())]
    tries += [] if found else [(names, True) for names, _ in tries]
    for names, lax in tries:
        gone = [Limit(name, "gone", "") for name in sorted(names)]
        search = advisor.searching("down up", removable=names, far=lax, lax=lax)
        advice, _ = advisor.advice(search, gone)
        if advice is not None and (not found or advice.flaws <= found[0].flaws):
            at = max(
                (at for at, each in enumerate(found, 1) if _told(advisor, each, told)), default=0
            )
            return [*found[:at], advice, *found[at:]]
    return found


def _told(advisor: Advisor, advice: Advice, fixes: Iterable[Sequence[str]]) -> bool:
    """Tell whether an advice is of settings, or leads to a known-good set or to what is required."""
    after = {name: package.version for name, package in advisor.environment.packages.items()}
    after.update({change.package: change.after for change in advice.suggestion.changes})
    return bool(advice.suggestion.settings or advice.suggestion.known_good) or any(
        all(
            pin.name in after and versions.satisfies(after[pin.name], pin.specifier)
            for pin in map(versions.requirement, texts)
        )
        for texts in fixes
    )


def removable(advisor: Advisor, names: Collection[NormalizedName]) -> bool:
    """
    Tell whether packages are installed, need not be kept, and nothing else that is known requires them.
    """
    packages = advisor.environment.packages
    return all(name in packages and name not in advisor.options.keep for name in names) and not any(
        required.name in names and requirements.applies(required, advisor.environment) is not False
        for name, package in packages.items()
        if name not in names
        for required in requirements.declared(package, advisor.matrix)
    )
