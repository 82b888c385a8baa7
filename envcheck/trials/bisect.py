"""
Finds the first bad release between a good and a bad one.

Halving takes for granted that all before it are good and all after it bad. That isn't so where a fault
was taken out and came back, so once an edge is found the other releases are tried as well: all, as far
as there are not too many, the nearest to the edge first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck import versions
from envcheck.clean import clip
from envcheck.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.matrix import Matrix

MOST: Final = 40
"""Releases that are tried at most, those of the search aside."""


def between(name: NormalizedName, good: str, bad: str, matrix: Matrix) -> list[str]:
    """
    Return the releases from the good one to the bad one, in this order; withdrawn ones are left out.

    Raises:
        UsageError: One is no version, or they are the same.
        SourceError: The package's releases aren't known.
    """
    ends = []
    for option, text in (("--good", good), ("--bad", bad)):
        found = versions.version(text)
        if found is None:
            raise UsageError(f"{option} {clip(text)}: not a version")
        ends.append(found)
    low, high = sorted(ends)
    if low == high:
        raise UsageError(f"--good and --bad are both {low}: there is nothing between them")
    published = {each.version for each in matrix.releases(name) if not each.yanked}
    if not published:
        published = _published(name)
    pre = any(each.is_prerelease for each in ends)
    inside = {each for each in published if low < each < high and (pre or not each.is_prerelease)}
    return [str(each) for each in sorted({*inside, *ends}, reverse=ends[0] > ends[1])]


def _published(name: NormalizedName) -> set[Version]:
    """Ask the index which releases there are."""
    unknown = SourceError(
        f"the releases of {name} are not known: `envcheck matrix refresh {name} --into DIR` asks the "
        "package index (it needs the extra `refresh`), and --matrix DIR reads them"
    )
    try:
        from envcheck.matrix.index_client import open_client
    except ImportError:
        raise unknown from None
    with open_client(None, 1) as client:
        found = {
            versions.version(file.version or "")
            for file in client.files(name)
            if not file.is_yanked
        }
    return {each for each in found if each is not None}


def following(outcomes: Sequence[str | None], width: int) -> list[int]:
    """
    Return the numbers of the releases to try next, `width` at most; none: it is done.

    Args:
        outcomes: Of each release `good`, `bad`, `unknown`, or `None`: not tried. The first and the last
            are tried before all others.
    """
    ends = [number for number in (0, len(outcomes) - 1) if outcomes[number] is None]
    if ends:
        return ends[:width]
    last, first = edge(outcomes)
    inside = [number for number in range(last + 1, first) if outcomes[number] is None]
    if inside:
        step = len(inside) / (width + 1)
        return sorted({inside[int(step * part)] for part in range(1, width + 1)})
    tried = sum(outcome is not None for outcome in outcomes)
    left = [number for number, outcome in enumerate(outcomes) if outcome is None]
    left.sort(key=lambda number: (abs(number - first), number))
    return sorted(left[: max(0, min(width, MOST - tried))])


def edge(outcomes: Sequence[str | None]) -> tuple[int, int]:
    """
    Return the numbers of the first bad release, as far as is known, and of the last good one before it.
    """
    first = next((n for n, outcome in enumerate(outcomes) if outcome == "bad"), len(outcomes))
    last = max((n for n, outcome in enumerate(outcomes[:first]) if outcome == "good"), default=-1)
    return last, first


def runs(outcomes: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """
    Return releases that follow one another and came to the same, as (outcome, releases).
    """
    found: list[tuple[str, list[str]]] = []
    for version, outcome in outcomes.items():
        if found and found[-1][0] == outcome:
            found[-1][1].append(version)
        else:
            found.append((outcome, [version]))
    return found
