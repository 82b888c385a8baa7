from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from reports import ALL

from envcheck.formats import terminal, text

if TYPE_CHECKING:
    from envcheck.model import Report

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("report", [pytest.param(each, id=key) for key, each in ALL.items()])
def test_colours_change_nothing_but_colours(
    monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()

    terminal.write(text.rows(report, width=100), stream)

    coloured = stream.getvalue()
    assert ESCAPE.search(coloured)
    assert [line.rstrip() for line in ESCAPE.sub("", coloured).splitlines()] == text.plain(
        text.rows(report, width=100)
    ).splitlines()


def test_only_the_terminals_own_colours_are_used() -> None:
    stream = io.StringIO()

    terminal.write(text.rows(ALL["known-bad"]), stream)

    numbers = {
        int(each)
        for found in ESCAPE.findall(stream.getvalue())
        for each in re.findall(r"\d+", found)
    }
    assert numbers <= {0, 1, 2, 4, *range(30, 38), 39, 49, *range(90, 98)}
