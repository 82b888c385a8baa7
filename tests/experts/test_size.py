"""
Parameters counted from configurations, held against what publishers say their models have.
"""

from __future__ import annotations

from typing import Any

import pytest

from envcheck.experts.size import Size, size

PHI: dict[str, Any] = {
    "hidden_size": 2560,
    "num_hidden_layers": 32,
    "vocab_size": 51200,
    "intermediate_size": 10240,
    "num_attention_heads": 32,
}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "vocab_size": 32000,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
}
MIXTRAL = {
    **LLAMA,
    "model_type": "mixtral",
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "num_local_experts": 8,
}
LITE = {
    "model_type": "deepseek_v2",
    "hidden_size": 2048,
    "num_hidden_layers": 27,
    "vocab_size": 102400,
    "intermediate_size": 10944,
    "moe_intermediate_size": 1408,
    "num_attention_heads": 16,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "kv_lora_rank": 512,
    "q_lora_rank": None,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}
LARGE = {
    **LITE,
    "model_type": "deepseek_v3",
    "hidden_size": 7168,
    "num_hidden_layers": 61,
    "vocab_size": 129280,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_attention_heads": 128,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "first_k_dense_replace": 3,
    "q_lora_rank": 1536,
}
QWEN = {
    "model_type": "qwen2_moe",
    "hidden_size": 2048,
    "num_hidden_layers": 24,
    "vocab_size": 151936,
    "intermediate_size": 5632,
    "moe_intermediate_size": 1408,
    "shared_expert_intermediate_size": 5632,
    "num_attention_heads": 16,
    "num_experts": 60,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
}
JAMBA = {
    **LLAMA,
    "model_type": "jamba",
    "vocab_size": 65536,
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "num_experts": 16,
    "expert_layer_period": 2,
    "expert_layer_offset": 1,
}
OWN = {"moe_enable": True, "num_experts": [4], "moe_layers_idx": [*range(0, 32, 2)]}


@pytest.mark.parametrize(
    ("config", "billions", "percent"),
    [
        pytest.param(LLAMA, 6.74, 0.5, id="Llama 2 7B"),
        pytest.param({"model_type": "phi", **PHI}, 2.78, 0.5, id="Phi 2"),
        pytest.param({"text_config": LLAMA, "vision_config": {}}, 6.74, 0.5, id="a part"),
        pytest.param(MIXTRAL, 46.7, 0.5, id="Mixtral 8x7B"),
        pytest.param(QWEN, 14.3, 0.5, id="Qwen1.5 MoE A2.7B"),
        pytest.param(LITE, 15.7, 0.5, id="DeepSeek V2 Lite"),
        pytest.param(LARGE, 671, 0.5, id="DeepSeek V3"),
        pytest.param(JAMBA, 52, 5, id="Jamba, half of it no attention"),
        pytest.param({"model_type": "moe_llava_phi", **PHI, "moe": OWN}, 5.3, 0.5, id="MoE-LLaVA"),
        pytest.param(
            {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "model_type": "gpt2"}
            | {"tie_word_embeddings": True},
            0.124,
            1,
            id="GPT 2",
        ),
    ],
)
def test_it_counts_what_the_publisher_says(
    config: dict[str, Any], billions: float, percent: float
) -> None:
    found = size(config)

    assert found is not None
    assert sum(found) / 1e9 == pytest.approx(billions, rel=percent / 100)


def test_experts_are_counted_apart() -> None:
    found = size(MIXTRAL)

    assert found is not None
    assert found.experts == 32 * 8 * 3 * 4096 * 14336


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="nothing"),
        pytest.param({**LLAMA, "hidden_size": "many"}, id="no number"),
        pytest.param({**LLAMA, "num_hidden_layers": True}, id="a switch"),
        pytest.param({**LLAMA, "vocab_size": 1 << 40}, id="too many"),
        pytest.param({"text_config": {}}, id="an empty part"),
    ],
)
def test_what_does_not_say_enough_is_not_guessed(config: dict[str, Any]) -> None:
    assert size(config) is None


@pytest.mark.parametrize(
    ("own", "layers"),
    [
        pytest.param({"num_experts": [4]}, 16, id="every second layer"),
        pytest.param({"num_experts": [4, 4, 4], "moe_layers_idx": [0, 2, 4]}, 3, id="each listed"),
        pytest.param({"num_experts": 4, "moe_layers_idx": [1]}, 1, id="one number"),
        pytest.param({"num_experts": "x"}, 0, id="not a number"),
        pytest.param({"num_experts": [4], "moe_enable": False}, 0, id="off"),
    ],
)
def test_deepspeeds_own_experts_are_where_they_are_listed(own: dict[str, Any], layers: int) -> None:
    found = size({"model_type": "moe_llava_phi", **PHI, "moe": {"moe_enable": True, **own}})

    dense = size({"model_type": "phi", **PHI})
    assert found is not None
    assert dense is not None
    one = 2 * 2560 * 10240
    assert found == Size(dense.dense - layers * one, layers * 4 * one)
