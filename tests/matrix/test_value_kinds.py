from __future__ import annotations

from typing import Any

import pytest

from envcheck.matrix import kinds
from envcheck.matrix.kinds import Kind, Problems
from envcheck.matrix.strict_yaml import parse

WORD = kinds.word("linux", "darwin")
PAIR = kinds.record({"a": kinds.text()}, {"b": kinds.FLAG})
ONE = kinds.record({}, {"a": kinds.text(), "b": kinds.text()}, only_one=True)
ANY = kinds.record({}, {"a": kinds.text(), "b": kinds.text()})
NAMED = kinds.mapping_of(kinds.matching("[a-z]+", "a small word"), kinds.text(3))
MIXED = kinds.either(kinds.URL, PAIR)


def read(kind: Kind, text: str) -> tuple[Any, list[str]]:
    problems = Problems("f", [])
    node = parse(text, "f", problems.found)
    assert node is not None
    return kind.read(node, problems), [f"{each.line}: {each.message}" for each in problems.found]


SOUND = [
    pytest.param(kinds.text(), "It breaks", "It breaks", id="text"),
    pytest.param(kinds.text(), "|\n  two\n  lines\n", "two\nlines\n", id="lines of text"),
    pytest.param(WORD, "linux", "linux", id="word"),
    pytest.param(kinds.DATE, "2024-02-29", "2024-02-29", id="date"),
    pytest.param(kinds.VERSION, "2.0.1+cu118", "2.0.1+cu118", id="version"),
    pytest.param(kinds.VERSION, "11.8", "11.8", id="a version that looks like a number"),
    pytest.param(kinds.SPECIFIER, '">=3.10, <4"', ">=3.10, <4", id="specifier"),
    pytest.param(kinds.PYTHON, '""', "", id="no specifier for Python"),
    pytest.param(kinds.PYTHON, '">=3.8"', ">=3.8", id="a specifier for Python"),
    pytest.param(
        kinds.REQUIREMENT, "torch[x]>=2; os_name=='nt'", "torch[x]>=2; os_name=='nt'", id="req"
    ),
    pytest.param(kinds.PIN, "torch>=2,<3", "torch>=2,<3", id="pin"),
    pytest.param(kinds.PIN, "torch", "torch", id="a bare name"),
    pytest.param(kinds.URL, "https://a.b/c?d#e", "https://a.b/c?d#e", id="address"),
    pytest.param(
        kinds.URL, "https://a.b/compare/v1...v2", "https://a.b/compare/v1...v2", id="comparison"
    ),
    pytest.param(kinds.URL, "https://a.b", "https://a.b", id="host"),
    pytest.param(kinds.FLAG, "true", True, id="true"),
    pytest.param(kinds.FLAG, "false", False, id="false"),
    pytest.param(kinds.list_of(WORD), "[linux, darwin]", ["linux", "darwin"], id="list"),
    pytest.param(kinds.list_of(WORD, least=0), "[]", [], id="an empty list"),
    pytest.param(kinds.one_or_list(WORD), "linux", ["linux"], id="one is a list of one"),
    pytest.param(kinds.one_or_list(WORD), "[darwin]", ["darwin"], id="a list is a list"),
    pytest.param(MIXED, "https://a.b", "https://a.b", id="either text"),
    pytest.param(MIXED, "{a: b}", {"a": "b"}, id="or a mapping"),
    pytest.param(NAMED, "{a: b, c: d}", {"a": "b", "c": "d"}, id="mapping"),
    pytest.param(
        PAIR, "{b: true, a: x}", {"b": True, "a": "x"}, id="record, in the order of the file"
    ),
    pytest.param(ONE, "{b: x}", {"b": "x"}, id="exactly one"),
    pytest.param(kinds.CONDITION, "true", ["true"], id="condition"),
    pytest.param(
        kinds.CONDITION, '[">=2", absent]', [">=2", "absent"], id="any of several conditions"
    ),
    pytest.param(kinds.CONDITION, '"<=5e7"', ["<=5e7"], id="comparison"),
    pytest.param(kinds.CONDITION, '"!=auto"', ["!=auto"], id="other than a word"),
    pytest.param(kinds.SETTING, "5e8", "5e8", id="setting"),
]


@pytest.mark.parametrize(("kind", "text", "expected"), SOUND)
def test_sound_values_are_read(kind: Kind, text: str, expected: object) -> None:
    assert read(kind, text) == (expected, [])


LONG = "x" * 200
BROKEN = [
    pytest.param(kinds.text(), '" "', "1: this must not be empty", id="no text"),
    pytest.param(kinds.text(5), "too long", "1: 8 characters; at most 5", id="long text"),
    pytest.param(kinds.text(), '"a\\tb"', "1: control characters are not allowed", id="a tab"),
    pytest.param(
        kinds.text(),
        "[a]",
        "1: text is expected here, not a list or a mapping",
        id="a list as text",
    ),
    pytest.param(WORD, "beos", "1: 'beos' is none of: linux, darwin", id="another word"),
    pytest.param(WORD, LONG, f"1: '{'x' * 79}…' is none of: linux, darwin", id="a long word"),
    pytest.param(
        kinds.DATE, "2023-02-29", "1: '2023-02-29' is not a date (YYYY-MM-DD)", id="no such day"
    ),
    pytest.param(
        kinds.DATE, "20240129", "1: '20240129' is not a date (YYYY-MM-DD)", id="another form"
    ),
    pytest.param(kinds.VERSION, "main", "1: 'main' is not a version (PEP 440)", id="no version"),
    pytest.param(
        kinds.VERSION, "v2.0", "1: 'v2.0': the normal form is '2.0' (PEP 440)", id="not normal"
    ),
    pytest.param(
        kinds.SPECIFIER, '""', "1: a version specifier must not be empty", id="empty specifier"
    ),
    pytest.param(
        kinds.SPECIFIER,
        '">=two"',
        "1: '>=two' is not a version specifier (PEP 440)",
        id="bad specifier",
    ),
    pytest.param(
        kinds.SPECIFIER,
        '">=2; os_name"',
        "1: '>=2; os_name' is not a version specifier (PEP 440)",
        id="a marker is no specifier",
    ),
    pytest.param(
        kinds.PYTHON,
        '"3.8"',
        "1: '3.8' is not a version specifier (PEP 440)",
        id="bad specifier for Python",
    ),
    pytest.param(
        kinds.REQUIREMENT, "torch=2", "1: 'torch=2' is not a requirement (PEP 508)", id="bad req"
    ),
    pytest.param(
        kinds.PIN,
        "Flash_Attn",
        "1: 'Flash_Attn': the canonical name is 'flash-attn' (PEP 503)",
        id="name",
    ),
    pytest.param(
        kinds.PIN,
        "torch[x]>=2",
        "1: 'torch[x]>=2': only a name and a version specifier are allowed here",
        id="extras",
    ),
    pytest.param(
        kinds.URL, "github.com/a", "1: 'github.com/a' is not a whole web address", id="no scheme"
    ),
    pytest.param(
        kinds.URL, "https://host/...", "1: 'https://host/...' is not a whole web address", id="cut"
    ),
    pytest.param(
        kinds.URL, "https://a.b/c,", "1: 'https://a.b/c,' is not a whole web address", id="comma"
    ),
    pytest.param(kinds.FLAG, "True", "1: true or false is expected here", id="another true"),
    pytest.param(kinds.FLAG, "[true]", "1: true or false is expected here", id="a list as flag"),
    pytest.param(kinds.list_of(WORD), "linux", "1: a list is expected here", id="no list"),
    pytest.param(kinds.list_of(WORD), "[]", "1: at least 1 item is expected", id="an empty list"),
    pytest.param(
        kinds.one_or_list(WORD), "{}", "1: text is expected here, not a list or a mapping", id="map"
    ),
    pytest.param(NAMED, "a", "1: a mapping is expected here", id="no mapping"),
    pytest.param(NAMED, "{}", "1: this must not be empty", id="an empty mapping"),
    pytest.param(NAMED, "a: b\nB: c", "2: 'B' is not a small word", id="a key of another kind"),
    pytest.param(PAIR, "a", "1: a mapping with a, b is expected here", id="no record"),
    pytest.param(PAIR, "a: x\nc: y", "2: unknown key 'c'; known: a, b", id="unknown key"),
    pytest.param(PAIR, "b: true", "1: the key 'a' is missing", id="missing key"),
    pytest.param(ONE, "{a: x, b: y}", "1: exactly one of a, b is expected here", id="both"),
    pytest.param(ONE, "{}", "1: exactly one of a, b is expected here", id="neither"),
    pytest.param(ANY, "{}", "1: one of a, b is expected here", id="an empty record"),
    pytest.param(
        kinds.CONDITION,
        '">=auto"',
        "1: '>=auto' compares with something that is not a number",
        id="a comparison with a word",
    ),
    pytest.param(
        kinds.CONDITION,
        '"<nan"',
        "1: '<nan' compares with something that is not a number",
        id="no number",
    ),
    pytest.param(
        kinds.CONDITION, "[[a]]", "1: text is expected here, not a list or a mapping", id="nested"
    ),
    pytest.param(kinds.CONDITION, '""', "1: this must not be empty", id="no condition"),
]


@pytest.mark.parametrize(("kind", "text", "expected"), BROKEN)
def test_what_is_wrong_is_said_once_with_its_line(kind: Kind, text: str, expected: str) -> None:
    assert read(kind, text)[1] == [expected]
