"""
The table of checks against the code of the checks, which is read and not run: all that can be said is in it.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import envcheck
from envcheck.catalogue.known import TABLE, check, every, known
from envcheck.catalogue.table import TABLE as WRITTEN
from envcheck.checks import environment
from envcheck.diagnose.proof import EXPERIMENTS
from envcheck.known_good import OUTSIDE
from envcheck.model import SEVERITIES, UNKNOWN_RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = Path(envcheck.__file__).parent
MAKERS = {"note": "", "Flaw": "configuration/", "Proof": "", "Problem": ""}
"What makes something to be said, and what its ids begin with beside what is written there."
FEWEST = {"note": 80, "Flaw": 35, "Proof": 20, "Problem": 12}


class Said(NamedTuple):
    """
    One place in the code where something is said.
    """

    by: str
    id: str
    severities: frozenset[str]
    "As far as they are written there."
    experiments: frozenset[str]


def said() -> Iterator[Said]:
    for path in CODE.rglob("*.py"):
        part = path.relative_to(CODE).parts[0]
        if part in {"matrix", "trials"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            maker, what = node.func.id, beginning(node.args[0])
            own = part == "checks" and maker in {"Flaw", "_flaw", "_spread"}
            if not what or not (own or maker in MAKERS):
                continue
            words = {text(each) for arg in node.args for each in ast.walk(arg)}
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            yield Said(
                "Flaw" if own else maker,
                f"model/{what}" if own else MAKERS[maker] + what,
                frozenset(words & {*SEVERITIES}),
                frozenset(
                    each.lower() for each in names if each.lower() in EXPERIMENTS and each.isupper()
                ),
            )


def text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def beginning(node: ast.AST) -> str:
    """
    Return a text, or what an f-string begins with.
    """
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    return text(node).rstrip("/")


SAID = list(said())
ELSEWHERE = {
    "requirement",
    OUTSIDE,
    UNKNOWN_RELEASE,
    *(f"environment/{kind}" for kind in environment.SEVERITY),
    # The same as of a hostfile: `launch.deepspeed_env`.
    "deepspeed-env/not-utf-8",
    "deepspeed-env/utf-16",
}


def test_what_is_read_is_what_the_yaml_says() -> None:
    assert Path(TABLE).read_text(encoding="utf-8") == WRITTEN.compiled()


@pytest.mark.parametrize("maker", FEWEST)
def test_the_code_is_found(maker: str) -> None:
    assert sum(each.by == maker for each in SAID) >= FEWEST[maker]


def test_everything_that_can_be_said_is_in_the_table_and_nothing_else() -> None:
    assert {each.id for each in SAID} | ELSEWHERE == set(every())


def test_severities_are_those_of_the_table() -> None:
    wrong = [
        (each.id, *each.severities - {*check(each.id).severities})
        for each in SAID
        # Where a fact isn't known, any of them becomes a warning.
        if not each.severities <= {*check(each.id).severities, "warning"}
    ]
    assert wrong == []


def test_experiments_are_those_of_the_table() -> None:
    assert {name for each in every().values() for name in each.experiments} <= set(EXPERIMENTS)
    wrong = [
        (each.id, each.experiments)
        for each in SAID
        if each.by == "Proof" and not each.experiments <= {*check(each.id).experiments}
    ]
    assert wrong == []


def test_what_the_table_says_is_not_written_again() -> None:
    texts = "\n".join(
        each.value
        for path in CODE.rglob("*.py")
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )
    assert [each.id for each in every().values() if len(each.do) > 30 and each.do in texts] == []


def test_kinds_of_oddities_are_as_bad_as_the_table_says() -> None:
    for kind, severity in environment.SEVERITY.items():
        assert check(f"environment/{kind}").severities == (severity,)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("hostfile/bad-entry", "hostfile/bad-entry"),
        ("configuration/wrong-value/zero_optimization.stage", "configuration/wrong-value"),
        ("requirement/torch/numpy", "requirement"),
        ("nan-behind-zero", "nan-behind-zero"),
        ("torch/unheard-of", None),
        ("hostfile/unheard-of", None),
    ],
)
def test_an_id_leads_to_its_check(identifier: str, expected: str | None) -> None:
    found = known(identifier)
    assert (found.id if found else None) == expected
