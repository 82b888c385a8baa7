"""
Which Python something is of, told from names and text.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from envcheck.files import head

if TYPE_CHECKING:
    from collections.abc import Iterator

_SMALL: Final = 64 * 1024


def version_in(name: str) -> str:
    """
    Return the version in an executable's or a folder's name.

    >>> version_in("python3.10"), version_in("python3.13t"), version_in("python3")
    ('3.10', '3.13', '')
    """
    rest = name.lower().removeprefix("python").removeprefix("pypy").removesuffix(".exe")
    major, _, minor = rest.removesuffix("t").partition(".")
    if rest == name or not (_number(major) and _number(minor)):
        return ""
    return f"{major}.{minor}"


def version(text: str) -> str:
    """
    Return the version at the beginning of a text; that of a pre-release only as `X.Y`.

    >>> version("3.10.13.final.0"), version("3.10.13-h955ad1f_0.json"), version("3.13.0rc2")
    ('3.10.13', '3.10.13', '3.13')
    """
    parts = text.partition("-")[0].split(".")[:3]
    if len(parts) < 2 or not (_number(parts[0]) and _number(parts[1])):
        return ""
    return ".".join(parts if _number(parts[-1]) else parts[:2])


def patchlevel(folder: str) -> str:
    """
    Return the version in a folder's `patchlevel.h`, read as text; empty: it can't be told.
    """
    try:
        data = head(os.path.join(folder, "patchlevel.h"), _SMALL)
    except OSError:
        return ""
    value = data.partition(b"define PY_VERSION ")[2].partition(b"\n")[0]
    return version(value.decode("ascii", "replace").strip().strip('"').rstrip("+"))


def links(path: str) -> Iterator[str]:
    """
    Yield a path and everything it links to, one step at a time.
    """
    for _ in range(40):
        yield path
        try:
            target = os.readlink(path)
        except OSError:
            return
        path = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(path)), target))


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit()
