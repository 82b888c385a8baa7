"""
A folder of the user's for what takes time to make and can be made again.

A file in it counts only if it is whole, has the right stamp, and nobody else could have written it.
Any doubt, and it isn't there; what can't be written costs time, not correctness.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from hashlib import blake2b
from typing import Final

_MAGIC: Final = b"envcheck-cache"
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def load(name: str, stamp: str) -> bytes | None:
    """
    Return what was saved under a name with this stamp; `None`: there is no such thing, or it is in doubt.
    """
    folder = _folder()
    if folder is None:
        return None
    try:
        descriptor = os.open(os.path.join(folder, name), _FLAGS)
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not (stat.S_ISREG(found.st_mode) and _only_ours(found)):
                return None
            first, data = file.readline(), file.read()
    except OSError:
        return None
    return data if first == _first_line(stamp, data) else None


def save(name: str, stamp: str, data: bytes) -> None:
    """
    Put data in the cache, as a whole or not at all.

    Args:
        name: What it replaces; a file name.
        stamp: Identifies what the data was made from.
    """
    folder = _folder()
    if folder is None:
        return
    import tempfile

    with suppress(OSError):
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(_first_line(stamp, data) + data)
            os.replace(temporary, os.path.join(folder, name))
        except BaseException:
            os.unlink(temporary)
            raise


def _first_line(stamp: str, data: bytes) -> bytes:
    check = blake2b(data, key=stamp.encode()).hexdigest()
    return b"%s %s\n" % (_MAGIC, check.encode())


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
