"""
Whole texts kept as files: `UPDATE_GOLDEN=1 pytest` writes them anew, and the diff is what one reads.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """
    Compare a text with the golden file of that name.
    """
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        f"differs from {path}; UPDATE_GOLDEN=1 accepts it"
    )
