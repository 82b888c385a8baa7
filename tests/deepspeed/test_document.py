"""
Configuration files as DeepSpeed reads them: JSON, and what Hjson has beyond it.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.deepspeed.document import parse
from envcheck.errors import SourceError

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.sampled_from([None, 1, "\t"]))
def test_json_is_read_as_json(data: dict[str, object], indent: int | str | None) -> None:
    document = parse(json.dumps(data, indent=indent), "f")

    assert document.data == data
    assert document.beyond_json == ()
    assert document.repeated == ()


@pytest.mark.parametrize(
    ("text", "data", "what"),
    [
        pytest.param('{"a": 1} # x', {"a": 1}, "a comment", id="comment with a hash"),
        pytest.param('{"a": 1 // x\n}', {"a": 1}, "a comment", id="comment with slashes"),
        pytest.param('/* x\n */{"a": 1}', {"a": 1}, "a comment", id="comment over lines"),
        pytest.param('{"a": "# no // comment"}', {"a": "# no // comment"}, "", id="none in a text"),
        pytest.param('{"a": 1,}', {"a": 1}, "a comma after the last item", id="comma in an object"),
        pytest.param(
            '{"a": [1,]}', {"a": [1]}, "a comma after the last item", id="comma in a list"
        ),
        pytest.param('{"a": 1\n"b": 2}', {"a": 1, "b": 2}, "a missing comma", id="no comma"),
        pytest.param("{a: 1}", {"a": 1}, "a key without quotes", id="bare key"),
        pytest.param("{'a': 'b\"c'}", {"a": 'b"c'}, "single quotes", id="single quotes"),
        pytest.param("{'a': 'it\\'s'}", {"a": "it's"}, "single quotes", id="escaped quote"),
        pytest.param('{"a": cpu\n}', {"a": "cpu"}, "a text without quotes", id="bare text"),
        pytest.param(
            '{"a": cpu, # x\n}', {"a": "cpu, # x"}, "a text without quotes", id="to its end"
        ),
        pytest.param(
            "{\"a\": '''\nb\n'''}", {"a": "b"}, "a text of several lines", id="several lines"
        ),
        pytest.param(
            "a: 1\nb: {c: 2}",
            {"a": 1, "b": {"c": 2}},
            "an object without braces",
            id="bare object",
        ),
        pytest.param('\ufeff{"a": 1}', {"a": 1}, "a byte order mark", id="byte order mark"),
        pytest.param(
            '{"a": Infinity}',
            {"a": float("inf")},
            "a number that JSON doesn't have",
            id="infinity",
        ),
        pytest.param("", {}, "an object without braces", id="nothing"),
    ],
)
def test_what_is_more_than_json_is_read_and_noted(text: str, data: object, what: str) -> None:
    document = parse(text, "f")

    assert document.data == data
    assert what in dict(document.beyond_json) or (not what and not document.beyond_json)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("5e8", 500_000_000, id="whole, with an exponent"),
        pytest.param("2.0", 2, id="whole, with a point"),
        pytest.param("1e10", 1e10, id="too large to be made whole"),
        pytest.param("0.5", 0.5, id="not whole"),
        pytest.param("-0", 0, id="negative zero"),
        pytest.param("1" * 5000, float("inf"), id="more digits than Python takes"),
    ],
)
def test_a_number_is_whole_however_it_is_written(text: str, number: float) -> None:
    value = parse(f'{{"a": {text}}}', "f").data["a"]

    assert value == number
    assert type(value) is type(number)


def test_every_key_has_a_place() -> None:
    text = '{\n  "a": {"b": 1},\n  "c": [{"d": 2}]\n}'
    places = parse(text, "f").places

    assert {path: place.line for path, place in places.items()} == {
        ("a",): 2,
        ("a", "b"): 2,
        ("c",): 3,
        ("c", "0", "d"): 3,
    }
    place = places["a", "b"]
    assert text[place.key : place.end] == '"b": 1'
    assert text[place.value : place.end] == "1"


def test_repeated_keys_are_told_and_the_last_one_counts() -> None:
    document = parse('{"a": {"b": 1,\n"b": 2},\n"a": {"b": 3}}', "f")

    assert document.data == {"a": {"b": 3}}
    assert [(each.path, each.line) for each in document.repeated] == [("a.b", 2), ("a", 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "f:1: not JSON: it ends", id="cut off"),
        pytest.param('{"a": [1', "it ends before the ]", id="cut off in a list"),
        pytest.param('{"a" 1}', "a colon is missing after 'a'", id="no colon"),
        pytest.param('{"a":}', "a value is expected", id="no value"),
        pytest.param("{,}", "a key is expected", id="no key"),
        pytest.param('{"a": 1} {', "there is more after the end", id="too much"),
        pytest.param('{"a": "b\nc"}', "a text without an end", id="line break in a text"),
        pytest.param('{"a": "\\q"}', "an escape that isn't known", id="escape"),
        pytest.param("{\"a\": '''b}", "a text without an end", id="several lines without end"),
        pytest.param("/* x", "a comment without an end", id="comment without end"),
        pytest.param("[1]", "one JSON object, not a list", id="a list"),
        pytest.param('{"a":' * 200, "nested too deeply", id="too deep"),
        pytest.param("\n\n{\x1b[31m}", "f:3: not JSON", id="hostile"),
    ],
)
def test_what_nobody_can_read_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SourceError) as raised:
        parse(text, "f")

    assert message in str(raised.value)
    assert str(raised.value).isprintable()


@given(st.text("{}[]:,'\"#/*\n\\ab1.-", max_size=30))
def test_any_text_is_read_or_told(text: str) -> None:
    try:
        document = parse(text, "f")
    except SourceError:
        return
    assert isinstance(document.data, dict)
