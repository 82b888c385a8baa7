"""
The house: what is imported at the start of a module points one way, so that a part can be read alone.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from commands import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FORBIDDEN = {
    "sources": ("audit", "checks", "formats", "matrix", "suggest"),
    "checks": ("audit", "formats", "sources", "suggest"),
    "formats": ("audit", "checks", "sources", "suggest", "matrix"),
    "model": ("audit", "checks", "sources", "suggest", "matrix"),
}
"""Read, audit, render never mix: what a part must not know, whenever it is imported."""


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _imports(tree: ast.AST, *, deep: bool) -> Iterator[str]:
    """Yield what a module imports: at its start, or (deep) anywhere; what is only for types doesn't count."""
    for node in ast.iter_child_nodes(tree):
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        ):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names
            if not all(_is_module(name) for name in names):
                yield node.module  # else only a folder on the way
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif deep or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _imports(node, deep=deep)


def _modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted((ROOT / "envcheck").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def test_no_module_is_imported_in_a_circle() -> None:
    modules = _modules()
    graph = {
        name: {
            each
            for each in _imports(tree, deep=False)
            if each in modules and each not in {name, "envcheck"}
        }
        for name, tree in modules.items()
    }
    while free := [name for name, needs in graph.items() if not needs]:
        for name in free:
            del graph[name]
        for needs in graph.values():
            needs.difference_update(free)

    assert graph == {}


def test_reading_auditing_and_rendering_do_not_mix() -> None:
    breaches = [
        f"{name} imports {each}"
        for name, tree in _modules().items()
        for part, others in FORBIDDEN.items()
        if name.split(".")[1:2] == [part]
        for each in _imports(tree, deep=part != "model")
        if each.split(".")[:1] == ["envcheck"]
        and each.split(".")[1:2]
        and each.split(".")[1] in others
    ]

    assert breaches == []
