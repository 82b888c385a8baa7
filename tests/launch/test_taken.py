from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from builders import venv, write
from commands import envcheck

if TYPE_CHECKING:
    from pathlib import Path

ZERO = {
    "zero_optimization": {"stage": 2, "overlap_comm": True},
    "train_micro_batch_size_per_gpu": "auto",
}
SCRIPT = "deepspeed t.py --deepspeed zero.json --per_device_train_batch_size 4\n"
BAD = "deepspeed/overlap-comm-nan"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """
    Make a working directory beside an environment in which stage 2 with overlap_comm goes wrong.
    """
    venv(tmp_path / "env", "deepspeed==0.13.1", "torch==2.0.1", "transformers==4.37.2")
    write(tmp_path / "here" / "zero.json", json.dumps(ZERO))
    return tmp_path / "here"


def report(here: Path, *arguments: str) -> dict[str, object]:
    """
    Check the active environment from a working directory.
    """
    done = envcheck(*arguments, "--format", "json", cwd=here, VIRTUAL_ENV=str(here.parent / "env"))
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_script_here_that_names_a_configuration_has_it_checked(here: Path) -> None:
    write(here / "train.sh", SCRIPT)

    said = report(here)

    (bad,) = [each for each in said["findings"] if each["id"] == BAD]  # type: ignore[attr-defined]
    assert bad["certainty"] == "certain"
    assert "zero.json, named in train.sh:1" in bad["because"]
    assert said["launch"]["found"]  # type: ignore[index]
    text = envcheck(cwd=here, VIRTUAL_ENV=str(here.parent / "env")).stdout
    assert "Launch   read from train.sh:1, found here: deepspeed, DeepSpeed configuration" in text


def test_nothing_is_looked_for_where_that_is_not_wanted(here: Path) -> None:
    write(here / "train.sh", SCRIPT)

    said = report(here, "--launch", "none")

    assert [each["certainty"] for each in said["findings"] if each["id"] == BAD] == [  # type: ignore[attr-defined]
        "needs-verification"
    ]
    assert "launch" not in said


def test_a_list_of_packages_is_for_the_run_of_this_folder_too(here: Path) -> None:
    write(here / "train.sh", SCRIPT)
    write(here / "list.txt", "deepspeed==0.13.1\ntorch==2.0.1\n")

    said = report(here, "--from", "list.txt")

    assert BAD in {each["id"] for each in said["findings"] if each["certainty"] == "certain"}  # type: ignore[attr-defined]


def test_two_scripts_that_name_two_configurations_have_none_checked(here: Path) -> None:
    write(here / "train.sh", SCRIPT)
    write(here / "other.sh", SCRIPT.replace("zero", "zero3"))
    write(here / "zero3.json", json.dumps(ZERO))

    said = report(here)

    severities = {each["id"]: each["severity"] for each in said["findings"]}  # type: ignore[attr-defined]
    assert severities["launch/several-configurations"] == "info"
    assert said["launch"]["deepspeed_config"] is None  # type: ignore[index]
    assert len(said["launch"]["starts"]) == 2  # type: ignore[index]


def test_what_a_found_script_contradicts_is_no_error(here: Path) -> None:
    write(here / "train.sh", SCRIPT.replace("4\n", "4 --gradient_accumulation_steps 2\n"))
    write(here / "zero.json", json.dumps({**ZERO, "gradient_accumulation_steps": 1}))

    said = report(here)

    (wrong,) = [
        each
        for each in said["findings"]  # type: ignore[attr-defined]
        if each["id"].startswith("launch/contradiction")
    ]
    assert (wrong["severity"], wrong["certainty"]) == ("warning", "needs-verification")


def test_a_configuration_that_is_found_and_cannot_be_read_is_no_error(here: Path) -> None:
    write(here / "train.sh", SCRIPT)
    write(here / "zero.json", "{")

    said = report(here)

    severities = {each["id"]: each["severity"] for each in said["findings"]}  # type: ignore[attr-defined]
    assert severities["launch/unreadable-configuration"] == "warning"
