"""
`envcheck matrix validate`: every problem of a matrix, those of form and those of sense.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envcheck.clean import clean
from envcheck.matrix.judge import judge
from envcheck.matrix.load import Content, Place, cell_id, load
from envcheck.matrix.store import INDEX_NAME, directory, open_matrix, shipped
from envcheck.matrix.texts import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.matrix.index import Index


def validate(directories: Sequence[str]) -> tuple[str, int]:
    """
    Validate matrix directories, each on top of the built-in matrix alone; none: the built-in one.

    Returns:
        A line a problem (`file:line: what`), then one that counts, and the number of problems.

    Raises:
        MatrixError: A directory isn't there, or holds no matrix.
    """
    lines = []
    count = 0
    for path in directories or [_shown(directory())]:
        content, problems = examine(path)
        count += len(problems)
        lines += [str(problem) for problem in problems]
        sets = sum(len(project["sets"]) for project in content.projects.values())
        releases = sum(map(len, content.releases.values()))
        cells = sum(len(trial["cells"]) for trial in content.trials.values())
        trials = f", {cells} cells of {len(content.trials)} trials" if cells else ""
        lines.append(
            f"{clean(path)}: {len(content.entries)} entries, {sets} known-good sets of "
            f"{len(content.projects)} projects, {releases} releases of {len(content.releases)} "
            f"packages{trials}: {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}"
        )
    return "".join(f"{line}\n" for line in lines), count


def listed(directories: Sequence[str]) -> list[dict[str, str | int]]:
    """
    Return the problems of matrix directories as plain data for machines: file, line, message.

    Raises:
        MatrixError: A directory isn't there, or holds no matrix.
    """
    return [
        {"file": problem.file, "line": problem.line, "message": clean(problem.message)}
        for path in directories or [_shown(directory())]
        for problem in examine(path)[1]
    ]


def _shown(path: str) -> str:
    """Return a path as it is known in the working directory, if it lies there."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


def examine(path: str) -> tuple[Content, list[Problem]]:
    """
    Return what a matrix directory says, and its problems by file and line.

    Raises:
        MatrixError: It isn't there, or holds no matrix.
    """
    content, problems = load(path)
    built_in = _is_built_in(path)
    if built_in:
        _add_generated(content, shipped())
    if not problems:
        below = None if built_in else open_matrix()
        problems = sorted(
            Problem(os.path.join(path, place.file), place.line, message)
            for place, message in judge(content, below)
        )
    return content, problems


def _is_built_in(path: str) -> bool:
    return os.path.isdir(directory()) and os.path.samefile(path, directory())


def _add_generated(content: Content, index: Index | None) -> None:
    """Add what a wheel has in its index alone."""
    if index is None:
        return
    for package in index.packages:
        releases = index.listed(package)
        if releases:
            content.releases.setdefault(package, releases)
    for name in index.trials:
        trial = content.trials.setdefault(name, index.trial(name))
        for number in range(len(trial["cells"])):
            content.places.setdefault(cell_id(name, number), Place(INDEX_NAME, 1))
