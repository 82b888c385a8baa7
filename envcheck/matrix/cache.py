"""
A folder of the user's for what takes time to make and can be made again.

A file in it counts only if it is whole, has the right stamp, and nobody else could have written it.
Any doubt, and it isn't there; what can't be written costs time, not correctness.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final
from zlib import crc32

from envcheck.matrix.index import Held

_MAGIC: Final = b"envcheck-cache"
_FIRST: Final = len(_MAGIC) + 1 + 64 + 1 + 8 + 1
"Bytes of the first line: magic, stamp, checksum."
_CHUNK: Final = 256 * 1024
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def load(name: str, stamp: str) -> Held | None:
    """
    Open what was saved under a name with this stamp, at its start; `None`: it isn't there, or in doubt.
    """
    folder = _folder()
    if folder is None:
        return None
    try:
        file = Held(os.open(os.path.join(folder, name), _FLAGS))
        found = os.fstat(file.fileno())
        if not (stat.S_ISREG(found.st_mode) and _only_ours(found)):
            return None
        first = file.read(_FIRST)
        check = 0
        while part := file.read(_CHUNK):
            check = crc32(part, check)
        file.seek(_FIRST)
    except OSError:
        return None
    return file if first == _first_line(stamp, check) else None


def save(name: str, stamp: str, data: bytes) -> None:
    """
    Put data in the cache, as a whole or not at all.

    Args:
        name: What it replaces; a file name.
        stamp: Identifies what the data was made from; 64 characters.
    """
    folder = _folder()
    if folder is None:
        return
    import tempfile

    with suppress(OSError):
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(_first_line(stamp, crc32(data)))
                file.write(data)
            os.replace(temporary, os.path.join(folder, name))
        except BaseException:
            os.unlink(temporary)
            raise


def _first_line(stamp: str, check: int) -> bytes:
    return b"%s %s %08x\n" % (_MAGIC, stamp.encode(), check)


def _folder() -> str | None:
    """Return the folder, made if need be; `None`: there is none that only this user can write to."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # its specification: such a value is to be ignored
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.cache")
    folder = os.path.join(base, "envcheck")
    if not os.path.isabs(folder):  # no home: it would come to lie wherever the command is run
        return None
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return None
    return folder if stat.S_ISDIR(found.st_mode) and _only_ours(found) else None


def _only_ours(found: os.stat_result) -> bool:
    # Elsewhere the folder lies in the user's profile, and the mode bits say nothing.
    return os.name != "posix" or (
        found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
