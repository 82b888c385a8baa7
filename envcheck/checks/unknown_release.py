"""
Installed releases of which the matrix can know nothing: it is older than they are.

No entry is about them, and nobody has said that they work, so that nothing found says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from envcheck import versions
from envcheck.checks import Hit
from envcheck.model import UNKNOWN_RELEASE, Finding
from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks.protocol import Recheck
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Package


class Unknown(NamedTuple):
    """
    Packages that are installed in a release which the matrix doesn't know.
    """

    newer: tuple[NormalizedName, ...]
    "Newer than the newest known one."
    unlisted: tuple[NormalizedName, ...]
    "Not among the known ones, which go on after it: a build of somebody's own, or a deleted release."

    def said(self, environment: Environment, date: str) -> str:
        """
        Name them in one line.
        """
        parts = []
        if self.newer:
            parts.append(f"newer than this matrix ({date}): {_listed(self.newer, environment)}")
        if self.unlisted:
            parts.append(f"not among known releases: {_listed(self.unlisted, environment)}")
        return "; ".join(parts)


def _listed(names: tuple[NormalizedName, ...], environment: Environment) -> str:
    return ", ".join(f"{name} {environment.packages[name].version}" for name in names)


def hits(environment: Environment, matrix: Matrix) -> Iterator[Hit]:
    """
    Yield one hit about all such packages, if there are any; what a known-good set pins is known.
    """
    newer: list[NormalizedName] = []
    unlisted: list[NormalizedName] = []
    for name, package in environment.packages.items():
        version = package.version
        if version is None or not matrix.lists(name):
            continue
        if any(f" {version.public} " in listed for listed in matrix.lists(name)):
            continue
        # Beyond here is the rare case, which may cost what it does.
        known = {release.version for release in matrix.releases(name)}
        pinned = any(specifier == f"=={version.public}" for specifier, _ in matrix.pins(name))
        if not pinned and known.isdisjoint(_meaning(package, version)):
            (newer if version > max(known) else unlisted).append(name)
    if newer or unlisted:
        found = Unknown(tuple(newer), tuple(unlisted))
        yield Hit(UNKNOWN_RELEASE, "info", False, (*found.newer, *found.unlisted), found)


def _meaning(package: Package, version: Version) -> Iterator[Version]:
    """Yield the releases that an installed version is, or is a build of."""
    yield versions.public(version)
    # What conda packages it numbers by builds: 2.5.1.post303.
    if version.is_prerelease or (version.is_postrelease and package.installer == "conda"):
        base = versions.version(version.base_version)
        if base is not None:
            yield base


def watch(matrix: Matrix) -> Recheck:
    """
    Prepare to look again.
    """

    def again(environment: Environment, about: Collection[NormalizedName]) -> Iterator[Hit]:
        return (
            hit for hit in hits(environment, matrix) if any(name in about for name in hit.packages)
        )

    return again


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:
    """
    Put it into words.
    """
    found = cast("Unknown", hit.subject)
    said = found.said(environment, matrix.about()["date"])
    return Finding(
        id=hit.id,
        kind="environment",
        severity=hit.severity,
        certainty="needs-verification",
        packages={name: str(environment.packages[name].version) for name in hit.packages},
        title=said[:1].upper() + said[1:],
        why="That nothing is known against them means nothing: they are not known.",
        verify="Look for reports about them, or whether a newer envcheck or matrix knows them.",
    )
