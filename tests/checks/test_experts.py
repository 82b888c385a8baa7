"""
Expert layers that don't fit the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from worlds import compiled, environment

from envcheck.checks import experts

if TYPE_CHECKING:
    from envcheck.model import Environment

OWN = {"moe": "deepspeed", "model-type": "moe_llava_phi", "num-experts": (4,), "ep-size": 1}
V3 = {"moe": "transformers", "model-type": "deepseek_v3", "expert-type": "deepseek_v3"}


def found(made: Environment) -> list[tuple[str, str, bool]]:
    return [(hit.id, hit.severity, hit.certain) for hit in experts.hits(made, compiled())]


@pytest.mark.parametrize(
    ("facts", "world_size", "ids"),
    [
        pytest.param({}, 8, [], id="each process has all experts"),
        pytest.param({"ep-size": 4}, 8, [], id="one expert a process"),
        pytest.param({"ep-size": 3}, None, ["model/ep-size"], id="experts left over"),
        pytest.param({"ep-size": 4}, 6, ["model/ep-size-processes"], id="processes left over"),
        pytest.param({"ep-size": 4}, None, [], id="processes unknown"),
        pytest.param({"num-experts": (4, 6), "ep-size": 4}, 4, ["model/ep-size"], id="one layer"),
        pytest.param({"ep-size": None}, 8, [], id="not said"),
        pytest.param({"moe": "absent", "ep-size": 3}, 8, [], id="no experts"),
    ],
)
def test_experts_are_spread_evenly(
    facts: dict[str, Any], world_size: int | None, ids: list[str]
) -> None:
    made = environment("deepspeed==0.14.2", model={**OWN, **facts}, world_size=world_size)

    assert found(made) == [(each, "error", True) for each in ids]


def test_without_deepspeed_or_a_model_nothing_is_said() -> None:
    assert found(environment("transformers==4.57.6", model={**OWN, "ep-size": 3})) == []
    assert found(environment("deepspeed==0.14.2")) == []


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param(8, [], id="even"),
        pytest.param(7, [("model/autoep-size", "error", True)], id="uneven"),
        pytest.param(256, [("model/autoep-size", "error", True)], id="more than there are"),
        pytest.param("auto", [], id="not a number"),
    ],
)
def test_converted_experts_are_spread_evenly(size: object, expected: list[Any]) -> None:
    config = {"expert_parallel": {"enabled": True, "autoep_size": size}}
    model = {**V3, "num-experts": (128,)}

    made = environment("deepspeed==0.19.5", model=model, deepspeed_config=config)
    assert found(made) == expected
    old = environment("deepspeed==0.18.6", model=model, deepspeed_config=config)
    assert found(old) == []


WARNING = [("model/leaf-module", "warning", True)]


@pytest.mark.parametrize(
    ("leaves", "deepspeed", "transformers", "expected"),
    [
        pytest.param({"classes": ["DeepseekV3MoE"]}, "0.18.6", "4.57.6", [], id="right"),
        pytest.param({"classes": "DeepseekV3MoE"}, "0.18.6", "4.57.6", [], id="as a text"),
        pytest.param({"classes": ["a.b.DeepseekV3MoE"]}, "0.18.6", "4.57.6", [], id="with path"),
        pytest.param({"classes": ["DeepseekV3Moe"]}, "0.18.6", "4.57.6", WARNING, id="misspelt"),
        pytest.param({"classes": ["JambaSparseMoeBlock"]}, "0.18.6", "4.57.6", WARNING, id="other"),
        pytest.param(
            {"classes": ["DeepseekV3DecoderLayer"]},
            "0.18.6",
            "4.57.6",
            [("model/leaf-module", "warning", False)],
            id="perhaps around it",
        ),
        pytest.param(
            {"classes": [], "names": ["model.layers.3.mlp"]}, "0.18.6", "4.57.6", [], id="names"
        ),
        pytest.param({"classes": ["DeepseekV3Moe"]}, "0.17.6", "4.57.6", [], id="not read yet"),
        pytest.param(
            {"classes": ["DeepseekV2MoE"]},
            "0.18.6",
            "5.0.0",
            [("model/leaf-module", "info", True)],
            id="not needed any more",
        ),
        pytest.param({"classes": 3}, "0.18.6", "4.57.6", [], id="no list"),
        pytest.param(None, "0.18.6", "4.57.6", [], id="none"),
    ],
)
def test_leaf_modules_are_classes_of_the_model(
    leaves: object, deepspeed: str, transformers: str, expected: list[Any]
) -> None:
    config = {"zero_optimization": {"stage": 3, "leaf_module": leaves}}
    made = environment(
        f"deepspeed=={deepspeed}",
        f"transformers=={transformers}",
        model=V3,
        deepspeed_config=config,
    )

    assert found(made) == expected


def test_a_finding_names_the_class_of_the_installed_release() -> None:
    config = {"zero_optimization": {"stage": 3, "leaf_module": {"classes": ["DeepseekV3Moe"]}}}
    made = environment(
        "deepspeed==0.18.6", "transformers==4.57.6", model=V3, deepspeed_config=config
    )
    (hit,) = experts.hits(made, compiled())

    assert "DeepseekV3MoE" in experts.finding(hit, made, compiled()).why
