"""
Which interpreter a pyenv shim stands for.

A shim is a shell script; what it would decide is decided here from the same files and variables,
without a shell.

Source:
    pyenv's `pyenv-version-file`, `pyenv-version-file-read`, `pyenv-version-name`, `pyenv-which`.
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
    if b"pyenv" not in script or b"exec " not in script:
        raise SourceError(
            f"{clean(shim)} is a script, not an interpreter; "
            "give the folder of the environment that it starts"
        )
    root = environ.get("PYENV_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(shim)))
    wanted, source = _wanted(root, environ)
    for version in (*wanted, "system"):
        for path in _candidates(root, version, name, environ):
            if _runs(path):
                return path
    having = [each for each in _installed(root) if _runs(os.path.join(each, "bin", name))]
    raise SourceError(
        f"{clean(shim)} is a pyenv shim, but {clean(':'.join(wanted))} (chosen by {clean(source)}) "
        f"has no {clean(name)}; give {clean(having[0]) if having else 'the folder of an environment'}"
    )


def _runs(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


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
        found = [word for word in words if word[0] != "#" and ".." not in word.split("/")]
        return found or ["system"], file
    return ["system"], "default"


def _version_files(root: str, environ: Mapping[str, str]) -> Iterator[str]:
    for start in filter(None, (environ.get("PYENV_DIR"), _here())):
        folder, parent = "", os.path.abspath(start)
        while folder != parent:
            folder, parent = parent, os.path.dirname(parent)
            yield os.path.join(folder, ".python-version")
    yield os.path.join(root, "version")


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it is gone
        return ""


def _candidates(root: str, version: str, name: str, environ: Mapping[str, str]) -> Iterator[str]:
    if version == "system":
        shims = os.path.join(root, "shims")
        for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
            if os.path.normpath(folder) != shims:
                yield os.path.join(folder, name)
        return
    plain = version.removeprefix("python-")
    for text in (version, plain):
        yield os.path.join(root, "versions", text, "bin", name)
    for path in _installed(root):  # 3.10 stands for the newest 3.10.x
        if os.path.basename(path).startswith(f"{plain}."):
            yield os.path.join(path, "bin", name)


def _installed(root: str) -> list[str]:
    """Return the folders of released versions, newest first."""
    folder = os.path.join(root, "versions")
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    releases = [name for name in names if name.isascii() and name.replace(".", "").isdigit()]
    releases.sort(key=lambda name: tuple(int(part or 0) for part in name.split(".")), reverse=True)
    return [os.path.join(folder, name) for name in releases]
