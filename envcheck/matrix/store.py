"""
Where matrices lie: the built-in one, a user's directories, and the cache of their indexes.

A wheel carries its index. A checkout's or a user's YAML is compiled on first use into the user's
cache; the cached index counts only if it was made from these very texts by this very code.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final

from envcheck import __version__
from envcheck.clean import clean
from envcheck.errors import MatrixError
from envcheck.matrix import Matrix
from envcheck.matrix.index import FORMAT, Index

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envcheck.matrix.load import Content
    from envcheck.matrix.texts import File, Problem

BUILT_IN: Final = "built-in"
INDEX_NAME: Final = "index.json"
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
    path = directory()
    try:
        return Index(_File(os.path.join(path, INDEX_NAME)), BUILT_IN)
    except (OSError, ValueError, KeyError, TypeError):
        return _compiled(path, BUILT_IN)  # a checkout, or a damaged installation: the YAML decides


class _File(io.FileIO):
    """
    A file that is open as long as it is used.
    """

    def __del__(self) -> None:
        self.close()


def _compiled(path: str, name: str) -> Index:
    """Return the index of a directory of YAML, from the cache where that is beyond doubt."""
    from hashlib import blake2b

    from envcheck.matrix import cache
    from envcheck.matrix.texts import read

    files, problems = read(path)
    where = os.path.abspath(path).encode(errors="surrogateescape")
    key = f"{blake2b(where, digest_size=16).hexdigest()}.index"
    stamp = _stamp(files)
    data = None if problems else cache.load(key, stamp)
    if data is None:
        from envcheck.matrix.load import parse  # and with it YAML

        content, more = parse(files, path)
        data = _build(content, problems + more)
        cache.save(key, stamp, data)
    return Index(io.BytesIO(data), name)


def _stamp(files: Iterable[File]) -> str:
    """Identify the texts, and the code that makes an index of them: in a checkout it changes too."""
    from hashlib import blake2b

    code = [
        f"{each.name} {each.stat().st_size} {each.stat().st_mtime_ns}"
        for each in os.scandir(_HERE)
        if each.name.endswith(".py")
    ]
    digest = blake2b(f"{__version__} {FORMAT} {sorted(code)}".encode(), digest_size=32)
    for file in files:
        head = f"\0{file.place}\0{len(file.text)}\0"
        digest.update((head + file.text).encode(errors="surrogateescape"))
    return digest.hexdigest()


def compile_directory(path: str) -> bytes:
    """
    Compile a directory of YAML into an index.

    Raises:
        MatrixError: Something in the directory is wrong; every problem is listed.
    """
    from envcheck.matrix.load import load

    return _build(*load(path))


def _build(content: Content, problems: Sequence[Problem]) -> bytes:
    from envcheck.matrix.index import build

    if problems:
        raise MatrixError(tuple(str(problem) for problem in sorted(problems)))
    return build(content)
