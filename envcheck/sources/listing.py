"""
Packages from a list, collected one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from envcheck import versions
from envcheck.clean import clean, clip, without_secret
from envcheck.errors import SourceError
from envcheck.files import STDIN
from envcheck.model import Environment, Oddity, Package
from envcheck.sources import cuda

if TYPE_CHECKING:
    from collections.abc import Container

    from packaging.utils import NormalizedName

_MANY: Final = 50
"Unusable lines that are named one by one."
_VERSION_LENGTH: Final = 200
"Longer ones aren't versions, and would cost too much to find out."


class Listing:
    """
    What has been read of a list so far.
    """

    def __init__(self, path: str, tracked: Container[NormalizedName]) -> None:
        self.origin = "standard input" if path == STDIN else path
        self.tracked = tracked
        self.packages: dict[NormalizedName, Package] = {}
        self.untracked: dict[NormalizedName, str] = {}
        self.oddities: list[Oddity] = []
        self.skipped = 0

    def add(
        self, name: str, version: str, where: str, origin: str = "index", reference: str = ""
    ) -> None:
        """
        Add a package; one that is there already is replaced, and an oddity says so.
        """
        normal = versions.normalize(name)
        if normal not in self.tracked:
            self.untracked[normal] = version
            return
        parsed = versions.version(version) if 0 < len(version) <= _VERSION_LENGTH else None
        if version and parsed is None:
            self.odd("unreadable", where, f"{clip(version)} is no version by PEP 440", normal)
        package = Package(
            name=normal,
            version=parsed,
            location=where,
            origin=origin,
            reference=without_secret(reference),
        )
        earlier = self.packages.get(normal)
        if earlier is not None and (earlier.version, earlier.origin) != (parsed, origin):
            both = " and ".join(
                f"{each.version or 'an unknown version'} ({each.location})"
                for each in (earlier, package)
            )
            detail = f"it is listed twice, as {both}; the last is taken, but pip would refuse it"
            self.oddities.append(Oddity("duplicate", normal, detail, (normal,)))
        self.packages[normal] = package

    def odd(self, kind: str, where: str, detail: str, name: NormalizedName | None = None) -> None:
        """
        Note something unusable; after a good many, they are only counted.
        """
        if len(self.oddities) >= _MANY:
            self.skipped += 1
            return
        self.oddities.append(Oddity(kind, where, detail, () if name is None else (name,)))

    def environment(self, kind: str, python: str | None, expected: str) -> Environment:
        """
        Return what was collected.

        Raises:
            SourceError: That is nothing.
        """
        if not (self.packages or self.untracked):
            # Not what stands there: in a file of another kind that may be a secret.
            first = next((f" (first in doubt: {clean(odd.subject)})" for odd in self.oddities), "")
            raise SourceError(
                f"{clean(self.origin)} lists no package with a version{first}; expected {expected}"
            )
        if self.skipped:
            detail = f"{self.skipped} more lines can't be used"
            self.oddities.append(Oddity("unreadable", self.origin, detail))
        packages = {name: self.packages[name] for name in sorted(self.packages)}
        torch = packages.get(cast("NormalizedName", "torch"))
        return Environment(
            origin=self.origin,
            kind=kind,
            packages=packages,
            untracked=self.untracked,
            python=python,
            cuda=cuda.of_label(torch),
            rocm=cuda.rocm(torch),
            oddities=tuple(self.oddities),
        )
