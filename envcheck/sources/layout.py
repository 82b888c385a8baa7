"""
A prefix -> the folders its Python searches, and that Python's version.

Known layouts: venv, virtualenv and uv (`pyvenv.cfg`), conda (`conda-meta`), a Python of its own
(pyenv, python-build-standalone, macOS frameworks), Debian and Fedora under `/usr`, Windows.
Everything is told from names and text files; no interpreter runs.

Source:
    CPython's `Lib/site.py` and `Modules/getpath.py`, and the patches to `site.py` that Debian and
    Fedora carry.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from envcheck.files import head
from envcheck.model import Oddity
from envcheck.sources import python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIG: Final = "pyvenv.cfg"
_LIBS: Final = ("lib64", "lib")
_KEYS: Final = ("version_info", "version")  # of virtualenv and uv; of venv
_SMALL: Final = 64 * 1024


class Location:
    """
    Where to look, and what is known before looking.
    """

    def __init__(self, prefix: str, kind: str, python: str | None, site: tuple[str, ...]) -> None:
        self.prefix = prefix
        self.origin = prefix
        "As the user named it."
        self.kind = kind
        "venv | conda | python | site-packages"
        self.python = python
        self.before: tuple[str, ...] = ()
        "Folders that come first on the path, and whose `.pth` files Python ignores: PYTHONPATH."
        self.site = site
        "Folders in the order of the path, whether they exist or not."
        self.executable: str | None = None
        self.windows = False
        self.uv = False
        "Whether uv made it."
        self.oddities: tuple[Oddity, ...] = ()


def read(path: str, environ: Mapping[str, str], hint: str = "") -> Location | None:
    """
    Find out what a prefix holds.

    Args:
        path: The folder that has `bin` and `lib` (or `Scripts` and `Lib`) in it.
        environ: For the user's own packages: HOME, PYTHONUSERBASE, PYTHONNOUSERSITE.
        hint: The name of the executable that led here: `python3.10`.

    Returns:
        `None` where there is no Python.
    """
    config = configuration(path)
    builds = _conda(path) if config is None else None
    stated = ""
    if config is not None:
        stated = next(filter(None, (python.version(config.get(key, "")) for key in _KEYS)), "")
    elif builds is not None:
        stated = next((each for name in builds if (each := _conda_python(name))), "")
    kind = "venv" if config is not None else "python" if builds is None else "conda"
    windows = os.path.join(path, "Lib", "site-packages")
    if os.path.isdir(windows):
        base = path if config is None else base_prefix(config)
        release = stated or (python.patchlevel(os.path.join(base, "include")) if base else "")
        found = Location(path, kind, release or None, (windows,))
        found.windows = True
    else:
        names, oddities = _choose(path, stated, hint)
        if not names:
            return None
        release = _release(path, names[0], stated, config)
        found = Location(path, kind, release, _search(path, names, config, environ))
        found.oddities = oddities
    found.uv = config is not None and "uv" in config
    found.executable = _executable(found)
    return found


def configuration(path: str) -> dict[str, str] | None:
    """
    Return the settings of a prefix's `pyvenv.cfg`; `None`: it has none.
    """
    try:
        text = head(os.path.join(path, CONFIG), _SMALL).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    settings = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            settings[key.strip().lower()] = value.strip()
    return settings


def base_prefix(config: Mapping[str, str]) -> str:
    """
    Return the prefix of the Python that a virtual environment was made from; empty: not known.
    """
    home = config.get("home", "")
    if os.path.basename(home).lower() in {"bin", "scripts"}:
        return os.path.dirname(home)
    return home


def _conda(path: str) -> list[str] | None:
    try:
        return os.listdir(os.path.join(path, "conda-meta"))
    except OSError:
        return None


def _conda_python(name: str) -> str:
    """`python-3.10.13-h955ad1f_0.json` -> `3.10.13`."""
    if not (name.startswith("python-") and name.endswith(".json")):
        return ""
    return python.version(name.removeprefix("python-"))


def _choose(path: str, stated: str, hint: str) -> tuple[list[str], tuple[Oddity, ...]]:
    """Return the names of the `pythonX.Y` folders to use: one, or also its free-threaded twin."""
    wanted = ".".join(stated.split(".")[:2])
    for version in filter(None, (wanted, python.version_in(os.path.basename(hint)))):
        if names := _present(path, version):
            return names, ()
    for name in ("python", "python3"):
        for step in python.links(os.path.join(path, "bin", name)):
            version = python.version_in(os.path.basename(step))
            if version and not wanted and (names := _present(path, version)):
                return names, ()
    available = sorted(_available(path), key=lambda each: tuple(map(int, each.split("."))))
    if not available:
        return [], ()
    newest = available[-1]
    detail = ""
    if wanted:
        detail = f"it is said to be of Python {wanted}, but its packages are for {newest}"
    elif len(available) > 1:
        listed = ", ".join(available)
        detail = f"it has packages for Python {listed}; nothing tells which runs, {newest} is taken"
    oddities = (Oddity("unreadable", path, detail),) if detail else ()
    return _present(path, newest), oddities


def _present(path: str, version: str) -> list[str]:
    names = (f"python{version}", f"python{version}t", f"pypy{version}")
    return [
        name
        for name in names
        if any(os.path.isdir(os.path.join(path, lib, name)) for lib in _LIBS)
        or os.path.isdir(os.path.join(path, "local", "lib", name, "dist-packages"))
    ]


def _available(path: str) -> set[str]:
    found: set[str] = set()
    for lib in _LIBS:
        try:
            children = os.listdir(os.path.join(path, lib))
        except OSError:
            continue
        found.update(filter(None, map(python.version_in, children)))
    return {version for version in found if _present(path, version)}


def _search(
    path: str, names: list[str], config: Mapping[str, str] | None, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the path as `site.py` builds it, the standard library left out."""
    own = tuple(_site(path, names))
    if config is None:
        return (*_standard(path, names), *_user(environ, names[0]), *own)
    base = base_prefix(config)
    if not base or config.get("include-system-site-packages", "true").lower() != "true":
        return own
    return (*_standard(base, names), *own, *_user(environ, names[0]), *_site(base, names))


def _site(path: str, names: list[str]) -> Iterator[str]:
    """Yield the folders that `site.getsitepackages()` names."""
    common = os.path.join(path, "lib", "python3", "dist-packages")
    debian = os.path.isdir(common)
    libs = ("lib",) if os.path.islink(os.path.join(path, "lib64")) else _LIBS
    for name in names:
        local = os.path.join(path, "local", "lib", name, "dist-packages")
        if debian or os.path.isdir(local):
            yield from (local, common, os.path.join(path, "lib", name, "dist-packages"))
        elif not os.path.exists(os.path.join(path, "local", "bin", name)):  # Fedora
            yield from (os.path.join(path, "local", lib, name, "site-packages") for lib in libs)
        yield from (os.path.join(path, lib, name, "site-packages") for lib in libs)


def _standard(path: str, names: list[str]) -> Iterator[str]:
    """Yield the standard library's folder where a distribution puts packages into it (Debian)."""
    if os.path.isdir(os.path.join(path, "lib", "python3", "dist-packages")):
        yield from (os.path.join(path, "lib", name) for name in names)


def _user(environ: Mapping[str, str], name: str) -> Iterator[str]:
    """Yield the user's own site-packages, which come before those of the prefix."""
    if environ.get("PYTHONNOUSERSITE"):
        return
    home = environ.get("HOME") or os.path.expanduser("~")
    base = environ.get("PYTHONUSERBASE")
    if sys.platform == "darwin" and not base:
        library = os.path.join(home, "Library", "Python", python.version_in(name))
        yield os.path.join(library, "lib", "python", "site-packages")
    yield os.path.join(base or os.path.join(home, ".local"), "lib", name, "site-packages")


def _release(path: str, name: str, stated: str, config: Mapping[str, str] | None) -> str:
    """Return the version as exactly as it is known."""
    version = python.version_in(name)
    if stated.startswith(f"{version}."):
        return stated
    for prefix in filter(None, (path, base_prefix(config) if config else "")):
        full = python.patchlevel(os.path.join(prefix, "include", name))
        if full.startswith(f"{version}."):
            return full
    return version


def _executable(where: Location) -> str | None:
    """Return the path of the interpreter, as a user would write it."""
    names = ("Scripts/python.exe", "python.exe") if where.windows else ("bin/python", "bin/python3")
    paths = (os.path.join(where.prefix, *name.split("/")) for name in names)
    return next((path for path in paths if os.path.exists(path)), None)
