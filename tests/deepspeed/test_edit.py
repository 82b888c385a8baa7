"""
Files with some settings changed, and everything else as it was.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.apply import applied
from envcheck.deepspeed.document import parse
from envcheck.deepspeed.edit import as_json, edited, without_repeats

FILE = """\
{
    "a": 1,
    "zero": {
        "stage": 3,   "old": "x",
        "last": [1, 2]
    },
    "one": {"line": true},
    "empty": {}
}
"""


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        pytest.param({"a": "2"}, '"a": 1,', '"a": 2,', id="a value"),
        pytest.param(
            {"zero.stage": "2"}, '"stage": 3,   "old"', '"stage": 2,   "old"', id="an inner value"
        ),
        pytest.param({"a": None}, '"a": 1,\n    ', "", id="the first key goes"),
        pytest.param({"zero.last": None}, ',\n        "last": [1, 2]', "", id="the last key goes"),
        pytest.param({"one.line": None}, '{"line": true}', "{}", id="the only key goes"),
        pytest.param({"nothing.there": None}, "", "", id="what isn't there goes"),
        pytest.param(
            {"zero.old": None, "zero.new": '"x"'},
            '"old": "x"',
            '"new": "x"',
            id="a key is renamed in place",
        ),
        pytest.param({"zero.more": "1"}, "[1, 2]", '[1, 2],\n        "more": 1', id="a key comes"),
        pytest.param({"one.more": "1"}, '"line": true', '"line": true, "more": 1', id="in a line"),
        pytest.param({"empty.b": "1"}, "{}", '{\n      "b": 1\n    }', id="in an empty object"),
        pytest.param(
            {"zero.offload.device": '"cpu"'},
            "[1, 2]",
            '[1, 2],\n        "offload": {"device": "cpu"}',
            id="with its object",
        ),
        pytest.param({"a.b": "1"}, '"a": 1', '"a": {"b": 1}', id="where no object is"),
    ],
)
def test_nothing_else_changes(changes: dict[str, str | None], before: str, after: str) -> None:
    text = edited(FILE, changes)

    assert text == FILE.replace(before, after, 1)
    assert json.loads(text) == applied(json.loads(FILE), changes)


def test_a_long_value_is_written_over_several_lines() -> None:
    long = {f"key_{number}": number for number in range(12)}

    text = edited('{\n  "a": 1\n}', {"b": json.dumps(long)})

    assert json.loads(text) == {"a": 1, "b": long}
    assert '\n    "key_3": 3,\n' in text


def test_comments_stay() -> None:
    text = edited("{\n  # why\n  a: 1\n  // one\n  b: 2\n}", {"a": "3", "b": None})

    assert text == "{\n  # why\n  a: 3\n  // one\n}"
    assert parse(text, "f").data == {"a": 3}


NAMES = st.sampled_from(["a", "b", "c"])
DATA = st.recursive(
    st.integers(0, 3) | st.booleans(),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
CHANGES = st.dictionaries(PATHS, st.none() | st.sampled_from(["7", '"x"', '{"a": 1}']), max_size=4)


@given(st.dictionaries(NAMES, DATA, max_size=3), CHANGES, st.sampled_from([None, 2, "\t"]))
def test_the_text_says_what_the_changes_make_of_the_data(
    data: dict[str, Any], changes: dict[str, str | None], indent: int | str | None
) -> None:
    assert json.loads(edited(json.dumps(data, indent=indent), changes)) == applied(data, changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"a": 1, "b": 2, "a": 3}', {"b": 2, "a": 3}, id="top"),
        pytest.param('{"x": {"a": 1, "a": 2}}', {"x": {"a": 2}}, id="inner"),
        pytest.param('{"a": 1, "a": 2, "a": 3}', {"a": 3}, id="three times"),
        pytest.param('\ufeff{"a": 1, "a": 2}', {"a": 2}, id="after a byte order mark"),
    ],
)
def test_of_a_repeated_key_the_last_one_stays(text: str, expected: object) -> None:
    left = without_repeats(text)

    assert json.loads(left) == expected
    assert parse(left, "f").repeated == ()


def test_plain_json_is_indented_like_the_file() -> None:
    document = parse("{\n\t# tabs\n\ta: 1\n}", "f")

    assert as_json(document, document.data) == '{\n\t"a": 1\n}\n'
