"""
The kinds of problem that are looked for: one module each, and one line in `audit.CHECKS`.

A check yields `Hit`s: what is wrong, without texts. Texts are read when a hit is shown, since a search
for a suggestion looks at thousands of hits and shows none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName

    from envcheck.checks.configuration import Fault
    from envcheck.checks.known_bad import Cause
    from envcheck.checks.requirements import Breach
    from envcheck.checks.unknown_release import Unknown
    from envcheck.launch.notes import Note
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding, Oddity


class Hit(NamedTuple):
    """
    One problem of one environment, before it is put into words.
    """

    id: str
    severity: str
    certain: bool
    packages: tuple[NormalizedName, ...]
    "Every package that takes part in it; empty for a hit about the environment as a whole."
    subject: Cause | Breach | Oddity | Fault | Note | Unknown
    "What the check needs to put it into words, and a search to remove it."


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
