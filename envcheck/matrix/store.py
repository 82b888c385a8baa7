"""
Where matrices lie: the built-in one, a user's directories, and the cache of their indexes.

A wheel carries its index, and of the YAML what people wrote: releases and trials, which commands
write, are in the index alone. A checkout's or a user's YAML is compiled on first use into the user's
cache; the cached index counts only if it was made from these very files by this very code.
"""

from __future__ import annotations

import io
import os
import time
from typing import TYPE_CHECKING, Final

from envcheck import __version__
from envcheck.clean import clean
from envcheck.errors import MatrixError
from envcheck.matrix import Matrix
from envcheck.matrix.index import FORMAT, Held, Index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.matrix.load import Content
    from envcheck.matrix.texts import Problem

BUILT_IN: Final = "built-in"
INDEX_NAME: Final = "index.json"
_SETTLED: Final = 2_000_000_000
"""Nanoseconds without a change before an index is kept: two changes in one tick of the clock, which may
be as long as two seconds, can't be told from one."""
_HERE: Final = os.path.dirname(os.path.abspath(__file__))


def directory() -> str:
    """
    Return the directory of the built-in matrix: in the package, or beside it in a checkout.
    """
    package = os.path.dirname(_HERE)
    inside = os.path.join(package, "matrices")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "matrices")


def open_matrix(directories: Sequence[str] = ()) -> Matrix:
    """
    Open the built-in matrix with a user's own directories on top, in their order.

    Raises:
        MatrixError: Something in a directory is wrong; every problem is listed.
    """
    layers = [_built_in()]
    problems: list[str] = []
    for path in directories:
        try:
            layers.append(_compiled(path, clean(path)))
        except MatrixError as error:  # noqa: PERF203
            problems += error.problems
    if problems:
        raise MatrixError(tuple(problems))
    return Matrix(layers)


def _built_in() -> Index:
    return shipped() or _compiled(directory(), BUILT_IN)  # a checkout: the YAML decides


def shipped() -> Index | None:
    """
    Return the index that came with an installed envcheck; `None`: this is a checkout.

    Raises:
        MatrixError: The index is damaged.
    """
    path = os.path.join(directory(), INDEX_NAME)
    try:
        return Index(Held(path), BUILT_IN)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise MatrixError(
            (f"{clean(path)}: the index is damaged; install envcheck again",)
        ) from None


def _compiled(path: str, name: str) -> Index:
    """Return the index of a directory of YAML, from the cache where that is beyond doubt."""
    from hashlib import blake2b

    from envcheck.matrix import cache, texts

    now = time.time_ns()
    files, changed = texts.signature(path) or ("", now)
    where = os.path.abspath(path).encode(errors="surrogateescape")
    key = f"{blake2b(where, digest_size=16).hexdigest()}.index"
    made_from = f"{__version__} {FORMAT} {_code()} {files}".encode(errors="surrogateescape")
    stamp = blake2b(made_from, digest_size=32).hexdigest()
    cached = cache.load(key, stamp)
    if cached is not None:
        return Index(cached, name)
    from envcheck.matrix.load import load  # and with it YAML

    data = _build(*load(path))
    if now - changed > _SETTLED:
        cache.save(key, stamp, data)
    return Index(io.BytesIO(data), name)


def _code() -> list[str]:
    """Identify the code that makes an index: in a checkout it changes too."""
    return sorted(
        f"{each.name} {each.stat().st_size} {each.stat().st_mtime_ns}"
        for folder in (_HERE, os.path.dirname(_HERE))
        for each in os.scandir(folder)
        if each.name.endswith(".py")
    )


def compile_directory(path: str) -> bytes:
    """
    Compile a directory of YAML into an index.

    Raises:
        MatrixError: Something in the directory is wrong; every problem is listed.
    """
    from envcheck.matrix.load import load

    return _build(*load(path))


def _build(content: Content, problems: Sequence[Problem]) -> bytes:
    from envcheck.matrix.compile import build

    if problems:
        raise MatrixError(tuple(str(problem) for problem in sorted(problems)))
    return build(content)
