"""
The command, from options to exit code.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from builders import write
from commands import COMMAND, ROOT, envcheck, environ

from envcheck.diagnose import command, lines
from envcheck.errors import SourceError, UsageError
from envcheck.options import CheckOptions

if TYPE_CHECKING:
    from collections.abc import Callable

LOGS = Path(__file__).parent / "logs"
PLAIN = LOGS / "llamafactory-5627.log"
NAN = LOGS / "replay-new-nan.log"
GOOD = LOGS / "replay-new-good.log"
JSON = CheckOptions(format="json")


@pytest.fixture(autouse=True)
def _no_active_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("log", "code"),
    [
        pytest.param(NAN, 1, id="something is wrong"),
        pytest.param(GOOD, 0, id="nothing is"),
        pytest.param(LOGS / "sources.yaml", 3, id="no log"),
    ],
)
def test_the_exit_code_is_the_verdict(
    log: Path, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.diagnose(str(log), CheckOptions()) == code
    assert capsys.readouterr().out.startswith(f"Checked  {log}\n")


def test_an_empty_log_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is empty"):
        command.diagnose(str(write(tmp_path / "log")), CheckOptions())


def test_one_stream_cannot_be_two_things() -> None:
    with pytest.raises(UsageError, match="can't both be standard input"):
        command.diagnose("-", CheckOptions(from_="-"))


def test_the_environment_that_is_named_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    freeze = write(tmp_path / "freeze.txt", "deepspeed==0.13.1\ntorch==2.0.1\n")
    zero2 = write(
        tmp_path / "zero2.json", '{"zero_optimization": {"stage": 2, "overlap_comm": true}}'
    )
    options = JSON._replace(from_=str(freeze), deepspeed_config=str(zero2))

    assert command.diagnose(str(LOGS / "moe-llava-1.log"), options) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["explanations"][0]["id"] == "deepspeed/overlap-comm-nan"
    assert found["explanations"][0]["status"] == "hits"
    assert found["first"][0].startswith("Set zero_optimization.overlap_comm = false")
    assert found["command"].startswith("python -m pip install")


def test_colour_is_used_where_it_is_wished(capsys: pytest.CaptureFixture[str]) -> None:
    command.diagnose(str(NAN), CheckOptions(color="always"))
    coloured = capsys.readouterr().out
    command.diagnose(str(NAN), CheckOptions(color="never"))

    assert "\x1b[" in coloured
    assert "\x1b" not in capsys.readouterr().out


def steps(*actions: Callable[[], object]) -> Callable[[], None]:
    left = iter(actions)

    def pause() -> None:
        action = next(left, None)
        if action is None:
            raise KeyboardInterrupt
        action()

    return pause


def test_what_grows_is_reported_when_something_new_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, bad = PLAIN.read_bytes().splitlines(keepends=True)[-4:-2]
    log = write(tmp_path / "log", b"begin\n")

    def more(text: bytes) -> Callable[[], object]:
        def add() -> None:
            with log.open("ab") as file:
                file.write(text)

        return add

    pause = steps(more(fine), more(bad * 2), more(bad), int)

    assert command.diagnose(str(log), JSON, follow=True, pause=pause) == 130
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["log"]["records"] for each in reports] == [3, 4]
    assert [each["verdict"] for each in reports] == ["found", "found"]


def test_what_is_fine_is_reported_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", GOOD.read_bytes())

    assert command.diagnose(str(log), CheckOptions(), follow=True, pause=steps(int)) == 130
    assert capsys.readouterr().out.count("Checked") == 1


def test_an_interrupt_while_a_log_is_read_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lines, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        command.diagnose(str(write(tmp_path / "log")), CheckOptions())


def test_the_command_reads_standard_input_and_files() -> None:
    piped = envcheck("diagnose", "--format", "json", stdin=PLAIN.read_text("utf-8"))
    named = envcheck("diagnose", PLAIN, "--format", "json")

    assert piped.returncode == named.returncode == 1
    assert json.loads(piped.stdout)["proofs"] == json.loads(named.stdout)["proofs"]


def test_a_pipe_can_be_followed_to_its_end() -> None:
    done = envcheck("diagnose", "-", "-f", "--format", "json", stdin=NAN.read_text("utf-8"))

    assert done.returncode == 1
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["found"]
    assert envcheck("diagnose", "-", "-f", stdin=GOOD.read_text("utf-8")).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["none.log"], 3, "No such file", id="no such log"),
        pytest.param([str(NAN), "--format", "xml"], 2, "xml", id="no such format"),
        pytest.param([str(NAN), "--python", "/none"], 3, "/none", id="no such environment"),
        pytest.param(
            [str(NAN), "--python", "a", "--from", "b"], 2, "only one of", id="two environments"
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: list[str], code: int, message: str) -> None:
    done = envcheck("diagnose", *arguments)

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_the_following_with_130() -> None:
    with subprocess.Popen(
        [*COMMAND, "diagnose", "--follow", str(NAN)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT / "tests",
        env=environ(PYTHONUNBUFFERED="1"),
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("found"):
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert process.returncode == 130
    assert rest.splitlines()[-1].startswith("found: The loss of 0.0 is NaN")
