"""
What the modules of this package offer; only type checkers import it, and who writes another one reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding


class Recheck(Protocol):
    """
    What finds the problems again after some packages have changed.
    """

    def __call__(
        self, environment: Environment, about: Collection[NormalizedName], /
    ) -> Iterator[Hit]:
        """
        Yield what is wrong in which one of these packages takes part.
        """


class Check(Protocol):
    """
    What a module in `CHECKS` offers.
    """

    def hits(self, environment: Environment, matrix: Matrix, /) -> Iterator[Hit]:
        """
        Yield what is wrong.
        """

    def watch(self, matrix: Matrix, /) -> Recheck:
        """
        Prepare to look again, many times: a search pays for what has changed, not for the environment.
        """

    def finding(self, hit: Hit, environment: Environment, matrix: Matrix, /) -> Finding:
        """
        Put a hit of this check into words.
        """
