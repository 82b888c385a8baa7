from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.matrix import strict_yaml
from envcheck.matrix.strict_yaml import Node, parse, quoted
from envcheck.matrix.texts import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


pytestmark = pytest.mark.parametrize(
    "loader", LOADERS, ids=lambda loader: loader.__name__, scope="module"
)


@pytest.fixture(autouse=True, scope="module")
def _loader(loader: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_yaml, "_LOADER", loader)
        yield


def read(text: str) -> tuple[Any, list[str]]:
    """Return the plain value and the problems."""
    problems: list[Problem] = []
    node = parse(text, "f", problems)
    return None if node is None else plain(node), [str(problem) for problem in problems]


def plain(node: Node) -> Any:
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    return node.value


VALUES = [
    pytest.param("4.40", "4.40", id="a number stays as it is written"),
    pytest.param("no", "no", id="so does a word that YAML 1.1 takes for a boolean"),
    pytest.param("2024-01-30", "2024-01-30", id="and a date"),
    pytest.param("'4.40'", "4.40", id="quotes are no matter"),
    pytest.param("", None, id="an empty file"),
    pytest.param("# nothing\n", None, id="a comment"),
    pytest.param("a:", {"a": ""}, id="no value is empty text"),
    pytest.param("[a, {b: c}]", ["a", {"b": "c"}], id="flow style"),
    pytest.param("- a\n- b: c\n  d: [e]\n", ["a", {"b": "c", "d": ["e"]}], id="block style"),
    pytest.param("a: |\n  b\n  c\n", {"a": "b\nc\n"}, id="a block of text"),
    pytest.param("<<: {a: b}", {"<<": {"a": "b"}}, id="no merging"),
    pytest.param("! a", "a", id="the tag that says nothing"),
    pytest.param("größe: 名前 🙂", {"größe": "名前 🙂"}, id="other scripts"),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_every_scalar_is_text(text: str, expected: object) -> None:
    assert read(text)[0] == expected


def test_every_value_knows_its_line() -> None:
    node = parse("a:\n  - b\n  - c: d\n    e: f\n", "f", [])
    assert node is not None
    assert isinstance(node.value, dict)
    assert node.value["a"] == Node(
        [Node("b", 2), Node({"c": Node("d", 3), "e": Node("f", 4)}, 3)], 1
    )


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
PROBLEMS = [
    pytest.param("", ["f:1: the file holds nothing"], id="empty"),
    pytest.param(
        "a: b\na: c\n", ["f:2: the key 'a' is repeated; the first is on line 1"], id="repeated key"
    ),
    pytest.param(
        "a: &x b\n", ["f:1: an anchor (&x) is not allowed; write the value out"], id="anchor"
    ),
    pytest.param(
        BOMB,
        [
            "f:1: an anchor (&a) is not allowed; write the value out",
            "f:2: an anchor (&b) is not allowed; write the value out",
            *["f:2: an alias (*a) is not allowed; write the value out"] * 2,
            *["f:3: an alias (*b) is not allowed; write the value out"] * 2,
        ],
        id="alias bomb",
    ),
    pytest.param(
        "a: b\nc: !!python/object:os.x {}\n",
        ["f:2: a tag (tag:yaml.org,2002:python/object:os.x) is not allowed; every scalar is text"],
        id="a tag that would run something",
    ),
    pytest.param(
        "a: !!int 1\n",
        ["f:1: a tag (tag:yaml.org,2002:int) is not allowed; every scalar is text"],
        id="a tag",
    ),
    pytest.param(
        "a: b # c\nd: first in #5, then in #6\ne: [x y, z] # f\n",
        ["f:2: a # behind a text without quotes begins a comment; quote it"],
        id="a text that its own # cuts short",
    ),
    pytest.param(
        "a:\n  - two\n    lines é #5\n",
        ["f:2: a # behind a text without quotes begins a comment; quote it"],
        id="a text of two lines that its own # cuts short",
    ),
    pytest.param(
        "a: 'in #5' # b\nc: >-\n  in #5\nd: no#5 at all\n",
        [],
        id="a # in quotes, in a block and inside a word",
    ),
    pytest.param("? [a]\n: b\n", ["f:1: a key must be text"], id="a list as key"),
    pytest.param(
        "a\n---\nb\n", ["f:2: a second document; one file holds one document"], id="two documents"
    ),
    pytest.param("a: b\nc: \0\n", [r"f:2: the character '\x00' is not allowed"], id="a NUL"),
    pytest.param(
        "a: \x1b[31m\n", [r"f:1: the character '\x1b' is not allowed"], id="an escape sequence"
    ),
    pytest.param(
        "a: b\ufeff\n", [r"f:1: the character '\ufeff' is not allowed"], id="a mark in the middle"
    ),
    pytest.param("[" * 30, ["f:1: can't be read as YAML: nested too deeply"], id="deep lists"),
    pytest.param(
        "{a: " * 30, ["f:1: can't be read as YAML: nested too deeply"], id="deep mappings"
    ),
    pytest.param(
        "- " * 30 + "a", ["f:1: can't be read as YAML: nested too deeply"], id="deep blocks"
    ),
]


@pytest.mark.parametrize(("text", "expected"), PROBLEMS)
def test_a_problem_is_one_line_with_its_place(text: str, expected: list[str]) -> None:
    assert read(text)[1] == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a: b\n  c: d\n", 2, id="indentation"),
        pytest.param("a: [b\n", 2, id="an open list"),
        pytest.param("a: 'b\n", 2, id="an open quotation"),
        pytest.param("\ta: b\n", 1, id="a tab"),
        pytest.param("a: b\n}\n", 2, id="a bracket too many"),
        pytest.param("a: *\n", 1, id="an alias without a name"),
        pytest.param("%YAML 3.0\n---\na\n", 1, id="a version of YAML from the future"),
    ],
)
def test_what_is_no_yaml_is_one_problem(text: str, line: int) -> None:
    value, problems = read(text)

    assert value is None
    assert len(problems) == 1
    assert problems[0].startswith(
        (f"f:{line}: can't be read as YAML: ", f"f:{line - 1 or 1}: can't be")
    )


def test_everything_wrong_with_a_sound_file_is_found_in_one_pass() -> None:
    problems = read("a: &x 1\na: 2\nb: !t 3\nc: *x\n")[1]

    assert [problem.split(":")[1] for problem in problems] == ["1", "2", "3", "4"]


def test_a_path_and_a_value_are_shown_harmless() -> None:
    shown = quoted("::warning::\x1b" + "x" * 100)
    problem = Problem("\x1b[31m::error::", 3, f"the id {shown}")

    assert str(problem).isprintable()
    assert "::" not in str(problem)
    assert str(problem).endswith(r":\x3awarning:\x3a\x1b" + "x" * 67 + "…'")


def test_the_collector_is_left_as_it_was() -> None:
    gc.disable()
    try:
        parse("a", "f", [])
        parse("[", "f", [])
        assert not gc.isenabled()
    finally:
        gc.enable()
    parse("[", "f", [])
    assert gc.isenabled()


@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from(":-[]{}&*!|>'\"%@#?, \n\t"), max_size=60)
)
@settings(max_examples=300)
def test_nothing_makes_the_reader_raise(text: str) -> None:
    problems: list[Problem] = []
    node = parse(text, "f", problems)

    assert node is not None or problems
    assert all(str(problem).isprintable() for problem in problems)
    assert all(1 <= problem.line <= len(text.splitlines()) + 2 for problem in problems)
