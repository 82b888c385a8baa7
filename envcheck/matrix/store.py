"""
Where matrices lie: the built-in one, a user's directories, and the cache of their indexes.

A wheel carries its index. A checkout's or a user's YAML is compiled on first use into the user's
cache; the cached index counts only if it was made from these very bytes by this very version, is
whole, and nobody else could have written it. Any doubt compiles again.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from envcheck import __version__
from envcheck.clean import clean
from envcheck.errors import MatrixError
from envcheck.matrix import Matrix
from envcheck.matrix.index import FORMAT, Index

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILT_IN = "built-in"
INDEX_NAME = "index.json"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MAGIC = b"envcheck-index "


def directory() -> str:
    """
    Return the directory of the built-in matrix: in the package, or beside it in a checkout.
    """
    inside = os.path.join(_PACKAGE, "matrices")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(_PACKAGE), "matrices")


def open_matrix(directories: Sequence[str] = ()) -> Matrix:
    """
    Open the built-in matrix with a user's own directories on top, in their order.

    Raises:
        MatrixError: Something in a directory is wrong; every problem is listed.
    """
    return Matrix([_built_in(), *(_compiled(path, clean(path)) for path in directories)])


def _built_in() -> Index:
    try:
        return Index(open(os.path.join(directory(), INDEX_NAME), "rb"), BUILT_IN)  # noqa: SIM115
    except (OSError, ValueError, KeyError):  # a checkout, or a damaged installation: the YAML decides
        return _compiled(directory(), BUILT_IN)


def _compiled(path: str, name: str) -> Index:
    """Return the index of a directory of YAML, from the cache where that is beyond doubt."""
    from envcheck.matrix.load import files

    found = files(path)
    digest = _digest([file for _, _, file in found])
    cached = _cache_file(path)
    data = _read_cache(cached) if cached else None
    if data is not None:
        try:
            index = Index(io.BytesIO(data), name)
        except (ValueError, KeyError):
            index = None
        if index is not None and index.digest == digest:
            return index
    data = compile_directory(path, digest)
    if cached:
        _write_cache(cached, data)
    return Index(io.BytesIO(data), name)


def compile_directory(path: str, digest: str = "") -> bytes:
    """
    Compile a directory of YAML into an index.

    Raises:
        MatrixError: Something in the directory is wrong; every problem is listed.
    """
    from envcheck.matrix.index import build
    from envcheck.matrix.load import load

    content, problems = load(path)
    if problems:
        raise MatrixError(tuple(str(problem) for problem in problems))
    return build(content, digest)


def _digest(paths: Sequence[str]) -> str:
    from hashlib import blake2b

    digest = blake2b(digest_size=20)
    for path in paths:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise MatrixError((f"{clean(path)}: {error.strerror}",)) from error
        digest.update(f"{path}\0{len(data)}\0".encode(errors="surrogateescape"))
        digest.update(data)
    return digest.hexdigest()


def _cache_file(path: str) -> str | None:
    """Return where a directory's index is cached, in a folder that only this user can write to."""
    from hashlib import blake2b

    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    folder = os.path.join(home or os.path.expanduser("~/.cache"), "envcheck")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _ours(os.stat(folder)):
            return None
    except OSError:
        return None
    key = blake2b(f"{os.path.abspath(path)}\0{FORMAT}\0{__version__}".encode(errors="surrogateescape"), digest_size=16)
    return os.path.join(folder, f"{key.hexdigest()}.json")


def _ours(found: os.stat_result) -> bool:
    if os.name != "posix":
        return True  # the folder lies in the user's profile; the mode bits say nothing there
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def _read_cache(path: str) -> bytes | None:
    from hashlib import blake2b

    try:
        with open(path, "rb") as file:
            if not _ours(os.fstat(file.fileno())):
                return None
            first, data = file.readline(), file.read()
    except OSError:
        return None
    return data if first == _MAGIC + blake2b(data).hexdigest().encode() + b"\n" else None


def _write_cache(path: str, data: bytes) -> None:
    """Write at once or not at all; a cache that can't be written costs time, not correctness."""
    import tempfile
    from contextlib import suppress
    from hashlib import blake2b

    with suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + blake2b(data).hexdigest().encode() + b"\n" + data)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
