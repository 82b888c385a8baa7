"""
The files of a matrix directory: whether they have changed, and their texts.
"""

from __future__ import annotations

import os
import stat
from typing import Final, NamedTuple

from envcheck.clean import clean
from envcheck.errors import MatrixError, SourceError
from envcheck.files import read_text

FOLDERS: Final = ("known-bad", "known-good", "releases", "trials")
_SUFFIX: Final = ".yaml"


class Problem(NamedTuple):
    """
    One thing that is wrong with a file; `line` counts from 1.
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return clean(f"{self.file}:{self.line}: {self.message}")


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


def signature(directory: str) -> tuple[str, int] | None:
    """
    Return what is another whenever a file of a matrix directory is, and when one last was (nanoseconds).

    A file's size and its two times are enough: only the system sets the time of the last change.

    Returns:
        `None` where it can't be told, since not all of them are there and files.

    Raises:
        MatrixError: A folder can't be read.
    """
    rows = []
    newest = 0
    for folder in FOLDERS:
        for each in _listed(directory, folder):
            try:
                found = each.stat()
            except OSError:  # a link to nothing
                return None
            if not stat.S_ISREG(found.st_mode):
                return None
            times = found.st_mtime_ns, found.st_ctime_ns
            newest = max(newest, *times)
            rows.append((folder, each.name, found.st_dev, found.st_ino, found.st_size, *times))
    return repr(rows), newest


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
        for each in _listed(directory, folder):
            path = each.path
            stem, suffix = os.path.splitext(each.name)
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


def _listed(directory: str, folder: str) -> list[os.DirEntry[str]]:
    """Return what looks like a matrix file, by name."""
    path = os.path.join(directory, folder)
    try:
        with os.scandir(path) as found:
            listed = [
                each
                for each in found
                if each.name.lower().endswith((_SUFFIX, ".yml")) and not each.name.startswith(".")
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        if not os.path.isdir(directory):
            return []
        raise MatrixError((f"{clean(path)}: {clean(error.strerror or str(error))}",)) from error
    return sorted(listed, key=lambda each: each.name)
