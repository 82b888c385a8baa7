"""
A matrix directory's YAML files, read into plain validated data.

Only people who keep a matrix pay for this; a check reads the index made from it (`index`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.clean import clean
from envcheck.errors import MatrixError, SourceError
from envcheck.files import read_text
from envcheck.matrix import schema, strict_yaml
from envcheck.matrix.kinds import Problems
from envcheck.matrix.strict_yaml import Problem, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDERS: Final = ("known-bad", "known-good", "releases")
_SUFFIX: Final = ".yaml"


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
    places: dict[str, Place] = field(default_factory=dict)
    "Of every entry, set, project and package with releases, by id or name."


class File(NamedTuple):
    """
    A file of a matrix directory, as text.
    """

    folder: str
    "One of FOLDERS."
    stem: str
    "Its name without `.yaml`."
    text: str

    @property
    def place(self) -> str:
        """
        Return its path within the directory, with `/` on every platform.
        """
        return f"{self.folder}/{self.stem}{_SUFFIX}"


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


def read(directory: str) -> tuple[list[File], list[Problem]]:
    """
    Read the files of a matrix directory as text, and what can't be read.

    Returns:
        Files in the order of folders and names.

    Raises:
        MatrixError: There is no such directory, or nothing of a matrix in it.
    """
    found: list[File] = []
    problems: list[Problem] = []
    for folder in FOLDERS:
        for name in _names(directory, folder):
            path = os.path.join(directory, folder, name)
            stem, suffix = os.path.splitext(name)
            if suffix != _SUFFIX:
                problems.append(Problem(path, 1, f"a matrix file must be named *{_SUFFIX}"))
            elif os.path.exists(path) and not os.path.isfile(path):
                problems.append(Problem(path, 1, "not a file (a folder, a pipe or a device)"))
            else:
                try:
                    found.append(File(folder, stem, read_text(path, "file")))
                except SourceError as error:
                    problems.append(Problem(path, 1, str(error).replace(f" {clean(path)}", "")))
    if not found and not problems:
        expected = ", ".join(f"{folder}/*{_SUFFIX}" for folder in FOLDERS)
        state = "holds no matrix" if os.path.isdir(directory) else "is no directory"
        raise MatrixError((f"{clean(directory)}: {state} (expected {expected})",))
    return found, problems


def _names(directory: str, folder: str) -> list[str]:
    path = os.path.join(directory, folder)
    try:
        names = sorted(os.listdir(path))
    except FileNotFoundError:
        return []
    except OSError as error:
        if not os.path.isdir(directory):
            return []
        raise MatrixError((f"{clean(path)}: {clean(error.strerror or str(error))}",)) from error
    return [
        name
        for name in names
        if name.lower().endswith((_SUFFIX, ".yml")) and not name.startswith(".")
    ]


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
        path = os.path.join(directory, file.folder, f"{file.stem}{_SUFFIX}")
        before = len(problems)
        node = strict_yaml.parse(file.text, path, problems)
        if node is not None and len(problems) == before:
            data = schema.FILES[file.folder].read(node, Problems(path, problems))
            if len(problems) == before:
                add = {"known-bad": _entries, "known-good": _project, "releases": _releases}
                found = add[file.folder](content, file, node.value, data)
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
    content.places[f"releases/{file.stem}"] = Place(file.place, 1)


def _once(content: Content, identifier: str, place: Place) -> Iterator[tuple[int, str]]:
    first = content.places.setdefault(identifier, place)
    if first is not place:
        yield (
            place.line,
            f"the id {quoted(identifier)} is used twice; the first is at {first.file}:{first.line}",
        )
