from __future__ import annotations

import json
import os
import pty
from typing import TYPE_CHECKING, Any

import pytest
from builders import venv, write
from commands import envcheck

from envcheck.commands import app

if TYPE_CHECKING:
    from pathlib import Path

SOUND = "a slots=8\nb slots=8\n"


@pytest.fixture(autouse=True)
def _in_an_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    active = venv(tmp_path / "env", "torch==2.1.0", "deepspeed==0.9.5")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setenv("VIRTUAL_ENV", str(active))
    monkeypatch.chdir(tmp_path)


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """
    Run the command, and return its exit code and its JSON.
    """
    code = app.run(["hostfile", *arguments, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_sound_file_is_read_as_the_active_environment_reads_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path / "hosts", SOUND)

    code, said = report(capsys, "hosts", "--exclude", "a:0,1")

    assert code == 0
    assert said["schema"] == "envcheck-hostfile/1"
    assert said["deepspeed"]["version"] == said["deepspeed"]["read_as"] == "0.9.5"
    assert said["hosts"]["a"] == {"line": 1, "slots": 8, "used": [2, 3, 4, 5, 6, 7]}
    assert (said["processes"], said["one_machine"], said["verdict"]) == (14, False, "accepted")
    assert said["findings"] == []


def test_an_error_has_its_line_and_the_version_can_be_given(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path / "hosts", "# c\na slots=8\nb slots = 8\n")

    code, said = report(capsys, "hosts", "--deepspeed-version", "0.8.0")

    (found,) = said["findings"]
    assert (code, said["verdict"], said["summary"]["error"]) == (1, "refused", 1)
    assert (found["id"], found["kind"], found["line"]) == ("hostfile/bad-entry", "configuration", 3)
    assert found["instead"] == "b slots=8"
    assert found["packages"] == {"deepspeed": "0.8.0"}


def test_a_release_newer_than_all_that_is_known_is_said_to_be_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = write(tmp_path / "hosts", "w1 slots=2\nw2 slots=2\n")

    app.run(["hostfile", str(file), "--deepspeed-version", "0.99.1"])
    told = " ".join(capsys.readouterr().out.split())
    _, data = report(capsys, str(file), "--deepspeed-version", "0.99.1")

    assert "as DeepSpeed 0.19.8 reads it; 0.99.1 is newer than what is known here" in told
    assert (data["deepspeed"]["version"], data["deepspeed"]["read_as"]) == ("0.99.1", "0.19.8")


@pytest.mark.parametrize("name", ["nothing", "folder", "file/below"])
def test_a_hostfile_that_is_not_there_is_an_error_that_nobody_would_see(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    write(tmp_path / "file")

    code, said = report(capsys, name)

    assert code == 1
    assert [(each["id"], each["silent"]) for each in said["findings"]] == [
        ("hostfile/missing", True)
    ]
    assert said["one_machine"]


def test_the_environment_file_beside_it_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path / "on" / "hosts", SOUND)
    write(tmp_path / "on" / ".deepspeed_env", "A=1\n\n")
    write(tmp_path / "other", "A=1\n")

    assert report(capsys, "on/hosts")[0] == 1
    assert report(capsys, "on/hosts", "--deepspeed-env", "other")[0] == 0
    code, said = report(capsys, "on/hosts", "--num-nodes", "1")
    assert code == 0
    assert "deepspeed-env/unread" in [each["id"] for each in said["findings"]]


def test_an_accelerate_configuration_says_how_deepspeed_is_called(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path / "hosts", SOUND)
    write(
        tmp_path / "acc.yaml",
        "distributed_type: DEEPSPEED\nnum_machines: 2\nnum_processes: 8\ndeepspeed_config:\n"
        "  deepspeed_hostfile: hosts\n",
    )
    write(tmp_path / "bad.yaml", "- x\n")

    code, said = report(capsys, "hosts", "--accelerate-config", "acc.yaml")
    assert (code, said["asked"]["num_gpus"], said["processes"]) == (0, 4, 8)
    code, said = report(capsys, "hosts", "--accelerate-config", "bad.yaml")
    assert (code, said["processes"]) == (1, 16)


def test_the_text_ends_with_the_verdict(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "hosts", "".join(f"host-{each} slots={each % 3}\n" for each in range(20)))
    write(tmp_path / "one", "localhost slots=1\n")

    assert app.run(["hostfile", "hosts", "--include", "host-1:0@host-5:1", "--color", "never"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Checked  hosts"
    assert any("host-5   2 slots, used: 1" in line for line in shown)
    assert any("and 4 more" in line for line in shown)
    assert shown[-1].startswith("accepted: 2 processes on 2 hosts; ")
    assert app.run(["hostfile", "one", "--color", "always"]) == 0
    assert "one-machine" in capsys.readouterr().out
    assert app.run(["hostfile", "none"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "refused: 1 error"


def test_slots_out_of_order_are_listed_and_what_to_write_is_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path / "hosts", "a slots=4\nb slots=1\n")
    write(tmp_path / "list", "a,b\n")

    assert app.run(["hostfile", "hosts", "--include", "a:2,0@b"]) == 0
    assert "used: 2,0" in capsys.readouterr().out
    assert app.run(["hostfile", "list"]) == 1
    assert "write: a slots=8\n                b slots=8\n" in capsys.readouterr().out


def test_without_an_environment_the_newest_parser_stands_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(venv(tmp_path / "bare")))
    write(tmp_path / "hosts", SOUND)

    assert app.run(["hostfile", "hosts", "--color", "never"]) == 0
    assert "isn't known (see --deepspeed-version)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--deepspeed-version", "x"], 2, "not a version", id="no version"),
        pytest.param(["--from", "gone.txt"], 3, "no such file", id="no such environment"),
        pytest.param(["--deepspeed-env", "gone"], 3, "No such file", id="no such .deepspeed_env"),
        pytest.param(["--deepspeed-env", "/"], 3, "a folder", id="a folder for .deepspeed_env"),
        pytest.param(["--accelerate-config", "gone"], 3, "no such file", id="no such YAML"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    arguments: list[str], code: int, said: str, tmp_path: Path
) -> None:
    write(tmp_path / "hosts", SOUND)

    done = envcheck("hostfile", "hosts", *arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        pytest.param("hosts", "#" * (1024 * 1024 + 1), "larger than 1 MiB", id="too large"),
        pytest.param("x" * 5000, None, "cannot read the hostfile", id="too long a name"),
    ],
)
def test_what_can_be_no_hostfile_is_not_judged(
    name: str, text: str | None, said: str, tmp_path: Path
) -> None:
    if text is not None:
        write(tmp_path / name, text)

    done = envcheck("hostfile", name, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr


def test_standard_input_is_a_hostfile_too(tmp_path: Path) -> None:
    done = envcheck("hostfile", "-", "--deepspeed-version", "0.16.0", stdin=SOUND, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == "accepted: 16 processes on 2 hosts; nothing known to fail"


def test_on_a_terminal_the_report_is_as_wide_as_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(tmp_path / "hosts", SOUND)
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        assert app.run(["hostfile", "hosts", "--deepspeed-version", "0.16.0"]) == 0
        terminal.flush()
        shown = ""
        while "nothing known to fail" not in shown:  # a terminal hands its text over in pieces
            shown += os.read(leader, 65536).decode()
    os.close(leader)
    assert "\x1b[" in shown
