"""
What one installed distribution says about itself: METADATA, `direct_url.json`, INSTALLER.

Source:
    Core metadata specification, PEP 376 (INSTALLER), PEP 610 (`direct_url.json`); the fall-backs
    for egg-info are those of `importlib.metadata`.
"""

from __future__ import annotations

import os
from typing import Any, Final

from envcheck.clean import without_secret
from envcheck.files import NotAFileError, head

_CHUNK: Final = 8 * 1024
"Bytes; most headers are shorter."
_LIMIT: Final = 1024 * 1024
"Bytes of header fields; the longest in the field have about 40,000."


class Metadata:
    """
    The header fields that matter here; empty where the file doesn't have them.
    """

    def __init__(
        self,
        name: str = "",
        version: str = "",
        requires: tuple[str, ...] | None = None,
        problem: str = "",
    ) -> None:
        self.name = name
        self.version = version
        self.requires = requires
        self.problem = problem
        "Why the fields above can't be relied on; empty: they can."


def read(entry: str) -> Metadata:
    """
    Read the header fields of a `.dist-info` folder, or an `.egg-info` folder or file.
    """
    egg_info = not entry.endswith(".dist-info")
    file = "PKG-INFO" if egg_info else "METADATA"
    try:
        found = parse(_header(os.path.join(entry, file)), file)
    except NotADirectoryError:
        if not egg_info:
            return Metadata(problem="it is a file, not a folder")
        return _single_file(entry)
    except OSError as error:
        return Metadata(problem=_reason(error, file))
    if egg_info and not found.problem and not found.requires:
        found.requires = _requires_txt(entry)
    return found


def egg(path: str) -> Metadata:
    """
    Read the header fields of an `.egg`, a folder or a zip archive; requirements aren't known then.
    """
    try:
        found = parse(_header(os.path.join(path, "EGG-INFO", "PKG-INFO")), "PKG-INFO")
    except NotADirectoryError:
        found = _zipped(path)
    except OSError as error:
        return Metadata(problem=_reason(error, "PKG-INFO"))
    found.requires = found.requires or None
    return found


def parse(data: bytes, file: str) -> Metadata:
    """
    Read header fields; `file` is its name for messages.
    """
    if not data.strip():
        return Metadata(problem=f"its {file} is empty")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return Metadata(problem=f"its {file} is not UTF-8 text")
    text = f"\n{_unfold(text)}"
    name = next(iter(_fields(text, "Name")), "")
    version = next(iter(_fields(text, "Version")), "")
    missing = "" if name and version else "Version" if name else "Name"
    problem = f"its {file} has no {missing}" if missing else ""
    return Metadata(name, version, tuple(_fields(text, "Requires-Dist")), problem)


def direct(entry: str) -> tuple[str, str]:
    """
    Tell where a distribution came from: its origin (as in `model.Package`) and a reference.
    """
    try:
        data = head(os.path.join(entry, "direct_url.json"), _LIMIT)
    except OSError:
        return "index", ""
    import json

    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        record = None
    return _direct(record) if isinstance(record, dict) else ("file", "")


def installer(entry: str) -> str:
    """
    Return the word in INSTALLER, in lower case; empty where there is none.
    """
    try:
        return head(os.path.join(entry, "INSTALLER"), 64).decode("ascii", "replace").strip().lower()
    except OSError:
        return ""


def _header(path: str) -> bytes:
    """Return everything before the first empty line."""
    size = _CHUNK
    data = head(path, size)
    while len(data) == size < _LIMIT and b"\n\n" not in data and b"\n\r\n" not in data:
        size = min(size * 4, _LIMIT)
        data = head(path, size)
    for end in (b"\n\n", b"\n\r\n"):
        place = data.find(end)
        if place >= 0:
            data = data[:place]
    return data


def _unfold(text: str) -> str:
    """Join lines that start with white space to the one before them."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "\n " in text or "\n\t" in text:
        text = text.replace("\n ", " ").replace("\n\t", "\t")
    return text.removeprefix("\ufeff")


def _fields(text: str, key: str) -> list[str]:
    """Return the values of every line with this key."""
    return [part.partition("\n")[0].strip() for part in text.split(f"\n{key}:")[1:]]


def _reason(error: OSError, file: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"it has no {file}"
    if isinstance(error, NotAFileError):
        return f"its {file} is {error}"
    return f"its {file} can't be read: {error.strerror}"


def _single_file(entry: str) -> Metadata:
    """Read what distutils wrote: one file, which can't declare requirements."""
    try:
        found = parse(_header(entry), "egg-info file")
    except OSError as error:
        return Metadata(problem=_reason(error, "egg-info file"))
    found.requires = found.requires or None
    return found


def _requires_txt(entry: str) -> tuple[str, ...]:
    """Read setuptools' own form, in sections named `[extra:marker]`; rare, so a library may take its time."""
    from pathlib import Path

    from importlib_metadata import PathDistribution

    file = os.path.join(entry, "requires.txt")
    try:
        if not os.path.isfile(file) or os.stat(file).st_size > _LIMIT:
            return ()
        return tuple(PathDistribution(Path(entry)).requires or ())
    except (OSError, UnicodeError):
        return ()


def _direct(record: dict[str, Any]) -> tuple[str, str]:
    url = without_secret(str(record.get("url", "")))
    folder, vcs = record.get("dir_info"), record.get("vcs_info")
    if isinstance(folder, dict) and folder.get("editable") is True:
        return "editable", url
    if isinstance(vcs, dict):
        commit = str(vcs.get("commit_id", ""))
        return "vcs", f"{vcs.get('vcs', 'git')}+{url}{'@' if commit else ''}{commit}"
    return "file", url


def _zipped(path: str) -> Metadata:
    import zipfile
    import zlib

    if not os.path.isfile(path):  # a pipe would wait for a writer
        return Metadata(problem="it is neither a folder nor an archive")
    broken = (OSError, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError)
    try:
        with zipfile.ZipFile(path) as archive, archive.open("EGG-INFO/PKG-INFO") as member:
            data = member.read(_LIMIT)
    except (*broken, zipfile.BadZipFile, zlib.error):
        return Metadata(problem="it is no zip archive with metadata")
    return parse(data.replace(b"\r\n", b"\n").partition(b"\n\n")[0], "PKG-INFO")
