"""
The form of `keys.yaml`, and `keys.json`, which is made of it so that a check reads no YAML.

After a change: `python -m envcheck.deepspeed.table`.
"""

from __future__ import annotations

import os
from typing import Any, Final

from envcheck.deepspeed.grammar import TABLE as COMPILED
from envcheck.matrix import table
from envcheck.matrix.kinds import (
    FLAG,
    VERSION,
    Kind,
    list_of,
    mapping_of,
    matching,
    one_or_list,
    record,
    text,
    word,
)

_NUMBER = matching(r"-?\d+(\.\d+)?", "a number")
_PATH = matching(r"|[A-Za-z0-9_*]+(\.[A-Za-z0-9_*]+)*", "a dotted path")

FORM: Final = record(
    {"type": matching(r"[a-z-]+\??", "a type")},
    {
        "since": VERSION,
        "until": VERSION,
        "refused": VERSION,
        "deprecated": VERSION,
        "strict": FLAG,
        "needed": FLAG,
        "values": list_of(text(40)),
        "case": word("lower", "upper"),
        "at-least": _NUMBER,
        "above": _NUMBER,
        "at-most": _NUMBER,
        "below": _NUMBER,
        "stages": list_of(word("0", "1", "2", "3")),
        "instead": text(80),
        "field": text(80),
        "if": text(40),
        "auto": word("dropped"),
    },
)
SECTION: Final = record(
    {
        "section": _PATH,
        "reads": word("model", "mapping", "open"),
        "keys": mapping_of(text(80), one_or_list(FORM)),
    },
    {"since": VERSION, "until": VERSION, "auto": word("kept")},
)
TABLE: Final[Kind] = list_of(SECTION)
"""The whole of `keys.yaml`."""

SOURCE: Final = os.path.join(os.path.dirname(COMPILED), "keys.yaml")


def read(content: str, path: str) -> list[dict[str, Any]]:
    """
    Read the table.

    Raises:
        MatrixError: Something in it is wrong; every problem is listed.
    """
    return table.read(TABLE, content, path)


def compiled() -> str:
    """
    Return what `keys.json` has to hold: a section a line.

    Raises:
        MatrixError: Something in `keys.yaml` is wrong.
    """
    return table.compiled(TABLE, SOURCE)


if __name__ == "__main__":
    made = compiled()
    with open(COMPILED, "w", encoding="utf-8") as output:
        output.write(made)
