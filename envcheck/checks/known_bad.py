"""
Combinations of versions and settings that the matrix knows to fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from envcheck import versions
from envcheck.checks import Hit
from envcheck.checks.conditions import Part, judge
from envcheck.model import Finding
from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from packaging.utils import NormalizedName

    from envcheck.checks.protocol import Recheck
    from envcheck.matrix import Matrix
    from envcheck.matrix.index import Index, Rule
    from envcheck.model import Environment


class Cause(NamedTuple):
    """
    The entry behind a hit, and which of its conditions are known.
    """

    layer: Index
    rule: Rule
    because: tuple[str, ...]
    unknown: tuple[Part, ...]

    def record(self) -> Mapping[str, Any]:
        """
        Return the whole entry.
        """
        return cast("Mapping[str, Any]", self.layer.read(self.rule.place))


def hits(environment: Environment, matrix: Matrix) -> Iterator[Hit]:
    """
    Yield the entries whose conditions hold, or may hold as far as is known.
    """
    for name in environment.packages:
        for layer, rule in matrix.rules(name):
            hit = judged(layer, rule, environment)
            if hit is not None:
                yield hit


def watch(matrix: Matrix) -> Recheck:
    """
    Prepare to judge an environment again and again, after some of its packages have changed.
    """
    naming: dict[NormalizedName, list[tuple[Index, Rule]]] = {}
    read: set[NormalizedName] = set()

    def again(environment: Environment, about: Collection[NormalizedName]) -> Iterator[Hit]:
        for name in environment.packages:
            if name not in read:
                read.add(name)
                for layer, rule in matrix.rules(name):
                    for pinned in dict.fromkeys(_named_in(rule)):
                        naming.setdefault(pinned, []).append((layer, rule))
        seen = set()
        for name in about:
            for layer, rule in naming.get(name, ()):
                if rule.id not in seen:
                    seen.add(rule.id)
                    hit = judged(layer, rule, environment)
                    if hit is not None:
                        yield hit

    return again


def judged(layer: Index, rule: Rule, environment: Environment) -> Hit | None:
    """
    Evaluate one entry; `None`: it doesn't hit.

    An unknown fact lowers the severity: what may be wrong is never an error.
    """
    packages = environment.packages
    for pinned, _ in rule.packages:  # first, since it costs least and settles most
        if pinned not in packages:
            return None
    unknown: list[Part] = []
    for pinned, specifier in rule.packages:
        holds = versions.satisfies(packages[pinned].version, specifier)
        if holds is False:
            return None
        if holds is None:
            unknown.append(Part(None, f"the version of {pinned}: it matters if it is {specifier}"))
    outcome = judge(rule.facts, environment)
    if outcome.holds is False:
        return None
    unknown += outcome.unknown
    severity = rule.doubtful if unknown else rule.severity
    cause = Cause(layer, rule, outcome.because, tuple(unknown))
    return Hit(rule.id, severity, not unknown, _named_in(rule), cause)


def _named_in(rule: Rule) -> tuple[NormalizedName, ...]:
    """Return the packages that take part in an entry: also those that must not be there."""
    return (*(pin[0] for pin in rule.packages), *rule.facts.get("absent", ()))


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:  # noqa: ARG001
    """
    Put an entry that hits into words.
    """
    cause = cast("Cause", hit.subject)
    record = cause.record()
    verify = _one_line(record.get("verify", ""))
    if cause.unknown:
        verify = verify or _one_line(f"Look at {'; '.join(part.text for part in cause.unknown)}.")
        options = dict.fromkeys(part.option for part in cause.unknown if part.option)
        if options:
            verify += f" (Give {' and '.join(options)}.)"
    elif hit.severity == "error":
        verify = ""  # there is nothing left to find out
    return Finding(
        id=hit.id,
        kind="known-bad",
        severity=hit.severity,
        certainty="certain" if hit.certain else "needs-verification",
        packages={
            name: _installed(environment, name)
            for name in hit.packages
            if name in environment.packages or environment.complete  # else: not known to be missing
        },
        title=record["title"],
        why=_one_line(record["why"]),
        because=(*cause.because, *_named(cause, environment)),
        verify=verify,
        silent=bool(record.get("silent")),
        evidence=tuple(
            item if isinstance(item, str) else item["url"]
            for item in record["evidence"]
            if isinstance(item, str) or "url" in item
        ),
        advice=tuple(
            _one_line(fix["advice"]) for fix in record.get("fixes", ()) if "advice" in fix
        ),
    )


def _named(cause: Cause, environment: Environment) -> tuple[str, ...]:
    """Say where a configuration comes from that nobody gave."""
    file = environment.settings_file
    if file is None or not file.named_by or "deepspeed-config" not in cause.rule.facts:
        return ()
    return (f"{file.path}, named in {file.named_by}",)


def _installed(environment: Environment, name: NormalizedName) -> str | None:
    package = environment.packages.get(name)
    return str(package.version) if package and package.version else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
