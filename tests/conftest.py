"""
What several tests need.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import worlds
import yaml

from envcheck.matrix import Matrix
from envcheck.matrix.compile import build
from envcheck.matrix.index import Index
from envcheck.matrix.load import load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def environment() -> worlds.MakeEnvironment:
    """
    Make environments: `environment("torch==2.0.1", "numpy", python="3.10", complete=True)`.
    """
    return worlds.environment


@pytest.fixture
def matrix(tmp_path: Path) -> worlds.MakeMatrix:
    """
    Make matrices from YAML, through the loader and the index as a check does.

    Entries are one list, projects another one; releases are by package, a bare version standing for
    one that requires nothing. What a test doesn't care about is filled in.
    """

    def make(known_bad: str = "", known_good: str = "", releases: str = "") -> Matrix:
        for entry in _read(known_bad, []):
            stem = entry["id"].partition("/")[0]
            filled = {**worlds.entry(entry["id"]), **entry}
            _write(tmp_path / "known-bad" / f"{stem}.yaml", [filled], append=True)
        for project in _read(known_good, []):
            sets = [{"evidence": [dict(worlds.PUBLISHED)], **each} for each in project["sets"]]
            filled = {"title": project["project"], **project, "sets": sets}
            _write(tmp_path / "known-good" / f"{project['project']}.yaml", filled)
        for name, rows in _read(releases, {}).items():
            records = [worlds.release(row) if isinstance(row, str) else row for row in rows]
            _write(tmp_path / "releases" / f"{name}.yaml", records)
        content, problems = load(str(tmp_path))
        assert not problems, problems
        return Matrix([Index(io.BytesIO(build(content)), "made up")])

    return make


def _read(text: str, nothing: Any) -> Any:
    """Read YAML with every scalar as text, as the matrix does."""
    return yaml.load(text, Loader=yaml.BaseLoader) or nothing


def _write(path: Path, data: object, *, append: bool = False) -> None:
    path.parent.mkdir(exist_ok=True)
    text = yaml.safe_dump(data, sort_keys=False, width=1000)
    with path.open("a" if append else "w", encoding="utf-8") as file:
        file.write(text)
