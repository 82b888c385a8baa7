"""
The form of `keys.yaml`, and `keys.json`, which is made of it so that a check reads no YAML.

After a change: `python -m envcheck.deepspeed.table`.
"""

from __future__ import annotations

from typing import Final

from envcheck.deepspeed.grammar import TABLE as COMPILED
from envcheck.matrix.kinds import (
    FLAG,
    VERSION,
    list_of,
    mapping_of,
    matching,
    one_or_list,
    record,
    text,
    word,
)
from envcheck.matrix.table import Table

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
TABLE: Final = Table(list_of(SECTION), COMPILED)
"""The whole of `keys.yaml`."""


if __name__ == "__main__":
    TABLE.write()
