from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from builders import write
from commands import COMMAND, EXAMPLE, ROOT, envcheck, environ
from reports import KNOWN_BAD, KNOWN_GOOD, UNKNOWN

from envcheck import run

if TYPE_CHECKING:
    from envcheck.model import Report

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("report", "fail_on", "code"),
    [
        pytest.param(KNOWN_BAD, "error", 1, id="an error"),
        pytest.param(KNOWN_BAD, "never", 0, id="an error that doesn't matter"),
        pytest.param(
            KNOWN_BAD._replace(findings=KNOWN_BAD.findings[1:]), "error", 0, id="a warning"
        ),
        pytest.param(
            KNOWN_BAD._replace(findings=KNOWN_BAD.findings[1:]),
            "warning",
            1,
            id="a warning that matters",
        ),
        pytest.param(
            KNOWN_BAD._replace(findings=KNOWN_BAD.findings[2:]), "warning", 0, id="a note"
        ),
        pytest.param(UNKNOWN, "error", 0, id="unknown"),
        pytest.param(UNKNOWN, "unknown", 1, id="unknown that matters"),
        pytest.param(KNOWN_GOOD, "unknown", 0, id="known good"),
        pytest.param(KNOWN_BAD, "unknown", 1, id="an error where unknown matters"),
    ],
)
def test_the_exit_code_follows_from_findings_and_verdict(
    report: Report, fail_on: str, code: int
) -> None:
    assert run.exit_code(report, fail_on) == code


def on_a_terminal(*arguments: str, columns: int = 100, **variables: str) -> str:
    """
    Run the command on a terminal of its own; return what that shows.
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        ["stty", "cols", str(columns), "rows", "50"], stdin=follower, stdout=subprocess.DEVNULL
    )
    process.wait()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=ROOT / "tests",
        env=environ(TERM="xterm-256color", **variables),
    )
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    process.wait()
    os.close(leader)
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_its_width() -> None:
    story = ["--from", str(EXAMPLE / "freeze.txt"), "--python-version", "3.10"]

    narrow, wide = on_a_terminal(*story, columns=80), on_a_terminal(*story, columns=120)

    assert COLOUR.search(narrow)
    assert max(map(len, COLOUR.sub("", wide).splitlines())) > 90
    plain = envcheck(*story).stdout
    assert [line.rstrip() for line in COLOUR.sub("", narrow).splitlines()] == plain.splitlines()


def test_a_terminal_without_colour_gets_plain_text() -> None:
    shown = on_a_terminal("--from", str(EXAMPLE / "freeze.txt"), NO_COLOR="1")

    assert "\x1b" not in shown
    assert "Checked  " in shown


def test_the_project_in_the_working_directory_is_read_as_far_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run._developed_here() is None
    write(tmp_path / "pyproject.toml", '[tool.x]\nname = "other"\n')
    assert run._developed_here() is None
    write(tmp_path / "pyproject.toml", '[project]\nname = "moellava"\n[tool.x]\nname = "other"\n')
    assert run._developed_here() == "moellava"
    write(tmp_path / "pyproject.toml", b"\xff\xfe[project]")
    assert run._developed_here() is None


def test_a_misspelt_project_with_nothing_near_is_told_where_to_look() -> None:
    done = envcheck("--from", EXAMPLE / "freeze.txt", "--project", "0000")

    assert done.returncode == 2
    assert "envcheck list projects" in done.stderr


@pytest.mark.parametrize("option", ["--python", "--path"])
def test_a_real_environment_can_be_named(option: str) -> None:
    target = sys.prefix if option == "--python" else str(Path(pytest.__file__).parent.parent)

    done = envcheck(option, target)

    assert done.returncode in {0, 1, 3}
    assert "Traceback" not in done.stderr
