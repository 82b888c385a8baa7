"""
A matrix directory's YAML files, read into plain validated data.

Only people who keep a matrix pay for this; a check reads the index made from it (`index`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envcheck.clean import clean
from envcheck.errors import MatrixError, SourceError
from envcheck.files import read_text
from envcheck.matrix import schema, strict_yaml
from envcheck.matrix.kinds import Problems
from envcheck.matrix.strict_yaml import Node, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS = ("known-bad", "known-good", "releases")
_LARGEST = 16 * 1024 * 1024


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
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    "(file, line) of every entry and set, by id."


def files(directory: str) -> list[tuple[str, str, str]]:
    """
    Return the files of a matrix directory as (folder, stem, path), sorted.

    Raises:
        MatrixError: There is no such directory, or nothing of a matrix in it.
    """
    found = []
    for folder in FOLDERS:
        try:
            names = sorted(os.listdir(os.path.join(directory, folder)))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise MatrixError((f"{clean(directory)}: {error.strerror}",)) from error
        found += [
            (folder, name.removesuffix(".yaml"), os.path.join(directory, folder, name))
            for name in names
            if name.endswith(".yaml") and not name.startswith(".")
        ]
    if not found:
        expected = ", ".join(f"{folder}/*.yaml" for folder in FOLDERS)
        state = "holds no matrix" if os.path.isdir(directory) else "is no directory"
        raise MatrixError((f"{clean(directory)}: {state} (expected {expected})",))
    return found


def load(directory: str) -> tuple[Content, list[Problem]]:
    """
    Read a matrix directory and everything that is wrong with its files.

    Returns:
        The content as far as it could be read, and the problems in the order of files and lines:
        with any problem the content must not be used for a check.
    """
    content = Content()
    problems: list[Problem] = []
    for folder, stem, path in files(directory):
        file = os.path.relpath(path, os.path.dirname(directory) or ".")
        try:
            text = read_text(path, "matrix file", _LARGEST)
        except SourceError as error:
            problems.append(Problem(file, 1, str(error)))
            continue
        node = strict_yaml.parse(text, file, problems)
        if node is None:
            problems.append(Problem(file, 1, "the file holds nothing"))
            continue
        before = len(problems)
        data = schema.FILES[folder].read(node, Problems(file, problems))
        if len(problems) == before:
            problems += _add(content, folder, stem, file, node, data)
    problems.sort(key=lambda problem: (problem.file, problem.line))
    return content, problems


def _add(content: Content, folder: str, stem: str, file: str, node: Node, data: Any) -> Iterator[Problem]:
    """Put one file's data into the content; yield what contradicts the rest of it."""
    if folder == "releases":
        content.releases[stem] = data
        return
    if folder == "known-bad":
        records, nodes = data, node.value
        for record, item in zip(records, nodes, strict=True):
            assert isinstance(item, Node)
            if not record["id"].startswith(f"{stem}/"):
                yield Problem(file, item.line, f"the id {record['id']!r} must start with {stem + '/'!r}, the file's name")
            if record["id"] in content.places:
                yield Problem(file, item.line, _used_twice(record["id"], content))
            content.entries[record["id"]] = record
            content.places[record["id"]] = (file, item.line)
        return
    if data["project"] != stem:
        yield Problem(file, node.line, f"the project {data['project']!r} must be named like its file, {stem!r}")
    content.projects[data["project"]] = data
    assert isinstance(node.value, dict)
    sets = node.value["sets"].value
    for record, item in zip(data["sets"], sets, strict=True):
        assert isinstance(item, Node)
        if not record["id"].startswith(stem):
            yield Problem(file, item.line, f"the id {record['id']!r} must start with {stem!r}, the project's name")
        if record["id"] in content.places:
            yield Problem(file, item.line, _used_twice(record["id"], content))
        content.places[record["id"]] = (file, item.line)


def _used_twice(identifier: str, content: Content) -> str:
    file, line = content.places[identifier]
    return f"the id {identifier!r} is used twice; the first is at {file}:{line}"
