from __future__ import annotations

import pytest
from models import Module, Parameter, deepspeed_model, nested

from envcheck.training import Trainable, TrainingError, check_trainable


def dense_model() -> Module:
    """As Phi's layers are named."""
    layer = Module({"fc1.weight": Parameter(), "fc2.weight": Parameter()})
    model = nested("model.layers.0.mlp", layer)
    model.own["embed.weight"] = Parameter()
    return model


def ids(found: Trainable) -> list[str]:
    return [each.id for each in found.problems]


def test_patterns_that_match_trained_parameters_are_sound() -> None:
    found = check_trainable(dense_model(), ["fc1", "fc2"])

    assert found
    assert found.problems == ()
    assert (dict(found.matched), dict(found.trained)) == ({"fc1": 1, "fc2": 1},) * 2
    assert str(found) == "fc1: 1 of 1 trained; fc2: 1 of 1 trained"


@pytest.mark.parametrize("patterns", [None, [], ()])
def test_without_patterns_nothing_is_filtered(patterns: list[str] | None) -> None:
    found = check_trainable(dense_model(), patterns)

    assert found
    assert str(found) == "no patterns: nothing is filtered"


def test_names_of_another_base_model_match_nothing_and_this_ones_are_offered() -> None:
    found = check_trainable(dense_model(), ["mlp.w1", "mlp.w2", "mlp.c_proj"])

    assert not found
    (problem,) = found.problems
    assert problem.id == "matches-nothing"
    assert problem.names == ("mlp.w1", "mlp.w2", "mlp.c_proj")
    assert "nothing would be trained" in problem.title
    assert "mlp.fc1, mlp.fc2" in problem.advice


def test_one_of_several_patterns_that_matches_nothing_is_named() -> None:
    (problem,) = check_trainable(dense_model(), ["fc1", "wg"]).problems

    assert problem.names == ("wg",)
    assert "nothing would be trained" not in problem.title


def test_a_pattern_that_matches_only_frozen_parameters_is_told() -> None:
    model = dense_model()
    for name, each in model.named_parameters():
        each.requires_grad = "fc2" in name

    found = check_trainable(model, ["fc1", "fc2"])

    assert ids(found) == ["matches-frozen"]
    assert found.problems[0].names == ("fc1",)
    assert found.trained["fc1"] == 0


def test_one_pattern_may_be_a_text_and_is_not_taken_for_its_letters() -> None:
    assert dict(check_trainable(dense_model(), "fc1").matched) == {"fc1": 1}
    assert not check_trainable(dense_model(), "wg")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        pytest.param(["fc1", "wg"], [], id="as the script of this base model has it"),
        pytest.param(["mlp.fc1", "wg"], [], id="under the name before there were experts"),
        pytest.param(["deepspeed_experts"], [], id="as they are called now"),
        pytest.param(["wg"], ["matches-no-expert"], id="the gate alone"),
        pytest.param(["mlp.w1", "wg"], ["matches-nothing", "matches-no-expert"], id="another base"),
        pytest.param(["mlp.w1"], ["matches-nothing"], id="nothing at all"),
    ],
)
def test_a_model_with_experts_needs_a_pattern_that_matches_one(
    patterns: list[str], expected: list[str]
) -> None:
    found = check_trainable(deepspeed_model(), patterns)

    assert ids(found) == expected
    assert bool(found) is (not expected)


def test_experts_of_transformers_may_be_left_out() -> None:
    expert = nested("experts.0", Module({"up_proj.weight": Parameter()}))
    model = Module({"q_proj.weight": Parameter()}, {"mlp": expert})

    found = check_trainable(model, ["q_proj"])

    assert found
    assert ids(found) == ["matches-no-expert"]


def test_it_raises_if_asked_to() -> None:
    with pytest.raises(TrainingError, match="No pattern matches"):
        check_trainable(dense_model(), ["wg"], raise_=True)
    assert check_trainable(dense_model(), ["fc1"], raise_=True)
