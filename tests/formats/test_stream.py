"""
Tests of where a report for people goes: its width and colours.
"""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING

import pytest

from envcheck.formats import stream
from envcheck.formats.text import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCHES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM")


@pytest.mark.parametrize(
    ("wish", "variables", "on_terminal", "expected"),
    [
        pytest.param("auto", {}, True, True, id="a terminal"),
        pytest.param("auto", {}, False, False, id="a pipe"),
        pytest.param("always", {"NO_COLOR": "1"}, False, True, id="the option beats all"),
        pytest.param(
            "never", {"FORCE_COLOR": "1"}, True, False, id="the option beats all, the other way"
        ),
        pytest.param(
            "auto",
            {"NO_COLOR": "1", "FORCE_COLOR": "1"},
            True,
            False,
            id="NO_COLOR beats FORCE_COLOR",
        ),
        pytest.param("auto", {"NO_COLOR": ""}, True, True, id="an empty NO_COLOR is none"),
        pytest.param(
            "auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, False, True, id="FORCE_COLOR beats TERM"
        ),
        pytest.param("auto", {"FORCE_COLOR": ""}, False, False, id="an empty FORCE_COLOR is none"),
        pytest.param("auto", {"CLICOLOR_FORCE": "1"}, False, True, id="CLICOLOR_FORCE"),
        pytest.param("auto", {"CLICOLOR_FORCE": "0"}, False, False, id="CLICOLOR_FORCE=0"),
        pytest.param("auto", {"CLICOLOR": "0"}, True, False, id="CLICOLOR=0"),
        pytest.param("auto", {"TERM": "dumb"}, True, False, id="a dumb terminal"),
    ],
)
def test_colour_is_decided_in_the_usual_order(
    wish: str,
    variables: dict[str, str],
    on_terminal: bool,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert stream.coloured(wish, on_terminal) is expected


@pytest.fixture
def terminal() -> Iterator[io.TextIOWrapper]:
    """
    Open a terminal of 100 columns.
    """
    leader, follower = os.openpty()
    os.set_blocking(leader, False)
    with open(follower, "w", encoding="utf-8") as file:
        yield file
    os.close(leader)


@pytest.mark.parametrize(
    ("size", "said", "expected"),
    [
        pytest.param(100, None, 100, id="the terminal's own"),
        pytest.param(200, None, 120, id="long lines are hard to read"),
        pytest.param(20, None, 40, id="short ones too"),
        pytest.param(0, None, WIDTH, id="a terminal that nobody told its size"),
        pytest.param(0, "100", 100, id="COLUMNS"),
        pytest.param(100, "60", 60, id="which comes first"),
        pytest.param(100, "0", 100, id="unless it says nothing"),
        pytest.param(100, "wide", 100, id="or nonsense"),
        pytest.param(100, "²", 100, id="or what only looks like a number"),
    ],
)
def test_prose_is_as_wide_as_the_terminal(
    size: int,
    said: str | None,
    expected: int,
    terminal: io.TextIOWrapper,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    termios = pytest.importorskip("termios")
    fcntl = pytest.importorskip("fcntl")
    fcntl.ioctl(terminal.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 24, size, 0, 0))
    monkeypatch.delenv("COLUMNS", raising=False)
    if said is not None:
        monkeypatch.setenv("COLUMNS", said)

    assert stream.columns(terminal) == expected


def test_elsewhere_it_is_always_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    assert stream.columns(io.StringIO()) == WIDTH
