"""
The nearest good file beside one that isn't.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import configurations as known
import pytest
import worlds
from builders import write

from envcheck.checks import configuration
from envcheck.deepspeed import fix
from envcheck.deepspeed.document import parse
from envcheck.errors import SourceError
from envcheck.model import SettingsFile

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import MakeMatrix

    from envcheck.deepspeed.fix import Fixed
    from envcheck.matrix import Matrix

EXPERTS = {"moe": "deepspeed"}
TEXT = """\
{
    "train_batch_size": 8,
    "zero_optimization": {
        "stage": 2,          "overlap_com": true
    },

    "gradient_cliping": 1.0
}
"""


def fixed(text: str, *pins: str, matrix: Matrix | None = None, **facts: Any) -> Fixed:
    document = parse(text, "ds.json")
    environment = worlds.environment(
        *(pins or ("deepspeed==0.14.2",)),
        deepspeed_config=document.data,
        settings_file=SettingsFile("ds.json", {}, (), document.beyond_json),
        **facts,
    )
    return fix.fixed(environment, matrix or worlds.compiled(), document)


def test_what_is_wrong_is_changed_and_all_else_stays() -> None:
    made = fixed(TEXT)

    assert made.text == TEXT.replace("overlap_com", "overlap_comm").replace(
        "gradient_cliping", "gradient_clipping"
    )
    assert not made.rewritten
    assert made.settings == {
        "zero_optimization.overlap_com": None,
        "zero_optimization.overlap_comm": "true",
        "gradient_cliping": None,
        "gradient_clipping": "1",
    }
    assert made.environment.deepspeed_config == parse(made.text, "").data


def test_a_good_file_stays_as_it_is() -> None:
    text = '{"train_batch_size": 8}'

    assert fixed(text).text == text
    assert fixed(text).settings == {}


def zero3(**keys: Any) -> str:
    return json.dumps({"train_batch_size": 8, "zero_optimization": {"stage": 3, **keys}})


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({}, {}, id="nothing offloaded"),
        pytest.param(
            {"offload_param": {"device": "cpu", "pin_memory": True}},
            {"offload_optimizer": {"device": "cpu", "pin_memory": True}},
            id="parameters offloaded",
        ),
        pytest.param(
            {
                "offload_optimizer": {"device": "nvme", "nvme_path": "/local", "pin_memory": False},
                "offload_param": {"device": "cpu", "pin_memory": True},
            },
            {"offload_optimizer": {"device": "cpu", "pin_memory": False}},
            id="offloaded to disk",
        ),
        pytest.param(
            {"offload_optimizer": {"device": "none"}},
            {"offload_optimizer": {"device": "none"}},
            id="offloaded to nowhere",
        ),
        pytest.param(
            {"cpu_offload": True}, {"offload_optimizer": {"device": "cpu"}}, id="by its old name"
        ),
        pytest.param(
            {"stage3_max_live_parameters": 1, "sub_group_size": 1, "contiguous_gradients": True},
            {"contiguous_gradients": True},
            id="keys of stage 3 alone",
        ),
    ],
)
def test_experts_of_deepspeed_go_to_stage_2(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    made = fixed(zero3(**keys), model=EXPERTS)

    assert parse(made.text, "").data["zero_optimization"] == {"stage": 2, **expected}


def test_other_models_and_stages_stay_where_they_are() -> None:
    kept = zero3(offload_param={"device": "cpu"})
    without = '{"train_batch_size": 8}'

    assert fixed(kept).text == kept
    assert fixed(kept, model={"moe": "transformers"}).text == kept
    assert fixed(without, model=EXPERTS).text == without
    assert json.loads(fixed(kept, "torch==2.2.0", model=EXPERTS).text)["zero_optimization"] == {
        "stage": 2,
        "offload_optimizer": {"device": "cpu"},
    }


def test_what_the_matrix_knows_to_fail_is_changed_as_it_says(matrix: MakeMatrix) -> None:
    entries = matrix("""
    - id: deepspeed/nan
      packages: ["deepspeed>=0.12.4,<0.14.3"]
      deepspeed-config: {zero_optimization.overlap_comm: "true"}
      fixes:
      - packages: ["deepspeed==0.14.3"]
      - deepspeed-config: {zero_optimization.overlap_comm: "false", zero_optimization.hpz: absent}
    - id: deepspeed/advice
      packages: ["deepspeed>=0.12.4,<0.14.3"]
      deepspeed-config: {train_batch_size: "8"}
      fixes: [{advice: Something else.}]
    - id: deepspeed/other
      packages: ["deepspeed>=0.12.4,<0.14.3"]
    """)
    text = '{"train_batch_size": 8, "zero_optimization": {"stage": 2, "overlap_comm": true}}'

    assert fixed(text, matrix=entries).text == text.replace(
        'overlap_comm": true', 'overlap_comm": false'
    )


def test_a_comment_stays_where_deepspeed_alone_reads_the_file() -> None:
    text = '{\n  # by hand\n  "train_batch_size": "8"\n}\n'

    alone = fixed(text, reader="deepspeed")
    trainer = fixed(text, reader="transformers")

    assert alone.text == '{\n  # by hand\n  "train_batch_size": 8\n}\n'
    assert json.loads(trainer.text)["train_batch_size"] == 8
    assert (alone.rewritten, trainer.rewritten) == (False, True)


def test_a_repeated_key_is_there_once_and_says_what_counted() -> None:
    made = fixed('{"train_batch_size": 4, "train_batch_size": 8}')

    assert made.text == '{"train_batch_size": 8}'


def test_a_change_that_a_text_without_quotes_would_swallow_is_written_anew() -> None:
    text = "{communication_data_type: fp16\n}"
    made = fixed(text, reader="deepspeed")

    assert made.rewritten
    assert json.loads(made.text) == made.environment.deepspeed_config


@pytest.mark.parametrize("release", ["0.8.3", "0.14.2", "0.19.8"])
def test_a_real_configuration_that_settings_can_mend_is_good_afterwards(release: str) -> None:
    for config in known.load()["real"][::9]:
        text = json.dumps(config, indent=2)
        made = fixed(text, f"deepspeed=={release}", world_size=8, reader="transformers")

        assert parse(made.text, "").data == made.environment.deepspeed_config
        left = list(configuration.hits(made.environment, worlds.compiled()))
        mendable = [
            hit
            for hit in left
            if hit.severity != "info" and hit.certain and hit.subject.flaw.fix  # type: ignore[union-attr]
        ]
        assert mendable == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = str(write(tmp_path / "zero3.json", "{}"))

    names = [fix.write(path, "new") for _ in range(3)]

    assert [name.removeprefix(str(tmp_path)) for name in names] == [
        "/zero3.fixed.json",
        "/zero3.fixed-2.json",
        "/zero3.fixed-3.json",
    ]
    assert (tmp_path / "zero3.json").read_text(encoding="utf-8") == "{}"


def test_there_is_an_end_to_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fix, "_MOST_FILES", 2)
    path = str(tmp_path / "zero3.json")
    fix.write(path, "new")

    with pytest.raises(SourceError, match="too many"):
        fix.write(path, "new")


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="can't write it"):
        fix.write(str(tmp_path / "nowhere" / "zero3.json"), "new")


@pytest.mark.parametrize(
    ("kind", "deepspeed", "transformers", "expected"),
    [
        pytest.param("deepseek_v3", "0.18.6", "4.57.6", ["DeepseekV3MoE"], id="named"),
        pytest.param("qwen3_moe", "0.18.6", "4.57.6", None, id="a leaf by default"),
        pytest.param("deepseek_v3", "0.17.6", "4.57.6", None, id="not read from the file yet"),
        pytest.param("deepseek_v3", "0.18.6", "5.0.0", None, id="fused experts need none"),
    ],
)
def test_experts_of_transformers_are_named_as_leaf_modules(
    kind: str, deepspeed: str, transformers: str, expected: list[str] | None
) -> None:
    model = {"moe": "transformers", "model-type": kind, "expert-type": kind}
    pins = (f"deepspeed=={deepspeed}", f"transformers=={transformers}")
    section = parse(fixed(zero3(), *pins, model=model).text, "").data["zero_optimization"]

    assert section["stage"] == 3
    assert section.get("leaf_module", {}).get("classes") == expected
