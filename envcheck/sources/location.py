"""
What the user points at -> where to look.

No process is started: an interpreter is a path that leads to a prefix.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.files import head
from envcheck.sources import layout, python
from envcheck.sources.layout import Location

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BINARIES: Final = frozenset({"bin", "Scripts"})
_NO_USER_SITE: Final = {"PYTHONNOUSERSITE": "1"}


def active(environ: Mapping[str, str]) -> Location:
    """
    Find the environment that a plain `python` of this shell would use, else the running one.

    Raises:
        SourceError: There is no Python environment where the shell's variables say.
    """
    variable = _active_variable(environ)
    path = environ[variable] if variable else sys.prefix
    hint = "" if variable else f"python{sys.version_info[0]}.{sys.version_info[1]}"
    where = layout.read(path, environ, hint)
    if where is None:
        said = f"{variable} is" if variable else "no environment is active, and envcheck runs in"
        raise SourceError(
            f"{said} {clean(path)}, but no Python environment is there; "
            "activate one, or name one with --python"
        )
    where.before = tuple(filter(None, environ.get("PYTHONPATH", "").split(os.pathsep)))
    if not variable:
        where.executable = sys.executable or where.executable
    return where


def interpreter(target: str, environ: Mapping[str, str]) -> Location:
    """
    Find the environment of an interpreter (a path, or a name on PATH), or of a prefix.

    Raises:
        SourceError: There is no such thing, or it is no Python environment.
    """
    if os.path.isdir(target):
        return _of_folder(target, environ)
    path = target if _is_path(target) else _on_path(target, environ)
    shown = clean(target)
    if not os.path.exists(path):
        raise SourceError(f"there is no {shown}; give an interpreter or an environment's folder")
    if not os.path.isfile(path):
        raise SourceError(f"{shown} is neither an interpreter nor a folder")
    if _is_script(path):
        from envcheck.sources import pyenv

        path = pyenv.resolve(path, environ)
    where = _of_executable(path, environ)
    if where is None:
        raise SourceError(
            f"{shown} does not lead to a Python environment; give the environment's folder"
        )
    where.origin = target
    where.executable = os.path.abspath(path)
    return where


def folders(paths: Sequence[str]) -> Location:
    """
    Take site-packages folders as they are.

    Raises:
        SourceError: One of them isn't a folder.
    """
    found = Location(", ".join(paths), "site-packages", None, tuple(paths))
    for path in paths:
        if not os.path.isdir(path):
            problem = "is not a folder" if os.path.exists(path) else "is not there"
            raise SourceError(f"{clean(path)} {problem}; give a site-packages folder")
        around = _around(os.path.abspath(path))
        if around is not None and found.python is None:
            found.python, found.windows = around.python, around.windows
            found.executable = around.executable if len(paths) == 1 else None
    return found


def platform(where: Location) -> str | None:
    """
    Return the platform of a folder: this machine's, unless it is laid out as on Windows.
    """
    known = ("win32",) if where.windows else ("linux", "darwin", "win32")
    return next((each for each in known if where.windows or sys.platform.startswith(each)), None)


def _active_variable(environ: Mapping[str, str]) -> str:
    """Return which variable names the active environment; empty: none does."""
    named = [name for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name)]
    search = [os.path.normpath(each) for each in environ.get("PATH", "").split(os.pathsep)]

    def rank(name: str) -> int:
        own = [os.path.normpath(os.path.join(environ[name], each)) for each in _BINARIES]
        return next((place for place, each in enumerate(search) if each in own), len(search))

    return min(named, key=rank, default="")


def _of_folder(target: str, environ: Mapping[str, str]) -> Location:
    path = os.path.abspath(target)
    where = layout.read(target, environ)
    if where is None and os.path.basename(path) in _BINARIES:
        where = layout.read(os.path.dirname(path), environ)
    if where is not None:
        where.origin = target
        return where
    hint = "give a virtual environment, a conda prefix or an interpreter"
    for name in (".venv", "venv"):
        if layout.configuration(os.path.join(target, name)) is not None:
            hint = f"did you mean {clean(os.path.join(target, name))}?"
    if os.path.basename(path) in {"site-packages", "dist-packages"}:
        hint = "a site-packages folder goes with --path"
    raise SourceError(f"{clean(target)} is no Python environment; {hint}")


def _of_executable(path: str, environ: Mapping[str, str]) -> Location | None:
    """Follow the links of an executable; the first `pyvenv.cfg` on the way decides."""
    hint = ""
    named = False
    real = os.path.realpath(path)
    for step in (*python.links(os.path.abspath(path)), real):
        folder, name = os.path.split(step)
        hint = name if python.version_in(name) else hint
        named = named or name.lower().startswith(("python", "pypy"))
        for candidate in (folder, os.path.dirname(folder)):
            if os.path.isfile(os.path.join(candidate, layout.CONFIG)):
                return layout.read(candidate, environ, hint)
    folder = os.path.dirname(real)
    if not named:
        return None
    return layout.read(os.path.dirname(folder), environ, hint) or layout.read(folder, environ, hint)


def _around(path: str) -> Location | None:
    """Return the environment that a site-packages folder belongs to, if its place tells."""
    parent, name = os.path.split(path)
    library, inner = os.path.split(parent)
    if name == "site-packages" and inner == "Lib":
        return layout.read(library, _NO_USER_SITE)
    version = python.version_in(inner)
    if not version:
        return None
    found = layout.read(os.path.dirname(library), _NO_USER_SITE, inner)
    if found is not None and path in found.site:
        return found
    return Location(path, "site-packages", version, (path,))


def _is_path(target: str) -> bool:
    return os.sep in target or (os.altsep is not None and os.altsep in target)


def _on_path(name: str, environ: Mapping[str, str]) -> str:
    """Look a bare name up as a shell would; a version alone means that Python."""
    wanted = f"python{name}" if name.replace(".", "").isdecimal() else name
    for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
        path = os.path.join(folder, wanted)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return name


def _is_script(path: str) -> bool:
    try:
        return head(path, 2) == b"#!"
    except OSError:
        return False
