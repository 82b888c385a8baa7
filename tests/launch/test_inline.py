from __future__ import annotations

from typing import Any

import pytest

from envcheck.launch import accelerate, inline, launches

DEEPSPEED = "distributed_type: DEEPSPEED\n"


def made(text: str, command: str = "") -> inline.Inline | None:
    """
    Return what accelerate makes of a configuration, with the options of a command.
    """
    config, _ = accelerate.read(text, "a.yaml")
    assert config is not None
    launch = launches.read(command, ".").launches[0] if command else None
    return inline.read(config, launch)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("deepspeed_config:\n  zero_stage: 3\n", {"zero_optimization": {"stage": 3}}, id="a stage"),  # noqa: E501
        pytest.param("mixed_precision: bf16\ndeepspeed_config: {zero_stage: 2}\n", {"zero_optimization": {"stage": 2}, "bf16": {"enabled": True}}, id="precision"),  # noqa: E501
        pytest.param("mixed_precision: 'no'\ndeepspeed_config: {zero_stage: 2}\n", {"zero_optimization": {"stage": 2}}, id="no precision"),  # noqa: E501
        pytest.param("deepspeed_config: {zero_stage: 2, offload_optimizer_device: cpu, offload_param_device: none}\n", {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}}, id="offload"),  # noqa: E501
        pytest.param("deepspeed_config: {zero_stage: 3, zero3_save_16bit_model: true}\n", {"zero_optimization": {"stage": 3, "stage3_gather_16bit_weights_on_model_save": True}}, id="a switch"),  # noqa: E501
        pytest.param("deepspeed_config: {zero_stage: 1, gradient_clipping: 1.0, gradient_accumulation_steps: 4}\n", {"zero_optimization": {"stage": 1}, "gradient_clipping": 1.0, "gradient_accumulation_steps": 4}, id="numbers"),  # noqa: E501
        pytest.param("deepspeed_config: {zero_stage: 1, gradient_accumulation_steps: auto}\n", {"zero_optimization": {"stage": 1}, "gradient_accumulation_steps": "auto"}, id="auto"),  # noqa: E501
    ],
)  # fmt: skip
def test_settings_are_those_that_accelerate_makes(text: str, expected: dict[str, Any]) -> None:
    found = made(DEEPSPEED + text)

    assert found is not None
    sizes = {"train_batch_size": "auto", "train_micro_batch_size_per_gpu": "auto"}
    assert found.settings == {**sizes, **expected}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "distributed_type: MULTI_GPU\ndeepspeed_config: {zero_stage: 2}\n", id="not used"
        ),
        pytest.param(f"{DEEPSPEED}deepspeed_config: {{}}\n", id="no stage"),
        pytest.param(f"{DEEPSPEED}deepspeed_config: {{zero_stage: two}}\n", id="no number"),
    ],
)
def test_what_is_not_known_is_none(text: str) -> None:
    assert made(text) is None


def test_the_options_of_the_command_come_first() -> None:
    text = f"{DEEPSPEED}mixed_precision: fp16\ndeepspeed_config:\n  zero_stage: 2\n"

    found = made(text, "accelerate launch --zero_stage 3 --mixed_precision bf16 t.py")
    unknown = made(text, "accelerate launch --zero_stage $STAGE t.py")

    assert found is not None
    assert found.settings["zero_optimization"] == {"stage": 3}
    assert found.settings["bf16"] == {"enabled": True}
    assert found.lines == {}
    assert unknown is None


def test_every_setting_has_its_line() -> None:
    found = made(f"{DEEPSPEED}deepspeed_config:\n  zero_stage: 2\n  gradient_clipping: 1\n")

    assert found is not None
    assert found.lines == {"zero_optimization.stage": 3, "gradient_clipping": 4}
