"""
What a node of the search comes to, in words and as a command.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from envcheck import versions
from envcheck.apply import command
from envcheck.known_good import OUTSIDE
from envcheck.model import Change, Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envcheck.model import Environment
    from envcheck.suggest.advisor import Advisor
    from envcheck.suggest.search import Node


def worded(
    advisor: Advisor,
    node: Node,
    settings: Mapping[str, str | None] = MappingProxyType({}),
    known_good: str | None = None,
) -> Suggestion:
    """
    Put a node without errors into words.
    """
    outside = advisor.outside(node.environment)
    left = {hit.id for hit in node.hits} | ({OUTSIDE} if outside else set())
    remaining = {hit.id for hit in node.hits if hit.severity == "warning"}
    remaining |= {OUTSIDE} if outside == "warning" else set()
    resolves = (
        {hit.id for hit in advisor.hits} | ({OUTSIDE} if advisor.is_outside else set())
    ) - left
    changes = tuple(
        Change(name, before.version if before else None, after.version if after else None)
        for name in sorted(node.picks)
        for before in [advisor.environment.packages.get(name)]
        for after in [node.environment.packages.get(name)]
    )
    return Suggestion(
        direction=_direction(changes),
        changes=changes,
        settings=tuple(settings.items()),
        resolves=tuple(sorted(resolves)),
        remaining=tuple(sorted(remaining)),
        known_good=known_good,
        command=command(advisor.environment, changes) if changes else "",
        note=_note(advisor.environment, changes),
    )


def _direction(changes: Iterable[Change]) -> str:
    """Say where versions move; a package that is installed anew or removed moves nowhere."""
    up = {
        change.after > versions.public(change.before)
        for change in changes
        if change.before is not None and change.after is not None
    }
    if not up:
        installs = any(change.after is not None for change in changes)
        return "upgrade" if installs else "mixed" if changes else "settings"
    return "mixed" if len(up) > 1 else "upgrade" if up.pop() else "downgrade"


def _note(environment: Environment, changes: Iterable[Change]) -> str:
    """Say what an installer does that one might not expect."""
    copies, builds, gone = [], [], []
    for change in changes:
        if change.after is None:
            gone.append(change.package)
            continue
        package = environment.packages.get(change.package)
        if package is not None and package.origin != "index":
            copies.append(change.package)
        elif change.before is not None and change.before.local:
            builds.append(f"{change.package} {change.before}")
    notes = []
    if copies:
        notes.append(
            f"This takes releases in place of what was installed otherwise: {', '.join(copies)}."
        )
    if builds:
        notes.append(
            f"Builds of another index are in use: {', '.join(builds)}. "
            "Give that index too, to get the same kind."
        )
    if gone:
        notes.append(f"Only if nothing that is run here uses {' or '.join(gone)} by itself.")
    return " ".join(notes)
