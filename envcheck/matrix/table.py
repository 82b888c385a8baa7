"""
A table that is kept as YAML and read as JSON, since a check reads no YAML.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envcheck.errors import MatrixError
from envcheck.matrix import strict_yaml
from envcheck.matrix.kinds import Problems

if TYPE_CHECKING:
    from envcheck.matrix.kinds import Kind
    from envcheck.matrix.texts import Problem


def read(form: Kind, content: str, path: str) -> list[dict[str, Any]]:
    """
    Read a table of this form.

    Raises:
        MatrixError: Something in it is wrong; every problem is listed.
    """
    problems: list[Problem] = []
    node = strict_yaml.parse(content, path, problems)
    data: list[dict[str, Any]] = [] if node is None else form.read(node, Problems(path, problems))
    if problems:
        raise MatrixError(tuple(str(problem) for problem in sorted(problems)))
    return data


def compiled(form: Kind, source: str) -> str:
    """
    Return the JSON of a table's file: a row a line.

    Raises:
        MatrixError: Something in the file is wrong.
    """
    with open(source, encoding="utf-8") as file:
        rows = read(form, file.read(), source)
    lines = (json.dumps(row, separators=(",", ":")) for row in rows)
    return "[\n" + ",\n".join(lines) + "\n]\n"
