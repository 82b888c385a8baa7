from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.matrix.insert import InsertError, insert

NEW = {"id": "a/new"}
ENTRIES = [
    pytest.param("- id: a/b\n", "- id: a/b\n- id: a/new\n", 2, id="after the last"),
    pytest.param("- id: a/b", "- id: a/b\n- id: a/new\n", 2, id="no line end at the end"),
    pytest.param(
        "# Mine.\n\n- id: a/b  # best\n\n# The end.\n",
        "# Mine.\n\n- id: a/b  # best\n- id: a/new\n\n# The end.\n",
        4,
        id="comments",
    ),
    pytest.param("  - id: a/b\n", "  - id: a/b\n  - id: a/new\n", 2, id="indented"),
    pytest.param("---\n- id: a/b\n", "---\n- id: a/b\n- id: a/new\n", 3, id="a start"),
    pytest.param("- id: a/b\n...\n", "- id: a/b\n- id: a/new\n...\n", 2, id="an end"),
    pytest.param("- {id: a/b}\n", "- {id: a/b}\n- id: a/new\n", 2, id="an item in brackets"),
    pytest.param(
        "- id: a/b\n  why: |\n    two\n    lines\n\n# c\n",
        "- id: a/b\n  why: |\n    two\n    lines\n\n- id: a/new\n# c\n",
        6,
        id="a text in lines",
    ),
    pytest.param(
        "- id: a/b\n  why: >-\n    two\n    lines\n",
        "- id: a/b\n  why: >-\n    two\n    lines\n- id: a/new\n",
        5,
        id="a folded text",
    ),
    pytest.param(
        "- id: a/b\n  why: two\n    lines\n",
        "- id: a/b\n  why: two\n    lines\n- id: a/new\n",
        4,
        id="a plain text in lines",
    ),
    pytest.param(
        '- id: a/b\n  fixes:\n    - advice: "x"\n',
        '- id: a/b\n  fixes:\n    - advice: "x"\n- id: a/new\n',
        4,
        id="a list inside",
    ),
    pytest.param("- id: a/b\r\n", "- id: a/b\r\n- id: a/new\r\n", 2, id="line ends of Windows"),
    pytest.param("\ufeff- id: a/b\n", "\ufeff- id: a/b\n- id: a/new\n", 2, id="a byte order mark"),
]


@pytest.mark.parametrize(("text", "result", "line"), ENTRIES)
def test_an_entry_is_added_and_nothing_else_changes(text: str, result: str, line: int) -> None:
    assert insert(text, NEW) == (result, line)


SETS = [
    pytest.param(
        "project: a\nsets:\n  - id: a@1\n",
        "project: a\nsets:\n  - id: a@1\n  - id: a/new\n",
        4,
        id="at the end",
    ),
    pytest.param(
        "sets:\n- id: a@1\n# Of the project.\nproject: a\n",
        "sets:\n- id: a@1\n- id: a/new\n# Of the project.\nproject: a\n",
        3,
        id="in the middle",
    ),
]


@pytest.mark.parametrize(("text", "result", "line"), SETS)
def test_a_set_is_added_to_its_list(text: str, result: str, line: int) -> None:
    assert insert(text, NEW, "sets") == (result, line)


REFUSED = [
    pytest.param("[{id: a/b}]\n", NEW, "its list stands in brackets", id="brackets"),
    pytest.param("- id: !x y\n", NEW, "the file can't be read in full|tag", id="a tag"),
    pytest.param("- id: 'a\n", NEW, "the file can't be read in full", id="no YAML"),
    pytest.param(
        "- id: a/b\n  why: |\n    text",
        NEW,
        "it would change what else is there",
        id="a text that would get a line end",
    ),
    pytest.param("- id: a/b\n", {"id": "\ud800"}, "can't be read as YAML", id="no character"),
]


@pytest.mark.parametrize(("text", "record", "message"), REFUSED)
def test_what_can_not_be_done_safely_is_refused(
    text: str, record: dict[str, Any], message: str
) -> None:
    with pytest.raises(InsertError, match=f"(?:{message}).*; add it by hand"):
        insert(text, record)


LINES = st.lists(
    st.sampled_from(
        [
            *("- id: a/b", "  why: x", "  why: |", "    text", "", "# comment", "  fixes:"),
            *("    - advice: 'y'", "  packages: [a,", "   b]", "  # inside", "  why: |+", "..."),
        ]
    ),
    max_size=12,
)


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_whatever_stands_in_a_file_stays(lines: list[str], newline: str, ended: bool) -> None:
    text = newline.join(["- id: a/first", "  title: x", *lines]) + (newline if ended else "")
    try:
        result, line = insert(text, NEW)
    except InsertError:
        return

    added = f"- id: a/new{newline}"
    assert result.replace(added, "", 1) in (text, text + newline)
    assert result.split(newline)[line - 1] == "- id: a/new"
