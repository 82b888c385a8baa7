"""
Where an environment is read from.

`active`, `interpreter` and `paths` read real folders, `file` reads a list; nothing is imported
from, run in, or written to what is read. A new kind of file is one module and one line in
`envcheck.sources.kinds`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, cast

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.model import Environment
from envcheck.sources import cuda, layout, location, site_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from packaging.utils import NormalizedName

_PIP: Final = cast("NormalizedName", "pip")
_TORCH: Final = cast("NormalizedName", "torch")


def active(
    tracked: Container[NormalizedName], environ: Mapping[str, str] = os.environ
) -> Environment:
    """
    Read the environment that is active in this shell, else the one envcheck runs in.

    Raises:
        SourceError: It isn't there, or nothing is installed in it.
    """
    return _environment(lambda: location.active(environ), tracked)


def interpreter(
    target: str, tracked: Container[NormalizedName], environ: Mapping[str, str] = os.environ
) -> Environment:
    """
    Read the environment of an interpreter, which isn't run, or of a prefix.

    Args:
        target: A path, a name on PATH (`python3.10`, `3.10`), or a folder.
        tracked: The packages to read fully.
        environ: PATH, HOME and what pyenv looks at.

    Raises:
        SourceError: It isn't there, is no Python environment, or nothing is installed in it.
    """
    return _environment(lambda: location.interpreter(target, environ), tracked)


def paths(folders: Sequence[str], tracked: Container[NormalizedName]) -> Environment:
    """
    Read site-packages folders; the first one wins where a package is in several.

    Raises:
        SourceError: One of them isn't a folder, or nothing is installed in any.
    """
    return _environment(lambda: location.folders(folders), tracked)


def file(path: str, tracked: Container[NormalizedName], python: str | None = None) -> Environment:
    """
    Read a list of packages; what kind of list it is, its contents tell.

    Args:
        path: `-` reads standard input.
        tracked: The packages to keep.
        python: The Python version to judge markers by, where it is known.

    Raises:
        SourceError: It can't be read, is of no known kind, or lists no package.
    """
    from envcheck.files import read_text
    from envcheck.sources.kinds import SOURCES

    text = read_text(path, "package list")
    for source in SOURCES:
        if source.recognises(path, text):
            return source.read(path, text, tracked, python)
    known = ", ".join(source.NAME for source in SOURCES)
    raise SourceError(f"{clean(path)} is no list of packages that envcheck knows: {known}")


def _environment(
    find: Callable[[], layout.Location], tracked: Container[NormalizedName]
) -> Environment:
    try:
        where = find()
    except OSError as error:  # such as a working directory that is gone
        raise SourceError(f"cannot look for the environment: {error.strerror}") from None
    found = site_packages.scan(where.before, where.site, tracked)
    if not (found.packages or found.untracked):
        looked = ", ".join(found.folders) or "no site-packages folder there"
        raise SourceError(
            f"nothing is installed in {clean(where.origin)} (looked at: {clean(looked)}); "
            "name another environment with --python"
        )
    return Environment(
        origin=where.origin,
        kind=where.kind,
        packages=found.packages,
        untracked=found.untracked,
        python=where.python,
        platform=location.platform(where),
        cuda=cuda.of_installed(found.packages.get(_TORCH)),
        rocm=cuda.rocm(found.packages.get(_TORCH)),
        executable=where.executable,
        installer=_installer(where, found),
        complete=found.complete,
        oddities=(*where.oddities, *found.oddities),
    )


def _installer(where: layout.Location, found: site_packages.Scan) -> str:
    if _PIP in found.untracked or _PIP in found.packages:
        return "pip"
    if where.kind == "conda":
        return "conda"
    return "uv" if where.uv or "uv" in found.installers else "pip"
