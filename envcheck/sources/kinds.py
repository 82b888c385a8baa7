"""
The kinds of file that list packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from envcheck.sources import freeze, pip_list, report

if TYPE_CHECKING:
    from collections.abc import Container

    from packaging.utils import NormalizedName

    from envcheck.model import Environment


class Source(Protocol):
    """
    What a module of this folder offers to become a kind of file.
    """

    @property
    def NAME(self) -> str:  # noqa: N802
        """
        What the kind is called in messages.
        """

    def recognises(self, path: str, text: str) -> bool:
        """
        Tell whether this is such a file, from its contents rather than its name.
        """

    def read(
        self, path: str, text: str, tracked: Container[NormalizedName], python: str | None
    ) -> Environment:
        """
        Return the packages that the file lists.

        Raises:
            SourceError: It lists none.
        """


SOURCES: Final[tuple[Source, ...]] = (report, pip_list, freeze)
"In the order they are asked; the last takes every text that isn't JSON."
