"""
The form of `models.yaml`, and `models.json`, which is made of it so that a check reads no YAML.

After a change: `python -m envcheck.experts.table`.
"""

from __future__ import annotations

from typing import Final

from envcheck.experts.blocks import TABLE as COMPILED
from envcheck.matrix.kinds import (
    VERSION,
    list_of,
    matching,
    record,
    word,
)
from envcheck.matrix.table import Table

RUNS: Final = ("skipped", "all", "fused")
"""What a block does with experts that get no tokens."""

TABLE: Final = Table(
    list_of(
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
    ),
    COMPILED,
)
"""The whole of `models.yaml`."""


if __name__ == "__main__":
    TABLE.write()
