from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from builders import write

from envcheck.errors import SourceError
from envcheck.sources import model_config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        pytest.param(
            {"num_local_experts": 8, "model_type": "mixtral"}, "transformers", id="mixtral"
        ),
        pytest.param({"n_routed_experts": 64}, "transformers", id="deepseek"),
        pytest.param({"text_config": {"num_experts": 128}}, "transformers", id="in a part"),
        pytest.param(
            {"thinker_config": {"text_config": {"num_experts": 128}}}, "transformers", id="deeper"
        ),
        pytest.param({"ffn_config": {"moe_num_experts": 4}}, "transformers", id="dbrx"),
        pytest.param(
            {"moe": {"moe_enable": True, "num_experts": [4]}}, "deepspeed", id="MoE-LLaVA"
        ),
        pytest.param({"moe": {"moe_enable": False}}, "absent", id="MoE-LLaVA, off"),
        pytest.param({"num_experts": 1}, "absent", id="one expert is none"),
        pytest.param({"num_experts": True}, "absent", id="not a number"),
        pytest.param({"n_routed_experts": None}, "absent", id="a dense fallback"),
        pytest.param({"num_experts": 16384, "is_moe": False}, "absent", id="switched off"),
        pytest.param(
            {"num_experts": 8, "enable_moe_block": False}, "absent", id="switched off, otherwise"
        ),
        pytest.param({"hidden_size": 4096}, "absent", id="dense"),
    ],
)
def test_the_kind_of_expert_layers_is_told_from_the_configuration(
    config: dict[str, Any], kind: str
) -> None:
    assert model_config.facts(config)["moe"] == kind


def test_type_and_dtype_are_facts_where_they_are_given(tmp_path: Path) -> None:
    write(
        tmp_path / "config.json", '{"model_type": "llama", "torch_dtype": "bfloat16", "dtype": 3}'
    )

    assert model_config.read(str(tmp_path)) == {
        "moe": "absent",
        "model-type": "llama",
        "dtype": "bfloat16",
    }


def test_a_folder_without_a_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"config\.json"):
        model_config.read(str(tmp_path))
