"""
The way to the nearest known-good set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.known_good import CORE, compare, limits
from envcheck.suggest.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.model import Environment
    from envcheck.suggest.advisor import Advice, Advisor

_CLOSE: Final = 4
"""A known-good set is close if at most so many packages have to move to reach it."""
_SETS_TRIED: Final = 3


def nearest_set(advisor: Advisor) -> Advice | None:
    """
    Return the way to the nearest known-good set, where it is close and cures the goal.
    """
    most = _CLOSE if advisor.options.project is None else None
    for candidate in advisor.candidates[:_SETS_TRIED]:
        near, record = compare(candidate, advisor.environment, advisor.matrix)
        if near.exact or not _suits(record, advisor.environment):
            continue
        pins = [versions.requirement(text) for text in record["packages"]]
        bounds = [Limit(pin.name, "in", pin.specifier) for pin in pins if _bound(advisor, pin.name)]
        exists = {pin.name: _exact(pin.specifier) for pin in pins}
        search = advisor.searching(
            "down up", exists=exists, most=most, far=advisor.options.project is not None
        )
        advice, _ = advisor.advice(search, bounds, known_good=near.id)
        if advice is not None:
            return advice
    return None


def _suits(record: Mapping[str, Any], environment: Environment) -> bool:
    text = environment.python
    python = versions.version(text) if text else None
    return python is None or "python" not in record or versions.contains(record["python"], python)


def _bound(advisor: Advisor, name: NormalizedName) -> bool:
    """Tell whether a set's word on a package counts: it is installed, or its absence would show."""
    if name in advisor.environment.packages:
        return True
    shows = advisor.environment.complete or advisor.is_outside == "error"
    return name in CORE and advisor.options.project is not None and shows


def no_set(advisor: Advisor) -> str:
    """
    Say why no known-good set of the project can be reached.
    """
    if not advisor.candidates:
        return f"no set of {advisor.options.project} shares a core package with this environment"
    near, _ = compare(advisor.candidates[0], advisor.environment, advisor.matrix)
    reasons = limits(near, advisor.environment, advisor.matrix)
    reasons += [
        f"{each.package} is to be kept"
        for each in near.differs
        if each.package in advisor.options.keep
    ]
    return f"the nearest set is {near.id}: {'; '.join(reasons) or 'going to it leaves errors'}"


def _exact(specifier: str) -> Version | None:
    """Return the version of an exact pin."""
    pinned = specifier.startswith("==") and "," not in specifier
    return versions.version(specifier[2:]) if pinned else None
