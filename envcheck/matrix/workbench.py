"""
A matrix directory that somebody adds to.

What is added is put into the text of a file and judged together with all the rest, as
`envcheck matrix validate` would, before anything is written: there is nothing to take back.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from envcheck.clean import clean
from envcheck.errors import MatrixError, SourceError, UsageError
from envcheck.matrix import as_yaml, schema, strict_yaml
from envcheck.matrix.insert import InsertError, insert
from envcheck.matrix.judge import judge
from envcheck.matrix.kinds import Problems
from envcheck.matrix.load import Content, Place, parse
from envcheck.matrix.store import INDEX_NAME, directory, open_matrix
from envcheck.matrix.texts import FOLDERS, File, Problem, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_HERE = "matrices"


class Addition(NamedTuple):
    """
    A record that has been put into the text of a file, which isn't written yet.
    """

    path: str
    line: int
    "Of the record in the file."
    text: str
    "The record alone, as YAML."
    before: str | None
    "The file as it was; `None`: there was none."
    after: str
    problems: tuple[str, ...]
    "What `envcheck matrix validate` would say now and didn't before."


def chosen(into: str | None) -> str:
    """
    Return the matrix directory that was named, else ./matrices where that is one.

    Raises:
        UsageError: Neither is the case.
    """
    if into:
        return into
    if any(os.path.isdir(os.path.join(_HERE, folder)) for folder in FOLDERS):
        return _HERE
    raise UsageError("--into DIR is needed: the matrix directory to write to (made if missing)")


class Workbench:
    """
    A matrix directory on top of the built-in matrix.
    """

    def __init__(self, path: str) -> None:
        """
        Read a directory, which need not be there yet.

        Raises:
            MatrixError: Something in it is wrong, and has to be mended first.
            SourceError: It can't be written to.
            UsageError: It is the matrix of an installed envcheck.
        """
        self.path = path
        self.built_in = os.path.isdir(path) and os.path.samefile(path, directory())
        if self.built_in and os.path.exists(os.path.join(path, INDEX_NAME)):
            raise UsageError(
                f"{clean(path)}: an update of envcheck would remove what is added to its own matrix; "
                "give a directory of yours"
            )
        _writable(path)
        self._files: list[File] = []
        if self.built_in or any(os.path.isdir(os.path.join(path, each)) for each in FOLDERS):
            self._files = _sound(path)
        self._content = parse(self._files, path)[0]
        self._below = None if self.built_in else open_matrix()
        self.layers = () if self.built_in or not self._files else (path,)
        "What `--matrix` has to be for this directory to be read."
        self.matrix = open_matrix(self.layers)

    def problems(self, entry: Mapping[str, Any]) -> list[str]:
        """
        Say what is wrong with a known-bad entry, of form or, where that is sound, of sense.
        """
        record, found = read_entry(entry)
        if found:
            return found
        content = Content()
        content.entries[record["id"]] = record
        content.places[record["id"]] = Place("", 1)
        return [message for _, message in judge(content, self.matrix)]

    def add(
        self,
        place: tuple[str, str],
        record: Mapping[str, Any],
        *,
        key: str | None = None,
        whole: Mapping[str, Any] | None = None,
        released: Mapping[str, Sequence[str]] | None = None,
    ) -> Addition:
        """
        Put a record into the text of a file.

        Args:
            place: The file's folder and its stem.
            record: What is added.
            key: The key that the file's list stands under; `None`: the file is the list.
            whole: What a new file holds; `None`: a list of nothing but the record.
            released: Versions that exist, though no matrix knows them.

        Raises:
            InsertError: The file doesn't allow it.
            SourceError: The file can't be read.
        """
        folder, stem = place
        path = os.path.join(self.path, folder, f"{stem}.yaml")
        before = _read(path)
        if before is None:
            after = as_yaml.dump([record] if whole is None else whole)
            lines = as_yaml.item(record).splitlines()
            line = next(
                number
                for number, each in enumerate(after.splitlines(), 1)
                if each.strip() == lines[0]
            )
        else:
            after, line = insert(before, record, key)
        problems = self._problems(File(folder, stem, _as_read(after)), released or {})
        text = as_yaml.item(record)
        return Addition(path, line, text, before, after, tuple(problems))

    def _problems(self, changed: File, released: Mapping[str, Sequence[str]]) -> list[str]:
        """Say what is wrong with the directory once a file is changed, and wasn't before."""
        others = [file for file in self._files if file.place != changed.place]
        content, problems = parse([*others, changed], self.path)
        if problems:
            raise InsertError("; ".join(problem.message for problem in sorted(problems)))
        left = [f"{place.file} {text}" for place, text in self._judged(self._content, released)]
        found = []
        for place, text in self._judged(content, released):
            said = f"{place.file} {text}"
            if said in left:
                left.remove(said)
            else:
                found.append(text if place.file == changed.place else f"{place.file}: {text}")
        return found

    def _judged(self, content: Content, released: Mapping[str, Sequence[str]]) -> Iterable[Any]:
        known = dict(content.releases)
        for name, versions in released.items():
            known[name] = [*known.get(name, ()), *({"version": each} for each in versions)]
        made = Content(content.entries, content.projects, known, content.trials, content.places)
        return judge(made, self._below)


def read_entry(entry: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """
    Return a known-bad entry as it is read back, and what is wrong with its form.
    """
    found: list[Problem] = []
    node = strict_yaml.parse(as_yaml.item(entry), "", found)
    record: dict[str, Any] = {}
    if node is not None and not found:
        (record,) = schema.FILES["known-bad"].read(node, Problems("", found))
        if as_yaml.plain(node) != [as_yaml.scalars(entry)]:
            found.append(Problem("", 1, "it can't be written so that it is read as it was"))
    return record, [problem.message for problem in found]


def save(addition: Addition) -> None:
    """
    Write the file of an addition, as a whole or not at all; its permissions stay.

    Raises:
        SourceError: It can't be written, or has changed in the meantime.
    """
    import shutil
    import tempfile

    path = os.path.realpath(addition.path)  # a link stays one
    if _read(path) != addition.before:
        raise SourceError(f"{clean(addition.path)} has changed in the meantime; try again")
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(addition.after)
            if addition.before is not None:
                shutil.copymode(path, temporary)
            else:
                os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise SourceError(f"{clean(addition.path)}: can't be written: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sound(path: str) -> list[File]:
    """Return the files of a directory in which nothing is wrong."""
    try:
        files, problems = read(path)
    except MatrixError:
        if all(_empty(os.path.join(path, folder)) for folder in FOLDERS):
            return []
        raise
    problems += parse(files, path)[1]
    if problems:
        raise MatrixError(tuple(str(problem) for problem in sorted(problems)))
    return files


def _empty(path: str) -> bool:
    try:
        return not os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _writable(path: str) -> None:
    """Find out before anybody has answered a question."""
    where = os.path.abspath(path)
    while not os.path.lexists(where):
        where = os.path.dirname(where)
    if not os.path.isdir(where):
        raise SourceError(f"{clean(path)}: can't be written: {clean(where)} is no folder")
    if not os.access(where, os.W_OK | os.X_OK):
        raise SourceError(f"{clean(path)}: can't be written: {clean(where)} is not yours to write")


def _read(path: str) -> str | None:
    """Return a file with the line ends it has."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise SourceError(f"{clean(path)} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise SourceError(f"{clean(path)}: can't be read: {error.strerror}") from error


def _as_read(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
