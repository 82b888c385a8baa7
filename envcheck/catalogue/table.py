"""
The form of `checks.yaml`, and `checks.json`, which is made of it so that a check reads no YAML.

After a change: `python -m envcheck.catalogue.table`.
"""

from __future__ import annotations

from typing import Final

from envcheck.catalogue.known import TABLE as COMPILED
from envcheck.matrix.kinds import URL, list_of, matching, one_or_list, record, text, word
from envcheck.matrix.table import Table
from envcheck.model import SEVERITIES

_SOURCE: Final = list_of(URL, least=0)

TABLE: Final = Table(
    list_of(
        record(
            {
                "by": list_of(word("check", "config", "hostfile", "diagnose", "training")),
                "looks-at": text(120),
                "source": _SOURCE,
                "checks": list_of(
                    record(
                        {
                            "id": matching(r"[a-z0-9-]+(/[a-z0-9-]+)?", "an id"),
                            "title": text(120),
                            "severity": one_or_list(word(*SEVERITIES)),
                            "do": text(250),
                        },
                        {
                            "looks-at": text(120),
                            "source": _SOURCE,
                            "experiments": list_of(matching(r"[a-z]+", "a word"), least=0),
                        },
                    )
                ),
            },
            {},
        )
    ),
    COMPILED,
)
"""The whole of `checks.yaml`."""


if __name__ == "__main__":
    TABLE.write()
