"""
Where a file is that a script names.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from envcheck import files
from envcheck.launch.expand import UNKNOWN

if TYPE_CHECKING:
    from envcheck.launch.expand import Text

_UP: Final = 3
"Folders above the script's own in which a relative name is looked for."


def is_file(text: str) -> bool:
    """
    Tell a file's name from a switch and from the word for a built-in one (`zero2`).
    """
    return text.lower().endswith((".json", ".hjson", ".conf", ".json5")) and "{" not in text


def located(name: Text, folder: str, of_script: str) -> tuple[str, bool]:
    """
    Look for a file that a script names.

    Returns:
        Its path, empty where there is none, and whether it is known where it has to be.
    """
    text = name.text.strip()
    if not text:
        return "", False
    start = folder if UNKNOWN not in folder else "."
    sure = name.sure and UNKNOWN not in folder and UNKNOWN not in text
    if UNKNOWN in text:
        text = text.rpartition(UNKNOWN)[2]
        if not text.startswith("/") or not is_file(text):
            return "", False
        text = text.lstrip("/")
    if text.startswith("~"):
        text = os.path.expanduser(text)
    for base in (
        start,
        of_script,
        *(os.path.join(of_script, *[".."] * up) for up in range(1, _UP + 1)),
    ):
        path = os.path.normpath(os.path.join(base, text))
        if len(path) < 4096 and "\0" not in path and os.path.isfile(path):
            return path if path != files.STDIN else os.path.join(".", path), sure
    return "", sure
