"""
Problems of the environment itself: damaged, doubled or left-over distributions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from envcheck.checks import Hit
from envcheck.model import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName

    from envcheck.checks.protocol import Recheck
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Oddity

SEVERITY = {
    "duplicate": "warning",
    "shadowed": "warning",
    "unreadable": "warning",
    "leftover": "info",
    "unpinned": "info",
}
_TITLE = {
    "duplicate": "{subject} is installed more than once",
    "shadowed": "{subject} hides another installation",
    "unreadable": "{subject} can't be read",
    "leftover": "{subject} is left over from an interrupted installation",
    "unpinned": "{subject} names no exact version",
}


def hits(environment: Environment, matrix: Matrix) -> Iterator[Hit]:  # noqa: ARG001
    """
    Yield what was odd when the environment was read.
    """
    for oddity in environment.oddities:
        severity = SEVERITY.get(oddity.kind, "info")
        yield Hit(f"environment/{oddity.kind}", severity, True, oddity.packages, oddity)


def watch(matrix: Matrix) -> Recheck:
    """
    Prepare to look again: what is odd stays odd, whatever version a package has.
    """

    def again(environment: Environment, about: Collection[NormalizedName]) -> Iterator[Hit]:
        return (
            hit for hit in hits(environment, matrix) if any(name in about for name in hit.packages)
        )

    return again


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:  # noqa: ARG001
    """
    Put an oddity into words.
    """
    oddity = cast("Oddity", hit.subject)
    title = _TITLE.get(oddity.kind, "{subject} is odd").format(subject=oddity.subject)
    known = environment.packages
    return Finding(
        id=hit.id,
        kind="environment",
        severity=hit.severity,
        certainty="certain",
        packages={
            name: str(known[name].version)
            if name in known and known[name].version
            else environment.untracked.get(name)
            for name in oddity.packages
        },
        title=title,
        why=f"{oddity.detail}." if oddity.detail else "",
    )
