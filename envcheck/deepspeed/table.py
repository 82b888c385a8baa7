"""
The form of `keys.yaml`, and how it is read; only where the user's cache hasn't what comes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.errors import MatrixError
from envcheck.matrix import strict_yaml
from envcheck.matrix.kinds import (
    FLAG,
    VERSION,
    Kind,
    Problems,
    list_of,
    mapping_of,
    matching,
    one_or_list,
    record,
    text,
    word,
)

if TYPE_CHECKING:
    from envcheck.matrix.texts import Problem

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


def read(content: str, path: str) -> list[dict[str, Any]]:
    """
    Read the table.

    Raises:
        MatrixError: Something in it is wrong; every problem is listed.
    """
    problems: list[Problem] = []
    node = strict_yaml.parse(content, path, problems)
    data: list[dict[str, Any]] = [] if node is None else TABLE.read(node, Problems(path, problems))
    if problems:
        raise MatrixError(tuple(str(problem) for problem in sorted(problems)))
    return data
