"""
What is said of changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck import versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envcheck.model import Change, Environment


def direction(changes: Iterable[Change]) -> str:
    """
    Say where versions move; a package that is installed anew or removed moves nowhere.
    """
    up = {
        change.after > versions.public(change.before)
        for change in changes
        if change.before is not None and change.after is not None
    }
    if not up:
        installs = any(change.after is not None for change in changes)
        return "upgrade" if installs else "mixed" if changes else "settings"
    return "mixed" if len(up) > 1 else "upgrade" if up.pop() else "downgrade"


def note(environment: Environment, changes: Iterable[Change]) -> str:
    """
    Say what an installer does that one might not expect.
    """
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
