"""
Tables that are kept as YAML and shipped as the JSON made of it (`matrix.table`): a check reads no YAML.
"""

from __future__ import annotations

from typing import Any


def rows(path: str) -> list[dict[str, Any]]:
    """
    Return the rows of a table.
    """
    import json

    with open(path, encoding="utf-8") as file:
        found: list[dict[str, Any]] = json.load(file)
    return found
