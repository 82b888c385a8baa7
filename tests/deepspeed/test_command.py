"""
`envcheck config`, run as users run it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from builders import write
from commands import EXAMPLE, envcheck

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

BAD = '{"train_batch_size": 8, "zero_optimization": {"stage": 2, "overlap_com": true}}'
GOOD = '{"train_batch_size": 8, "zero_optimization": {"stage": 2}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "requirements.txt", "deepspeed==0.14.4\nnumpy==2.1.0\ntorch==2.0.1\n")
    return tmp_path


def config(
    folder: Path, text: str, *arguments: str, name: str = "zero.json"
) -> subprocess.CompletedProcess[str]:
    write(folder / name, text)
    return envcheck("config", name, "--from", "requirements.txt", *arguments, cwd=folder)


def test_only_what_the_settings_take_part_in_is_said(folder: Path) -> None:
    done = config(folder, BAD, "--format", "json")

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert {each["id"] for each in report["findings"] if each["severity"] == "error"} == {
        "configuration/unknown-key/zero_optimization.overlap_com"
    }
    assert report["findings"][0]["kind"] == "configuration"
    assert [each["path"] for each in report["suggestions"][0]["settings"]] == [
        "zero_optimization.overlap_com",
        "zero_optimization.overlap_comm",
    ]


def test_a_good_configuration_is_good(folder: Path) -> None:
    done = config(folder, GOOD)

    assert done.returncode == 0
    assert "zero.json, for requirements.txt" in done.stdout


def test_a_check_with_the_configuration_says_the_same_beside_all_else(folder: Path) -> None:
    write(folder / "zero.json", BAD)

    done = envcheck(
        "--from", "requirements.txt", "--deepspeed-config", "zero.json", "--format=json", cwd=folder
    )

    errors = {
        each["id"] for each in json.loads(done.stdout)["findings"] if each["severity"] == "error"
    }
    assert "configuration/unknown-key/zero_optimization.overlap_com" in errors
    assert len(errors) > 1


def test_the_fixed_file_is_written_beside_it(folder: Path) -> None:
    done = config(folder, BAD, "--fix")

    assert done.returncode == 0
    assert "Wrote zero.fixed.json:" in done.stdout
    assert "zero_optimization.overlap_com removed" in done.stdout
    assert (folder / "zero.fixed.json").read_text(encoding="utf-8") == BAD.replace('com"', 'comm"')
    assert (folder / "zero.json").read_text(encoding="utf-8") == BAD
    again = config(folder, (folder / "zero.fixed.json").read_text(encoding="utf-8"), "--fix")
    assert "no file was written" in again.stdout
    assert again.returncode == 0


def test_what_is_told_of_a_fix_keeps_out_of_a_report_for_machines(folder: Path) -> None:
    done = config(folder, BAD, "--fix", "--format=json")

    assert json.loads(done.stdout)["findings"]
    assert "Wrote zero.fixed.json" in done.stderr


def test_what_stays_after_a_fix_is_told_and_counts(folder: Path) -> None:
    done = config(folder, BAD.replace("2", '"two"'), "--fix")

    assert done.returncode == 1
    assert "stays: error configuration/wrong-value/zero_optimization.stage" in done.stdout
    assert config(folder, BAD.replace("2", '"two"'), "--fix", "--exit-zero").returncode == 0


def test_hjson_that_a_trainer_reads_becomes_json(folder: Path) -> None:
    done = config(folder, f"# mine\n{GOOD}", "--reader=transformers", "--fix")

    assert done.returncode == 0
    assert "written anew, as plain JSON" in done.stdout
    assert json.loads((folder / "zero.fixed.json").read_text(encoding="utf-8")) == json.loads(GOOD)


def test_the_number_of_processes_decides_about_batch_sizes(folder: Path) -> None:
    text = '{"train_batch_size": 64, "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 4}'

    assert config(folder, text, "--world-size", "4").returncode == 0
    assert config(folder, text).returncode == 0
    done = config(folder, text, "--world-size", "8")
    assert done.returncode == 1
    assert "64 is not 4 × 4 × 8" in done.stdout


def test_the_storys_stage_3_file_becomes_one_of_stage_2(tmp_path: Path) -> None:
    zero3 = {
        "train_batch_size": 8,
        "zero_optimization": {"stage": 3, "offload_param": {"device": "cpu"}},
    }
    write(tmp_path / "zero3.json", json.dumps(zero3))

    done = envcheck(
        *(
            "config",
            "zero3.json",
            "--from",
            EXAMPLE / "freeze.txt",
            "--project",
            "moe-llava",
            "--fix",
        ),
        cwd=tmp_path,
    )

    assert "deepspeed/moe-zero3" in done.stdout
    assert json.loads((tmp_path / "zero3.fixed.json").read_text(encoding="utf-8"))[
        "zero_optimization"
    ] == {"stage": 2, "offload_optimizer": {"device": "cpu"}}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["config"], 2, "FILE", id="no file"),
        pytest.param(["config", "nowhere.json"], 3, "no such file", id="a file that isn't there"),
        pytest.param(
            ["config", "requirements.txt"], 3, "requirements.txt:1: not JSON", id="another file"
        ),
        pytest.param(
            ["config", "zero.json", "--world-size", "0x8"],
            2,
            "a number of processes",
            id="no number",
        ),
        pytest.param(
            ["config", "zero.json", "--world-size", "0"], 2, "a number of processes", id="nobody"
        ),
        pytest.param(
            ["config", "zero.json", "--world-size", "9" * 99], 2, "a number of processes", id="all"
        ),
        pytest.param(["config", "zero.json", "--reader", "me"], 2, "none of", id="no such reader"),
        pytest.param(
            ["config", "zero.json", "--project", "none-such"], 2, "none-such", id="no project"
        ),
    ],
)
def test_what_goes_wrong_is_told_with_the_contracts_exit_code(
    arguments: list[str], code: int, message: str, folder: Path
) -> None:
    write(folder / "zero.json", GOOD)

    done = envcheck(*arguments, "--from", "requirements.txt", cwd=folder)

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


MODEL = {
    "model_type": "moe_llava_phi",
    "hidden_size": 2560,
    "num_hidden_layers": 32,
    "vocab_size": 51200,
    "intermediate_size": 10240,
    "num_attention_heads": 32,
    "moe": {"moe_enable": True, "num_experts": [4], "ep_size": 1},
}
ZERO3 = '{"train_batch_size": 8, "bf16": {"enabled": true}, "zero_optimization": {"stage": 3}}'


@pytest.mark.parametrize(
    ("asked", "offloaded", "told"),
    [
        pytest.param([], False, "not judged; --world-size N and --gpu-memory", id="not known"),
        pytest.param(["--offload"], True, "not judged", id="asked for"),
        pytest.param(["--gpu-memory=80"], False, "fits into 80 GiB", id="enough"),
        pytest.param(["--gpu-memory=20"], True, "optimizer on the CPU", id="too short"),
        pytest.param(["--gpu-memory=8"], True, "stays short", id="far too short"),
    ],
)
def test_an_expert_model_goes_to_stage_2_and_to_the_cpu_where_memory_is_short(
    asked: list[str], offloaded: bool, told: str, folder: Path
) -> None:
    write(folder / "config.json", json.dumps(MODEL))
    if any("memory" in each for each in asked):
        asked = [*asked, "--world-size=8"]

    done = config(folder, ZERO3, "--fix", "--model-config", "config.json", *asked)

    made = json.loads((folder / "zero.fixed.json").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout
    expected = {"offload_optimizer": {"device": "cpu", "pin_memory": True}} if offloaded else {}
    assert made["zero_optimization"] == {"stage": 2, **expected}
    assert told in done.stdout


def test_the_optimizer_can_go_to_the_cpu_whatever_the_model(folder: Path) -> None:
    done = config(folder, GOOD, "--fix", "--offload", "--gpu-memory", "24")

    made = json.loads((folder / "zero.fixed.json").read_text(encoding="utf-8"))
    assert done.returncode == 0
    assert made["zero_optimization"]["offload_optimizer"]["device"] == "cpu"
    assert "--model-config and --world-size N would say" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--offload"],
        ["--gpu-memory=24"],
        ["--fix", "--gpu-memory=0"],
        ["--fix", "--gpu-memory=nan"],
    ],
)
def test_memory_belongs_to_the_file_that_is_written(arguments: list[str], folder: Path) -> None:
    assert config(folder, GOOD, *arguments).returncode == 2


def test_what_follows_from_the_model_alone_is_said_too(folder: Path) -> None:
    own = {**MODEL, "moe": {"moe_enable": True, "num_experts": [4], "top_k_experts": 3}}
    write(folder / "config.json", json.dumps(own))

    done = config(folder, GOOD, "--model-config", "config.json", "--format", "json")

    errors = [
        each["id"] for each in json.loads(done.stdout)["findings"] if each["severity"] == "error"
    ]
    assert errors == ["deepspeed/moe-topk-unsupported"]
