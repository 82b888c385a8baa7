"""
Which packages may be newer than the day as of which the others are resolved.

A set resolved today gets leaf packages it has never seen, so it is resolved as of its own day. What is
tried beside it may be newer, and then what *that* asks for has to be there too: nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck import versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.matrix import Matrix


def newer(
    requirements: Iterable[str],
    named: Iterable[NormalizedName],
    day: str,
    today: str,
    matrix: Matrix,
) -> dict[NormalizedName, str]:
    """
    Return the packages that get a later day, with that day.

    Args:
        requirements: All that is asked for.
        named: Those whose versions were named beside a set.
        day: The day of all the others.
        today: Up to when a package is looked at whose release isn't known.
    """
    found: dict[NormalizedName, str] = {}
    specifiers: dict[NormalizedName, str] = {}
    for text in requirements:
        asked = versions.requirement(text)
        specifiers[asked.name] = ",".join(
            filter(None, (specifiers.get(asked.name), asked.specifier))
        )
    unseen = [(name, specifiers.get(name, "")) for name in sorted(set(named))]
    while unseen:
        name, specifier = unseen.pop()
        known = [
            each for each in matrix.releases(name) if versions.contains(specifier, each.version)
        ]
        if name in found or any(each.date <= day and not each.yanked for each in known):
            continue
        if not known:
            # A package that the matrix doesn't know: only one that was named is let through.
            if name in named:
                found[name] = today
            continue
        first = min(known, key=lambda each: (each.yanked, each.date, each.version))
        found[name] = first.date
        unseen += _asked_by(name, first.version, specifiers, matrix)
    return found


def _asked_by(
    name: NormalizedName,
    version: Version,
    specifiers: dict[NormalizedName, str],
    matrix: Matrix,
) -> Iterable[tuple[NormalizedName, str]]:
    for text in matrix.requires(name, version) or ():
        asked = versions.requirement(text)
        if not asked.marker:
            yield (
                asked.name,
                ",".join(filter(None, (specifiers.get(asked.name), asked.specifier))),
            )
