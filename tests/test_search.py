"""
The search for the smallest change, on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envcheck.audit import CHECKS
from envcheck.search import MAY, MUST, SHOULD, Goal, Limit, Search

if TYPE_CHECKING:
    from collections.abc import Collection

    from conftest import MakeEnvironment, MakeMatrix
    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.model import Environment
    from envcheck.search import Node

ERRORS = Goal(frozenset(), frozenset(), errors=True)


def search(matrix: Matrix, environment: Environment, directions: str = "down up", **more: Any) -> Search:
    watches = [check.watch(matrix) for check in CHECKS]
    hits = [hit for check in CHECKS for hit in check.hits(environment, matrix)]

    def audit(of: Environment, about: Collection[NormalizedName]) -> list[Hit]:
        return [hit for watch in watches for hit in watch(of, about)]

    return Search(matrix, environment, hits, audit, directions=directions, **more)


def moved(node: Node) -> dict[str, str]:
    packages = node.environment.packages
    return {name: str(packages[name].version) for name in sorted(node.picks)}


def solve(matrix: Matrix, environment: Environment, directions: str = "down up", **more: Any) -> dict[str, str] | None:
    """Return what moves where; `None`: errors stay."""
    node, must = search(matrix, environment, directions, **more).run(ERRORS)
    return None if must else moved(node)


ONE = '- {id: trl/bad, packages: ["trl>=2,<4"]}'


@pytest.mark.parametrize(
    ("releases", "pin", "directions", "target"),
    [
        pytest.param("[1.0, 1.1, 2.0, 4.0]", "2.0", "down", "1.1", id="the nearest below"),
        pytest.param("[1.0, 2.0, 3.0, 4.0, 4.0.1, 5.0]", "2.0", "up", "4.0.1", id="the last patch above"),
        pytest.param("[1.0, 2.0, 4.0]", "2.0", "down up", "1.0", id="down first"),
        pytest.param("[1.0, 2.0, 4.0]", "2.0", "up down", "4.0", id="up first"),
        pytest.param("[1.0, 2.0, 3.0, 3.1, 4.0]", "2.0", "up down", "1.0", id="nearer counts more"),
        pytest.param("[1.0, 2.0]", "2.0", "up", None, id="nothing above"),
        pytest.param("[2.0, 4.0]", "2.0", "down", None, id="nothing below"),
        pytest.param("[1.0, {version: '1.1', yanked: broken}, 2.0]", "2.0", "down", "1.0", id="not a yanked one"),
        pytest.param("[1.0, 1.1rc1, 2.0]", "2.0", "down", "1.0", id="not a candidate"),
        pytest.param("[1.0, 1.1rc1, 2.0rc1]", "2.0rc1", "down", "1.1rc1", id="a candidate after a candidate"),
        pytest.param("[1.0, 1.1.post1, 2.0]", "2.0", "down", "1.1.post1", id="a post release"),
        pytest.param("[1.0, {version: '1.1', python: '>=3.12'}, 2.0]", "2.0", "down", "1.0", id="for this python"),
        pytest.param("[1.0, {version: '1.1', python: 'nonsense'}, 2.0]", "2.0", "down", "1.0", id="a bound no one can read", marks=pytest.mark.skip),
        pytest.param("[1.0, 2.0, 2.1, 4.0]", "2.0+cu118", "down", "1.0", id="a local label is no release below"),
        pytest.param("[1.0, 2.0, 4.0]", "2.0+cu118", "up", "4.0", id="nor one above"),
        pytest.param("[1.0, 2.0, 4.0]", "3.0.dev0", "up", "4.0", id="from a working copy"),
        pytest.param("[]", "2.0", "down up", None, id="no known releases"),
    ],
)
def test_a_package_moves_to_the_nearest_release_that_helps(
    environment: MakeEnvironment, matrix: MakeMatrix, releases: str, pin: str, directions: str, target: str | None
) -> None:
    known = matrix(ONE, releases=f"trl: {releases}" if releases != "[]" else "")
    made = environment(f"trl=={pin}", python="3.10")
    assert solve(known, made, directions) == (None if target is None else {"trl": target})
