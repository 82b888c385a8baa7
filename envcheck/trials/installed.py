"""
What is in the environment of a trial, and whether it agrees with itself: what `pip check` would say.

Metadata are read, nothing is imported.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from envcheck import versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName


def read(path: Iterable[str]) -> dict[NormalizedName, metadata.Distribution]:
    """
    Return the distributions in these folders; of a name, the one that Python finds first.
    """
    found: dict[NormalizedName, metadata.Distribution] = {}
    for folder in path:
        for each in metadata.distributions(path=[folder]):
            name = each.metadata["Name"]
            if name:
                found.setdefault(versions.normalize(name), each)
    return dict(sorted(found.items()))


def problems(
    found: Mapping[NormalizedName, metadata.Distribution], markers: Mapping[str, str]
) -> list[str]:
    """
    Return each declared requirement that doesn't hold, as a line.
    """
    lines = []
    for name, each in found.items():
        for text in each.requires or ():
            try:
                asked = Requirement(text)
                if asked.marker and not asked.marker.evaluate({**markers, "extra": ""}):
                    continue
            except InvalidRequirement:
                continue
            have = found.get(versions.normalize(asked.name))
            wants = f"{name} {each.version} requires {asked.name}{asked.specifier}"
            if have is None:
                lines.append(f"{wants}, which is not installed")
                continue
            try:
                holds = asked.specifier.contains(Version(have.version), prereleases=True)
            except InvalidVersion:
                continue
            if not holds:
                lines.append(f"{wants}, but {have.version} is installed")
    return lines
