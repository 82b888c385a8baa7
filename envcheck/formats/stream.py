"""
Where a report for people goes: how wide it may be there, and whether in colour.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TextIO

from envcheck.formats.text import WIDTH, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envcheck.formats.text import Row

_NARROWEST: Final = 40
_WIDEST: Final = 120
"Longer lines of prose are hard to read."


def columns(to: TextIO) -> int:
    """
    Return how many columns prose may take: those of a terminal, within reason, else always the same.

    COLUMNS comes before what the terminal says of itself, which is 0 where nobody told it (a container,
    a recorded session).
    """
    if not to.isatty():
        return WIDTH
    said = os.environ.get("COLUMNS", "")
    try:
        found = int(said) if said.isdecimal() else 0
        found = found or os.get_terminal_size(to.fileno()).columns
    except (OSError, ValueError):
        found = 0
    return max(_NARROWEST, min(found or WIDTH, _WIDEST))


def coloured(wish: str, on_terminal: bool) -> bool:
    """
    Decide about colour: the option, then NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM, the stream.

    Source:
        no-color.org and CPython's own order; an empty variable counts as unset.
    """
    if wish != "auto":
        return wish == "always"
    environ = os.environ
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR") or environ.get("CLICOLOR_FORCE", "0") not in {"", "0"}:
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb":
        return False
    return on_terminal


def write(rows: Iterable[Row], to: TextIO, color: str) -> None:
    """
    Write rows, in colour or as plain text.

    Args:
        color: What the option `--color` says.
    """
    if coloured(color, to.isatty()):
        from envcheck.formats import terminal

        terminal.write(rows, to)
    else:
        to.write(plain(rows))
