"""
What a check says of the versions of a cell, and whether that is what became of it.

Nothing but versions, Python and platform counts, so that what depends on a GPU or a model is never
certain. A stage of DeepSpeed is a configuration, too: what broke in it is judged with that one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.checks import known_bad, requirements
from envcheck.model import Environment, Package
from envcheck.sources import cuda
from envcheck.trials.sheet import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.trials.record import Record

BEFORE_ANY_RUN: Final = frozenset(("resolve", "install"))
"""Stages whose failure says nothing of how the versions run together."""
_ZERO: Final = re.compile(r"deepspeed-(\d)(?:-two)?")
_EXPERTS: Final = {"moe-split": 2, "moe-unsplit": 2, "moe-stage-3": 3}


def environment(record: Record, matrix: Matrix) -> Environment:
    """
    Return the environment of a cell, with what broke in it: all that was there, and nothing else was.
    """
    found = record.packages
    if not found:
        pins = map(exact, (*record.base, *record.asked))
        found = dict(pin for pin in pins if pin is not None)
    packages: dict[NormalizedName, Package] = {}
    untracked: dict[NormalizedName, str] = {}
    for text, version in sorted(found.items()):
        name = versions.normalize(text)
        if name in matrix.tracked:
            packages[name] = Package(name, versions.version(version))
        else:
            untracked[name] = version
    torch = packages.get(versions.normalize("torch"))
    return Environment(
        origin="",
        kind="freeze",
        packages=packages,
        untracked=untracked,
        complete=bool(record.packages),
        python=record.python,
        platform=record.platform.partition("-")[0],
        cuda=cuda.of_label(torch),
        rocm=cuda.rocm(torch),
        deepspeed_config=_configuration(record.broken.stage) if record.broken else None,
        world_size=2 if record.broken and record.broken.stage.endswith("-two") else None,
    )


def _configuration(stage: str) -> Mapping[str, Any] | None:
    """Return the part of the configuration that makes this stage what it is; `None`: it isn't DeepSpeed's."""
    found = _ZERO.fullmatch(stage)
    if found:
        return {"zero_optimization": {"stage": int(found[1])}}
    if stage in _EXPERTS:
        return {"zero_optimization": {"stage": _EXPERTS[stage]}}
    return None


def hits(record: Record, matrix: Matrix) -> list[Hit]:
    """
    Return the entries and declared requirements that a check would find for a cell.
    """
    made = environment(record, matrix)
    # What the index says that a build declares need not be so of a build for the CPU: no triton is missing.
    declared = requirements.hits(made._replace(complete=False), matrix)
    return [*known_bad.hits(made, matrix), *declared]


def errors(record: Record, matrix: Matrix) -> list[Hit]:
    """
    Return those that are certain errors.
    """
    return [hit for hit in hits(record, matrix) if hit.certain and hit.severity == "error"]


def _named(record: Record, matrix: Matrix) -> list[Hit]:
    """
    Return warnings that name the very error that was seen here.

    A note is none: what breaks is flagged, or is said not to have been run, with the reason.
    """
    line = record.broken.line if record.broken else ""
    return [
        hit
        for hit in hits(record, matrix)
        if hit.severity in {"error", "warning"}
        and isinstance(hit.subject, known_bad.Cause)
        and shows(hit.subject.record().get("symptoms", ()), line)
    ]


def contradiction(record: Record, matrix: Matrix) -> str | None:
    """
    Say in which way a cell and the matrix contradict each other; `None`: they don't.
    """
    found = errors(record, matrix)
    broken = record.broken
    if record.outcome == "ok" and found:
        ids = ", ".join(hit.id for hit in found)
        return (
            f"it ran well, but {ids} calls it an error: narrow the entry, or look at the run again"
        )
    if broken is None or broken.stage in BEFORE_ANY_RUN or found or _named(record, matrix):
        return None
    how = "failed" if broken.outcome == "failed" else "ran wrong"
    return (
        f"it {how} at {broken.stage}, but nothing calls it an error: `envcheck matrix propose` writes "
        "the entry"
    )


def shows(symptoms: Iterable[Mapping[str, Any]], line: str) -> bool:
    """
    Tell whether an entry's symptoms name this line of an error.
    """
    return any(_matches(each["error"], line) for each in symptoms if "error" in each)


def _matches(symptom: str, line: str) -> bool:
    if len(symptom) > 2 and symptom.startswith("/") and symptom.endswith("/"):
        return re.search(symptom[1:-1], line) is not None
    return symptom in line


def explained(record: Record, matrix: Matrix) -> Iterator[tuple[Hit, bool]]:
    """
    Yield what explains a cell that broke, with whether its symptoms name the error that was seen.

    Returns:
        What names it first.
    """
    line = record.broken.line if record.broken else ""
    found = []
    for hit in errors(record, matrix) or _named(record, matrix):
        seen = False
        if isinstance(hit.subject, known_bad.Cause):
            seen = shows(hit.subject.record().get("symptoms", ()), line)
        found.append((hit, seen))
    yield from sorted(found, key=lambda each: (not each[1], each[0].id))
