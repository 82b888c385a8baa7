"""
The report for people, coloured: rich is imported here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console
from rich.text import Text
from rich.theme import Theme

from envcheck.formats.text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envcheck.formats.text import Row

# Only the terminal's own sixteen colours, bold and dim: readable on light and dark backgrounds alike.
_THEME: Final = Theme(
    {
        "label": "dim",
        "strong": "bold",
        "error": "bold red",
        "warning": "bold yellow",
        "info": "bold blue",
        "silent": "bold magenta",
        "verify": "cyan",
        "advice": "green",
        "link": "blue underline",
        "id": "dim",
        "command": "green",
        "known-bad": "bold red",
        "known-good": "bold green",
        "unknown": "bold yellow",
    },
    inherit=False,
)


def write(rows: Iterable[Row], to: TextIO) -> None:
    """
    Write rows with colours; texts are taken literally, never as markup.
    """
    console = Console(
        file=to, theme=_THEME, force_terminal=True, highlight=False, markup=False, emoji=False
    )
    for row in rows:
        console.print(Text.assemble(*harmless(row)), soft_wrap=True)
