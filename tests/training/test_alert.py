from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from builders import distribution
from models import Module, Parameter, deepspeed_model, nested, of_class

from envcheck.matrix.store import open_matrix
from envcheck.training import Alert, LossGuard, here

if TYPE_CHECKING:
    from pathlib import Path

    from envcheck.model import Environment

NAN = float("nan")
STORY = {"torch": "2.0.1", "transformers": "4.37.1", "accelerate": "0.26.1", "deepspeed": "0.13.1"}
OVERLAP = {"zero_optimization": {"stage": 2, "overlap_comm": True}, "bf16": {"enabled": True}}


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The versions of the story are on the path of this process, and nothing else."""
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    for name, version in STORY.items():
        distribution(site, name, version)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "gone"), str(site)])
    monkeypatch.chdir(tmp_path)


def arguments(config: dict[str, Any] | None = None, **more: Any) -> Any:
    held = None if config is None else SimpleNamespace(config=config)
    return SimpleNamespace(hf_deepspeed_config=held, output_dir=None, **more)


def alerted(args: Any = None, **known: Any) -> Alert:
    guard = LossGuard(action="warn")
    state = SimpleNamespace(global_step=0, is_world_process_zero=True)
    for loss in (2.1559, 0.0, 0.0, 0.0):
        state.global_step += 1
        logs = {"loss": loss, "learning_rate": 8.4e-08 * state.global_step, "epoch": 0.0}
        guard.on_log(args, state, SimpleNamespace(), logs, **known)
    assert guard.alert is not None
    return guard.alert


def test_the_entry_that_explains_the_story_is_named_with_what_to_do() -> None:
    found = alerted(arguments(OVERLAP))

    assert found.answer is not None
    best = found.answer.explanations[0]
    assert (best.id, best.status) == ("deepspeed/overlap-comm-nan", "hits")
    assert found.answer.first[0].startswith("Set zero_optimization.overlap_comm = false")
    assert "deepspeed/overlap-comm-nan" in found.text
    assert "deepspeed 0.13.1" in found.text
    assert found.text.startswith("Checked  the running training, step 4\n")
    assert str(found) == found.text


def test_a_deepspeed_that_takes_no_part_explains_nothing() -> None:
    found = alerted(arguments())

    assert found.answer is not None
    assert found.answer.environment is not None
    assert "deepspeed" not in found.answer.environment.packages
    assert found.answer.explanations == ()
    assert "overlap_comm" not in " ".join((*found.answer.first, *found.answer.experiments))


def environment(**known: Any) -> Environment:
    return here.environment(open_matrix(), **known)


def test_the_process_itself_is_read() -> None:
    found = environment(args=arguments(OVERLAP, world_size=8))

    assert {str(name): str(each.version) for name, each in found.packages.items()} == STORY
    assert found.deepspeed_config == OVERLAP
    assert (found.world_size, found.reader) == (8, "transformers")
    assert (found.python or "").startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert (found.executable, found.gpu, found.model) == (sys.executable, None, None)


def test_deepspeed_is_seen_at_the_model_or_the_optimizer_too() -> None:
    engine = of_class("DeepSpeedEngine", "deepspeed.runtime.engine", object)()
    engine.module = Module()
    wrapper = SimpleNamespace(
        optimizer=of_class("DeepSpeedZeroOptimizer", "deepspeed.runtime.zero", object)()
    )

    for known in ({"model": engine}, {"optimizer": wrapper}):
        found = environment(**known)
        assert "deepspeed" in found.packages
        assert found.deepspeed_config is None
    assert "deepspeed" not in environment(model=Module(), optimizer=SimpleNamespace()).packages


@pytest.mark.parametrize(
    "shared",
    [
        pytest.param(
            {"deepspeed_plugins": {"default": SimpleNamespace(deepspeed_config=OVERLAP)}},
            id="several",
        ),
        pytest.param({"_deepspeed_plugin": SimpleNamespace(deepspeed_config=OVERLAP)}, id="one"),
    ],
)
def test_accelerate_knows_the_configuration_where_the_trainer_does_not(
    shared: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = ModuleType("accelerate.state")
    module.AcceleratorState = SimpleNamespace(_shared_state=shared)
    monkeypatch.setitem(sys.modules, "accelerate.state", module)

    assert environment(args=arguments()).deepspeed_config == OVERLAP


@pytest.mark.parametrize(
    ("model", "facts"),
    [
        pytest.param(deepspeed_model(), {"moe": "deepspeed"}, id="DeepSpeed's experts"),
        pytest.param(Module(), {"moe": "absent"}, id="none"),
        pytest.param(
            nested("mlp.experts.0", Module({"w": Parameter()})),
            {"moe": "transformers"},
            id="transformers'",
        ),
    ],
)
def test_the_kind_of_experts_is_seen_at_the_model(model: Module, facts: dict[str, str]) -> None:
    assert environment(model=model).model == facts
    about = {"model_type": "mixtral", "num_local_experts": 8, "torch_dtype": "bfloat16"}
    model.config = SimpleNamespace(to_dict=lambda: about)  # type: ignore[attr-defined]
    found = environment(model=model).model
    assert found is not None
    assert (found["model-type"], found["dtype"]) == ("mixtral", "bfloat16")
    assert found["moe"] == (facts["moe"] if facts["moe"] != "absent" else "transformers")


@pytest.mark.parametrize("used", [True, False])
def test_the_gpu_is_asked_only_if_it_is_in_use(
    monkeypatch: pytest.MonkeyPatch, *, used: bool
) -> None:
    torch: Any = ModuleType("torch")
    torch.cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: used,
        get_device_capability=lambda: (9, 0),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)

    assert environment().gpu == ("9.0" if used else None)
