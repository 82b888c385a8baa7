"""
The form of `models.yaml`, and `models.json`, which is made of it so that a check reads no YAML.

After a change: `python -m envcheck.experts.table`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from envcheck.errors import MatrixError
from envcheck.experts.blocks import TABLE as COMPILED
from envcheck.matrix import strict_yaml
from envcheck.matrix.kinds import (
    VERSION,
    Kind,
    Problems,
    list_of,
    matching,
    record,
    word,
)

if TYPE_CHECKING:
    from envcheck.matrix.texts import Problem

RUNS: Final = ("skipped", "all", "fused")
"""What a block does with experts that get no tokens."""

TABLE: Final[Kind] = list_of(
    record(
        {
            "types": list_of(matching(r"[A-Za-z0-9_.-]+", "a model_type")),
            "releases": list_of(
                record(
                    {"since": VERSION},
                    {
                        "blocks": list_of(matching(r"[A-Za-z_]\w*", "the name of a class")),
                        "run": word(*RUNS),
                    },
                )
            ),
        },
        {"experts": matching(r"[1-9]\d*", "a number"), "leaf": VERSION},
    )
)
"""The whole of `models.yaml`."""

SOURCE: Final = os.path.join(os.path.dirname(COMPILED), "models.yaml")


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


def compiled() -> str:
    """
    Return what `models.json` has to hold: a model a line.

    Raises:
        MatrixError: Something in `models.yaml` is wrong.
    """
    with open(SOURCE, encoding="utf-8") as file:
        models = read(file.read(), SOURCE)
    lines = (json.dumps(model, separators=(",", ":")) for model in models)
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    made = compiled()
    with open(COMPILED, "w", encoding="utf-8") as output:
        output.write(made)
