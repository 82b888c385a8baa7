"""
A trainer's YAML that names a DeepSpeed configuration, as LLaMA-Factory's does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from builders import write
from worlds import environment

from envcheck import audit, run
from envcheck.errors import SourceError
from envcheck.launch import taken, trainer_yaml
from envcheck.matrix.store import open_matrix
from envcheck.options import CheckOptions

if TYPE_CHECKING:
    from pathlib import Path

    from envcheck.model import Environment

TRAINED = ("transformers==4.44.2", "accelerate==0.34.2", "deepspeed==0.14.4", "torch==2.3.0")
CONFIG: dict[str, Any] = {
    "zero_optimization": {"stage": 3},
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "bf16": {"enabled": "auto"},
}
ARGUMENTS = """
### method
stage: sft
finetuning_type: full
deepspeed: ds/z3.json  # one of three
per_device_train_batch_size: 2
gradient_accumulation_steps: 4
learning_rate: 1.0e-5
bf16: true
resume_from_checkpoint: null
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "ds" / "z3.json", json.dumps(CONFIG))


def read(tmp_path: Path, text: str = ARGUMENTS, name: str = "sft.yaml") -> Environment:
    write(tmp_path / name, text)
    return run.with_facts(environment(*TRAINED, python="3.10"), CheckOptions(launch=name))


def test_auto_is_filled_with_what_it_says(tmp_path: Path) -> None:
    made = read(tmp_path)

    assert made.deepspeed_config is not None
    assert made.planned is not None
    assert made.reader == "transformers"
    assert made.deepspeed_config["train_micro_batch_size_per_gpu"] == 2
    assert made.deepspeed_config["gradient_accumulation_steps"] == 4
    assert made.deepspeed_config["bf16"] == {"enabled": True}
    assert made.planned.summary == (
        "sft.yaml:5: a trainer's arguments, DeepSpeed configuration ds/z3.json"
    )


@pytest.mark.parametrize(
    ("more", "finding"),
    [
        pytest.param("max_grad_norm: 1.0\n", None, id="agrees"),
        pytest.param(
            "max_grad_norm: 0.5\n", "launch/contradiction/gradient_clipping", id="doesn't"
        ),
        pytest.param("fp16: true\n", "launch/fp16-and-bf16", id="two precisions"),
    ],
)
def test_what_contradicts_the_configuration_is_an_error(
    more: str, finding: str | None, tmp_path: Path
) -> None:
    write(tmp_path / "ds" / "z3.json", json.dumps({**CONFIG, "gradient_clipping": 1.0}))

    report = audit.audit(read(tmp_path, ARGUMENTS + more), open_matrix(()))

    errors = [each for each in report.findings if each.severity == "error"]
    assert [each.id for each in errors] == ([finding] if finding else [])


def test_it_is_found_in_the_working_directory_and_then_no_error(tmp_path: Path) -> None:
    write(tmp_path / "ds" / "z3.json", json.dumps({**CONFIG, "gradient_clipping": 1.0}))
    write(tmp_path / "sft.yaml", f"{ARGUMENTS}max_grad_norm: 0.5\n")

    made = taken.discovered(environment(*TRAINED), ["sft.yaml"], CheckOptions())
    report = audit.audit(made, open_matrix(()))

    (found,) = [each for each in report.findings if each.id.startswith("launch/")]
    assert (found.severity, found.certainty) == ("warning", "needs-verification")
    assert "max_grad_norm: 0.5" in found.because


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("deepspeed: z3\n", id="no file's name"),
        pytest.param("deepspeed: {a: b.json}\n", id="no text"),
        pytest.param("- deepspeed: a.json\n", id="a list"),
        pytest.param("deepspeed: [\n", id="no YAML"),
        pytest.param("model: x\n", id="no configuration"),
    ],
)
def test_other_yaml_is_left_alone(text: str, tmp_path: Path) -> None:
    assert trainer_yaml.read(text, "x.yaml") is None
    with pytest.raises(SourceError, match="starts no training"):
        read(tmp_path, text)
