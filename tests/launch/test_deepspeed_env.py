from __future__ import annotations

import pytest
from packaging.version import Version

from envcheck.launch.deepspeed_env import examine
from envcheck.launch.notes import Release


def found(data: bytes, release: str = "0.16.0") -> list[tuple[str, str, str]]:
    notes = examine(data, Release(Version(release)), "env")
    return [
        (each.finding.id.partition("/")[2], each.finding.severity, each.instead) for each in notes
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("A=1", [], id="a variable"),
        pytest.param("A=b=c", [], id="an equals sign in the value"),
        pytest.param("A=b c", [], id="a space in the value"),
        pytest.param("", [("no-equals-sign", "error", "")], id="a blank line"),
        pytest.param("# c", [("no-equals-sign", "error", "")], id="a comment"),
        pytest.param("A", [("no-equals-sign", "error", "")], id="a name alone"),
        pytest.param("# A=1", [("comment", "warning", "")], id="a variable behind a hash"),
        pytest.param("export A=1", [("strange-name", "warning", "A=1")], id="export"),
        pytest.param("=1", [("strange-name", "warning", "")], id="no name"),
        pytest.param("A-B=1", [("strange-name", "warning", "")], id="no name of a variable"),
        pytest.param("A='b'", [("quotes", "warning", "A=b")], id="quotes"),
    ],
)
def test_a_line_is(line: str, expected: list[tuple[str, str, str]]) -> None:
    assert found(f"B=1\n{line}\n".encode()) == expected


def test_what_other_releases_do() -> None:
    assert found(b"A=b=c\n", "0.5.9") == [("second-equals-sign", "error", "")]
    assert found(b"A=b c\n", "0.9.5") == [("space", "warning", 'A="b c"')]
    assert found(b"A='b c'\n", "0.9.5") == []


def test_what_cannot_be_decoded_stops_deepspeed() -> None:
    assert found(b"A=1\n# \xe4\n") == [("not-utf-8", "error", "")]
