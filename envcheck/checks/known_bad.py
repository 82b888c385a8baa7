"""
Combinations of versions and settings that the matrix knows to fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from envcheck import versions
from envcheck.checks import Hit
from envcheck.checks.conditions import judge
from envcheck.model import SEVERITIES, Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from packaging.utils import NormalizedName

    from envcheck.matrix import Matrix
    from envcheck.matrix.index import Index, Rule
    from envcheck.model import Environment

_OPTIONS = {"the DeepSpeed configuration": "--deepspeed-config FILE", "the model": "--model-config FILE"}


class Cause(NamedTuple):
    """
    The entry behind a hit, and which of its conditions are known.
    """

    layer: Index
    rule: Rule
    because: tuple[str, ...]
    unknown: tuple[str, ...]

    def record(self) -> Mapping[str, Any]:
        """
        Return the whole entry.
        """
        return cast("Mapping[str, Any]", self.layer.read(self.rule.place))


def hits(environment: Environment, matrix: Matrix, about: Collection[NormalizedName] | None) -> Iterator[Hit]:
    """
    Yield the entries whose conditions hold, or may hold as far as is known.

    An unknown fact lowers the severity by a step: what may be wrong is never an error.
    """
    packages = environment.packages
    for name in packages:
        for layer, rule in matrix.rules(name):
            if about is not None and not any(pin[0] in about for pin in rule.packages):
                continue
            certain: bool | None = True
            for pinned, specifier in rule.packages:
                package = packages.get(pinned)
                holds = False if package is None else versions.satisfies(package.version, specifier)
                if holds is False:
                    certain = False
                    break
                if holds is None:
                    certain = None
            if certain is False:
                continue
            outcome = judge(rule.facts, environment) if rule.facts else None
            if outcome is not None and outcome.holds is False:
                continue
            unknown = [*outcome.unknown] if outcome else []
            if certain is None:
                unknown += [
                    f"the version of {pin}: it matters if it is {specifier}"
                    for pin, specifier in rule.packages
                    if packages[pin].version is None and specifier
                ]
            severity = rule.severity
            if unknown:
                severity = SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
                if "gpu" in rule.facts and environment.gpu is None:
                    severity = "info"  # most people have another one
            cause = Cause(layer, rule, outcome.because if outcome else (), tuple(unknown))
            yield Hit(rule.id, severity, not unknown, tuple(pin[0] for pin in rule.packages), cause)


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:  # noqa: ARG001
    """
    Put an entry that hits into words.
    """
    cause = cast("Cause", hit.subject)
    record = cause.record()
    verify = ""
    if cause.unknown:
        options = [
            option
            for fact, option in _OPTIONS.items()
            if any(text.startswith(fact) for text in cause.unknown)
        ]
        verify = record.get("verify") or f"Look at {'; '.join(cause.unknown)}."
        if options:
            verify += f" (Give {' and '.join(options)}.)"
    return Finding(
        id=hit.id,
        kind="known-bad",
        severity=hit.severity,
        certainty="certain" if hit.certain else "needs-verification",
        packages={name: _installed(environment, name) for name in hit.packages},
        title=record["title"],
        why=" ".join(record["why"].split()),
        because=cause.because,
        verify=verify,
        silent=bool(record.get("silent")),
        evidence=tuple(item if isinstance(item, str) else item.get("url", "") for item in record["evidence"]),
    )


def _installed(environment: Environment, name: NormalizedName) -> str | None:
    version = environment.packages[name].version
    return str(version) if version else None
