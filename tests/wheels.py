"""
Wheels of made-up packages, for installers to install without a package index.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from builders import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def wheel(
    folder: Path, name: str, version: str, module: str = "", requires: Iterable[str] = ()
) -> Path:
    """
    Write a wheel with one module.

    Args:
        module: The code of the module.
        requires: PEP 508 requirements.
    """
    stem = f"{name}-{version}"
    files = {
        f"{name}.py": f"__version__ = {version!r}\n{module}\n",
        f"{stem}.dist-info/METADATA": metadata(name, version, requires),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{stem}.dist-info/RECORD"] = "".join(f"{each},,\n" for each in files)
    path = folder / f"{stem}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(each, text)
    return path
