"""
The kinds of problem that are looked for: one module each (see `protocol`), and one line in `audit.CHECKS`.

A check yields `Hit`s: what is wrong, without texts. Texts are read when a hit is shown, since a search
for a suggestion looks at thousands of hits and shows none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from envcheck.checks.configuration import Fault
    from envcheck.checks.known_bad import Cause
    from envcheck.checks.requirements import Breach
    from envcheck.checks.unknown_release import Unknown
    from envcheck.launch.notes import Note
    from envcheck.model import Oddity


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
