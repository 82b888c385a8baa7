"""
A finding with its place in a file, and which rules a release of DeepSpeed has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from packaging.version import Version

from envcheck import versions
from envcheck.catalogue.known import check
from envcheck.clean import clip
from envcheck.model import Finding

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

NEWEST: Final = Version("0.19.8")
"""The newest release whose launcher was read; stands in where the version isn't known."""

_TITLES: Final = {"deepspeed": "DeepSpeed"}


class Note(NamedTuple):
    """
    A finding, with the line it is about and what to write instead.
    """

    finding: Finding
    place: str = ""
    "`FILE:LINE`, or the option; empty: it is about the whole."
    text: str = ""
    "What is written there. Untrusted."
    instead: str = ""
    by_hand: bool = True
    "No other version mends it."


class Release:
    """
    A release of DeepSpeed (or of accelerate), and whether it is one of those from a version on.
    """

    def __init__(
        self, version: Version | None, newest: Version = NEWEST, name: str = "deepspeed"
    ) -> None:
        self.known = version
        self.newer = version is not None and versions.public(version) > newest
        "It came after everything that was read, so that its rules are only likely to be the newest ones."
        self._version = newest if version is None or self.newer else versions.public(version)
        self._name = versions.normalize(name)

    def since(self, first: str) -> bool:
        """
        Tell whether it is this release or a later one.
        """
        return self._version >= Version(first)

    @property
    def packages(self) -> dict[NormalizedName, str | None]:
        """
        Return what a finding of it is about; nothing where the version isn't known.
        """
        return {self._name: str(self.known)} if self.known else {}

    @property
    def doubt(self) -> str:
        """
        Say why its rules aren't known for certain; empty: they are.
        """
        name = _TITLES.get(self._name, self._name)
        if self.known is None:
            return f"Which {name} reads it? That is how {self} does."
        return f"What is known of this ends with {name} {self}." if self.newer else ""

    def __str__(self) -> str:
        return str(self._version)


def note(
    identifier: str,
    severity: str,
    title: str,
    why: str = "",
    *,
    release: Release | None = None,
    place: str = "",
    text: str = "",
    instead: str = "",
    do: str | None = None,
    **more: Any,
) -> Note:
    """
    Make a note; what the finding doesn't say otherwise is certain and loud.

    Args:
        do: What to do, where it isn't what the table of checks says; empty: `why` says it.
    """
    about = check(identifier)
    why = f"{why} {about.do if do is None else do}".strip()
    because = tuple(filter(None, (place, clip(text) if text else "")))
    fields = {"certainty": "certain", "because": because, "evidence": about.source, **more}
    packages = release.packages if release else {}
    found = Finding(
        id=identifier,
        kind="configuration",
        severity=severity,
        packages=packages,
        title=title,
        why=why,
        **fields,
    )
    return Note(found, place, text, instead)
