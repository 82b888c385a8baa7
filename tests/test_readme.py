"""
The README is what new users run: its commands, tables and picture are held against reality.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from commands import ROOT, envcheck
from models import Parameter, deepspeed_model, split

from envcheck.formats.text import plain
from envcheck.matrix.store import open_matrix
from envcheck.training import LossGuard
from envcheck.trials import picture, sheet

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
FIRST = re.compile(r"^python3 -m venv \.venv && (.*)$", re.MULTILINE)
PICTURE = re.compile(r"(<!-- report -->\n```text\n)(.*?)(```\n)", re.DOTALL)
TRIALS = re.compile(r"(<!-- trials -->\n```text\n)(.*?)(```\n)", re.DOTALL)
STATED = re.compile(r"^Matrix .*$|^INFO .*(?:\n {9}.*)*$", re.MULTILINE)


def test_the_picture_is_the_report_of_the_first_command() -> None:
    text = README.read_text(encoding="utf-8")
    found = FIRST.search(text)
    assert found
    words = shlex.split(found[1].rpartition("&& ")[2])
    assert words[0] == ".venv/bin/envcheck"

    done = envcheck(*words[1:], cwd=ROOT)

    if os.environ.get("UPDATE_GOLDEN"):
        text = PICTURE.sub(lambda match: match[1] + done.stdout + match[3], text)
        README.write_text(text, encoding="utf-8")
    picture = PICTURE.search(text)
    assert picture
    # How much the matrix holds changes with every entry; all else has to be as shown.
    assert STATED.sub("", picture[2]) == STATED.sub("", done.stdout), (
        "UPDATE_GOLDEN=1 takes a new picture"
    )
    assert (done.returncode, done.stderr) == (1, "")


def test_its_table_is_that_of_the_trials() -> None:
    text = README.read_text(encoding="utf-8")
    cells = sheet.rows(open_matrix().trials()["transformers-accelerate"])
    table = plain(picture.rows(cells))

    if os.environ.get("UPDATE_GOLDEN"):
        text = TRIALS.sub(lambda match: match[1] + table + match[3], text)
        README.write_text(text, encoding="utf-8")
    shown = TRIALS.search(text)
    assert shown
    assert shown[2] == table, "UPDATE_GOLDEN=1 takes a new one"


def test_every_option_and_command_it_names_exists() -> None:
    text = README.read_text(encoding="utf-8")
    lines = re.findall(r"^(?:.*&& )?(?:\S*/)?envcheck((?: .*)?)$", text, re.MULTILINE)
    listed = envcheck("--help").stdout.partition("Commands:")[2]
    commands = re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)

    assert lines
    for line in lines:
        words = line.partition("#")[0].split()
        named = words[: 2 if words[:1] == ["matrix"] else 1]
        if not named or named[0].startswith("-"):
            named = ["check"]
        assert named[0] in commands, line
        shown = envcheck(*named, "--help").stdout
        options = [word for word in words if word.startswith("-") and word != "-"]
        assert all(word in shown for word in options), line


@pytest.mark.parametrize("group", [(), ("matrix",)], ids=["envcheck", "matrix"])
def test_what_a_command_does_fits_its_line_in_the_list(group: tuple[str, ...]) -> None:
    listed = envcheck(*group, "--help").stdout.partition("Commands:")[2]

    assert listed
    assert "..." not in listed


def test_its_table_of_exit_codes_is_that_of_the_help() -> None:
    text = README.read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d+) \| (.+?) \|$", text, re.MULTILINE)

    assert [int(code) for code, _ in table] == [0, 1, 2, 3, 130]
    shown = envcheck("--help").stdout
    assert all(f"{code} " in shown for code, _ in table)


def test_the_example_entry_is_valid(tmp_path: object) -> None:
    text = README.read_text(encoding="utf-8")
    entry = re.search(r"```yaml\n(- id: .*?)```", text, re.DOTALL)
    assert entry
    folder = ROOT.__class__(str(tmp_path)) / "mine" / "known-bad"
    folder.mkdir(parents=True)
    (folder / f"{entry[1].split()[2].split('/')[0]}.yaml").write_text(entry[1])

    done = envcheck("matrix", "validate", folder.parent)

    assert done.returncode == 0, done.stdout


def test_the_example_for_the_training_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = README.read_text(encoding="utf-8")
    example = re.search(r"```python\n(from envcheck\.training import .*?)```", text, re.DOTALL)
    assert example
    (tmp_path / "zero2.json").write_text('{"zero_optimization": {"stage": 2}}')
    monkeypatch.chdir(tmp_path)
    model = deepspeed_model()
    model.own["fc2.weight"] = Parameter()
    known: dict[str, Any] = {
        "model": model,
        "optimizer": split(model),
        "args": None,
        "data": None,
        "Trainer": dict,
    }

    exec(compile(example[1], "README.md", "exec"), known)

    assert isinstance(known["trainer"]["callbacks"][0], LossGuard)
