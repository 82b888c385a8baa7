"""
Hostfiles as bytes, and `envcheck check --hostfile` from options to exit code.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from builders import write
from commands import envcheck

import envcheck as package
from envcheck.launch import hostfile_check, hosts_file
from envcheck.launch.notes import Release
from envcheck.launch.plan import Asked

if TYPE_CHECKING:
    from pathlib import Path

LIST = "torch==2.1.2\ndeepspeed==0.14.0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """
    Return a folder with a list of packages and some hostfiles.
    """
    write(tmp_path / "list.txt", LIST)
    write(tmp_path / "sound", "a slots=8\nb slots=8\n")
    write(tmp_path / "bad", "a slots=8\nb slots = 8\n")
    write(tmp_path / "big", b"\0" * (1024 * 1024 + 1))
    return tmp_path


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["run"], ["run"], id="beside it"),
        pytest.param(["home"], ["home"], id="in the home folder"),
        pytest.param(["run", "home"], ["home", "run"], id="both"),
        pytest.param(["run", "home", "start"], ["home", "start"], id="where the run is started"),
    ],
)
def test_the_environment_files_are_read_in_the_order_of_deepspeed(
    there: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "start").mkdir()
    path = write(tmp_path / "run" / "hosts", "a slots=8\n")
    for each in there:
        write(tmp_path / each / ".deepspeed_env", f"A={each}\n")

    read = hosts_file.read(str(path), folder=str(tmp_path / "start"))

    assert [each.data.decode() for each in read.variables] == [f"A={each}\n" for each in expected]


def test_what_the_home_folder_says_and_the_run_says_otherwise_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write(tmp_path / "hosts", "a slots=8\nb slots=8\n")
    write(tmp_path / "home" / ".deepspeed_env", "A=1\nB=1\n# note\n")
    write(tmp_path / ".deepspeed_env", "A=2\nB=1\n")

    read = hosts_file.read(str(path), folder=str(tmp_path))
    notes = hostfile_check.examine(read, Asked(), Release(None)).notes

    assert [(each.finding.id, each.place.rpartition("/")[2]) for each in notes] == [
        ("deepspeed-env/no-equals-sign", ".deepspeed_env:3"),
        ("deepspeed-env/replaced", ".deepspeed_env:1"),
    ]


@pytest.mark.parametrize(
    ("name", "code", "ids"),
    [
        pytest.param("sound", 0, [], id="sound"),
        pytest.param("bad", 1, ["hostfile/bad-entry"], id="a bad line"),
        pytest.param("nowhere", 1, ["hostfile/missing"], id="not there"),
        pytest.param(".", 1, ["hostfile/missing"], id="a folder"),
    ],
)
def test_a_check_has_findings_of_the_hostfile_like_any_other(
    name: str, code: int, ids: list[str], folder: Path
) -> None:
    options = ("--from", "list.txt", "--hostfile", name)

    done = envcheck("check", *options, "--format", "json", cwd=folder)
    shown = envcheck(*options, cwd=folder)

    report = json.loads(done.stdout)
    assert (done.returncode, shown.returncode) == (code, code)
    assert [each["id"] for each in report["findings"] if each["severity"] == "error"] == ids
    assert all(f"         {each}\n" in shown.stdout for each in ids)


def test_both_commands_say_the_same_of_a_file(folder: Path) -> None:
    write(folder / "many", "a slots=8\nb slots=0\n10.0.0.1:22 slots=4\nc slots=2 x\n")
    options = ("--from", "list.txt", "--format", "json")

    alone = json.loads(envcheck("hostfile", "many", *options, cwd=folder).stdout)
    whole = json.loads(envcheck("check", "--hostfile", "many", *options, cwd=folder).stdout)

    told = {(each["id"], each["severity"]) for each in alone["findings"]}
    assert told
    assert told == {
        (each["id"], each["severity"])
        for each in whole["findings"]
        if each["id"].startswith("hostfile/")
    }


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--hostfile", "big"], 3, "larger than 1 MiB", id="too large"),
        pytest.param(["--hostfile", "x" * 5000], 3, "cannot read the hostfile", id="a long name"),
        pytest.param(["--from", "-", "--hostfile", "-"], 2, "only one of --from", id="both"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    arguments: list[str], code: int, said: str, folder: Path
) -> None:
    if "--from" not in arguments:
        arguments = ["--from", "list.txt", *arguments]

    done = envcheck(*arguments, cwd=folder, stdin=LIST)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        pytest.param("a slots=8\nb slots=8\n", 0, "", id="sound"),
        pytest.param("a slots = 8\n", 1, "hostfile/bad-entry", id="a bad line"),
        pytest.param("#" * (1024 * 1024 + 1), 3, "larger than 1 MiB", id="too large"),
    ],
)
def test_standard_input_may_be_the_hostfile(text: str, code: int, said: str, folder: Path) -> None:
    done = envcheck("--from", "list.txt", "--hostfile", "-", stdin=text, cwd=folder)

    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_python_can_ask_the_same(folder: Path) -> None:
    report = package.check(packages={"deepspeed": "0.14.0"}, hostfile=folder / "bad")

    assert "hostfile/bad-entry" in [each.id for each in report.findings]


def test_a_check_of_settings_takes_no_hostfile(folder: Path) -> None:
    done = envcheck("config", "x.json", "--hostfile", "sound", cwd=folder)

    assert done.returncode == 2
    assert "--hostfile" in done.stderr


def test_a_filter_is_judged_with_the_hostfile(folder: Path) -> None:
    options = ("--from", "list.txt", "--hostfile", "sound")

    wrong = envcheck(*options, "--include", "c", cwd=folder)
    right = envcheck(*options, "--exclude=b:0,1", cwd=folder)
    alone = envcheck("--from", "list.txt", "--include", "a", cwd=folder)

    assert (wrong.returncode, right.returncode, alone.returncode) == (1, 0, 2)
    assert "filter/unknown-host" in wrong.stdout
    assert "give it by --hostfile" in alone.stderr


def test_the_processes_of_the_filter_share_the_batch(folder: Path) -> None:
    write(
        folder / "zero.json",
        json.dumps({"train_batch_size": 48, "train_micro_batch_size_per_gpu": 4}),
    )
    options = ("--from", "list.txt", "--hostfile", "sound", "--deepspeed-config", "zero.json")

    whole = envcheck(*options, "--format", "json", cwd=folder)
    part = envcheck(*options, "--exclude", "b:0,1,2,3", "--format", "json", cwd=folder)

    ids = [
        {each["id"]: each for each in json.loads(done.stdout)["findings"]} for done in (whole, part)
    ]
    wrong = ids[0]["configuration/batch-size/train_batch_size"]
    assert (wrong["severity"], wrong["certainty"]) == ("warning", "needs-verification")
    assert "16 processes" in wrong["title"]
    assert "configuration/batch-size/train_batch_size" not in ids[1]
