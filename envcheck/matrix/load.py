"""
A matrix directory's YAML files, read into plain validated data.

Only people who keep a matrix pay for this; a check reads the index made from it (`index`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.matrix import schema, strict_yaml
from envcheck.matrix.kinds import Problems
from envcheck.matrix.strict_yaml import quoted
from envcheck.matrix.texts import FOLDERS, File, Problem, read
from envcheck.trials import sheet
from envcheck.trials.record import key as key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["FOLDERS", "Content", "File", "Place", "cell_id", "load", "parse", "read"]


class Place(NamedTuple):
    """
    Where something stands in a matrix directory.
    """

    file: str
    "`known-bad/torch.yaml`, with `/` on every platform."
    line: int


@dataclass(frozen=True)
class Content:
    """
    What one matrix directory says: plain data in the shape of `schema`.
    """

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    "Known-bad entries by id."
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    "Known-good projects by name, each with its sets."
    releases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    "Releases by package, as listed."
    trials: dict[str, dict[str, Any]] = field(default_factory=dict)
    "Trials by name, each with its cells."
    places: dict[str, Place] = field(default_factory=dict)
    "Of every entry, set, project and trial, by id or name, and of every cell: see `cell_id`."
    lines: dict[str, dict[str, int]] = field(default_factory=dict)
    "Of what is in entries and sets, by id and then by key; `fixes 1` is the second item."

    def place(self, identifier: str, part: str) -> Place:
        """
        Return where a part of an entry or a set stands; of what isn't there, where that begins.
        """
        whole = self.places[identifier]
        return whole._replace(line=self.lines.get(identifier, {}).get(part, whole.line))


def cell_id(trial: str, number: int) -> str:
    """
    Return under what a cell of a trial is found in `Content.places`.
    """
    return f"{trial} {number}"


def load(directory: str) -> tuple[Content, list[Problem]]:
    """
    Read a matrix directory and everything that is wrong with its files.

    Returns:
        The content as far as it could be read, and the problems in the order of files and lines:
        with any problem the content must not be used for a check.

    Raises:
        MatrixError: There is no such directory, or nothing of a matrix in it.
    """
    files, unreadable = read(directory)
    content, problems = parse(files, directory)
    return content, sorted(unreadable + problems)


def parse(files: Iterable[File], directory: str) -> tuple[Content, list[Problem]]:
    """
    Read the texts of matrix files.

    Args:
        directory: What problems are reported under.

    Returns:
        The content as far as it could be read, and the problems.
    """
    content = Content()
    problems: list[Problem] = []
    for file in files:
        path = os.path.join(directory, file.folder, f"{file.stem}.yaml")
        before = len(problems)
        node = strict_yaml.parse(file.text, path, problems)
        if node is not None and len(problems) == before:
            data = schema.FILES[file.folder].read(node, Problems(path, problems))
            if len(problems) == before:
                found = _ADD[file.folder](content, file, node.value, data)
                problems += [Problem(path, line, message) for line, message in found]
    return content, problems


def _entries(content: Content, file: File, nodes: Any, data: Any) -> Iterator[tuple[int, str]]:
    """Put known-bad entries into the content; yield what contradicts the rest of it."""
    for record, item in zip(data, nodes, strict=True):
        identifier = record["id"]
        if not identifier.startswith(f"{file.stem}/"):
            yield (
                item.line,
                f"the id {quoted(identifier)} must start with {quoted(file.stem + '/')}, the file's name",
            )
        yield from _once(content, identifier, Place(file.place, item.line))
        content.lines.setdefault(identifier, _lines(item))
        content.entries[identifier] = record


def _project(content: Content, file: File, nodes: Any, data: Any) -> Iterator[tuple[int, str]]:
    """Put a project and its sets into the content; yield what contradicts the rest of it."""
    name = data["project"]
    if name != file.stem:
        yield (
            nodes["project"].line,
            f"the project {quoted(name)} must be named like its file, {quoted(file.stem)}",
        )
    content.projects[name] = data
    content.places[name] = Place(file.place, nodes["project"].line)
    for record, item in zip(data["sets"], nodes["sets"].value, strict=True):
        identifier = record["id"]
        if not identifier.startswith(name):
            yield (
                item.line,
                f"the id {quoted(identifier)} must start with {quoted(name)}, the project's name",
            )
        yield from _once(content, identifier, Place(file.place, item.line))
        content.lines.setdefault(identifier, _lines(item))


def _lines(record: Any) -> dict[str, int]:
    """Return the lines of a record's keys, and of the items under them."""
    lines = {}
    for key, node in record.value.items():
        lines[key] = node.line
        if isinstance(node.value, list):
            lines.update({f"{key} {at}": item.line for at, item in enumerate(node.value)})
    return lines


def _releases(content: Content, file: File, nodes: Any, data: Any) -> Iterator[tuple[int, str]]:
    """Put the releases of a package into the content; yield what contradicts the rest of them."""
    if versions.normalize(file.stem) != file.stem:
        yield (
            1,
            f"the file must have a canonical name (PEP 503): {versions.normalize(file.stem)}.yaml",
        )
    seen: dict[object, int] = {}
    for record, item in zip(data, nodes, strict=True):
        parsed = versions.version(record["version"])
        if parsed in seen:
            first = f"the first is on line {seen[parsed]}"
            yield item.line, f"{quoted(record['version'])} is listed twice; {first}"
        seen.setdefault(parsed, item.line)
    content.releases[file.stem] = data


def _trial(content: Content, file: File, nodes: Any, data: Any) -> Iterator[tuple[int, str]]:
    """Put a trial into the content; yield what contradicts the rest of it."""
    name = data["trial"]
    line = nodes["trial"].line
    if name != file.stem:
        yield line, f"the trial {quoted(name)} must be named like its file, {quoted(file.stem)}"
    content.trials[name] = data
    yield from _once(content, name, Place(file.place, line))
    seen: dict[object, int] = {}
    for number, (cell, item) in enumerate(zip(data["cells"], nodes["cells"].value, strict=True)):
        content.places[cell_id(name, number)] = Place(file.place, item.line)
        lacking = [key for key in ("python", "platform", "date") if not {key} & {*data, *cell}]
        if lacking:
            yield item.line, f"neither the cell nor the trial says its {', '.join(lacking)}"
            continue
        key = key_of(sheet.record(data, cell))
        if key in seen:
            yield item.line, f"the same cell as on line {seen[key]}"
        seen.setdefault(key, item.line)


_ADD: Final[dict[str, Callable[[Content, File, Any, Any], Iterator[tuple[int, str]]]]] = {
    "known-bad": _entries,
    "known-good": _project,
    "releases": _releases,
    "trials": _trial,
}


def _once(content: Content, identifier: str, place: Place) -> Iterator[tuple[int, str]]:
    first = content.places.setdefault(identifier, place)
    if first is not place:
        yield (
            place.line,
            f"the id {quoted(identifier)} is used twice; the first is at {first.file}:{first.line}",
        )
