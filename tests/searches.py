"""
Searches as tests make them: everything is checked, and any package may move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck.audit import CHECKS
from envcheck.suggest.choices import Scope
from envcheck.suggest.goal import Goal
from envcheck.suggest.search import Search

if TYPE_CHECKING:
    from collections.abc import Collection

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.model import Environment
    from envcheck.suggest.search import Node

ERRORS = Goal(frozenset(), frozenset(), errors=True)


def search(
    matrix: Matrix, environment: Environment, directions: str = "down up", **more: Any
) -> Search:
    watches = [check.watch(matrix) for check in CHECKS]
    hits = [hit for check in CHECKS for hit in check.hits(environment, matrix)]

    def audit(of: Environment, about: Collection[NormalizedName]) -> list[Hit]:
        return [hit for watch in watches for hit in watch(of, about)]

    own = {name: more.pop(name) for name in ("most", "lax") if name in more}
    return Search(Scope(matrix, environment, directions, **more), hits, audit, **own)


def moved(node: Node) -> dict[str, str]:
    packages = node.environment.packages
    return {name: str(packages[name].version) for name in sorted(node.picks)}
