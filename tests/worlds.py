"""
Small made-up matrices and environments, in memory.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from envcheck import versions
from envcheck.matrix import Matrix
from envcheck.matrix.compile import build
from envcheck.matrix.index import Index
from envcheck.matrix.load import Content, Place
from envcheck.model import Environment, Package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from random import Random

    from packaging.utils import NormalizedName

    from envcheck.model import Suggestion

    MakeEnvironment = Callable[..., Environment]
    MakeMatrix = Callable[..., Matrix]

EVIDENCE = "https://example.org/thread"
PUBLISHED = {"kind": "published", "url": EVIDENCE, "date": "2026-01-02"}


def environment(
    *pins: str, python: str | None = None, complete: bool = False, **facts: Any
) -> Environment:
    """
    Make an environment from `name==version`; a name alone is installed in an unknown version.

    Args:
        requires: What the metadata of some packages declares, by name; else release facts decide.
        facts: Further fields of the environment.
    """
    requires: Mapping[str, Iterable[str]] = facts.pop("requires", {})
    packages = {}
    for pin in pins:
        name, _, text = pin.partition("==")
        normal = versions.normalize(name)
        declared = requires.get(name)
        packages[normal] = Package(
            name=normal,
            version=versions.version(text) if text else None,
            requires=None if declared is None else tuple(declared),
        )
    return Environment(
        origin="made up",
        kind="freeze",
        packages=dict(sorted(packages.items())),
        python=python,
        complete=complete,
        **facts,
    )


def changed(before: Environment, suggestion: Suggestion) -> Environment:
    """
    Apply a suggestion: the new versions, with what their releases require, and the settings.
    """
    from envcheck.apply import applied

    packages = dict(before.packages)
    for change in suggestion.changes:
        packages[change.package] = Package(change.package, change.after)
        if change.after is None:
            del packages[change.package]
    after = before._replace(packages=dict(sorted(packages.items())))
    if suggestion.settings and before.deepspeed_config is not None:
        settings = dict(suggestion.settings)
        after = after._replace(deepspeed_config=applied(before.deepspeed_config, settings))
    return after


def names(*texts: str) -> tuple[NormalizedName, ...]:
    """
    Return names in their normal form.
    """
    return tuple(map(versions.normalize, texts))


def entry(identifier: str, *packages: str, severity: str = "error", **more: Any) -> dict[str, Any]:
    """
    Make a known-bad entry; underscores in keywords are dashes in its keys.
    """
    return {
        "id": identifier,
        "title": f"The trouble called {identifier}",
        "severity": severity,
        "packages": list(packages),
        "why": "It was made up.",
        "evidence": [EVIDENCE],
        "checked": "2026-01-02",
        "boundary": "Made up.",
        **{key.replace("_", "-"): value for key, value in more.items()},
    }


def release(version: str, *requires: str, **more: Any) -> dict[str, Any]:
    """
    Make a release.
    """
    return {"version": version, "requires": list(requires), **more}


def compiled(
    entries: Iterable[Mapping[str, Any]] = (),
    releases: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
    projects: Iterable[Mapping[str, Any]] = (),
) -> Matrix:
    """
    Compile a matrix from records.
    """
    known = {each["id"]: dict(each) for each in entries}
    sets = {each["project"]: dict(each) for each in projects}
    ids = [*known, *(each["id"] for project in sets.values() for each in project["sets"])]
    content = Content(
        entries=known,
        projects=sets,
        releases={name: [dict(each) for each in rows] for name, rows in (releases or {}).items()},
        places=dict.fromkeys(ids, Place("made-up.yaml", 1)),
    )
    return Matrix([Index(io.BytesIO(build(content)), "made up")])


NAMES = ("transformers", "accelerate", "deepspeed", "peft", "tokenizers", "trl")
PYTHONS = ("3.9", "3.11", "3.12.4")
CONFIG = {
    "train_micro_batch_size_per_gpu": 1,
    "zero_optimization": {"stage": 2, "overlap_comm": True},
}


def world(random: Random, *, packages: int = 4, most: int = 5) -> tuple[Matrix, Environment]:
    """
    Make a matrix, and an environment in which something is likely to be wrong.

    Args:
        random: Decides everything.
        packages: How many there are.
        most: How many releases of one there are at most.
    """
    names = NAMES[:packages]
    numbers = {name: _versions(random, most) for name in names}
    releases = {
        name: [_release(random, name, version, numbers) for version in numbers[name]]
        for name in names
    }
    entries = [_entry(random, number, numbers) for number in range(random.randint(0, packages + 1))]
    matrix = compiled(entries, releases)
    present = [name for name in names if random.random() < 0.9] or [names[0]]
    config = random.choice((None, CONFIG))
    made = environment(
        *(f"{name}=={random.choice(numbers[name])}" for name in present),
        python=random.choice((None, *PYTHONS)),
        complete=random.random() < 0.5,
        platform=random.choice((None, "linux", "win32")),
        deepspeed_config=config,
    )
    return matrix, made


def _versions(random: Random, most: int) -> list[str]:
    found = []
    major, minor = 1, 0
    for _ in range(random.randint(3, most)):
        tail = random.choice(("", "", "", "", "rc1", ".post1"))
        found.append(f"{major}.{minor}{tail}")
        if random.random() < 0.3:
            major, minor = major + 1, 0
        else:
            minor += 1
    return found


def _release(
    random: Random, name: str, version: str, numbers: Mapping[str, list[str]]
) -> dict[str, Any]:
    others = [other for other in numbers if other != name]
    requires = []
    for other in others:
        if random.random() < 0.3:
            marker = random.choice(
                ("", "", "", '; python_version < "3.10"', '; sys_platform == "linux"')
            )
            requires.append(f"{other}{_specifier(random, numbers[other])}{marker}")
    more: dict[str, Any] = {}
    if random.random() < 0.1:
        more["yanked"] = "broken"
    if random.random() < 0.2:
        more["python"] = random.choice((">=3.8", ">=3.10", "<3.12", ">=3.12"))
    return release(version, *requires, **more)


def _specifier(random: Random, numbers: list[str]) -> str:
    one, other = sorted((random.choice(numbers), random.choice(numbers)), key=numbers.index)
    forms = (
        f">={one}",
        f"<={other}",
        f">={one},<={other}",
        f"=={one}",
        f"!={one}",
        f"<{other}",
        "",
    )
    return random.choice(forms)


def _entry(random: Random, number: int, numbers: Mapping[str, list[str]]) -> dict[str, Any]:
    names = random.sample(sorted(numbers), random.choice((1, 2, 2, 2, 3)))
    pins = [f"{name}{_specifier(random, numbers[name])}" for name in names]
    more: dict[str, Any] = {}
    if random.random() < 0.2:
        more["python"] = random.choice(("<3.10", ">=3.11"))
    if random.random() < 0.2:
        more["deepspeed-config"] = {"zero_optimization.overlap_comm": ["true"]}
        if random.random() < 0.5:
            more["fixes"] = [{"deepspeed-config": {"zero_optimization.overlap_comm": "false"}}]
    if random.random() < 0.2:
        more.setdefault("fixes", []).append({"remove": [random.choice(names)]})
    if random.random() < 0.5:
        more["likely"] = True
    severity = random.choice(("error", "error", "error", "warning"))
    return entry(f"{names[0]}/trouble-{number}", *pins, severity=severity, **more)
