"""
The known-good set nearest to an environment.

Only packages that are installed count: a set that also pins an unrelated data reader is none the
farther for it. A set from which a publisher has turned away (`withdrawn`) is never near.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from envcheck import versions
from envcheck.model import Difference, KnownGood
from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.matrix import Matrix
    from envcheck.model import Environment

OUTSIDE: Final = "project/outside-known-good"
"""The finding that an environment is none of its project's known-good sets."""

CORE: Final = cast(
    "tuple[NormalizedName, ...]",
    ("torch", "transformers", "accelerate", "deepspeed", "peft", "trl"),
)
"""The packages that make a training stack: a set can vouch for an environment only if it names
every one of these that is installed, and a difference in one of them weighs double."""

_LOOKED_AT: Final = 8

_SHARED_CORE: Final = 2
"""A set that agrees on fewer core packages, or on fewer than half of those that are installed, says
nothing about this environment."""


class Candidate(NamedTuple):
    """
    A set and how far it is from the environment.
    """

    distance: float
    agreeing: int
    "Installed core packages on which the set agrees."
    number: tuple[int, int]


def nearest(environment: Environment, matrix: Matrix, project: str | None) -> list[Candidate]:
    """
    Return the nearest sets, nearest first.

    With a project, only its own are considered. The core packages choose the few sets that are looked
    at in full: reading every set would cost more than all the rest of a check.
    """
    installed = environment.packages
    core = [name for name in CORE if name in installed]
    tallies: dict[tuple[int, int], list[int]] = {}
    for name in core:
        for specifier, numbers in matrix.pins(name):
            agrees = versions.satisfies(installed[name].version, specifier) is True
            for number in numbers:
                tally = tallies.setdefault(number, [0, 0])
                tally[0] += 1
                tally[1] += agrees
    enough = max(_SHARED_CORE, (len(core) + 1) // 2)
    own = (
        set((matrix.project(project) or {"numbers": ()})["numbers"])
        if project is not None
        else None
    )
    found = [
        Candidate(2.0 * (named - agreeing) + 1.5 * (len(core) - named), agreeing, number)
        for number, (named, agreeing) in tallies.items()
        if (number in own if own is not None else agreeing >= enough)
    ]
    found.sort(key=_nearness)
    # Every set that has the whole core: one of them may be these very versions.
    near = [each for rank, each in enumerate(found) if rank < _LOOKED_AT or not each.distance]
    return sorted((_in_full(each, environment, matrix) for each in near), key=_nearness)


def _nearness(candidate: Candidate) -> tuple[float, int, tuple[int, int]]:
    """Of equally near sets the one that agrees on more, then the newest: numbers rise with time."""
    layer, number = candidate.number
    return candidate.distance, -candidate.agreeing, (-layer, -number)


def _in_full(candidate: Candidate, environment: Environment, matrix: Matrix) -> Candidate:
    """Add to a candidate's distance what lies outside of the core."""
    differing = 0
    for text in matrix.known_good(candidate.number)["packages"]:
        pin = versions.requirement(text)
        package = environment.packages.get(pin.name)
        if package is not None and pin.name not in CORE:
            differing += versions.satisfies(package.version, pin.specifier) is not True
    return candidate._replace(distance=candidate.distance + differing)


def closest(
    candidates: Sequence[Candidate], environment: Environment, matrix: Matrix
) -> KnownGood | None:
    """
    Return the first set that is exactly these versions, else the nearest one; `None`: no set is near.
    """
    first = None
    for candidate in candidates:
        if first is not None and candidate.distance:
            break
        near, _ = compare(candidate, environment, matrix)
        if near.exact:
            return near
        first = first or near
    return first


def compare(
    candidate: Candidate, environment: Environment, matrix: Matrix
) -> tuple[KnownGood, Mapping[str, Any]]:
    """
    Return a set as a report shows it, and its record.
    """
    record = matrix.known_good(candidate.number)
    differs = []
    for text in record["packages"]:
        pin = versions.requirement(text)
        package = environment.packages.get(pin.name)
        if package is None:
            if pin.name in CORE:
                differs.append(Difference(pin.name, None, pin.specifier.removeprefix("==")))
        elif versions.satisfies(package.version, pin.specifier) is not True:
            installed = str(package.version) if package.version else "?"
            differs.append(Difference(pin.name, installed, pin.specifier.removeprefix("==")))
    near = KnownGood(record["id"], False, tuple(differs), tuple(record["evidence"]))
    return near._replace(exact=not differs and not _limits(record, environment)), record


def vouching(
    candidates: Sequence[Candidate], environment: Environment, matrix: Matrix
) -> list[tuple[str, frozenset[NormalizedName]]]:
    """
    Return the sets that contradict nothing that is installed, with the packages they can vouch for.

    Those are the ones pinned to exactly the installed version: somebody trained with these very
    versions together. A range only says what somebody thought would do.
    """
    found = []
    for candidate in candidates:
        near, record = compare(candidate, environment, matrix)
        if any(each.installed is not None for each in near.differs) or _wrong_python(
            record, environment
        ):
            continue
        pins = [versions.requirement(text) for text in record["packages"]]
        pinned = frozenset(pin.name for pin in pins if _exact(pin.specifier))
        found.append((near.id, pinned & environment.packages.keys()))
    return found


def limits(near: KnownGood, environment: Environment, matrix: Matrix) -> list[str]:
    """
    Say why a set can't vouch for an environment even where no version differs; empty: it can.
    """
    return _limits(matrix.record(near.id) or {"packages": ()}, environment)


def _limits(record: Mapping[str, Any], environment: Environment) -> list[str]:
    named = {versions.requirement(text).name for text in record["packages"]}
    found = [
        f"it says nothing of {name}, which is installed"
        for name in CORE
        if name in environment.packages and name not in named
    ]
    if _wrong_python(record, environment):
        found.append(f"it is for Python {record['python']}")
    return found


def _wrong_python(record: Mapping[str, Any], environment: Environment) -> bool:
    python = versions.version(environment.python) if environment.python else None
    return bool(python and "python" in record and not versions.contains(record["python"], python))


def _exact(specifier: str) -> bool:
    return specifier.startswith("==") and not {",", "*"} & {*specifier}
