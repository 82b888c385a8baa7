from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from builders import venv, write
from commands import envcheck

import envcheck as package

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


def test_nothing_is_looked_for_where_no_deepspeed_is_installed(here: Path) -> None:
    write(here / "train.sh", SCRIPT)
    write(here / "list.txt", "torch==2.0.1\n")

    assert "launch" not in report(here, "--from", "list.txt")


def test_python_can_ask_the_same(here: Path) -> None:
    script = write(here / "train.sh", SCRIPT.replace("zero.json", str(here / "zero.json")))

    said = package.check(packages={"deepspeed": "0.13.1"}, launch=script)

    assert BAD in {each.id for each in said.findings if each.certainty == "certain"}


MOE = "deepspeed t.py --moe_enable True --top_k_experts 2 --deepspeed zero.json\n"


def test_expert_layers_that_a_command_line_turns_on_do_not_go_with_stage_3(here: Path) -> None:
    write(here / "train.sh", MOE)
    write(
        here / "zero.json", json.dumps({"zero_optimization": {"stage": 3}, "train_batch_size": 8})
    )

    said = report(here)

    (bad,) = [each for each in said["findings"] if each["id"] == "deepspeed/moe-zero3"]  # type: ignore[attr-defined]
    assert (bad["severity"], bad["certainty"]) == ("error", "certain")
    shown = envcheck(cwd=here, VIRTUAL_ENV=str(here.parent / "env")).stdout
    assert "DeepSpeed's own expert layers" in " ".join(shown.split())


def test_commands_that_disagree_about_expert_layers_say_nothing_of_them(here: Path) -> None:
    write(here / "train.sh", MOE + SCRIPT)
    write(
        here / "zero.json", json.dumps({"zero_optimization": {"stage": 3}, "train_batch_size": 8})
    )

    said = report(here)

    certain = {each["id"] for each in said["findings"] if each["certainty"] == "certain"}  # type: ignore[attr-defined]
    assert "deepspeed/moe-zero3" not in certain


def test_settings_that_accelerate_makes_by_itself_are_checked(here: Path) -> None:
    write(here / "train.sh", "accelerate launch --config_file a.yaml train.py  # deepspeed\n")
    write(
        here / "a.yaml",
        "distributed_type: DEEPSPEED\nmixed_precision: bf16\nnum_processes: 8\n"
        "deepspeed_config:\n  zero_stage: 3\n  offload_param_device: cpu\n",
    )

    said = report(here)

    assert said["launch"]["deepspeed_config"] == "a.yaml"  # type: ignore[index]
    assert [each["processes"] for each in said["launch"]["starts"]] == [8]  # type: ignore[index]
    shown = envcheck(cwd=here, VIRTUAL_ENV=str(here.parent / "env")).stdout
    assert "accelerate, 8 processes, DeepSpeed settings of a.yaml" in " ".join(shown.split())


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            "deepspeed t.py --deepspeed $CONFIG/zero.json", id="a folder that isn't known"
        ),
        pytest.param("deepspeed t.py --deepspeed nowhere.json", id="a file that isn't there"),
        pytest.param("pip install deepspeed", id="no training"),
        pytest.param("deepspeed t.py 'an open quote", id="broken"),
    ],
)
def test_a_script_that_names_no_configuration_for_sure_is_left_alone(
    script: str, here: Path
) -> None:
    write(here / "train.sh", script)

    assert "launch" not in report(here)


def test_many_large_scripts_are_not_all_read(here: Path) -> None:
    for number in range(8):
        write(here / f"{number}.sh", SCRIPT * 2000)

    said = report(here)

    assert len(said["launch"]["starts"]) == 64  # type: ignore[index]
