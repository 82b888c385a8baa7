"""
A table that is kept as YAML and read as JSON, since a check reads no YAML.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from envcheck.errors import MatrixError
from envcheck.matrix import strict_yaml
from envcheck.matrix.kinds import Problems

if TYPE_CHECKING:
    from envcheck.matrix.kinds import Kind
    from envcheck.matrix.texts import Problem


class Table(NamedTuple):
    """
    The two files of a table, which lie beside each other.
    """

    form: Kind
    json: str
    "What a check reads (`envcheck.compiled.rows`)."

    @property
    def source(self) -> str:
        """
        Return the path of the file that people write.
        """
        return f"{self.json.removesuffix('.json')}.yaml"

    def read(self, content: str, path: str) -> list[dict[str, Any]]:
        """
        Read the YAML of such a table.

        Raises:
            MatrixError: Something in it is wrong; every problem is listed.
        """
        problems: list[Problem] = []
        node = strict_yaml.parse(content, path, problems)
        data: list[dict[str, Any]] = []
        if node is not None:
            data = self.form.read(node, Problems(path, problems))
        if problems:
            raise MatrixError(tuple(str(problem) for problem in sorted(problems)))
        return data

    def compiled(self) -> str:
        """
        Return what the JSON file has to hold: a row a line.

        Raises:
            MatrixError: Something in the YAML is wrong.
        """
        with open(self.source, encoding="utf-8") as file:
            rows = self.read(file.read(), self.source)
        lines = (json.dumps(row, separators=(",", ":")) for row in rows)
        return "[\n" + ",\n".join(lines) + "\n]\n"

    def write(self) -> None:
        """
        Make the JSON file of the YAML.
        """
        made = self.compiled()
        with open(self.json, "w", encoding="utf-8") as output:
            output.write(made)
