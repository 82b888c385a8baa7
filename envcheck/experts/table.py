"""
The form of `models.yaml`, and `models.json`, which is made of it so that a check reads no YAML.

After a change: `python -m envcheck.experts.table`.
"""

from __future__ import annotations

import os
from typing import Any, Final

from envcheck.experts.blocks import TABLE as COMPILED
from envcheck.matrix import table
from envcheck.matrix.kinds import (
    VERSION,
    Kind,
    list_of,
    matching,
    record,
    word,
)

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
    return table.read(TABLE, content, path)


def compiled() -> str:
    """
    Return what `models.json` has to hold: a model a line.

    Raises:
        MatrixError: Something in `models.yaml` is wrong.
    """
    return table.compiled(TABLE, SOURCE)


if __name__ == "__main__":
    made = compiled()
    with open(COMPILED, "w", encoding="utf-8") as output:
        output.write(made)
