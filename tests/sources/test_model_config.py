"""
Facts of models, from their config.json.

`models.json` has the telling keys of the configurations of public models, by the kind of their expert layers,
each with its source: a file in a public repository, or what a release of transformers writes for a type.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import write
from worlds import environment

from envcheck.audit import audit
from envcheck.errors import SourceError
from envcheck.matrix.store import open_matrix
from envcheck.model import Options
from envcheck.sources import model_config

MODELS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("models.json").read_text(encoding="utf-8")
)


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


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        pytest.param(kind, model["config"], id=name)
        for kind, models in MODELS.items()
        for name, model in models.items()
    ],
)
def test_the_kind_of_a_public_model_is_told(kind: str, config: dict[str, Any]) -> None:
    found = model_config.facts(config)

    assert found["moe"] == ("absent" if kind == "dense" else kind)
    assert found["model-type"] == config["model_type"]


def test_every_model_has_a_source() -> None:
    for models in MODELS.values():
        for model in models.values():
            assert model["source"].startswith(("https://github.com/", "transformers "))


@pytest.mark.parametrize("stage", [2, 3])
@pytest.mark.parametrize("pins", [("0.14.5", "4.43.4"), ("0.18.6", "4.57.6"), ("0.19.8", "5.23.0")])
def test_nothing_is_said_of_experts_in_dense_models(stage: int, pins: tuple[str, str]) -> None:
    matrix = open_matrix([])
    config = {"train_batch_size": 8, "zero_optimization": {"stage": stage}}
    made = environment(
        f"deepspeed=={pins[0]}", f"transformers=={pins[1]}", deepspeed_config=config, world_size=8
    )
    for name, model in MODELS["dense"].items():
        facts = model_config.facts(model["config"])
        report = audit(made._replace(model=facts), matrix, Options())
        said = [each.id for each in report.findings if "moe" in each.id or "model/" in each.id]
        assert said == [], name


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"model_type": "mixtral"}, "transformers", id="as many as by default"),
        pytest.param({"model_type": "dots1"}, "absent", id="none by default"),
        pytest.param({"model_type": "dots1", "n_routed_experts": None}, "absent", id="null"),
        pytest.param({"model_type": "mine", "num_moe_experts": 8}, None, id="counted otherwise"),
        pytest.param(
            {"model_type": "qwen3_vl_moe", "text_config": {"model_type": "qwen3_vl_moe_text"}},
            "transformers",
            id="by default in a part",
        ),
        pytest.param(
            {"model_type": "internvl", "text_config": {"model_type": "qwen3"}},
            "absent",
            id="a dense part",
        ),
        pytest.param({"moe": {"num_experts": 8}}, "absent", id="another section of that name"),
    ],
)
def test_what_is_not_said_is_known_of_the_type_or_unknown(
    config: dict[str, Any], expected: str | None
) -> None:
    assert model_config.facts(config).get("moe") == expected


def test_experts_of_a_part_have_the_type_of_the_part() -> None:
    config = {
        "model_type": "internvl",
        "text_config": {"model_type": "qwen3_moe", "num_experts": 8},
    }
    found = model_config.facts(config)

    assert (found["model-type"], found["expert-type"]) == ("internvl", "qwen3_moe")
    assert found["num-experts"] == (8,)


def test_own_layers_tell_how_they_are_spread() -> None:
    own = {"moe_enable": True, "num_experts": [4, 4, 8], "ep_size": 2, "top_k_experts": 2}
    found = model_config.facts({"moe": own})

    assert (found["num-experts"], found["ep-size"], found["top-k"]) == ((4, 8), 2, 2)


@pytest.mark.parametrize(
    "odd", [None, True, -1, 0, 1 << 40, 2.5, "4", [], ["4"], {}, [[4]]], ids=repr
)
def test_a_value_of_another_form_is_no_fact(odd: object) -> None:
    own = {"moe_enable": True, "num_experts": odd, "ep_size": odd, "top_k_experts": odd}

    assert model_config.facts({"moe": own, "model_type": odd, "torch_dtype": odd}).keys() <= {
        "moe",
        "model-type",
        "dtype",
    }
    model_config.facts(dict.fromkeys(("text_config", "num_experts", "auto_map"), odd))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[]", "one JSON object", id="a list"),
        pytest.param("", "not JSON", id="empty"),
        pytest.param('{"a": 1}', "none of its keys", id="something else"),
        pytest.param('{"model_type": "a", "model_type": "b"}', "twice", id="a key twice"),
        pytest.param('{"text_config":' * 100_000, "nested too deeply|not JSON", id="deep"),
        pytest.param('{"num_experts": ' + "1" * 5000 + "}", "number", id="a huge number"),
    ],
)
def test_a_file_that_is_none_gives_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "config.json", text)

    with pytest.raises(SourceError, match=message) as raised:
        model_config.read(str(path))
    assert "\n" not in str(raised.value)


def test_parts_within_parts_have_an_end() -> None:
    config: dict[str, Any] = {"num_experts": 8}
    for _ in range(800):
        config = {"text_config": config}

    assert model_config.facts(config)["moe"] == "absent"


def test_of_an_adapter_the_base_model_is_wanted(tmp_path: Path) -> None:
    write(tmp_path / "adapter_config.json", "{}")

    with pytest.raises(SourceError, match="base model"):
        model_config.read(str(tmp_path))
