from __future__ import annotations

import logging
import math
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from commands import ROOT, environ
from models import Module, Parameter

from envcheck.errors import UsageError
from envcheck.training import Alert, LossGuard, TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAN = float("nan")
FINE: list[float] = [2.5, 2.4, 2.3]


class Trainer:
    """
    As much of a Trainer as a callback sees.
    """

    def __init__(self, guard: LossGuard, *, every: int = 1, rank: int = 0, **known: Any) -> None:
        self.guard, self.every, self.known = guard, every, known
        self.args = SimpleNamespace(output_dir=known.pop("output_dir", None))
        self.state = SimpleNamespace(global_step=0, is_world_process_zero=rank == 0)
        self.control = SimpleNamespace()
        self.logged: list[int] = []
        self.saved: list[int] = []

    def train(self, losses: Sequence[float], norm: float | None = None) -> int:
        """Train through all losses, or up to where it is stopped; return the steps made."""
        self.control.should_training_stop = False
        self.call("on_init_end")
        self.call("on_train_begin")
        since: list[float] = []
        for loss in losses:
            self.state.global_step += 1
            step = self.state.global_step
            since.append(0.0 if math.isnan(loss) else loss)
            self.control.should_save = step % 2 == 0
            self.control.should_log = step % self.every == 0
            self.call("on_step_end")
            if self.control.should_log:
                logs = {"loss": round(sum(since) / len(since), 4), "learning_rate": 1e-5}
                if norm is not None:
                    logs["grad_norm"] = NAN if math.isnan(loss) else norm
                since = []
                self.logged.append(step)
                self.call("on_log", logs=logs)
            if self.control.should_save:
                self.saved.append(step)
            if self.control.should_training_stop:
                break
        self.control.should_save = True
        self.call("on_epoch_end")
        if self.control.should_save:
            self.saved.append(-1)
        return int(self.state.global_step)

    def call(self, event: str, **more: Any) -> None:
        result = getattr(self.guard, event)(
            self.args, self.state, self.control, **self.known, **more
        )
        assert result is None


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is installed for what is looked up: the environment of the tests isn't the subject."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])


def test_it_stops_within_its_patience() -> None:
    guard = LossGuard()

    steps = Trainer(guard).train([*FINE, *[NAN] * 20])

    assert steps == len(FINE) + 3
    assert guard.alert is not None
    assert (guard.alert.proof.id, guard.alert.step, guard.alert.good_step) == ("zero-loss", 6, 3)


def test_a_sound_run_is_left_alone() -> None:
    guard = LossGuard()

    assert Trainer(guard).train(FINE * 10, norm=1.5) == 30
    assert (guard.alert, guard.alerts) == (None, [])


@pytest.mark.parametrize("every", [1, 2, 4, 10])
@pytest.mark.parametrize("patience", [2, 3, 5])
@pytest.mark.parametrize("sound", [0, 3, 7, 8, 13])
def test_it_stops_within_the_steps_that_it_promises(every: int, patience: int, sound: int) -> None:
    guard = LossGuard(patience=patience)

    steps = Trainer(guard, every=every).train([2.0] * sound + [NAN] * 100)

    assert steps - sound <= 2 * every + patience - 2


def test_from_the_first_bad_record_on_it_asks_for_every_step() -> None:
    trainer = Trainer(LossGuard(), every=4)
    trainer.train([2.0] * 8 + [NAN] * 30)
    assert trainer.logged == [4, 8, 12, 13, 14]
    patient = Trainer(LossGuard(look_closer=False), every=4)
    patient.train([2.0] * 8 + [NAN] * 30)
    assert patient.logged == [4, 8, 12, 16, 20]


def test_a_warning_lets_it_go_on_and_comes_once() -> None:
    guard = LossGuard(action="warn")

    assert Trainer(guard).train([*FINE, *[NAN] * 9]) == 12
    assert [each.proof.id for each in guard.alerts] == ["zero-loss"]


def test_it_raises_out_of_the_trainer_if_asked_to() -> None:
    with pytest.raises(TrainingError, match=r"exactly 0\.0") as caught:
        Trainer(LossGuard(action="raise")).train([*FINE, *[NAN] * 9])
    assert isinstance(caught.value.found, Alert)


@pytest.mark.parametrize(
    ("answer", "steps"),
    [
        pytest.param("warn", 12, id="go on"),
        pytest.param("stop", 6, id="stop"),
        pytest.param(None, 12, id="as was said"),
    ],
)
def test_who_is_called_decides(answer: Any, steps: int) -> None:
    seen: list[Alert] = []

    def on_bad(alert: Alert) -> Any:
        seen.append(alert)
        return answer

    assert Trainer(LossGuard(action="warn", on_bad=on_bad)).train([*FINE, *[NAN] * 9]) == steps
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("save", "saved"),
    [
        pytest.param(None, [2, 4, 6, -1], id="as planned"),
        pytest.param(False, [2], id="nothing that is bad"),
        pytest.param(True, [2, 4, 6, -1], id="the last"),
    ],
)
def test_whether_anything_is_saved_is_the_users_choice(save: bool | None, saved: list[int]) -> None:
    trainer = Trainer(LossGuard(save=save))

    trainer.train([*FINE, *[NAN] * 9])

    assert trainer.saved == saved


def test_a_stop_can_save_where_nothing_was_planned() -> None:
    trainer = Trainer(LossGuard(save=True))

    trainer.train([*FINE, 2.2, *[NAN] * 9])

    assert trainer.saved == [2, 4, 6, 7, -1]


def test_every_process_stops_and_one_speaks(caplog: pytest.LogCaptureFixture) -> None:
    other = LossGuard()
    assert Trainer(other, rank=1).train([*FINE, *[NAN] * 9]) == 6
    assert other.alert is not None
    assert (other.alert.main, other.alert.text, other.alert.answer) == (False, "", None)
    assert caplog.records == []

    first = LossGuard()
    assert Trainer(first).train([*FINE, *[NAN] * 9]) == 6
    assert [each.name for each in caplog.records] == ["envcheck.training"]
    assert caplog.messages[0].startswith("envcheck at step 6:\n")


def test_a_second_training_begins_anew() -> None:
    guard = LossGuard()
    Trainer(guard).train([*FINE, *[NAN] * 9])

    assert Trainer(guard).train(FINE * 3) == 9
    assert guard.alert is None


@pytest.mark.parametrize(
    ("look", "bad", "words"),
    [
        pytest.param("alert", True, "1 of 1 parameters are not finite", id="they are none"),
        pytest.param("alert", False, "the weights are still sound", id="they are sound"),
        pytest.param("never", True, "the log alone can't tell", id="nobody looks"),
    ],
)
def test_a_look_at_the_weights_settles_what_the_log_cannot(
    look: Any, words: str, *, bad: bool
) -> None:
    guard = LossGuard(check_parameters=look)
    model = Module({"w": Parameter([NAN if bad else 1.0])})

    Trainer(guard, model=model).train([*FINE, *[NAN] * 9])

    assert guard.alert is not None
    assert words in " ".join(guard.alert.proof.facts)
    assert guard.alert.proof.certainty == ("certain" if bad and look == "alert" else "likely")
    assert (guard.alert.weights is None) is (look == "never")


def test_weights_that_are_none_are_found_before_the_loss_shows_it() -> None:
    guard = LossGuard(check_parameters="always")
    model = Module({"w": Parameter([1.0])})
    trainer = Trainer(guard, model=model, every=4)
    model.own["w"].values = [NAN]

    assert trainer.train([2.0, *[NAN] * 30]) == 4
    assert guard.alert is not None
    assert (guard.alert.proof.id, guard.alert.stops) == ("nan-weights", True)


def test_the_newest_checkpoint_from_before_is_named(tmp_path: Path) -> None:
    for name in ("checkpoint-2", "checkpoint-3", "checkpoint-5", "checkpoint-x", "runs"):
        (tmp_path / name).mkdir()
    guard = LossGuard()

    Trainer(guard, output_dir=str(tmp_path)).train([*FINE, *[NAN] * 9])

    assert guard.alert is not None
    assert guard.alert.checkpoint == str(tmp_path / "checkpoint-3")
    assert guard.alert.checkpoint in guard.alert.text


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(
            SimpleNamespace(step_was_skipped=True, scaler=SimpleNamespace(get_scale=lambda: 0.5)),
            id="PyTorch's scaler",
        ),
        pytest.param(
            SimpleNamespace(
                step_was_skipped=True,
                optimizer=SimpleNamespace(dynamic_loss_scale=True, loss_scale=0.5),
            ),
            id="DeepSpeed's",
        ),
    ],
)
def test_an_overflow_loop_is_seen_at_the_optimizer(optimizer: Any) -> None:
    guard = LossGuard()

    Trainer(guard, optimizer=optimizer).train([2.5, 2.4, 2.3, 2.2], norm=1.5)

    assert guard.alert is not None
    assert guard.alert.proof.id == "overflow-loop"
    assert guard.alert.skipped >= 1


def test_steps_that_are_left_out_are_told_even_with_a_fixed_scale() -> None:
    inner = SimpleNamespace(dynamic_loss_scale=False, loss_scale=1.0)
    guard = LossGuard()

    Trainer(guard, optimizer=SimpleNamespace(step_was_skipped=True, optimizer=inner)).train(
        [2.5, *[NAN] * 9], norm=1.5
    )

    assert guard.alert is not None
    assert (guard.alert.proof.id, guard.alert.skipped) == ("nan-behind-zero", 4)
    assert "left out the last 4 steps" in guard.alert.text


def test_a_trainer_that_logs_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    trainer = Trainer(LossGuard())
    for strategy in ("no", SimpleNamespace(value="no")):
        caplog.clear()
        trainer.args.logging_strategy = strategy
        trainer.call("on_train_begin")
        assert "logging_strategy is 'no'" in caplog.text
    caplog.clear()
    trainer.args.logging_strategy = "steps"
    trainer.call("on_train_begin")
    assert caplog.text == ""


def test_in_a_loop_of_ones_own_it_answers() -> None:
    guard = LossGuard()

    found = [
        guard.record({"loss": loss, "grad_norm": NAN}, step)
        for step, loss in enumerate([2.0, 0.0, 0.0, 0.0, 0.0])
    ]

    assert found[:3] == [None] * 3
    assert found[3] is not None
    assert found[3].proof.id == "nan-behind-zero"
    assert found[4] is found[3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"action": "explode"}, "stop, warn, raise", id="no such action"),
        pytest.param({"patience": 0}, "at least 1", id="no patience"),
        pytest.param({"check_parameters": "now"}, "never, alert, always", id="no such look"),
    ],
)
def test_wrong_arguments_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LossGuard(**arguments)


def test_events_of_releases_to_come_are_answered_and_nothing_else() -> None:
    guard = LossGuard()

    assert guard.on_something_new(None, None, None, model=None) is None
    with pytest.raises(AttributeError, match="LossGuard"):
        _ = guard.nonsense


def test_it_is_transformers_callback_where_there_is_transformers(tmp_path: Path) -> None:
    package = tmp_path / "transformers"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "trainer_callback.py").write_text(
        "class TrainerCallback:\n    def on_init_end(self, args, state, control, **kwargs): pass\n"
    )
    script = (
        "from envcheck.training import LossGuard\n"
        "import sys; assert 'transformers' not in sys.modules\n"
        "class Own(LossGuard): pass\n"
        "from transformers.trainer_callback import TrainerCallback\n"
        "for kind in (LossGuard, Own):\n"
        "    guard = kind(patience=5)\n"
        "    assert isinstance(guard, TrainerCallback) and isinstance(guard, kind)\n"
        "    assert guard.patience == 5 and type(guard) is type(kind())\n"
        "    assert type(guard).__name__ == kind.__name__ and type(guard).__doc__ == kind.__doc__\n"
    )
    path = f"{tmp_path}:{ROOT}"
    subprocess.run(
        [sys.executable, "-c", script], check=True, env=environ(PYTHONPATH=path), cwd=tmp_path
    )


def test_a_transformers_that_cannot_be_imported_is_none(tmp_path: Path) -> None:
    (tmp_path / "transformers.py").write_text("raise RuntimeError('broken')")
    script = "from envcheck.training import LossGuard; LossGuard()"
    path = f"{tmp_path}:{ROOT}"
    subprocess.run(
        [sys.executable, "-c", script], check=True, env=environ(PYTHONPATH=path), cwd=tmp_path
    )


def test_whatever_is_wrong_with_the_diagnosis_the_training_is_stopped_with_its_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path / "nowhere")])
    guard = LossGuard(matrix=[tmp_path / "no-matrix"])

    assert Trainer(guard).train([*FINE, *[NAN] * 9]) == 6
    assert guard.alert is not None
    assert guard.alert.answer is None
    assert "No entry could be looked up" in guard.alert.text
    assert "The loss is exactly 0.0" in guard.alert.text


def test_logging_is_left_as_it_is() -> None:
    assert logging.getLogger("envcheck.training").handlers == []
