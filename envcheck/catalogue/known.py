"""
What is known of a check, by the id of what it says.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.compiled import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checks.json")


class Check(NamedTuple):
    """
    One thing that a check can say.
    """

    id: str
    title: str
    looks_at: str
    severities: tuple[str, ...]
    "Those that it has where everything is known, the usual one first."
    do: str
    source: tuple[str, ...]
    by: tuple[str, ...]
    "check | config | hostfile | diagnose | training: who says it"
    experiments: tuple[str, ...] = ()
    "What decides, by its name in `diagnose.proof`."


@cache
def every() -> Mapping[str, Check]:
    """
    Return all checks by their ids, in the order of the table.
    """
    return {
        row["id"]: Check(
            id=row["id"],
            title=row["title"],
            looks_at=row.get("looks-at", group["looks-at"]),
            severities=tuple(row["severity"]),
            do=row["do"],
            source=tuple(row.get("source", group["source"])),
            by=tuple(group["by"]),
            experiments=tuple(row.get("experiments", ())),
        )
        for group in rows(TABLE)
        for row in group["checks"]
    }


def known(identifier: str) -> Check | None:
    """
    Return the check that gives findings of an id, of which the first parts tell; `None`: none does.

    >>> known("configuration/unknown-key/zero_optimization.foo").id
    'configuration/unknown-key'
    """
    parts = identifier.split("/")
    return every().get("/".join(parts[:2])) or every().get(parts[0])


def check(identifier: str) -> Check:
    """
    Return what is known of a check to the check itself.

    Raises:
        KeyError: It isn't in the table.
    """
    found = known(identifier)
    if found is None:
        raise KeyError(identifier)
    return found
