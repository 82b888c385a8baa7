from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from builders import write
from models import Module, Optimizer, Parameter, deepspeed_model, nested, of_class, split

from envcheck.errors import EnvcheckError, SourceError
from envcheck.matrix.store import open_matrix
from envcheck.training import TrainingError, check_param_groups, groups

if TYPE_CHECKING:
    from pathlib import Path

    from envcheck.training import ParamGroups


def ids(found: ParamGroups) -> list[str]:
    return [each.id for each in found.problems]


def unsplit(model: Module) -> Optimizer:
    return Optimizer([{"params": list(model.parameters())}])


def frozen(model: Module, text: str) -> Module:
    for name, each in model.named_parameters():
        if text in name:
            each.requires_grad = False
    return model


def transformers_model() -> Module:
    expert = Module({"gate_proj.weight": Parameter()})
    return nested("model.layers.0.mlp", Module({}, {"experts": Module({}, {"0": expert})}))


def fused_model() -> Module:
    layer = of_class("GraniteMoeParallelExperts")({"weight": Parameter()})
    return nested("model.layers.0.block_sparse_moe.input_linear", layer)


def test_split_groups_of_marked_experts_are_sound() -> None:
    model = deepspeed_model()

    found = check_param_groups(model, split(model), stage=2)

    assert found
    assert (found.kind, found.stage, found.experts, found.trained) == ("deepspeed", 2, 2, 2)
    assert found.problems == ()
    assert str(found) == (
        "DeepSpeed's own expert layers, 2 of 2 expert parameters trained, ZeRO stage 2"
    )


def test_groups_that_were_not_split_are_named_with_every_expert() -> None:
    model = deepspeed_model()

    (problem,) = check_param_groups(model, unsplit(model), stage=2).problems

    assert (problem.id, problem.severity, problem.refused) == ("groups-not-marked", "error", True)
    assert problem.names == tuple(
        f"model.layers.0.mlp.deepspeed_moe.experts.deepspeed_experts.{number}.fc1.weight"
        for number in range(2)
    )
    assert "split_params_into_different_moe_groups_for_optimizer" in problem.advice


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        pytest.param(0, [], id="nothing is divided: it doesn't matter"),
        pytest.param(1, ["groups-not-marked"], id="stage 1"),
        pytest.param(2, ["groups-not-marked"], id="stage 2"),
        pytest.param(3, ["native-stage-3"], id="stage 3 refuses before it looks at groups"),
        pytest.param(None, ["groups-not-marked"], id="not known: as if it were 1 or 2"),
    ],
)
def test_what_counts_depends_on_the_stage(stage: int | None, expected: list[str]) -> None:
    model = deepspeed_model()

    assert ids(check_param_groups(model, unsplit(model), stage=stage)) == expected


@pytest.mark.parametrize(
    ("keys", "expected", "refused"),
    [
        pytest.param({"moe": None}, "groups-not-marked", True, id="no moe"),
        pytest.param({"moe": False}, "groups-not-marked", True, id="moe is false"),
        pytest.param({"name": None}, "group-without-name", True, id="no name"),
        pytest.param({"name": "experts"}, "group-of-another-name", True, id="an unknown name"),
    ],
)
def test_the_keys_of_a_group_of_experts(keys: dict[str, Any], expected: str, refused: bool) -> None:
    model = deepspeed_model()

    (problem,) = check_param_groups(model, split(model, **keys), stage=2).problems

    assert (problem.id, problem.refused) == (expected, refused)


def test_experts_of_two_kinds_in_one_group() -> None:
    model = deepspeed_model()
    list(model.parameters())[-1].group_name = "ep_size_2"  # type: ignore[attr-defined]

    (problem,) = check_param_groups(model, split(model), stage=2).problems

    assert (problem.id, problem.refused) == ("group-of-another-name", False)
    assert "ep_size_1, ep_size_2" in problem.title


def test_dense_parameters_in_a_group_of_experts() -> None:
    model = deepspeed_model()
    optimizer = split(model)
    optimizer.param_groups[1]["params"] += optimizer.param_groups[0]["params"][:1]

    (problem,) = check_param_groups(model, optimizer, stage=2).problems

    assert (problem.id, problem.refused) == ("dense-in-expert-group", True)
    assert problem.names == ("(not an expert's)",)


def test_some_experts_among_the_dense_raise_nothing_and_are_named() -> None:
    model = deepspeed_model()
    optimizer = split(model)
    lost = optimizer.param_groups[1]["params"].pop()
    optimizer.param_groups[0]["params"].append(lost)

    (problem,) = check_param_groups(model, optimizer, stage=2).problems

    assert (problem.id, problem.refused) == ("experts-outside", False)
    assert problem.names[0].endswith("deepspeed_experts.1.fc1.weight")


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_experts_that_no_optimizer_has_are_named(stage: int) -> None:
    model = deepspeed_model()
    optimizer = split(model)
    optimizer.param_groups[1]["params"].pop()

    found = check_param_groups(model, optimizer, stage=stage)

    problem = found.problems[-1]
    assert problem.id == "experts-not-optimized"
    assert len(problem.names) == 1


@pytest.mark.parametrize(
    ("text", "stage", "severity", "refused"),
    [
        pytest.param("fc1", 2, "error", True, id="all of them, stage 2"),
        pytest.param("fc1", 0, "error", False, id="all of them, stage 0"),
        pytest.param("experts.1", 2, "warning", False, id="some of them"),
    ],
)
def test_frozen_experts(text: str, stage: int, severity: str, refused: bool) -> None:
    model = frozen(deepspeed_model(), text)

    (problem,) = check_param_groups(model, stage=stage).problems

    assert (problem.id, problem.severity, problem.refused) == ("experts-frozen", severity, refused)


def test_marks_that_are_lost_are_told() -> None:
    model = deepspeed_model(marked=False)

    found = check_param_groups(model, split(model), stage=2)

    assert ids(found) == ["experts-unmarked", "groups-not-marked"]
    half = deepspeed_model()
    del next(each for name, each in half.named_parameters() if "experts.0" in name).group_name  # type: ignore[attr-defined]
    assert ids(check_param_groups(half, stage=2)) == ["experts-unmarked"]


@pytest.mark.parametrize("make", [transformers_model, fused_model])
def test_transformers_experts_need_no_marks(make: Any) -> None:
    model = make()

    found = check_param_groups(model, unsplit(model), stage=3)

    assert found
    assert (found.kind, found.experts, found.problems) == ("transformers", 1, ())
    left = check_param_groups(model, Optimizer([{"params": []}]), stage=3)
    assert ids(left) == ["experts-not-optimized"]
    adapters = check_param_groups(frozen(model, "weight"), stage=3)
    assert adapters
    assert ids(adapters) == ["experts-frozen"]


def test_shared_experts_are_dense_layers_and_so_is_a_whole_model_without_any() -> None:
    shared = nested("mlp.shared_experts", Module({"up_proj.weight": Parameter()}))

    found = check_param_groups(shared, unsplit(shared), stage=3)

    assert (found.kind, str(found)) == ("absent", "no expert layers, ZeRO stage 3")


def test_layers_that_deepspeed_converts_may_have_stage_3_and_need_groups_below_it() -> None:
    own = Parameter(allreduce=False, group_name="ep_size_1")
    model = nested("mlp", of_class("AutoEPMoELayer")({"experts.w1": own, "router": Parameter()}))

    assert check_param_groups(model, unsplit(model), stage=3)
    found = check_param_groups(model, unsplit(model), stage=2)
    assert (found.kind, ids(found)) == ("autoep", ["groups-not-marked"])
    assert check_param_groups(model, split(model), stage=2)


@pytest.mark.parametrize(
    ("config", "stage"),
    [
        pytest.param({"zero_optimization": {"stage": 3}}, 3, id="data"),
        pytest.param({"zero_optimization": True}, 1, id="the oldest form"),
        pytest.param({"zero_optimization": {}}, 0, id="no stage"),
        pytest.param({"train_batch_size": 8}, 0, id="no ZeRO"),
        pytest.param({"zero_optimization": {"stage": "auto"}}, 0, id="no number"),
    ],
)
def test_the_configuration_tells_the_stage(
    config: dict[str, Any], stage: int, tmp_path: Path
) -> None:
    file = write(tmp_path / "ds.json", json.dumps(config))

    for given in (config, file, str(file)):
        assert check_param_groups(Module(), deepspeed_config=given).stage == stage
    assert check_param_groups(Module(), deepspeed_config=config, stage=1).stage == 1


def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.json"):
        check_param_groups(Module(), deepspeed_config=tmp_path / "nowhere.json")


def test_it_raises_if_asked_to() -> None:
    model = deepspeed_model()

    with pytest.raises(TrainingError, match="marked as one of experts") as caught:
        check_param_groups(model, unsplit(model), stage=2, raise_=True)
    assert isinstance(caught.value, EnvcheckError)
    assert caught.value.found == check_param_groups(model, unsplit(model), stage=2)
    assert check_param_groups(model, split(model), stage=2, raise_=True)


@pytest.mark.parametrize(
    ("version", "named", "severity"),
    [
        pytest.param("0.14.0", True, "error", id="too old to split them itself"),
        pytest.param("0.14.1", True, None, id="splits them itself"),
        pytest.param("0.19.8", False, "error", id="but not without names"),
        pytest.param(None, True, "warning", id="no DeepSpeed here"),
    ],
)
def test_an_optimizer_that_deepspeed_builds(
    version: str | None, named: bool, severity: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = None if version is None else tuple(map(int, version.split(".")))
    monkeypatch.setattr(groups, "installed", lambda: release)
    model = deepspeed_model()
    parts: list[dict[str, Any]] = [{"params": [each]} for each in model.parameters()]
    if named:
        parts = [{**each, "name": str(number)} for number, each in enumerate(parts)]
    optimizer = of_class("DummyOptim", base=object)()
    optimizer.params = parts

    found = check_param_groups(model, optimizer, stage=2)

    assert [each.severity for each in found.problems] == ([severity] if severity else [])
    optimizer.params = list(model.parameters())
    bare = check_param_groups(model, optimizer, stage=2)
    assert bool(bare.problems) is (version in {"0.14.0", None})


def test_every_entry_that_is_pointed_at_is_in_the_matrix() -> None:
    known = {identifier for identifier, _ in open_matrix().records()}
    model = deepspeed_model()
    dense = split(model)
    dense.param_groups[1]["params"].append(Parameter())
    pointed = {
        each.entry
        for stage, optimizer in ((2, unsplit(model)), (3, None), (2, dense))
        for each in check_param_groups(model, optimizer, stage=stage).problems
    }

    assert pointed
    assert pointed <= known
    assert groups.SECTION in known
