from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import venv, write
from commands import EXAMPLE

import envcheck
from envcheck import api

if TYPE_CHECKING:
    from pathlib import Path

MOE = {"moe": {"moe_enable": True}, "model_type": "moe_llava_phi"}


def test_what_is_supported_can_be_imported_and_nothing_else() -> None:
    for name in envcheck.__all__:
        assert getattr(envcheck, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = envcheck.nonsense


def test_versions_can_be_given_as_they_are() -> None:
    report = api.check(packages={"Torch": "2.0.1", "numpy": "2.1.0"}, python_version="3.10")

    assert report.environment.origin == "the given packages"
    assert report.environment.python == "3.10"
    assert report.verdict == "known-bad"


def test_a_configuration_is_a_file_or_data() -> None:
    story = EXAMPLE / "freeze.txt"
    by_file = api.check(from_file=story, deepspeed_config=EXAMPLE / "zero2.json")
    config = {"bf16": {"enabled": True}, "zero_optimization": {"stage": 2, "overlap_comm": True}}
    by_data = api.check(from_file=story, deepspeed_config=config)

    overlap = "deepspeed/overlap-comm-nan"
    for report in (by_file, by_data):
        assert overlap in {each.id for each in report.findings if each.certainty == "certain"}
    without = api.check(from_file=story)
    assert overlap in {
        each.id for each in without.findings if each.certainty == "needs-verification"
    }


def test_who_reads_a_configuration_and_on_how_many_processes_can_be_said() -> None:
    config = {"train_batch_size": 64, "train_micro_batch_size_per_gpu": 4}
    steps = {**config, "gradient_accumulation_steps": 4}

    def bad(config: dict[str, int], world_size: int) -> bool:
        report = api.check(
            packages={"deepspeed": "0.14.4"},
            deepspeed_config=config,
            world_size=world_size,
            reader="deepspeed",
        )
        return report.verdict == "known-bad"

    assert (bad(steps, 4), bad(steps, 8), bad(config, 8)) == (False, True, False)
    with pytest.raises(envcheck.UsageError, match="reader='me'"):
        api.check(packages={"deepspeed": "0.14.4"}, reader="me")


def test_a_model_is_a_file_a_folder_or_data(tmp_path: Path) -> None:
    write(tmp_path / "config.json", '{"moe": {"moe_enable": true}, "model_type": "moe_llava_phi"}')
    config = {"zero_optimization": {"stage": 3}}
    for model in (tmp_path, tmp_path / "config.json", MOE):
        report = api.check(
            packages={"deepspeed": "0.9.5"}, deepspeed_config=config, model_config=model
        )

        assert "deepspeed/moe-zero3" in {
            each.id for each in report.findings if each.severity == "error"
        }


def test_an_environment_can_be_named(tmp_path: Path) -> None:
    prefix = venv(tmp_path / "env", "torch==2.0.1", "numpy==2.1.0")

    report = api.check(python=prefix)

    assert report.environment.kind == "venv"
    assert report.environment.complete


def test_the_same_choices_as_on_the_command_line_hold() -> None:
    with pytest.raises(envcheck.UsageError, match="downgrade, upgrade, fewest"):
        api.check(packages={"torch": "2.0.1"}, prefer="sideways")
    with pytest.raises(envcheck.SourceError, match="none of its 1 packages"):
        api.check(packages={"left-pad": "1.0"})
    with pytest.raises(envcheck.UsageError, match="no such project"):
        api.check(packages={"torch": "2.0.1"}, project="nonsense-project")


def test_what_is_kept_and_ignored_is() -> None:
    packages = {"torch": "2.0.1", "numpy": "2.1.0"}
    found = api.check(packages=packages)
    errors = [each.id for each in found.findings if each.severity == "error"]

    kept = api.check(packages=packages, keep=["NumPy"])
    assert all(change.package != "numpy" for each in kept.suggestions for change in each.changes)
    ignored = api.check(packages=packages, ignore=errors)
    assert {each.id for each in ignored.ignored} >= set(errors)
    assert ignored.verdict != "known-bad"


def test_strict_makes_a_foreign_set_an_error() -> None:
    packages = {"torch": "2.0.1", "deepspeed": "0.9.5", "transformers": "4.36.0"}

    lenient = api.check(packages=packages, project="moe-llava")
    strict = api.check(packages=packages, project="moe-llava", strict=True)

    outside = "project/outside-known-good"
    assert {each.id: each.severity for each in lenient.findings}[outside] == "warning"
    assert {each.id: each.severity for each in strict.findings}[outside] == "error"
