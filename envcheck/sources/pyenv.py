"""
Which interpreter a pyenv shim stands for.

A shim is a shell script; what it would decide is decided here from the same files and variables
(`pyenv-version-file`, `pyenv-version-name`, `pyenv-which`), without a shell.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.files import head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SMALL: Final = 4096


def resolve(shim: str, environ: Mapping[str, str]) -> str:
    """
    Return the executable that a script stands for.

    Raises:
        SourceError: The script is no shim, or what it asks for isn't installed.
    """
    name = os.path.basename(shim)
    script = head(shim, _SMALL)
    if b"pyenv" not in script or b" exec " not in script:
        raise SourceError(
            f"{clean(shim)} is a script, not an interpreter; "
            "give the folder of the environment that it starts"
        )
    root = environ.get("PYENV_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(shim)))
    wanted, source = _wanted(root, environ)
    for version in (*wanted, "system"):
        for path in _candidates(root, version, name, environ):
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    raise SourceError(
        f"{clean(shim)} is a pyenv shim, and pyenv has no {clean(name)} for "
        f"{clean(':'.join(wanted))} ({clean(source)}); give a folder under {clean(root)}/versions"
    )


def _wanted(root: str, environ: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the versions that are chosen, and what chose them."""
    if environ.get("PYENV_VERSION"):
        return environ["PYENV_VERSION"].split(":"), "PYENV_VERSION"
    for file in _version_files(root, environ):
        try:
            text = head(file, _SMALL).decode("utf-8", "replace")
        except OSError:
            continue
        words = (line.split()[0] for line in text.splitlines() if line.strip())
        found = [word for word in words if not word.startswith("#") and _inside(word)]
        if found:
            return found, file
    return ["system"], "no version is chosen"


def _version_files(root: str, environ: Mapping[str, str]) -> Iterator[str]:
    for start in filter(None, (environ.get("PYENV_DIR"), os.getcwd())):
        folder = os.path.abspath(start)
        while True:
            yield os.path.join(folder, ".python-version")
            parent = os.path.dirname(folder)
            if parent == folder:
                break
            folder = parent
    yield os.path.join(root, "version")


def _inside(version: str) -> bool:
    return ".." not in version.split("/")


def _candidates(root: str, version: str, name: str, environ: Mapping[str, str]) -> Iterator[str]:
    if version == "system":
        shims = os.path.join(root, "shims")
        for folder in environ.get("PATH", "").split(os.pathsep):
            if folder and os.path.normpath(folder) != shims:
                yield os.path.join(folder, name)
        return
    versions = os.path.join(root, "versions")
    for text in (version, version.removeprefix("python-")):
        yield os.path.join(versions, text, "bin", name)
    prefix = version.removeprefix("python-").split(".")
    try:
        installed = [each.split(".") for each in os.listdir(versions)]
    except OSError:
        return
    numbers = [
        each
        for each in installed
        if each[: len(prefix)] == prefix and all(part.isdecimal() for part in each)
    ]
    for each in sorted(numbers, key=lambda parts: tuple(map(int, parts)), reverse=True):
        yield os.path.join(versions, ".".join(each), "bin", name)
