"""
Real incidents against the shipped matrix: what failed for somebody is found, and what helped is suggested.

Each file in `cases` is one thread: `installed` as reported, `finds` (beginnings of ids), and what helped,
as `changes` of versions and as `settings`, each of which one of the suggestions must agree with.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import worlds
import yaml
from packaging.specifiers import SpecifierSet

from envcheck.apply import applied
from envcheck.audit import audit
from envcheck.matrix.store import open_matrix
from envcheck.model import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.matrix import Matrix
    from envcheck.model import Report

CASES = sorted(Path(__file__).with_name("cases").glob("*.yaml"))
KEYS = {
    "source",
    "note",
    "installed",
    "python",
    "project",
    "deepspeed-config",
    "finds",
    "changes",
    "settings",
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_CACHE_HOME", str(cache))
        return open_matrix()


def checked(case: Mapping[str, Any], matrix: Matrix) -> Report:
    config = case.get("deepspeed-config")
    made = worlds.environment(
        *(f"{name}=={version}" for name, version in case["installed"].items()),
        python=case.get("python"),
        deepspeed_config=None if config is None else applied({}, config),
    )
    return audit(made, matrix, Options(project=case.get("project")))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CASES])
def test_what_failed_is_found_and_what_helped_is_suggested(path: Path, shipped: Matrix) -> None:
    case = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert case.keys() <= KEYS
    assert case["source"].startswith("https://")
    report = checked(case, shipped)
    found = [finding.id for finding in report.findings if finding.severity != "info"]
    for beginning in case["finds"]:
        assert any(identifier.startswith(beginning) for identifier in found), found
    offered: list[dict[str, str]] = [
        {change.package: str(change.after) for change in suggestion.changes}
        for suggestion in report.suggestions
    ]
    assert any(_agrees(case["changes"], versions) for versions in offered), offered
    settings = [dict(suggestion.settings) for suggestion in report.suggestions]
    assert case.get("settings") is None or case["settings"] in settings, settings


def _agrees(wanted: Mapping[str, str], versions: Mapping[str, str]) -> bool:
    return all(
        name in versions and SpecifierSet(specifier).contains(versions[name], prereleases=True)
        for name, specifier in wanted.items()
    )


def test_there_are_cases() -> None:
    assert len(CASES) >= 20
