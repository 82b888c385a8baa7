from __future__ import annotations

from typing import Any

import pytest
from models import Module, Optimizer, Parameter, deepspeed_model, of_class, split

from envcheck.training import check_param_groups


def holder(name: str, **attributes: Any) -> Any:
    made = of_class(name, base=object)()
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


@pytest.mark.parametrize(
    ("names", "attribute"),
    [
        pytest.param(["DistributedDataParallel"], "module", id="DDP"),
        pytest.param(["OptimizedModule"], "_orig_mod", id="compiled"),
        pytest.param(["FullyShardedDataParallel", "DataParallel"], "module", id="two of them"),
    ],
)
def test_a_model_is_found_in_its_wrappers(names: list[str], attribute: str) -> None:
    model: Any = deepspeed_model()
    optimizer = split(model)
    for name in names:
        model = holder(name, **{attribute: model})

    found = check_param_groups(model, optimizer, stage=2)

    assert found
    assert found.experts == 2


def test_an_engine_tells_its_stage_and_its_optimizer() -> None:
    model = deepspeed_model()
    unsplit = Optimizer([{"params": list(model.parameters())}])
    engine = holder(
        "DeepSpeedEngine", module=model, optimizer=unsplit, zero_optimization_stage=lambda: 1
    )

    found = check_param_groups(engine)

    assert (found.stage, [each.id for each in found.problems]) == (1, ["groups-not-marked"])


@pytest.mark.parametrize(
    ("name", "attributes", "stage"),
    [
        pytest.param("DeepSpeedZeroOptimizer_Stage3", {}, 3, id="stage 3"),
        pytest.param("DeepSpeedZeroOptimizer", {"partition_gradients": True}, 2, id="stage 2"),
        pytest.param("DeepSpeedZeroOptimizer", {"partition_gradients": False}, 1, id="stage 1"),
        pytest.param("AdamW", {}, None, id="none"),
    ],
)
def test_an_optimizer_of_deepspeeds_tells_the_stage(
    name: str, attributes: dict[str, Any], stage: int | None
) -> None:
    inner = holder(name, param_groups=[], **attributes)

    assert check_param_groups(Module(), holder("Wrapper", optimizer=inner)).stage == stage


def test_where_an_optimizer_keeps_flat_copies_its_own_lists_count() -> None:
    model = deepspeed_model()
    plain = split(model)
    halves = [each["params"] for each in plain.param_groups]
    flat = [{**each, "params": [Parameter()]} for each in plain.param_groups]
    zero = holder("DeepSpeedZeroOptimizer", bit16_groups=halves, param_groups=flat)

    assert check_param_groups(model, holder("DeepSpeedOptimizerWrapper", optimizer=zero))
    flat[1]["moe"] = False
    found = check_param_groups(model, zero)
    assert [each.id for each in found.problems] == ["groups-not-marked"]


def test_lists_of_another_length_tell_only_what_is_in_them() -> None:
    model = deepspeed_model()
    sub = [[each] for each in model.parameters()][1:]
    three = holder("DeepSpeedZeroOptimizer_Stage3", fp16_groups=sub, param_groups=[{}])

    assert check_param_groups(model, three, stage=2)


def test_groups_can_be_looked_at_before_there_is_an_optimizer() -> None:
    model = deepspeed_model()

    assert check_param_groups(model, split(model).param_groups, stage=2)
    assert not check_param_groups(model, list(model.parameters()), stage=2)
    pairs = [{"params": list(model.named_parameters())}]
    assert [each.id for each in check_param_groups(model, pairs, stage=2).problems] == [
        "groups-not-marked"
    ]
    single = [{"params": each} for each in model.parameters()]
    assert not check_param_groups(model, single, stage=2)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        pytest.param(7, "int is no optimizer", id="a number"),
        pytest.param([{"params": iter([Parameter()])}], "make a list", id="can be read once"),
        pytest.param(iter([Parameter()]), "is no optimizer", id="parameters that go by"),
    ],
)
def test_what_is_no_optimizer_is_said(optimizer: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check_param_groups(Module(), optimizer)
