"""
What is wrong with the DeepSpeed configuration, for the DeepSpeed that is installed.

What the matrix says of a setting in its own words isn't said again here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from envcheck import versions
from envcheck.checks import Hit
from envcheck.checks.known_bad import judged
from envcheck.model import SEVERITIES, Finding
from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks.protocol import Recheck
    from envcheck.deepspeed.consumers import Reader
    from envcheck.deepspeed.flaws import Flaw
    from envcheck.matrix import Matrix
    from envcheck.model import Environment

_DEEPSPEED: Final = versions.normalize("deepspeed")
_READERS: Final = (versions.normalize("transformers"), versions.normalize("accelerate"))
_EARLIER: Final = frozenset(
    {"auto-not-filled", "no-zero-section", "auto", "not-json", "repeated-key"}
)
"Flaws that the first reader decides about, not DeepSpeed."


class Fault(NamedTuple):
    """
    The flaw behind a hit.
    """

    flaw: Flaw
    verify: str
    "What to look at, where it isn't certain."


def hits(environment: Environment, matrix: Matrix) -> Iterator[Hit]:
    """
    Yield what is wrong with the configuration, if one is given.
    """
    if environment.deepspeed_config is None:
        return
    said = _Said(environment, matrix)
    for flaw, verify in _flaws(environment):
        if not said.covers(flaw):
            doubt = verify or (_shared(environment) if flaw.what == "batch-size" else "")
            severity = "warning" if doubt and flaw.severity == "error" else flaw.severity
            names = [_DEEPSPEED]
            if flaw.what in _EARLIER:
                names += _READERS
            installed = tuple(name for name in names if name in environment.packages)
            yield Hit(flaw.id, severity, not doubt, installed, Fault(flaw, doubt))


def _shared(environment: Environment) -> str:
    """Return the doubt about a number of processes that nobody has said to share the batch."""
    by = environment.world_size_from
    if not by:
        return ""
    planned = environment.planned
    if environment.reader not in {None, "deepspeed"} and (planned is None or planned.asked):
        return ""
    return f"Whether all of {by} share the batch: pipeline and tensor parallelism leave fewer."


def watch(matrix: Matrix) -> Recheck:
    """
    Prepare to look again: it depends on DeepSpeed, and on who reads the configuration before it.
    """

    def again(environment: Environment, about: Collection[NormalizedName]) -> Iterator[Hit]:
        if _DEEPSPEED in about or any(name in about for name in _READERS):
            for hit in hits(environment, matrix):
                if any(name in about for name in hit.packages):
                    yield hit

    return again


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:  # noqa: ARG001
    """
    Put a flaw into words.
    """
    from envcheck.catalogue.known import check

    fault = cast("Fault", hit.subject)
    flaw = fault.flaw
    return Finding(
        id=hit.id,
        kind="configuration",
        severity=hit.severity,
        certainty="certain" if hit.certain else "needs-verification",
        packages={name: _version(environment, name) for name in hit.packages},
        title=flaw.title,
        why=flaw.why,
        because=_place(environment, flaw.path),
        verify=fault.verify,
        silent=flaw.silent,
        evidence=check(hit.id).source,
    )


def _place(environment: Environment, path: str) -> tuple[str, ...]:
    file = environment.settings_file
    if file is None:
        return ()
    line = file.lines.get(path)
    by = f", named in {file.named_by}" if file.named_by else ""
    return (f"line {line} of {file.path}{by}",) if line else (f"{file.path}{by}",) if by else ()


def _version(environment: Environment, name: NormalizedName) -> str | None:
    version = environment.packages[name].version
    return str(version) if version else None


def reader(environment: Environment) -> Reader:
    """
    Tell who reads the configuration first.
    """
    from envcheck.deepspeed import consumers

    return consumers.reader(
        environment.deepspeed_config or {},
        environment.reader,
        {*environment.packages},
        complete=environment.complete,
    )


def _flaws(environment: Environment) -> Iterator[tuple[Flaw, str]]:
    """Yield flaws, and what to look at where one isn't certain."""
    from envcheck.deepspeed.grammar import NEWEST, OLDEST

    package = environment.packages.get(_DEEPSPEED)
    version = package.version if package else None
    if version is None:
        yield from _anywhere(environment)
        return
    older = version < cast("Version", versions.version(OLDEST))
    newer = versions.public(version) > cast("Version", versions.version(NEWEST))
    for flaw in _of(environment, version):
        verify = flaw.verify
        if older:
            verify = verify or f"What is known of configurations begins with DeepSpeed {OLDEST}."
        elif newer and flaw.what in {"unknown-key", "wrong-value"}:
            verify = verify or f"What is known of configurations ends with DeepSpeed {NEWEST}."
        yield flaw, verify


def _of(environment: Environment, version: Version) -> Iterator[Flaw]:
    from envcheck.deepspeed.examine import whole
    from envcheck.deepspeed.grammar import grammar

    config: dict[str, Any] = dict(environment.deepspeed_config or {})
    yield from whole(
        config,
        grammar(version),
        reader(environment),
        file=environment.settings_file,
        world_size=environment.world_size,
        cuda=environment.cuda,
    )


def _anywhere(environment: Environment) -> Iterator[tuple[Flaw, str]]:
    """Yield what is wrong for any release, and for some: which one it is isn't known."""
    from envcheck.deepspeed.grammar import boundaries

    steps = list(boundaries())
    found: dict[str, list[tuple[Version, Flaw]]] = {}
    for step in steps:
        for flaw in _of(environment, step):
            found.setdefault(flaw.id, []).append((step, flaw))
    for flaws in found.values():
        worst = max((flaw for _, flaw in flaws), key=lambda each: SEVERITIES.index(each.severity))
        hit = [step for step, flaw in flaws if flaw.severity == worst.severity]
        if len(hit) == len(steps):
            yield worst, worst.verify
        else:
            yield (
                worst,
                worst.verify
                or f"Which DeepSpeed is it? It matters if it is {_ranges(hit, steps)}.",
            )


def _ranges(hit: list[Version], steps: list[Version]) -> str:
    """Say between which releases something is so."""
    texts: list[str] = []
    start: Version | None = None
    for step in [*steps, None]:
        if step in hit and start is None:
            start = step
        elif step not in hit and start is not None:
            low = "" if start == steps[0] else f">={start}"
            high = "" if step is None else f"<{step}"
            texts.append(",".join(filter(None, (low, high))))
            start = None
    return " or ".join(texts)


class _Said:
    """
    What entries of the matrix say about settings of this configuration.
    """

    def __init__(self, environment: Environment, matrix: Matrix) -> None:
        self._environment = environment
        self._matrix = matrix
        self._paths: dict[str, str] | None = None

    def covers(self, flaw: Flaw) -> bool:
        """Tell whether an entry says as much of the same place."""
        if self._paths is None:
            self._paths = dict(self._said())
        severity = self._paths.get(flaw.path)
        return severity is not None and SEVERITIES.index(severity) >= SEVERITIES.index(
            flaw.severity
        )

    def _said(self) -> Iterator[tuple[str, str]]:
        for name in self._environment.packages:
            for layer, rule in self._matrix.rules(name):
                if "deepspeed-config" not in rule.facts:
                    continue
                hit = judged(layer, rule, self._environment)
                if hit is None or not hit.certain:
                    continue
                paths = set(rule.facts["deepspeed-config"])
                if hit.severity == "error":
                    for fix in layer.read(rule.place).get("fixes", ()):
                        paths |= set(fix.get("deepspeed-config", ()))
                for path in paths:
                    yield path, hit.severity
