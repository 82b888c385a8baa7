"""
Warnings against which a known-good set speaks.

A warning hits some people with these versions. Who published exactly them was not among those, or the
set would be another, and whoever does the same has little to fear: it is worth knowing, no more. What
raises nothing stays a warning, since they may not have noticed either (sets of LLaVA pin a DeepSpeed
that makes the loss 0 for a part of their users), unless its entry says that whoever uses the result
does notice. An error stays in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck import known_good
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.known_good import Candidate
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding


def about(
    hits: Iterable[Hit],
    candidates: Sequence[Candidate],
    environment: Environment,
    matrix: Matrix,
) -> dict[str, str]:
    """
    Return the ids of warnings against which a set speaks, with its id.
    """
    found: dict[str, str] = {}
    sets: list[tuple[str, frozenset[NormalizedName]]] | None = None
    for hit in hits:
        if hit.severity != "warning" or not isinstance(hit.subject, Cause | Breach):
            continue
        if sets is None:  # reading them is only worth it where there is a warning
            sets = known_good.vouching(candidates, environment, matrix)
        vouching = next((name for name, pinned in sets if pinned.issuperset(hit.packages)), None)
        if vouching is not None and not _unnoticed(hit):
            found[hit.id] = vouching
    return found


def _unnoticed(hit: Hit) -> bool:
    record = hit.subject.record() if isinstance(hit.subject, Cause) else {}
    return bool(record.get("silent")) and not record.get("noticed")


def lowered(hit: Hit, doubted: Container[str]) -> Hit:
    """
    Return a hit as it counts: a warning that is doubted is only worth knowing.
    """
    if hit.severity == "warning" and hit.id in doubted:
        return hit._replace(severity="info")
    return hit


def told(finding: Finding, vouching: str | None) -> Finding:
    """
    Add to a finding which set speaks against it.
    """
    if vouching is None or finding.severity != "info":
        return finding
    reason = f"in exactly these versions known-good in {vouching}, so not everybody is hit"
    return finding._replace(because=(*finding.because, reason))
