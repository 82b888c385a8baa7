from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.matrix import as_yaml, strict_yaml
from envcheck.matrix.as_yaml import Value

WRITTEN = [
    pytest.param("It breaks", "It breaks", id="plain"),
    pytest.param("a: b", "'a: b'", id="what YAML would take for a mapping"),
    pytest.param("2024-01-30", "2024-01-30", id="a date is text"),
    pytest.param("3.10", "'3.10'", id="a version that others would take for a number"),
    pytest.param("true", "'true'", id="a text that others would take for a flag"),
    pytest.param(True, "true", id="a flag"),
    pytest.param(Value("true"), "true", id="a setting that is a flag"),
    pytest.param(Value("2"), "2", id="a setting that is a number"),
    pytest.param(Value("0.10"), "0.10", id="a setting that is a number with digits to keep"),
    pytest.param(Value("010"), "'010'", id="a setting that is no usual number"),
    pytest.param(Value("absent"), "absent", id="a setting that is a word"),
    pytest.param("two\nlines", "|-\n    two\n    lines", id="lines"),
    pytest.param("two\nlines\n", "|\n    two\n    lines", id="lines to the last"),
    pytest.param("line\n\n", '"line\\n\\n"', id="an empty line at the end"),
    pytest.param("\x85", '"\\N"', id="a line end that YAML would change"),
    pytest.param(["torch==2.0.1", "peft>=1,<2"], "[torch==2.0.1, 'peft>=1,<2']", id="words"),
    pytest.param([{"a": "b"}], "\n    - a: b", id="records"),
    pytest.param(["a\nb"], "\n    - |-\n      a\n      b", id="a list of texts in lines"),
]


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_a_value_is_written_as_people_write_it(value: object, text: str) -> None:
    shown = as_yaml.item({"key": value})

    assert " ".join(shown.split()) == " ".join(f"- key: {text}".split())
    assert read(shown) == [{"key": as_yaml.scalars(value)}]


def test_an_item_stands_where_its_list_stands() -> None:
    assert as_yaml.item({"a": "b", "c": "x\n\ny"}, 2) == (
        "  - a: b\n    c: |-\n      x\n\n      y\n"
    )


def test_the_same_list_twice_is_written_twice() -> None:
    names = ["torch"]

    assert "&" not in as_yaml.dump({"a": names, "b": names})


TEXT = st.text(st.characters(blacklist_categories=["Cs"])) | st.text("a b#:-'\"\\|>\n\t{}[],&*!%@")


@given(TEXT, st.integers(0, 4))
def test_a_text_comes_back_or_is_no_yaml(text: str, column: int) -> None:
    record = {"id": "a/b", "why": text, "fixes": [{"advice": text}], "evidence": [text]}
    problems: list[strict_yaml.Problem] = []
    node = strict_yaml.parse(as_yaml.item(record, column), "", problems)

    assert node is not None or problems
    assert "\n...\n" not in as_yaml.item(record, column)  # the end of a document
    if node is not None and not problems:
        assert as_yaml.plain(node) == [record]


def read(text: str) -> Any:
    problems: list[strict_yaml.Problem] = []
    node = strict_yaml.parse(text, "", problems)
    assert node is not None
    assert not problems
    return as_yaml.plain(node)
