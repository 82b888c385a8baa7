"""
`envcheck matrix validate`: every problem of a matrix, those of form and those of sense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck import versions
from envcheck.matrix.load import Content, load
from envcheck.matrix.store import directory
from envcheck.matrix.strict_yaml import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def validate(directories: Sequence[str]) -> tuple[str, int]:
    """
    Validate matrix directories, each for itself; none: the built-in one.

    Returns:
        A line a problem (`file:line: what`), then one that counts, and the number of problems.

    Raises:
        MatrixError: A directory isn't there, or holds no matrix.
    """
    lines = []
    count = 0
    for path in directories or [directory()]:
        content, problems = load(path)
        if not problems:
            problems = list(judge(content))
        count += len(problems)
        lines += [str(problem) for problem in sorted(problems)]
        sets = sum(len(project["sets"]) for project in content.projects.values())
        releases = sum(map(len, content.releases.values()))
        lines.append(
            f"{path}: {len(content.entries)} entries, {sets} known-good sets of {len(content.projects)} projects, "
            f"{releases} releases of {len(content.releases)} packages: "
            + (f"{len(problems)} problems" if problems else "no problems")
        )
    return "".join(f"{line}\n" for line in lines), count


def judge(content: Content) -> Iterator[Problem]:
    """
    Yield what is well formed and still makes no sense.
    """
    for identifier, entry in content.entries.items():
        for message in _entry_problems(identifier, entry, content):
            yield Problem(*content.places[identifier], message)
    for project in content.projects.values():
        for record in project["sets"]:
            for message in _set_problems(record, content):
                yield Problem(*content.places[record["id"]], message)


def _entry_problems(identifier: str, entry: dict[str, Any], content: Content) -> Iterator[str]:
    pins = [versions.requirement(text) for text in entry["packages"]]
    names = [pin.name for pin in pins]
    if names[0] != identifier.split("/")[0]:
        yield f"the first package must be the one to blame, {identifier.split('/')[0]!r}, like the file"
    if len(set(names)) != len(names):
        yield "a package is named twice: put its whole range into one requirement"
    if any(pin.specifier for pin in pins) and "boundary" not in entry:
        yield "the key 'boundary' is missing: how were the edges of the versions established?"
    for pin in pins:
        releases = [versions.version(each["version"]) for each in content.releases.get(pin.name, ())]
        if releases and not any(each and versions.contains(pin.specifier, each) for each in releases):
            yield f"no release of {pin.name} is in {pin.specifier!r}: this can never hold"
    for fix in entry.get("fixes", ()):
        yield from _fix_problems(fix, entry, pins, content)


def _fix_problems(fix: dict[str, Any], entry: dict[str, Any], pins: list[versions.Requirement], content: Content) -> Iterator[str]:
    if "deepspeed-config" in fix and "deepspeed-config" not in entry:
        yield "a fix changes the DeepSpeed configuration, which is no condition of this entry"
    if "packages" not in fix:
        return
    wanted = {}
    for text in fix["packages"]:
        pin = versions.requirement(text)
        wanted[pin.name] = pin.specifier
    for name, specifier in wanted.items():
        releases = [versions.version(each["version"]) for each in content.releases.get(name, ())]
        admitted = [each for each in releases if each and versions.contains(specifier, each)]
        if releases and not admitted:
            yield f"the fix {name}{specifier} admits no release of {name}"
    cures = any(
        pin.name in wanted and not _overlap(pin.name, pin.specifier, wanted[pin.name], content) for pin in pins
    )
    if not cures:
        yield f"the fix {', '.join(fix['packages'])} does not cure: all of it can still be within the entry's own ranges"


def _overlap(name: str, bad: str, good: str, content: Content) -> bool:
    """Tell whether a version that a fix admits is still bad, as far as known releases and named versions show."""
    known = [each["version"] for each in content.releases.get(name, ())]
    known += [clause.lstrip("=<>!~") for specifier in (bad, good) for clause in specifier.split(",")]
    for text in known:
        each = versions.version(text)
        if each is not None and versions.contains(bad, each) and versions.contains(good, each):
            return True
    return False


def _set_problems(record: dict[str, Any], content: Content) -> Iterator[str]:
    names = [versions.requirement(text).name for text in record["packages"]]
    if len(set(names)) != len(names):
        yield "a package is named twice: put its whole range into one requirement"
    for text in record["packages"]:
        pin = versions.requirement(text)
        releases = [versions.version(each["version"]) for each in content.releases.get(pin.name, ())]
        if releases and not any(each and versions.contains(pin.specifier, each) for each in releases):
            yield f"no release of {pin.name} is in {pin.specifier!r}"
