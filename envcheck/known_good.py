"""
The known-good set nearest to an environment.

Only packages that are installed count: a set that also pins an unrelated data reader is none the
farther for it. A set from which a publisher has turned away (`withdrawn`) is never near.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from envcheck import versions
from envcheck.model import Difference, KnownGood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName

    from envcheck.matrix import Matrix
    from envcheck.model import Environment

CORE: Final = cast(
    "tuple[NormalizedName, ...]", ("torch", "transformers", "accelerate", "deepspeed", "peft", "trl")
)
"""The packages that make a training stack: a set can vouch for an environment only if it names
every one of these that is installed, and a difference in one of them weighs double."""

_SHARED_CORE = 2
"""A set that agrees on fewer core packages says nothing about this environment."""


class Candidate(NamedTuple):
    """
    A set and how far it is from the environment.
    """

    distance: float
    agreeing: int
    "Installed core packages on which the set agrees."
    number: tuple[int, int]
    covers: bool
    "The set names every installed core package."


def nearest(environment: Environment, matrix: Matrix, project: str | None) -> list[Candidate]:
    """
    Return the sets by distance, nearest first; with a project, only its own.
    """
    pinned: dict[tuple[int, int], list[float]] = {}
    for name, package in environment.packages.items():
        weight = 2.0 if name in CORE else 1.0
        for specifier, numbers in matrix.pins(name):
            agrees = versions.satisfies(package.version, specifier) is True
            for number in numbers:
                tally = pinned.setdefault(number, [0.0, 0, 0, 0])
                tally[0] += 0.0 if agrees else weight
                tally[1] += agrees
                if weight > 1:
                    tally[2] += 1
                    tally[3] += agrees
    own = None
    if project is not None:
        own = set((matrix.project(project) or {"numbers": ()})["numbers"])
    core = sum(1 for name in CORE if name in environment.packages)
    found = [
        Candidate(distance + 1.5 * (core - named), agreeing, number, named == core)
        for number, (distance, _, named, agreeing) in pinned.items()
        if (number in own if own is not None else agreeing >= _SHARED_CORE)
    ]
    # Of equally near sets the one that agrees on more, then the newest: numbers rise with time.
    found.sort(key=lambda each: (each.distance, -each.agreeing, (-each.number[0], -each.number[1])))
    return found


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
                differs.append(Difference(pin.name, None, pin.specifier))
        elif versions.satisfies(package.version, pin.specifier) is not True:
            installed = str(package.version) if package.version else "?"
            differs.append(Difference(pin.name, installed, pin.specifier.removeprefix("==")))
    suits = True
    if "python" in record and environment.python is not None:
        parsed = versions.version(environment.python)
        suits = parsed is not None and versions.contains(record["python"], parsed)
    exact = not differs and candidate.covers and suits
    return KnownGood(record["id"], exact, tuple(differs), tuple(record["evidence"])), record
