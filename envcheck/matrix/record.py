"""
`envcheck matrix record`: an environment that trained well becomes a known-good set with evidence.
"""

from __future__ import annotations

import platform
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import run, versions
from envcheck.clean import clean, visible
from envcheck.errors import UsageError
from envcheck.matrix import schema, strict_yaml
from envcheck.matrix.as_yaml import dump
from envcheck.matrix.insert import InsertError
from envcheck.matrix.kinds import Problems
from envcheck.matrix.workbench import Workbench, save

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envcheck.matrix import Matrix
    from envcheck.matrix.texts import Problem
    from envcheck.model import Environment, Finding, Package
    from envcheck.options import CheckOptions

_LONGEST_NOTE: Final = 600
_WORKING_COPIES: Final = {"editable": "a working copy", "vcs": "a checkout"}


class About(NamedTuple):
    """
    What the user says of the run.
    """

    project: str
    today: str
    note: str = ""
    url: str = ""
    force: bool = False
    "Also an environment in which the check finds an error."


class Pins(NamedTuple):
    """
    What a set can say of an environment's packages.
    """

    packages: tuple[str, ...]
    left_out: tuple[str, ...]
    "What no release stands for, and why."
    newer: Mapping[str, str]
    "Versions that are newer than all that the matrix knows, by package."


def record(options: CheckOptions, into: str, about: About) -> int:
    """
    Write a set into `known-good/<project>.yaml` of a matrix directory.

    Args:
        options: Of those of `check` the ones that name an environment.
        into: The matrix directory; made if it isn't there.
        about: The project, and what else there is to say.

    Returns:
        0, or 1: there is an error in the environment, and nothing is written.

    Raises:
        UsageError: The project, the note or the address can't be written so; the Python isn't known.
        MatrixError: The directory is unsound as it is.
        SourceError: The environment can't be read, or the file not written.
    """
    whole = {"project": about.project, "title": about.project}
    _check({**whole, "sets": [_set(f"{about.project}@1", ("torch",), about, python="3.10")]})
    bench = Workbench(into)
    known = bench.matrix.project(about.project)
    options = options._replace(project=about.project if known else None, matrix=bench.layers)
    environment = run.read(options, bench.matrix)
    report = run.judge(environment, bench.matrix, options, in_full=False)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors and not about.force:
        _refuse(errors)
        return 1
    pins = pinned(environment, bench.matrix)
    made = made_of(environment, pins, about, bench.matrix.ids(), errors)
    if known:
        whole["title"] = known["title"]
    _check({**whole, "sets": [made]})
    try:
        addition = bench.add(
            ("known-good", about.project),
            made,
            key="sets",
            whole={**whole, "sets": [made]},
            released={name: [version] for name, version in pins.newer.items()},
        )
    except InsertError as error:
        path = clean(f"{into}/known-good/{about.project}.yaml")
        raise UsageError(f"nothing is written to {path}: {error}") from None
    if addition.problems and not about.force:
        raise UsageError("\n".join(("nothing is written:", *map(clean, addition.problems))))
    save(addition)
    place = f"{clean(addition.path)}:{addition.line}"
    on_top = "" if bench.built_in else f" --matrix {shlex.quote(into)}"
    lines = [
        f"Recorded    {made['id']}, {len(pins.packages)} packages, at {place}",
        *(f"Not pinned  {text}" for text in pins.left_out),
        *(f"Problem     {problem}" for problem in addition.problems),
        f"Use it      envcheck{on_top}",
    ]
    if pins.newer:
        names = " ".join(pins.newer)
        lines.insert(
            -1,
            f"Newer       than the matrix knows: {names}; `envcheck matrix refresh {names} "
            f"--into {shlex.quote(into)}` lets `matrix validate` know of them",
        )
    sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))
    return 0


def pinned(environment: Environment, matrix: Matrix) -> Pins:
    """
    Pin what is installed in a version that was released; what wasn't can't be installed again so.
    """
    packages, left_out = [], []
    newer: dict[str, str] = {}
    for name, package in environment.packages.items():
        why = _unreleased(package)
        if package.version is None or why:
            left_out.append(f"{name} {package.version or '?'} ({why})")
            continue
        version = versions.public(package.version)
        known = [release.version for release in matrix.releases(name)]
        if not known or version in known:
            pass
        elif version > known[-1] and not version.is_prerelease:
            newer[name] = str(version)
        else:
            left_out.append(f"{name} {package.version} (no such release is known)")
            continue
        packages.append(f"{name}=={version}")
    return Pins(tuple(packages), tuple(left_out), newer)


def _unreleased(package: Package) -> str:
    """Say why a version doesn't mean the release of that name; empty: it does."""
    kind = _WORKING_COPIES.get(package.origin)
    if package.origin == "file" and not re.search(r"\.(whl|tar\.\w+|zip)\b", package.reference):
        kind = "a working copy"  # installed from a folder
    if kind is not None:
        return f"{kind}: {clean(package.reference.removeprefix('file://'))}".removesuffix(": ")
    if package.version is None:
        return "its version isn't known"
    return "a development version" if package.version.is_devrelease else ""


def made_of(
    environment: Environment,
    pins: Pins,
    about: About,
    taken: Iterable[str],
    errors: Iterable[Finding] = (),
) -> dict[str, Any]:
    """
    Return the set.

    Args:
        taken: Ids that are used.
        errors: Against which the run speaks.

    Raises:
        UsageError: The Python of the environment isn't known, or none of its packages can be pinned.
    """
    python = versions.version(environment.python or "")
    if python is None or len(python.release) < 2:
        raise UsageError("the environment's Python isn't known: give --python-version X.Y")
    if not pins.packages:
        raise UsageError(
            f"none of its packages can be pinned: {', '.join(map(clean, pins.left_out))}"
        )
    used = set(taken)
    name = identifier = f"{about.project}@{about.today}"
    number = 2
    while identifier in used:
        identifier = f"{name}-{number}"
        number += 1
    notes = [f"Installed but not pinned: {', '.join(pins.left_out)}."] if pins.left_out else []
    against = ", ".join(finding.id for finding in errors)
    if against:
        notes.append(f"It trained well in spite of {against}.")
    cuda = versions.version(environment.cuda or "")
    where = environment.platform or ""
    if environment.kind != "report" and where and sys.platform.startswith(where):
        where = f"{where}-{platform.machine()}"
    return _set(
        identifier,
        pins.packages,
        about,
        python=str(python),
        cuda=str(cuda) if cuda else "",
        note=_shortened(" ".join(notes)),
        platform=where,
    )


def _set(identifier: str, packages: tuple[str, ...], about: About, **facts: str) -> dict[str, Any]:
    minor = ".".join(facts["python"].split(".")[:2])
    evidence = {
        "kind": "run",
        "date": about.today,
        "python": facts["python"],
        "platform": facts.get("platform"),
        "checks": ["train"],
        "note": about.note,
        "url": about.url,
    }
    made = {
        "id": identifier,
        "packages": list(packages),
        "python": f"=={minor}.*",
        "cuda": facts.get("cuda"),
        "note": facts.get("note"),
        "evidence": [{key: value for key, value in evidence.items() if value}],
    }
    return {key: value for key, value in made.items() if value}


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_NOTE else f"{text[: _LONGEST_NOTE - 1]}…"


def _check(project: Mapping[str, Any]) -> None:
    """Find out whether a project can be written as it is."""
    found: list[Problem] = []
    node = strict_yaml.parse(dump(project), "", found)
    if node is not None and not found:
        schema.PROJECT.read(node, Problems("", found))
    if found:
        raise UsageError("\n".join(clean(problem.message) for problem in found))


def _refuse(errors: Iterable[Finding]) -> None:
    sys.stderr.write("envcheck: not recorded, for it is known to fail (--force records it):\n")
    for finding in errors:
        sys.stderr.write(f"envcheck: {clean(finding.id)}: {clean(finding.title)}\n")
