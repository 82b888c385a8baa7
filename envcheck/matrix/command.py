"""
`envcheck matrix validate`, `schema` and `refresh`, from options to exit code.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from envcheck import versions
from envcheck.clean import clean, visible
from envcheck.errors import SourceError, UsageError
from envcheck.matrix import cache
from envcheck.matrix.texts import FOLDERS
from envcheck.matrix.workbench import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROBLEMS: Final = "envcheck-problems/1"
"The schema of `validate --format json`. Fields may be added."


def validate(directories: Sequence[str], form: str) -> int:
    """
    Write every problem of matrix directories.

    Args:
        directories: None: the built-in matrix.
        form: text | json

    Returns:
        0, or 2 where there is a problem.

    Raises:
        MatrixError: A directory isn't there, or holds no matrix.
    """
    from envcheck.matrix import validate as validate_

    if form == "json":
        found = validate_.listed(directories)
        text, count = _json({"schema": _PROBLEMS, "problems": found}), len(found)
    else:
        text, count = validate_.validate(directories)
    sys.stdout.write(text)
    return 2 if count else 0


def schema(folder: str | None, output: str | None) -> int:
    """
    Write JSON Schemas, and the line by which an editor finds them.

    Args:
        folder: One of a matrix; `None`: all.
        output: The folder to write them to; `None`: standard output.

    Raises:
        UsageError: There is no such folder in a matrix.
        SourceError: A file can't be written.
    """
    from envcheck.matrix.schema import json_schemas, modeline

    if folder is not None and folder not in FOLDERS:
        raise UsageError(f"{clean(folder)}: no folder of a matrix; one of {', '.join(FOLDERS)} is")
    wanted = {
        name: {
            "$comment": f"First line of a {name}/*.yaml: {modeline(f'PATH/TO/{name}.json')}",
            **each,
        }
        for name, each in json_schemas().items()
        if folder in (None, name)
    }
    if output is None:
        sys.stdout.write(_json(wanted[folder] if folder else wanted))
        return 0
    lines = ["An editor that knows the line uses the schema; put it first in the files of"]
    for name, each in wanted.items():
        path = os.path.join(output, f"{name}.json")
        try:
            os.makedirs(output, exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(_json(each))
        except OSError as error:
            raise SourceError(f"{clean(path)}: can't be written: {error.strerror}") from error
        lines.append(f"{name + '/':<12}{visible(modeline(_seen_from_matrix(path, name)))}")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _seen_from_matrix(path: str, folder: str) -> str:
    """Return a schema's path as the files of the matrix around it have to say it, else the whole path."""
    whole = os.path.abspath(path)
    inside = os.path.dirname(whole)
    for matrix in (inside, os.path.dirname(inside)):
        if any(os.path.isdir(os.path.join(matrix, each)) for each in FOLDERS):
            return os.path.relpath(whole, os.path.join(matrix, folder)).replace(os.sep, "/")
    return whole


def refresh(packages: Sequence[str], into: str | None) -> int:
    """
    Bring `releases/*.yaml` of a matrix directory up to date with the package index.

    Args:
        packages: Names in any spelling.
        into: The matrix directory; `None`: ./matrices.

    Raises:
        UsageError: Something is no name, no directory is given, or the extra isn't installed.
        RefreshError: The package index failed; what was written before stays.
        SourceError: A file can't be written.
    """
    from envcheck.matrix.refresh import refresh as refresh_

    for text in packages:
        try:
            named = versions.requirement(text).name == versions.normalize(text)
        except ValueError:
            named = False
        if not named:
            raise UsageError(f"{clean(text)}: not the name of a package")
    releases = Path(chosen(into), "releases")
    folder = cache._folder()  # noqa: SLF001 - the one place that knows what may be trusted
    kept = Path(folder) if folder else None
    changed = 0
    for text in packages:  # one by one, so that each is told when it is done
        try:
            files = refresh_([text], releases, cache=kept)
        except OSError as error:
            path = clean(str(error.filename or releases))
            raise SourceError(f"{path}: can't be written: {error.strerror}") from error
        changed += len(files)
        sys.stdout.writelines(f"{visible(str(file))}\n" for file in files)
        sys.stdout.flush()
    sys.stdout.write(f"{changed} of {len(packages)} changed\n")
    return 0


def _json(data: object) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
