"""
What is wrong with how the run is going to be started: hostfile, launch scripts, accelerate's configuration.

No version of a package mends a file, so nothing here takes part in the search for suggestions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from envcheck import versions
from envcheck.checks import Hit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName

    from envcheck.checks.protocol import Recheck
    from envcheck.launch.judge import Releases
    from envcheck.launch.notes import Note
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding

_NAMES: Final = tuple(map(versions.normalize, ("deepspeed", "accelerate", "transformers")))
_TOLD: Final = 3
"Findings of one kind."


def hits(environment: Environment, matrix: Matrix) -> Iterator[Hit]:  # noqa: ARG001
    """
    Yield what is wrong, if it is known how the run is started.
    """
    if environment.hosts is None and environment.planned is None:
        return
    from collections import Counter

    from envcheck.launch import judge

    notes = list(judge.notes(environment.planned, environment.hosts, _releases(environment)))
    counts = Counter(note.finding.id for note in notes)
    told: Counter[str] = Counter()
    for note in notes:
        found = note.finding
        told[found.id] += 1
        if told[found.id] > _TOLD:  # of a file that is no hostfile, every line is wrong
            continue
        more = counts[found.id] - _TOLD
        if told[found.id] == _TOLD and more > 0:
            found = found._replace(because=(*found.because, f"and {more} more of this kind"))
        certain = found.certainty == "certain"
        names = tuple(found.packages)
        yield Hit(found.id, found.severity, certain, names, note._replace(finding=found))


def _releases(environment: Environment) -> Releases:
    from envcheck.launch import accelerate, agrees, judge
    from envcheck.launch.notes import Release

    packages = (environment.packages.get(name) for name in _NAMES)
    deepspeed, accelerate_, transformers = (each.version if each else None for each in packages)
    return judge.Releases(
        Release(deepspeed),
        accelerate.release(accelerate_),
        Release(transformers, agrees.NEWEST, "transformers"),
    )


def by_hand(hit: Hit) -> bool:
    """
    Tell whether what a hit is about has to be corrected, since no other version takes it.
    """
    return cast("Note", hit.subject).by_hand


def watch(matrix: Matrix) -> Recheck:  # noqa: ARG001
    """
    Prepare to look again: at nothing.
    """

    def again(
        environment: Environment,  # noqa: ARG001
        about: Collection[NormalizedName],  # noqa: ARG001
    ) -> Iterator[Hit]:
        return iter(())

    return again


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:  # noqa: ARG001
    """
    Return the finding of a note, with what to write instead.
    """
    from envcheck.clean import clip

    note = cast("Note", hit.subject)
    lines = (f"write: {clip(line)}" for line in note.instead.splitlines())
    return note.finding._replace(because=(*note.finding.because, *lines))
