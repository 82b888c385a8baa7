"""
A small built-in matrix, for what reads it or writes on top of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge import directory, entry, known_good, project, releases

from envcheck.matrix import store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Work in an empty folder, with a built-in matrix of one entry, one project and a few releases.

    Returns:
        The folder; the matrix is in `package/matrices` beside it.
    """
    package = tmp_path / "package"
    (package / "matrix").mkdir(parents=True)
    directory(
        package / "matrices",
        {
            "known-bad/torch.yaml": [entry()],
            "known-good/llava.yaml": project(
                "llava", known_good("llava@1", "torch==2.1.0", "peft==0.5"), moe="absent"
            ),
            "releases/torch.yaml": releases("1.13.0", "2.0.0", "2.0.1", "2.1.0"),
            "releases/peft.yaml": releases("0.4.0", "0.5.0", "0.15.0", "0.15.1", "0.16.0"),
        },
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_HERE", str(package / "matrix"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"
