"""
Declared requirements among tracked packages that do not hold.

What an installed package's own metadata says counts first; where only versions are given, what the
release of that version declares.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, cast

from envcheck import versions
from envcheck.checks import Hit
from envcheck.known_good import CORE
from envcheck.model import Finding
from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks.protocol import Recheck
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Package
    from envcheck.versions import Requirement


_TRAINERS: Final = frozenset(
    (
        "axolotl",
        "datasets",
        "diffusers",
        "lightning",
        "llamafactory",
        "ms-swift",
        "nemo-toolkit",
        "openrlhf",
        "optimum",
        "pytorch-lightning",
        "sentence-transformers",
        "setfit",
        "torchtune",
        "unsloth",
        "unsloth-zoo",
        "verl",
        "xtuner",
    )
)
"""What drives the core of a stack, and reaches into it: such a package learned most of its caps from a
break. (Of the published sets none has such a cap broken; of vllm, which also only serves, some do.)"""


class Breach(NamedTuple):
    """
    A requirement that does not hold.
    """

    package: NormalizedName
    "The package that declares it."
    requirement: Requirement


def hits(environment: Environment, matrix: Matrix) -> Iterator[Hit]:
    """
    Yield the requirements that do not hold; a missing package only where the list is complete.
    """
    for name, package in environment.packages.items():
        for required in declared(package, matrix):
            hit = judged(name, required, environment)
            if hit is not None:
                yield hit


def watch(matrix: Matrix) -> Recheck:
    """
    Prepare to judge an environment again and again, after some of its packages have changed.
    """
    wanted: dict[
        tuple[NormalizedName, Version | None], dict[NormalizedName, list[Requirement]]
    ] = {}

    def again(environment: Environment, about: Collection[NormalizedName]) -> Iterator[Hit]:
        for name, package in environment.packages.items():
            wants = wanted.get((name, package.version))
            if wants is None:
                wants = wanted[name, package.version] = {}
                for required in declared(package, matrix):
                    wants.setdefault(required.name, []).append(required)
            for other in wants if name in about else about:
                for required in wants.get(other, ()):
                    hit = judged(name, required, environment)
                    if hit is not None:
                        yield hit

    return again


def judged(name: NormalizedName, required: Requirement, environment: Environment) -> Hit | None:
    """
    Evaluate one requirement of a package; `None`: it holds, or doesn't apply here.
    """
    other = environment.packages.get(required.name)
    if other is None:
        if required.extra or not environment.complete:
            return None
    elif versions.satisfies(other.version, required.specifier) is not False:
        return None
    holds = applies(required, environment)
    if holds is False:
        return None
    # Outside of the core of a training stack (an inference engine, a user interface) a broken promise
    # matters only to who uses that package; a newer release than was declared for often works; and a
    # marker that can't be judged may not even apply; what is bound for an extra was at least tested
    # within these bounds. An entry that knows better says so.
    doubts = (
        name not in CORE,
        name not in _TRAINERS
        and other is not None
        and _only_capped(required.specifier, other.version),
        holds is None,
        bool(required.extra),
    )
    severity = ("error", "warning", "info", "info", "info")[sum(doubts)]
    identifier = f"requirement/{name}/{required.name}"
    breach = Breach(name, required)
    return Hit(identifier, severity, bool(holds), (name, required.name), breach)


def applies(required: Requirement, environment: Environment) -> bool | None:
    """
    Tell whether a requirement's marker holds in an environment; `None`: can't be told.
    """
    return _applies(required.marker, environment.python, environment.platform)


@cache  # a search asks for the same few markers again and again
def _applies(marker: str, python: str | None, platform: str | None) -> bool | None:
    if not marker:
        return True
    from envcheck import markers  # few requirements have one

    return markers.holds(marker, python, platform)


def _only_capped(specifier: str, installed: Version | None) -> bool:
    """Tell whether nothing but an upper bound is broken: neither a floor, nor a pin, nor an exclusion."""
    return versions.satisfies(installed, without_caps(specifier)) is True


def without_caps(specifier: str) -> str:
    """
    Return a specifier without its upper bounds.
    """
    return ",".join(clause for clause in specifier.split(",") if not clause.startswith("<"))


def declared(package: Package, matrix: Matrix) -> Iterator[Requirement]:
    """
    Yield what a package requires of tracked packages, for the extras that are known too.
    """
    for text in _texts(package, matrix) or ():
        required = _split(text)
        if required is not None and required.name in matrix.tracked:
            yield required
    if package.version is not None:
        for extra, text in matrix.extras(package.name, versions.public(package.version)):
            yield versions.requirement(text)._replace(extra=extra)


def known(package: Package, matrix: Matrix) -> bool:
    """
    Tell whether it is known what a package requires.
    """
    return _texts(package, matrix) is not None


def _texts(package: Package, matrix: Matrix) -> tuple[str, ...] | None:
    if package.requires is not None or package.version is None:
        return package.requires
    return matrix.requires(package.name, versions.public(package.version))


def _split(text: str) -> Requirement | None:
    """Split a requirement; one of an extra, by address, or that no one can read, requires nothing here."""
    if "extra" in text and "extra" in text.partition(";")[2]:
        return None
    try:
        required = versions.requirement(text)
    except ValueError:
        return None
    return None if required.url else required


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:  # noqa: ARG001
    """
    Put a requirement that doesn't hold into words.
    """
    breach = cast("Breach", hit.subject)
    package = environment.packages[breach.package]
    other = environment.packages.get(breach.requirement.name)
    found = "it is not installed" if other is None else f"{other.version} is installed"
    wanted = f"{breach.requirement.name}{breach.requirement.specifier}"
    if breach.requirement.extra:
        wanted += f" for its extra {breach.requirement.extra}"
    source = "its metadata" if package.requires is not None else "its release on the package index"
    return Finding(
        id=hit.id,
        kind="requirement",
        severity=hit.severity,
        certainty="certain" if hit.certain else "needs-verification",
        packages={
            breach.package: str(package.version) if package.version else None,
            breach.requirement.name: str(other.version) if other and other.version else None,
        },
        title=f"{breach.package} {package.version or '(of unknown version)'} requires {wanted}, but {found}",
        why=f"Declared in {source}."
        + ("" if hit.severity == "error" else " It may work in spite of that."),
        verify="" if hit.certain else f"It applies where: {breach.requirement.marker}",
    )
