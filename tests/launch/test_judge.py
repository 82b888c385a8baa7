"""
How a run is started, as a check of it says what doesn't fit: files in a folder, findings out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from builders import write
from worlds import environment

from envcheck import audit, run
from envcheck.errors import SourceError
from envcheck.matrix.store import open_matrix
from envcheck.options import CheckOptions

if TYPE_CHECKING:
    from pathlib import Path

    from envcheck.model import Environment, Finding

TRAINED = ("transformers==4.44.2", "accelerate==0.34.2", "deepspeed==0.14.4", "torch==2.3.0")
ZERO = {"zero_optimization": {"stage": 2}, "train_micro_batch_size_per_gpu": "auto"}
TRAIN = "--deepspeed zero.json --per_device_train_batch_size 4"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(path: Path, **more: Any) -> None:
    write(path / "zero.json", json.dumps({**ZERO, **more}))


def planned(text: str, tmp_path: Path, *pins: str, **options: Any) -> Environment:
    """
    Return an environment with the facts of a launch script.
    """
    write(tmp_path / "train.sh", text)
    asked = CheckOptions(launch="train.sh", **options)
    return run.with_facts(environment(*(pins or TRAINED), python="3.10"), asked)


def found(text: str, tmp_path: Path, *pins: str, **options: Any) -> dict[str, Finding]:
    """
    Return what is said of a launch script, by id.
    """
    report = audit.audit(planned(text, tmp_path, *pins, **options), open_matrix(()))
    return {each.id: each for each in report.findings if each.kind == "configuration"}


@pytest.mark.parametrize(
    ("more", "argument", "path"),
    [
        pytest.param({"gradient_accumulation_steps": 1}, "--gradient_accumulation_steps 4", "gradient_accumulation_steps", id="accumulation"),  # noqa: E501
        pytest.param({"train_micro_batch_size_per_gpu": 8}, "", "train_micro_batch_size_per_gpu", id="micro-batch"),  # noqa: E501
        pytest.param({"train_batch_size": 16}, "--gradient_accumulation_steps 1", "train_batch_size", id="batch"),  # noqa: E501
        pytest.param({"gradient_clipping": 0.5}, "--max_grad_norm 1.0", "gradient_clipping", id="clipping"),
        pytest.param({"optimizer": {"type": "AdamW", "params": {"lr": 1e-5}}}, "--learning_rate 2e-5", "optimizer.params.lr", id="learning rate"),  # noqa: E501
        pytest.param({"fp16": {"enabled": True}}, "--bf16 True", "fp16.enabled", id="fp16 in the file"),
        pytest.param({"bf16": {"enabled": True}}, "--bf16 False", "bf16.enabled", id="bf16 off"),
        pytest.param({"optimizer": {"type": "AdamW", "params": {"betas": [0.9, 0.999]}}}, "--adam_beta1 0.9 --adam_beta2 0.95", "optimizer.params.betas", id="betas"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_the_trainer_refuses_is_an_error(
    more: dict[str, Any], argument: str, path: str, tmp_path: Path
) -> None:
    settings(tmp_path, **more)

    said = found(f"torchrun --nproc_per_node 8 train.py {TRAIN} {argument}", tmp_path)

    wrong = said[f"launch/contradiction/{path}"]
    assert (wrong.severity, wrong.certainty) == ("error", "certain")
    assert wrong.packages == {"transformers": "4.44.2"}
    assert wrong.because[0] == "train.sh:1"


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        pytest.param({"gradient_accumulation_steps": "auto"}, "--gradient_accumulation_steps 4", id="auto"),
        pytest.param({"train_batch_size": 32}, "--gradient_accumulation_steps 1", id="the product"),
        pytest.param({"optimizer": {"type": "AdamW", "params": {"lr": 2e-5}}}, "--learning_rate 2e-5", id="the same"),  # noqa: E501
        pytest.param({"gradient_clipping": 1.0}, "", id="not said"),
        pytest.param({"bf16": {"enabled": "auto"}, "fp16": {"enabled": "auto"}}, "--bf16", id="a switch"),
        pytest.param({"fp16": {"enabled": False}}, "--bf16 True", id="off in both"),
    ],
)  # fmt: skip
def test_what_agrees_is_nothing(more: dict[str, Any], argument: str, tmp_path: Path) -> None:
    settings(tmp_path, **more)

    said = found(f"torchrun --nproc_per_node 8 train.py {TRAIN} {argument}", tmp_path)

    assert not [each for each in said.values() if each.severity != "info"]


@pytest.mark.parametrize(
    ("version", "severity", "verify"),
    [
        pytest.param("0.19.8", "error", "", id="known"),
        pytest.param(
            "0.99.1", "warning", "What is known of this ends with DeepSpeed 0.19.8.", id="newer"
        ),
    ],
)
def test_what_a_newer_launcher_makes_of_a_hostfile_is_not_certain(
    version: str, severity: str, verify: str, tmp_path: Path
) -> None:
    write(tmp_path / "hosts", "w1 slots=8\nw2 slots=x\n")
    options = CheckOptions(hostfile=str(tmp_path / "hosts"))
    made = run.with_facts(environment(f"deepspeed=={version}"), options)

    findings = audit.audit(made, open_matrix(())).findings
    (entry,) = [each for each in findings if each.id == "hostfile/bad-entry"]

    assert (entry.severity, entry.verify) == (severity, verify)


def test_what_a_variable_may_change_is_a_warning(tmp_path: Path) -> None:
    settings(tmp_path, gradient_accumulation_steps=1)

    said = found(f"torchrun t.py {TRAIN} --gradient_accumulation_steps ${{N:-4}}", tmp_path)

    wrong = said["launch/contradiction/gradient_accumulation_steps"]
    assert (wrong.severity, wrong.certainty) == ("warning", "needs-verification")


def test_auto_is_filled_with_what_is_known_and_the_processes_are_counted(tmp_path: Path) -> None:
    settings(tmp_path, bf16={"enabled": "auto"}, gradient_clipping="auto")

    seen = planned(f"torchrun --nnodes 2 --nproc_per_node 8 train.py {TRAIN} --bf16 True", tmp_path)

    assert seen.deepspeed_config is not None
    assert seen.deepspeed_config["bf16"] == {"enabled": True}
    assert seen.deepspeed_config["train_micro_batch_size_per_gpu"] == 4
    assert seen.deepspeed_config["gradient_clipping"] == "auto"
    assert (seen.world_size, seen.world_size_from, seen.reader) == (
        16,
        "train.sh:1",
        "transformers",
    )


def test_a_batch_that_does_not_fit_is_certain_only_where_the_trainer_divides_it(
    tmp_path: Path,
) -> None:
    settings(tmp_path, train_batch_size=30, train_micro_batch_size_per_gpu=4)

    said = found("deepspeed --num_gpus 8 t.py --deepspeed_config zero.json", tmp_path)

    wrong = said["configuration/batch-size/train_batch_size"]
    assert (wrong.severity, wrong.certainty) == ("warning", "needs-verification")
    assert "8 processes" in wrong.title
    assert wrong.because == ("line 1 of zero.json, named in train.sh:1",)


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        pytest.param("#SBATCH -N 2\nsrun torchrun --nnodes 4 --rdzv_endpoint a t.py", "launch/nodes-and-slurm", id="nodes"),  # noqa: E501
        pytest.param("#SBATCH --gres=gpu:4\nsrun torchrun --nproc_per_node 8 t.py", "launch/more-processes-than-gpus", id="GPUs of the job"),  # noqa: E501
        pytest.param("CUDA_VISIBLE_DEVICES=0,1 torchrun --nproc_per_node 4 t.py", "launch/more-processes-than-gpus", id="GPUs that are visible"),  # noqa: E501
        pytest.param("#SBATCH --gres=gpu:8\nsrun torchrun --nproc_per_node 4 t.py", "launch/fewer-processes-than-gpus", id="GPUs that do nothing"),  # noqa: E501
        pytest.param("#SBATCH --ntasks-per-node=8\nsrun torchrun --nproc_per_node 8 t.py", "launch/started-twice", id="too many starters"),  # noqa: E501
        pytest.param("#SBATCH -N 2\ntorchrun --nnodes 2 --rdzv_endpoint a t.py", "launch/first-node-only", id="no srun"),  # noqa: E501
        pytest.param("torchrun --nnodes 2 --node_rank 0 t.py", "launch/no-address", id="no address"),
        pytest.param("torchrun --nnodes 2 --master_addr a t.py", "launch/no-node-rank", id="no rank"),
        pytest.param("torchrun --nnodes 2 --standalone t.py", "launch/standalone", id="standalone"),
        pytest.param("CUDA_VISIBLE_DEVICES=4,5 deepspeed --num_gpus 2 t.py", "launch/visible-devices-ignored", id="devices that DeepSpeed ignores"),  # noqa: E501
        pytest.param("deepspeed --num_gpus 2 --include localhost:0 t.py", "filter/with-numbers", id="filter and number"),  # noqa: E501
        pytest.param("deepspeed --num_nodes 2 t.py", "hostfile/no-other-node", id="nodes without a hostfile"),
        pytest.param("deepspeed --hostfile no-such-hosts t.py", "launch/no-hostfile", id="no hostfile"),
        pytest.param("torchrun t.py --deepspeed nothing.json", "launch/no-configuration", id="no configuration"),  # noqa: E501
        pytest.param(f"torchrun t.py {TRAIN} --fp16 --bf16", "launch/fp16-and-bf16", id="both precisions"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_said(text: str, identifier: str, tmp_path: Path) -> None:
    settings(tmp_path)

    assert identifier in found(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "#SBATCH -N 2\n#SBATCH --gres=gpu:8\n#SBATCH --ntasks-per-node=1\nsrun torchrun --nnodes $SLURM_NNODES --nproc_per_node 8 --rdzv_endpoint a t.py",  # noqa: E501
        "CUDA_VISIBLE_DEVICES=4,5 deepspeed t.py",
        "CUDA_VISIBLE_DEVICES=0,1 deepspeed --num_gpus 2 t.py",
        "CUDA_VISIBLE_DEVICES=4,5,6,7 torchrun --nproc_per_node 4 t.py",
        "torchrun --nnodes 2 --node_rank $RANK --master_addr $A --nproc_per_node 8 t.py",
        "echo a slots=8 > hosts; deepspeed --hostfile hosts t.py",
        "torchrun --nnodes $N t.py",
    ],
)
def test_numbers_that_fit_are_nothing(text: str, tmp_path: Path) -> None:
    assert found(text, tmp_path) == {}


def test_a_hostfile_tells_how_many_processes_there_are(tmp_path: Path) -> None:
    write(tmp_path / "hosts", "a slots=8\nb slots=8\n")
    write(tmp_path / "more", "a slots=8\nb slots=8\nc slots=8\n")

    seen = run.with_facts(environment(*TRAINED), CheckOptions(hostfile="hosts"))
    chosen = run.with_facts(
        environment(*TRAINED), CheckOptions(hostfile="more", include="a@b:0,1,2,3")
    )

    assert (seen.world_size, seen.world_size_from) == (16, "hosts")
    assert (chosen.world_size, chosen.world_size_from) == (12, "more")


@pytest.mark.parametrize(
    ("version", "argument", "severity"),
    [
        pytest.param("4.44.2", "--adafactor", "error", id="a switch"),
        pytest.param("4.44.2", "--optim adafactor", "warning", id="which old ones overlook"),
        pytest.param("4.57.1", "--optim adafactor", "error", id="which 4.57 refuses"),
        pytest.param("5.2.0", "--optim adafactor", "warning", id="which 5 overlooks"),
        pytest.param("4.44.2", "--optim adamw_torch", None, id="what is meant anyway"),
    ],
)
def test_a_second_optimizer_is_refused_or_overlooked(
    version: str, argument: str, severity: str | None, tmp_path: Path
) -> None:
    settings(tmp_path, optimizer={"type": "AdamW", "params": {"lr": "auto"}})

    said = found(f"torchrun t.py {TRAIN} {argument}", tmp_path, f"transformers=={version}")

    about = ("launch/two-optimizers", "launch/optimizer-unused")
    assert [said[each].severity for each in about if each in said] == [severity] * bool(severity)


@pytest.mark.parametrize(
    ("argument", "refused"),
    [
        pytest.param("--warmup_steps 200", True, id="another number"),
        pytest.param("--warmup_steps 100", False, id="the same"),
        pytest.param("--warmup_steps 0 --warmup_ratio 0.03", False, id="a ratio"),
    ],
)
def test_steps_of_the_scheduler_have_to_agree(argument: str, refused: bool, tmp_path: Path) -> None:
    settings(tmp_path, scheduler={"type": "WarmupLR", "params": {"warmup_num_steps": 100}})

    said = found(f"torchrun t.py {TRAIN} {argument}", tmp_path)

    assert ("launch/contradiction/scheduler.params.warmup_num_steps" in said) == refused


@pytest.mark.parametrize("argument", ["", "--sequence_parallel_size 4"])
def test_a_batch_that_processes_share_in_groups_is_not_calculated(
    argument: str, tmp_path: Path
) -> None:
    settings(tmp_path, train_batch_size=16)

    said = found(
        f"torchrun --nproc_per_node 8 t.py {TRAIN} --gradient_accumulation_steps 2 {argument}",
        tmp_path,
    )

    assert ("launch/contradiction/train_batch_size" in said) == (not argument)


YAML = "distributed_type: DEEPSPEED\nnum_machines: 1\nnum_processes: 4\ndeepspeed_config:\n"


def test_an_accelerate_configuration_names_the_deepspeed_one(tmp_path: Path) -> None:
    settings(tmp_path)
    write(tmp_path / "a.yaml", f"{YAML}  deepspeed_config_file: zero.json\n")
    asked = CheckOptions(launch="a.yaml")

    seen = run.with_facts(environment(*TRAINED), asked)

    assert seen.planned is not None
    assert (seen.planned.chosen, seen.world_size) == ("zero.json", 4)


@pytest.mark.parametrize(
    ("below", "command", "identifier"),
    [
        pytest.param("  zero_stage: 2\n", f"accelerate launch --config_file a.yaml t.py {TRAIN}", "launch/two-configurations", id="two"),  # noqa: E501
        pytest.param("  gradient_accumulation_steps: 1\n", "accelerate launch --config_file a.yaml t.py --per_device_train_batch_size 4 --gradient_accumulation_steps 8", "launch/contradiction/gradient_accumulation_steps", id="steps"),  # noqa: E501
        pytest.param("  deepspeed_config_file: zero.json\n  zero_stage: 2\n", "accelerate launch --config_file a.yaml t.py", "accelerate/file-and-keys", id="file and keys"),  # noqa: E501
        pytest.param("  deepspeed_config_file: zero.json\n", "accelerate launch --config_file a.yaml --mixed_precision bf16 t.py", "launch/mixed-precision", id="precision"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_accelerate_refuses_is_said(
    below: str, command: str, identifier: str, tmp_path: Path
) -> None:
    settings(tmp_path, fp16={"enabled": True})
    write(tmp_path / "a.yaml", YAML + below)

    assert identifier in found(command, tmp_path)


@pytest.mark.parametrize(
    ("kind", "more", "identifier", "severity"),
    [
        pytest.param("MULTI_GPU", "num_processes: 15\n", "accelerate/uneven", "warning", id="uneven"),
        pytest.param("MULTI_GPU", "num_processes: 16\nmachine_rank: 2\n", "accelerate/machine-rank", "error", id="no such machine"),  # noqa: E501
        pytest.param("DEEPSPEED", "num_processes: 16\n", "accelerate/no-hostfile", "warning", id="no hostfile"),  # noqa: E501
        pytest.param("DEEPSPEED", "num_processes: 16\ndeepspeed_config: {deepspeed_multinode_launcher: standard}\n", "accelerate/no-hostfile", None, id="none needed"),  # noqa: E501
        pytest.param("MULTI_GPU", "num_processes: 16\n", "accelerate/uneven", None, id="even"),
    ],
)  # fmt: skip
def test_what_accelerate_is_told_of_several_machines_is_judged_without_a_hostfile(
    kind: str, more: str, identifier: str, severity: str | None, tmp_path: Path
) -> None:
    write(tmp_path / "a.yaml", f"distributed_type: {kind}\nnum_machines: 2\n{more}")

    said = found("accelerate launch --config_file a.yaml t.py", tmp_path).get(identifier)

    assert (said.severity if said else None) == severity


@pytest.mark.parametrize(
    ("options", "uneven"),
    [
        pytest.param("--num_machines 2 --num_processes 15", True, id="uneven"),
        pytest.param("--num_machines 2 --num_processes 16", False, id="even"),
        pytest.param("--num_processes 15", False, id="machines that aren't told"),
        pytest.param("--num_machines $N --num_processes 15", False, id="not known"),
    ],
)
def test_what_the_command_alone_tells_accelerate_is_judged(
    options: str, uneven: bool, tmp_path: Path
) -> None:
    assert ("accelerate/uneven" in found(f"accelerate launch {options} t.py", tmp_path)) == uneven


def test_several_configurations_are_named_and_none_is_checked(tmp_path: Path) -> None:
    settings(tmp_path)
    write(tmp_path / "other.json", json.dumps(ZERO))
    text = "torchrun a.py --deepspeed zero.json\ntorchrun b.py --deepspeed other.json\n"

    said = found(text, tmp_path)["launch/several-configurations"]

    assert "train.sh:1 names zero.json; train.sh:2 names other.json" in said.why
    assert planned(text, tmp_path).deepspeed_config is None
    chosen = planned(text, tmp_path, deepspeed_config="other.json")
    assert chosen.planned is not None
    assert [each.line for each in chosen.planned.starts] == [2]


@pytest.mark.parametrize("content", ["{", "[]", "{}", "\0", "x" * 2_000_000])
def test_a_configuration_that_cannot_be_read_is_a_finding(content: str, tmp_path: Path) -> None:
    write(tmp_path / "zero.json", content)

    said = found("torchrun a.py --deepspeed zero.json", tmp_path)

    assert said["launch/unreadable-configuration"].severity == "error"


def test_a_file_that_starts_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="starts no training"):
        planned("ls\n", tmp_path)


def test_a_key_of_a_newer_accelerate_is_not_said_to_be_past_help(tmp_path: Path) -> None:
    settings(tmp_path)
    write(tmp_path / "a.yaml", f"debug: false\n{YAML}  deepspeed_config_file: zero.json\n")
    text = "accelerate launch --config_file a.yaml t.py"

    made = planned(text, tmp_path, "accelerate==0.21.0", "torch==2.3.0")
    report = audit.audit(made, open_matrix(()))

    assert "accelerate/unknown-key" in {each.id for each in report.findings}
    assert "accelerate/unknown-key" not in dict(report.unresolved)
