"""
Conditions on facts.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import environment

from envcheck.checks.conditions import judge, look_up

ZERO2 = {"zero_optimization": {"stage": 2, "overlap_comm": True, "reduce_bucket_size": 5e8}}


def outcome(path: str, *wanted: str, value: Any) -> bool | None:
    """Judge one setting, `section.key` being the only one there is."""
    section, _, key = path.partition(".")
    config = {section: {key: value} if key else value}
    return judge(
        {"deepspeed-config": {path: list(wanted)}}, environment(deepspeed_config=config)
    ).holds


@pytest.mark.parametrize(
    ("wanted", "value", "holds"),
    [
        pytest.param(["true"], True, True, id="true is true"),
        pytest.param(["True"], True, False, id="the matrix writes true in small letters"),
        pytest.param(["true"], "true", True, id="true as text is true"),
        pytest.param(["true"], False, False, id="false is not true"),
        pytest.param(["1"], True, False, id="true is not the number one"),
        pytest.param([">=1"], True, False, id="true is at least nothing"),
        pytest.param(["2"], 2, True, id="a number"),
        pytest.param(["2"], 2.0, True, id="a number with a point"),
        pytest.param(["2"], "2", True, id="a number as text"),
        pytest.param(["2"], 3, False, id="another number"),
        pytest.param(["1", "2"], 2, True, id="one of a list"),
        pytest.param(["1", "2"], 3, False, id="none of a list"),
        pytest.param(["500000000"], 5e8, True, id="5e8 is the number it stands for"),
        pytest.param(["5e8"], 500000000, True, id="the matrix may write 5e8"),
        pytest.param(["5e8"], "5e8", True, id="5e8 as text"),
        pytest.param([">=2"], 3, True, id="at least"),
        pytest.param([">=2"], 2, True, id="at least that"),
        pytest.param([">= 2"], 1, False, id="at least with a blank"),
        pytest.param(["<=5e7"], 50000000, True, id="at most"),
        pytest.param(["<=50000000"], 5e8, False, id="not at most"),
        pytest.param([">2"], 2, False, id="more than"),
        pytest.param([">2"], 2.5, True, id="more than with a point"),
        pytest.param(["<2"], 1, True, id="less than"),
        pytest.param(["<2"], 2, False, id="not less than"),
        pytest.param(["<2"], "1", True, id="less than as text"),
        pytest.param(["<2"], "nvme", False, id="a word is not less than a number"),
        pytest.param(["<2"], [1], False, id="a list is not less than a number"),
        pytest.param(["<2"], 10**400, False, id="a number without measure"),
        pytest.param(["!=cpu"], "nvme", True, id="another word"),
        pytest.param(["!=cpu"], "cpu", False, id="that very word"),
        pytest.param(["!=2"], 2.0, False, id="that very number"),
        pytest.param(["none"], "none", True, id="a word"),
        pytest.param(["present"], {"device": "cpu"}, True, id="a section is present"),
        pytest.param(["present"], False, True, id="false is present"),
        pytest.param(["absent"], "cpu", False, id="a word is not absent"),
        pytest.param(["absent", "cpu"], "cpu", True, id="absent or that word"),
        pytest.param(["absent"], None, True, id="null is absent"),
        pytest.param(["present"], None, False, id="null is not present"),
        pytest.param(["a section"], {}, False, id="a section is no word"),
        pytest.param(
            ["!=cpu"], {"device": "cpu"}, True, id="a section is another thing than a word"
        ),
        pytest.param(["a list"], [1, 2], False, id="a list is no word"),
        pytest.param(["true"], "auto", None, id="auto is unknown"),
        pytest.param(["<=2"], "auto", None, id="auto compared is unknown"),
        pytest.param(["absent", "false"], "auto", None, id="auto may be false"),
        pytest.param(["absent"], "auto", False, id="auto is not absent"),
        pytest.param(["present"], "auto", True, id="auto is present"),
        pytest.param(["auto"], "auto", True, id="auto is auto"),
        pytest.param(["auto", "2"], "auto", True, id="auto or a number"),
        pytest.param(["auto"], 2, False, id="a number is not auto"),
    ],
)
def test_a_setting_is_compared_by_what_it_means(
    wanted: list[str], value: object, holds: bool | None
) -> None:
    assert outcome("zero_optimization.stage", *wanted, value=value) is holds


@pytest.mark.parametrize(
    ("config", "path", "found"),
    [
        pytest.param(ZERO2, "zero_optimization.stage", 2, id="in a section"),
        pytest.param({"train_batch_size": 8}, "train_batch_size", 8, id="at the top"),
        pytest.param({"a": {"b": {"c": 0}}}, "a.b.c", 0, id="deeper, and false"),
    ],
)
def test_a_dotted_path_leads_into_sections(
    config: dict[str, Any], path: str, found: object
) -> None:
    assert look_up(config, path) == found


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="empty"),
        pytest.param({"zero_optimization": {}}, id="empty section"),
        pytest.param({"zero_optimization": True}, id="no section"),
        pytest.param({"zero_optimization": [{"stage": 2}]}, id="a list of sections"),
        pytest.param({"zero_optimization": None}, id="null"),
        pytest.param({"zero_optimization": {"stage": None}}, id="null inside"),
        pytest.param({"zero_optimization.stage": 2}, id="a key with a point in it"),
    ],
)
def test_what_is_not_there_is_absent_and_nothing_else(config: dict[str, Any]) -> None:
    path = "zero_optimization.stage"
    made = environment(deepspeed_config=config)
    held = {
        wanted: judge({"deepspeed-config": {path: [wanted]}}, made).holds
        for wanted in ("absent", "present", "2", "!=2", ">=0", "false")
    }
    assert [wanted for wanted, holds in held.items() if holds is not False] == ["absent"]


@pytest.mark.parametrize(
    ("facts", "known", "holds"),
    [
        pytest.param({"python": ">=3.12"}, {"python": "3.12"}, True, id="python"),
        pytest.param({"python": ">=3.12"}, {"python": "3.11.9"}, False, id="another python"),
        pytest.param({"python": "<3.12"}, {"python": "3.9.20"}, True, id="versions, not texts"),
        pytest.param({"python": ">=3.12"}, {}, None, id="unknown python"),
        pytest.param(
            {"python": ">=3.12"}, {"python": "nonsense"}, None, id="a python that is none"
        ),
        pytest.param({"platform": ["win32"]}, {"platform": "win32"}, True, id="platform"),
        pytest.param({"platform": ["win32", "darwin"]}, {"platform": "darwin"}, True, id="either"),
        pytest.param({"platform": ["win32"]}, {"platform": "linux"}, False, id="another platform"),
        pytest.param({"platform": ["win32"]}, {}, None, id="unknown platform"),
        pytest.param({"cuda": "<12.8"}, {"cuda": "11.8"}, True, id="cuda"),
        pytest.param({"cuda": "<12.8"}, {"cuda": "12.8"}, False, id="another cuda"),
        pytest.param({"cuda": "<12.8"}, {"cuda": ""}, False, id="built without cuda"),
        pytest.param({"cuda": "<12.8"}, {}, None, id="unknown cuda"),
        pytest.param({"rocm": ">=6"}, {"rocm": "6.2.4"}, True, id="rocm"),
        pytest.param({"rocm": "<6"}, {"rocm": "6.2.4"}, False, id="another rocm"),
        pytest.param({"rocm": ">=6"}, {"rocm": ""}, False, id="built without rocm"),
        pytest.param({"rocm": ">=6"}, {}, None, id="unknown rocm"),
        pytest.param({"absent": ["tf-keras"]}, {"complete": True}, True, id="not installed"),
        pytest.param({"absent": ["tf-keras"]}, {}, None, id="not listed, in a list"),
        pytest.param(
            {"absent": ["tf-keras"]}, {"untracked": {"tf-keras": "2.16.0"}}, False, id="listed"
        ),
        pytest.param(
            {"absent": ["tf-keras", "keras"]},
            {"complete": True, "untracked": {"keras": "3.0"}},
            False,
            id="one of those that must be missing is there",
        ),
        pytest.param({"gpu": ">=12.0"}, {"gpu": "12.0"}, True, id="gpu"),
        pytest.param({"gpu": ">=12.0"}, {"gpu": "8.6"}, False, id="another gpu"),
        pytest.param({"gpu": ">=12.0"}, {"cuda": ""}, False, id="no gpu without cuda"),
        pytest.param({"gpu": ">=12.0"}, {"cuda": "12.4"}, None, id="unknown gpu"),
        pytest.param({"model": {"moe": ["any"]}}, {"model": {"moe": "deepspeed"}}, True, id="moe"),
        pytest.param({"model": {"moe": ["any"]}}, {"model": {"moe": "absent"}}, False, id="no moe"),
        pytest.param(
            {"model": {"moe": ["deepspeed"]}},
            {"model": {"moe": "transformers"}},
            False,
            id="other moe",
        ),
        pytest.param(
            {"model": {"moe": ["absent"]}}, {"model": {"moe": "absent"}}, True, id="moe absent"
        ),
        pytest.param({"model": {"moe": ["any"]}}, {}, None, id="unknown model"),
        pytest.param({"model": {"top-k": [">2"]}}, {"model": {"top-k": 4}}, True, id="above"),
        pytest.param({"model": {"top-k": [">2"]}}, {"model": {"top-k": 2}}, False, id="not above"),
        pytest.param(
            {"model": {"ep-size": [">1"]}}, {"model": {"moe": "deepspeed"}}, None, id="not said"
        ),
        pytest.param(
            {"model": {"ep-size": [">1"]}}, {"model": {"moe": "absent"}}, False, id="no experts"
        ),
        pytest.param({"model": {"experts": ["fused"]}}, {}, None, id="unknown experts"),
        pytest.param(
            {"model": {"experts": ["fused"]}},
            {"model": {"moe": "deepspeed"}},
            False,
            id="experts of another kind",
        ),
        pytest.param(
            {"model": {"experts": ["fused"]}},
            {"model": {"moe": "transformers", "expert-type": "kimi_k2"}},
            None,
            id="experts of code that isn't known",
        ),
        pytest.param({"model": {"dtype": ["float32"]}}, {"model": {}}, None, id="unknown dtype"),
        pytest.param(
            {"model": {"model-type": ["llama", "qwen2"]}},
            {"model": {"model-type": "qwen2"}},
            True,
            id="model type",
        ),
        pytest.param({}, {}, True, id="no condition"),
    ],
)
def test_a_fact_holds_or_not_or_is_unknown(
    facts: dict[str, Any], known: dict[str, Any], holds: bool | None
) -> None:
    assert judge(facts, environment(**known)).holds is holds


def test_a_false_condition_ends_it_though_others_are_unknown() -> None:
    facts = {"deepspeed-config": {"zero_optimization.stage": ["3"]}, "gpu": ">=9", "python": "<3.9"}
    assert judge(facts, environment(python="3.11")) == (False, (), ())


def test_what_holds_is_said_with_the_value_that_was_found() -> None:
    facts = {
        "deepspeed-config": {
            "zero_optimization.stage": ["1", "2"],
            "zero_optimization.overlap_comm": ["true"],
            "zero_optimization.reduce_bucket_size": [">=5e8"],
            "zero_optimization.offload_param": ["absent"],
            "zero_optimization": ["present"],
            "betas": ["present"],
        },
        "model": {"moe": ["any"], "dtype": ["float16"]},
        "python": ">=3.10",
        "cuda": "<12",
        "gpu": "<9",
        "platform": ["linux"],
        "absent": ["tf-keras"],
    }
    made = environment(
        python="3.10",
        complete=True,
        cuda="11.8",
        gpu="8.0",
        platform="linux",
        model={"moe": "deepspeed", "dtype": "float16"},
        deepspeed_config={**ZERO2, "betas": [0.9, 0.95]},
    )
    assert judge(facts, made).because == (
        "zero_optimization.stage is 2",
        "zero_optimization.overlap_comm is true",
        "zero_optimization.reduce_bucket_size is 500000000",
        "zero_optimization.offload_param is not set",
        "zero_optimization is a section",
        "betas is a list",
        "the model has deepspeed expert layers",
        "the model's dtype is float16",
        "Python is 3.10",
        "CUDA is 11.8",
        "GPU compute capability is 8.0",
        "the platform is linux",
        "tf-keras is not installed",
    )


def test_what_is_unknown_says_what_to_look_at_and_which_option_gives_it() -> None:
    facts = {
        "deepspeed-config": {"a.b": ["1", "2"], "a.c": [">=2"], "a.d": ["absent"]},
        "model": {"moe": ["any"], "model-type": ["llama", "qwen2"]},
        "python": ">=3.12",
        "platform": ["linux", "darwin"],
        "cuda": "<12",
        "rocm": ">=6",
        "gpu": ">=12.0",
        "absent": ["tf-keras"],
    }
    assert [part[1:] for part in judge(facts, environment()).unknown] == [
        (
            "the DeepSpeed configuration: it matters if a.b is 1 or 2 and a.c >=2 and a.d is absent",
            "--deepspeed-config FILE",
        ),
        ("the model: it matters if its kind of expert layers is any", "--model-config FILE"),
        ("the model: it matters if its type is llama or qwen2", "--model-config FILE"),
        ("Python: it matters if it is >=3.12", "--python-version X.Y"),
        ("the platform: it matters if it is linux or darwin", ""),
        ("CUDA: it matters if it is <12", ""),
        ("ROCm: it matters if it is >=6", ""),
        ("GPU compute capability: it matters if it is >=12.0", ""),
        ("whether tf-keras is installed: it matters if it is not", ""),
    ]


def test_auto_says_that_the_trainer_decides() -> None:
    facts = {"deepspeed-config": {"bf16.enabled": ["true"]}}
    (part,) = judge(facts, environment(deepspeed_config={"bf16": {"enabled": "auto"}})).unknown
    assert part.text == (
        'what the trainer makes of bf16.enabled, which is "auto": it matters if it is true'
    )
    assert not part.option


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(
    st.lists(
        st.sampled_from(["absent", "present", "true", "auto", "2", ">=2", "<1e3", "!=cpu"]),
        min_size=1,
    ),
    JSON,
)
def test_no_value_of_a_configuration_is_too_odd_to_be_judged(
    wanted: list[str], value: object
) -> None:
    assert outcome("a.b", *wanted, value=value) in {True, False, None}


@given(JSON)
def test_a_value_is_either_absent_or_present(value: object) -> None:
    assert outcome("a.b", "absent", value=value) is not outcome("a.b", "present", value=value)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_comparisons_agree_with_those_of_numbers(one: int, other: int) -> None:
    held = {operator: outcome("a.b", f"{operator}{other}", value=one) for operator in OPERATORS}
    assert held == {
        ">=": one >= other,
        "<=": one <= other,
        ">": one > other,
        "<": one < other,
        "!=": one != other,
    }


OPERATORS = (">=", "<=", ">", "<", "!=")


@pytest.mark.parametrize(
    ("transformers", "holds"),
    [
        pytest.param("4.52.4", False, id="all are run"),
        pytest.param("4.53.0", True, id="some are skipped"),
        pytest.param("5.0.0", False, id="fused"),
        pytest.param("4.50.0", None, id="no such model"),
    ],
)
def test_what_becomes_of_experts_depends_on_the_installed_release(
    transformers: str, holds: bool | None
) -> None:
    model = {"moe": "transformers", "model-type": "qwen3_moe", "expert-type": "qwen3_moe"}
    made = environment(f"transformers=={transformers}", model=model)
    outcome = judge({"model": {"experts": ["skipped"]}}, made)

    assert outcome.holds is holds
    if holds:
        assert "Qwen3MoeSparseMoeBlock" in outcome.because[0]
