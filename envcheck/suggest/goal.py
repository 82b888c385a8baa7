"""
What a search is after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit

MUST, SHOULD, MAY = 2, 1, 0
"""Whether a hit must go, should go, or may stay."""

_PATIENCE: Final = 60
_LESS_PATIENCE: Final = 15
_LEAST_PATIENCE: Final = 3
"""How far errors, warnings, and what single entries recommend (of which there are many) are pursued."""


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

    def left(
        self,
        hits: Iterable[Hit],
        picks: Mapping[NormalizedName, int],
        spared: Container[str] = frozenset(),
    ) -> float:
        """
        Estimate what it will cost to remove hits: those that share no package need a change each.
        """
        taken: set[NormalizedName] = set()
        cost = 0.0
        for hit in hits:
            if hit.severity == "info" or hit.id in spared or not taken.isdisjoint(hit.packages):
                continue
            if self.level(hit, picks):
                taken.update(hit.packages)
                cost += 0.1 if any(name in picks for name in hit.packages) else 1.1
        return cost


def half_done(hit: Hit, moved: Container[NormalizedName]) -> bool:
    """
    Tell whether a hit is a requirement that a package which has moved doesn't meet.
    """
    return isinstance(hit.subject, Breach) and any(name in moved for name in hit.packages)


def curable(hit: Hit) -> bool:
    """
    Tell whether a hit is a warning that calls for advice: at most one fact is missing to be certain.
    """
    if isinstance(hit.subject, Cause):
        return hit.severity == "warning" and len(hit.subject.unknown) < 2
    return hit.severity == "warning" and isinstance(hit.subject, Breach)
