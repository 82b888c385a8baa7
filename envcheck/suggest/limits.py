"""
Limits within which versions may be chosen, and which of them take a package out of what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.checks import requirements
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.model import SEVERITIES, Package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks import Hit
    from envcheck.model import Environment
    from envcheck.suggest.choices import Scope
    from envcheck.versions import Requirement

_GUESS: Final = 4.0
"""What it costs to go back to a release that admits too new a version of another package only because
nobody knew of that one yet."""


class Limit(NamedTuple):
    """
    What the version of a package must be in one part of a search.
    """

    package: NormalizedName
    kind: str
    """
    in, maybe, out: of a specifier | admits, refuses, otherwise: by what it requires of another one |
    gone: not installed
    """
    operand: str
    "A specifier | the severity from which on a breach counts | the requirement that it must not be."
    other: NormalizedName | None = None
    version: Version | None = None
    "Of the other package; `None`: not installed."


class Limits:
    """
    Tells what is within limits, and which ones lead out of a hit.
    """

    def __init__(self, scope: Scope, *, lax: bool = False) -> None:
        """
        Prepare to tell.

        Args:
            lax: Also leave requirements in breach, as far as that is no error.
        """
        self._scope = scope
        self._lax = lax
        self._fitting: dict[Limit, dict[int, bool]] = {}
        self._wants: dict[tuple[NormalizedName, Version | None], list[Requirement] | None] = {}

    def judge(self, limits: Iterable[Limit]) -> Callable[[int, Package | None], bool]:
        """
        Return what tells whether a package's choice of some number is within all of its limits.
        """
        judged = [(limit, self._fitting.setdefault(limit, {})) for limit in limits]

        def fits(number: int, package: Package | None) -> bool:
            for limit, known in judged:
                if number not in known:
                    known[number] = self._holds(limit, package)
                if not known[number]:
                    return False
            return True

        return fits

    def exits(self, hit: Hit, environment: Environment) -> list[Limit]:
        """
        Return for each package of a hit what takes it out of there.
        """
        subject = hit.subject
        if isinstance(subject, Cause):
            return [Limit(name, "out", specifier) for name, specifier in subject.rule.packages]
        if isinstance(subject, Breach):
            required = subject.requirement
            other = environment.packages.get(required.name)
            found = other.version if other else None
            admitted, counts = required.specifier, "warning"
            if self._lax and hit.severity == "error":
                admitted, counts = requirements.without_caps(admitted), "error"
            return [
                Limit(subject.package, "admits", counts, required.name, found),
                Limit(required.name, "in", admitted),
            ]
        return []

    def ways_out(self, hit: Hit, environment: Environment) -> Iterator[tuple[list[Limit], float]]:
        """
        Divide the combinations that are free of a hit, by the first package that is out of it.

        Yields:
            The limits of each part, and what it costs beside the changes.
        """
        exits = self.exits(hit, environment)
        if not isinstance(hit.subject, Breach):
            staying: list[Limit] = []
            for limit in exits:
                yield [*staying, limit], 0.0
                staying.append(limit._replace(kind="maybe"))
            return
        admits, inside = exits
        package = environment.packages[admits.package]
        if package.version and admits.version and _too_new(admits.version, inside.operand):
            here = f"<={versions.public(package.version)}"
            yield [admits, Limit(package.name, "out", here)], 0.0
            yield [admits, Limit(package.name, "in", here)], _GUESS
        else:
            yield [admits], 0.0
        refuses, outside = admits._replace(kind="refuses"), inside._replace(kind="out")
        yield [refuses, inside], 0.0
        # Or both move, the one to a release that requires something else of the other.
        wanted = "; ".join(map(str, self._wanted(package, inside.package) or ()))
        moves = [Limit(inside.package, "in", ""), outside]
        if admits.version:
            moves.append(outside._replace(operand=f"=={admits.version}"))
        yield [refuses, Limit(package.name, "otherwise", wanted, inside.package), *moves], 0.0

    def _holds(self, limit: Limit, package: Package | None) -> bool:
        kind = limit.kind
        if limit.other is None:
            if package is None or kind == "gone":
                return package is None and kind in {"gone", "out"}
            holds = versions.satisfies(package.version, limit.operand)
            return holds is True if kind == "in" else (holds is False) is (kind == "out")
        wanted = None if package is None else self._wanted(package, limit.other)
        if package is None or wanted is None:
            return False  # what isn't known is no way out
        if kind == "otherwise":
            return "; ".join(map(str, wanted)) != limit.operand
        other = {limit.other: Package(limit.other, limit.version)} if limit.version else {}
        environment = self._scope.environment._replace(packages=other)
        counts = SEVERITIES.index(limit.operand)
        breaches = (requirements.judged(package.name, each, environment) for each in wanted)
        admits = not any(hit and SEVERITIES.index(hit.severity) >= counts for hit in breaches)
        return admits is (kind == "admits")

    def _wanted(self, package: Package, other: NormalizedName) -> list[Requirement] | None:
        """Return what a package requires of another one; `None`: not known."""
        key = package.name, package.version
        if key not in self._wants:
            known = requirements.known(package, self._scope.matrix)
            wants = requirements.declared(package, self._scope.matrix)
            self._wants[key] = [*wants] if known else None
        found = self._wants[key]
        return None if found is None else [each for each in found if each.name == other]


def recommended(hit: Hit) -> list[list[Limit]]:
    """
    Return what the entry behind a hit recommends, as far as that is versions.
    """
    fixes = hit.subject.record().get("fixes", ()) if isinstance(hit.subject, Cause) else ()
    found = (pinned(fix.get("packages", ())) for fix in fixes)
    return [limits for limits in found if limits]


def pinned(texts: Iterable[str]) -> list[Limit]:
    """
    Return the limits that requirements are.
    """
    pins = map(versions.requirement, texts)
    return [Limit(pin.name, "in", pin.specifier) for pin in pins]


def _too_new(version: Version, specifier: str) -> bool:
    """Tell whether a version is refused only by upper bounds and pins of older ones."""
    left = ",".join(
        clause
        for clause in requirements.without_caps(specifier).split(",")
        if not (
            clause.startswith("==") and versions.contains(f">{clause[2:].rstrip('.*')}", version)
        )
    )
    return versions.contains(left, version)
