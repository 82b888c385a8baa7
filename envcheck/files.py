"""
The one way a user's file is read.

Nothing that is opened here can make envcheck wait, fill its memory, or be seen half written.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import Final

from envcheck.clean import clean
from envcheck.errors import SourceError

LIMIT: Final = 16 * 1024 * 1024
"Bytes; far above every list of packages or settings there is."

STDIN: Final = "-"

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_ENTRIES: Final = 4000
_LOOKED_INTO: Final = 64
_BEGINNING: Final = 64 * 1024
_CHUNK: Final = 1024 * 1024
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotAFileError(OSError):
    """
    Signal a folder, pipe, socket or device where a file is meant.
    """


def read_text(path: str, what: str, limit: int = LIMIT) -> str:
    r"""
    Return a file's text: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Args:
        path: `-` reads standard input.
        what: What the file is to the user, for messages: `package list`.
        limit: Bytes.

    Returns:
        Text whose lines all end in `\n`.

    Raises:
        SourceError: It isn't there, isn't a file, is too big, changes while it is read, isn't text.
    """
    shown = "standard input" if path == STDIN else clean(path)
    try:
        data = _standard_input(limit) if path == STDIN else _whole(path, limit)
    except NotAFileError as error:
        hint = "give a file" if "folder" in str(error) else "pipe it in and use -"
        raise SourceError(f"cannot read the {what} {shown}: it is {error}; {hint}") from None
    except FileNotFoundError:
        raise SourceError(f"cannot read the {what} {shown}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot read the {what} {shown}: {clean(reason)}") from None
    if data is None:
        raise SourceError(f"the {what} {shown} changes while it is read; try again when it is done")
    if len(data) > limit:
        raise SourceError(
            f"the {what} {shown} is larger than {_size(limit)}; is it the right file?"
        )
    return _decode(data, f"the {what} {shown}")


def head(path: str, limit: int) -> bytes:
    """
    Return the first `limit` bytes of a file, without ever waiting for them.

    Raises:
        NotAFileError: It is no regular file.
        OSError: It can't be read.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:  # a NUL in the path
        raise FileNotFoundError(errno.ENOENT, str(error)) from None
    try:
        _regular(os.fstat(descriptor))
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def naming(word: bytes, ends: tuple[str, ...]) -> list[str]:
    """
    Return the names of files in the working directory that end so and hold a word near their beginning.

    A plain check asks this every time: no folder is entered, and few files are opened.
    """
    names: list[str] = []
    try:
        with os.scandir(".") as entries:
            for number, entry in enumerate(entries):
                if number == _ENTRIES:
                    break
                if entry.name.endswith(ends) and entry.name[0] != ".":
                    names.append(entry.name)
    except OSError:
        return []
    return [name for name in sorted(names)[:_LOOKED_INTO] if _holds(name, word)]


def _holds(name: str, word: bytes) -> bool:
    try:
        return word in head(name, _BEGINNING)
    except OSError:
        return False


def _regular(of: os.stat_result) -> None:
    if stat.S_ISREG(of.st_mode):
        return
    kind = next((name for test, name in _KINDS if test(of.st_mode)), "not a regular file")
    raise NotAFileError(kind)


def _whole(path: str, limit: int) -> bytes | None:
    """Return everything, `limit + 1` bytes of it at most; `None`: it changed, twice."""
    for _ in range(2):
        _regular(os.stat(path))  # before it is opened: opening a device can do things
        descriptor = os.open(path, _FLAGS)
        try:
            before = os.fstat(descriptor)
            _regular(before)
            if before.st_size > limit:
                return bytes(limit + 1)
            data = _drain(descriptor, limit)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        sizes = {before.st_size, after.st_size, len(data)} if before.st_size else set()
        if before.st_mtime_ns == after.st_mtime_ns and len(sizes) <= 1:
            return data
    return None


def _drain(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    missing = limit + 1
    while missing and (part := os.read(descriptor, min(missing, _CHUNK))):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _standard_input(limit: int) -> bytes:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise OSError("it is closed")
    data: bytes = stream.read(limit + 1)
    return data


def _decode(data: bytes, shown: str) -> str:
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{shown} is not UTF-8 text (line {line}); save it as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{shown} is not text (a NUL in line {line}); save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _size(limit: int) -> str:
    for unit, size in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if limit >= size:
            return f"{limit // size} {unit}"
    return f"{limit} bytes"
