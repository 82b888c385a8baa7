"""
Made-up environments for tests: folders as installers leave them, without installing anything.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INTERPRETERS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
"The Pythons whose environments envcheck promises to read."


def write(path: Path, text: str | bytes = "") -> Path:
    """
    Write a file, with the folders it needs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def metadata(name: str, version: str, requires: Iterable[str] = ()) -> str:
    """
    Return the text of a METADATA file.
    """
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Summary: Made up."]
    lines += [f"Requires-Dist: {each}" for each in requires]
    return "\n".join([*lines, "", "Name: of the description, not of the package", ""])


def distribution(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    installer: str = "pip",
    direct: Mapping[str, Any] | None = None,
) -> Path:
    """
    Install a distribution as pip does; only its metadata and an empty module.

    Args:
        folder: The site-packages folder.
        name: As its METADATA spells it.
        version: PEP 440.
        requires: PEP 508 requirements.
        installer: What INSTALLER says; empty: no such file.
        direct: The contents of `direct_url.json`.

    Returns:
        The `.dist-info` folder.
    """
    stem = name.replace("-", "_")
    info = folder / f"{stem}-{version}.dist-info"
    write(info / "METADATA", metadata(name, version, requires))
    if installer:
        write(info / "INSTALLER", f"{installer}\n")
    if direct is not None:
        write(info / "direct_url.json", json.dumps(direct))
    write(folder / stem.lower() / "__init__.py")
    return info


def site_packages(folder: Path, *pins: str, installer: str = "pip") -> Path:
    """
    Fill a folder with distributions, given as `name==version`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for pin in pins:
        name, _, version = pin.partition("==")
        distribution(folder, name, version, installer=installer)
    return folder


def many(folder: Path, count: int) -> Path:
    """
    Fill a folder with `count` distributions of other names than any that exists, for measurements.
    """
    for number in range(count):
        distribution(folder, f"made-up-{number:05}", f"{number % 9}.{number % 7}.0")
    return folder


def venv(
    prefix: Path,
    *pins: str,
    python: str = "3.10.13",
    installer: str = "pip",
    settings: Mapping[str, str] | None = None,
) -> Path:
    """
    Make a virtual environment as `python -m venv` leaves it, with an interpreter that can't run.

    Args:
        prefix: The environment's folder.
        *pins: What is installed, as `name==version`.
        python: Its Python version, `X.Y.Z`.
        installer: What the INSTALLER files say.
        settings: More lines of `pyvenv.cfg`, or other values for the usual ones.

    Returns:
        The prefix; `site_of(prefix)` is its site-packages folder.
    """
    minor = ".".join(python.split(".")[:2])
    lines = {
        "home": str(prefix / "no-base" / "bin"),
        "include-system-site-packages": "false",
        "version": python,
        **(settings or {}),
    }
    write(prefix / "pyvenv.cfg", "".join(f"{key} = {value}\n" for key, value in lines.items()))
    executable(prefix / "bin" / "python")
    site_packages(prefix / "lib" / f"python{minor}" / "site-packages", *pins, installer=installer)
    return prefix


def conda(prefix: Path, *pins: str, python: str = "3.10.13") -> Path:
    """
    Make a conda environment: an interpreter of its own and a record of it in `conda-meta`.
    """
    minor = ".".join(python.split(".")[:2])
    write(prefix / "conda-meta" / "history")
    write(prefix / "conda-meta" / f"python-{python}-h955ad1f_0.json", "{}")
    write(prefix / "conda-meta" / "python-dateutil-2.8.2-pyhd3eb1b0_0.json", "{}")
    executable(prefix / "bin" / f"python{minor}")
    (prefix / "bin" / "python").symlink_to(f"python{minor}")
    folder = prefix / "lib" / f"python{minor}" / "site-packages"
    site_packages(folder, *pins, installer="conda")
    return prefix


def python(prefix: Path, *pins: str, version: str = "3.10.13") -> Path:
    """
    Make a Python of its own, as pyenv or python-build-standalone install it.
    """
    minor = ".".join(version.split(".")[:2])
    executable(prefix / "bin" / f"python{minor}")
    (prefix / "bin" / "python").symlink_to(f"python{minor}")
    header = f'#define PY_MAJOR_VERSION 3\n#define PY_VERSION      "{version}"\n'
    write(prefix / "include" / f"python{minor}" / "patchlevel.h", header)
    site_packages(prefix / "lib" / f"python{minor}" / "site-packages", *pins)
    return prefix


def executable(path: Path, text: str = "\x7fELF: not to be run") -> Path:
    """
    Write a file that looks like a program.
    """
    write(path, text).chmod(0o755)
    return path


def site_of(prefix: Path) -> Path:
    """
    Return the one site-packages folder of a prefix.
    """
    (found,) = prefix.glob("lib/python*/site-packages")
    return found


def interpreter(version: str) -> Path | None:
    """
    Return a real interpreter of `X.Y` under pyenv, `None` where there is none.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    return found[-1] if found else None
