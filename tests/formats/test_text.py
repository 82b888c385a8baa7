from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from golden import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from reports import ALL, KNOWN_BAD, NOTE

from envcheck.clean import visible
from envcheck.formats import text

if TYPE_CHECKING:
    from envcheck.model import Report

UNBROKEN = ("python -m pip", "https://")
"What is never broken at the edge: a command or an address has to survive copying."

HIDDEN = r"\x1b[31mred"  # a word too long for any line


@pytest.mark.parametrize("report", [pytest.param(each, id=key) for key, each in ALL.items()])
@pytest.mark.parametrize("width", [80, 120])
def test_the_plain_report_is_as_kept(
    request: pytest.FixtureRequest, report: Report, width: int
) -> None:
    key = request.node.callspec.id.split("-", 1)[1]
    assert_golden(
        f"text-{key}-{width}.txt", text.plain(text.rows(report, width=width, verbose=True))
    )


@pytest.mark.parametrize("report", [pytest.param(each, id=key) for key, each in ALL.items()])
def test_no_line_is_wider_than_the_page_but_what_must_not_break(report: Report) -> None:
    *lines, _verdict = text.plain(text.rows(report, width=80)).splitlines()
    for line in lines:
        assert len(line) <= 80 or HIDDEN in line or any(part in line for part in UNBROKEN)


def test_the_verdict_is_the_last_line_and_alone_when_quiet() -> None:
    quiet = text.plain(text.rows(KNOWN_BAD, quiet=True))

    assert quiet == (
        "known-bad: 1 error (1 silent), 1 warning; nearest known-good: moe-llava@2024-02-15\n"
    )
    assert text.plain(text.rows(KNOWN_BAD)).endswith("\n" + quiet)


def test_the_first_line_names_what_was_checked() -> None:
    assert text.plain(text.rows(KNOWN_BAD)).splitlines()[0] == "Checked  freeze.txt"


def test_notes_are_counted_unless_all_is_asked_for() -> None:
    short = text.plain(text.rows(KNOWN_BAD))

    assert NOTE.title not in short
    assert "1 more worth knowing: -v shows all" in short
    assert NOTE.title in text.plain(text.rows(KNOWN_BAD, verbose=True))


def test_what_looks_like_a_workflow_command_does_not_start_a_line() -> None:
    assert (
        text.plain([(("  ::error::x", ""),), (("a ##[group]b", ""),)])
        == "  :\\x3aerror:\\x3ax\na #\\x23[group]b\n"
    )


def test_colons_inside_a_line_stay_readable() -> None:
    assert "torchvision::nms" in text.plain(text.rows(KNOWN_BAD))


@given(st.text(), st.integers(min_value=20, max_value=120))
def test_wrapping_loses_no_word_and_shows_nothing_invisible(prose: str, width: int) -> None:
    lines = ["".join(piece for piece, _ in row) for row in text.wrapped("head: ", prose, width)]

    assert all(line.isprintable() for line in lines)
    assert " ".join(" ".join(lines).split())[len("head:") :].split() == visible(prose).split()
