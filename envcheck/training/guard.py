"""
A callback for Hugging Face's Trainer that notices when a training has gone wrong.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from envcheck.errors import TrainingError, UsageError
from envcheck.training.alert import Alert, alert, of_weights
from envcheck.training.processes import anywhere, averaged
from envcheck.training.trainer import as_callback, is_main, scale
from envcheck.training.watch import Sign, Watch
from envcheck.training.weights import weights

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    Action = Literal["stop", "warn", "raise"]

_LOGGER: Final = logging.getLogger("envcheck.training")
_ACTIONS: Final = ("stop", "warn", "raise")
_LOOKS: Final = ("never", "alert", "always")


class LossGuard:
    """
    Stops a training, or warns, once what it logs proves that nothing is learned any more.

    It reads the records that the Trainer logs, and judges them as `envcheck diagnose` does: a loss of
    exactly 0 (in which the Trainer hides NaN), NaN, a gradient norm that is none or that stands still, steps
    that the optimizer leaves out without end. Then it says what the records prove, which entries of the
    matrix explain it in this very environment, and what to do first.

    With `logging_steps=1` it acts at the latest `patience` steps after the loss has become NaN. With L steps
    in a record, 2L + `patience` - 2: a record in which only some steps are NaN looks sound, and from the
    first bad one on it asks for a record of every step.

    Every process must have one (`callbacks=[LossGuard()]` does that): what is done follows from the records,
    which are the same everywhere, so that all stop at the same step. Only rank 0 speaks.

    Weights that are NaN stay NaN. Whether anything is saved is not its business unless `save` says so: after
    a stop `trainer.train()` returns as usual, so look at `guard.alert` before `trainer.save_model()`.

    It is a `transformers.TrainerCallback` where transformers can be imported, and has the same methods where
    it can't; in a loop of one's own, call `record`.
    """

    def __init__(
        self,
        *,
        action: Action = "stop",
        patience: int = 3,
        on_bad: Callable[[Alert], Action | None] | None = None,
        check_parameters: Literal["never", "alert", "always"] = "alert",
        save: bool | None = None,
        look_closer: bool = True,
        matrix: Iterable[str | os.PathLike[str]] = (),
    ) -> None:
        """
        Choose what is done, and when.

        Args:
            action: stop: end the training as after its last step | raise: a TrainingError out of
                `trainer.train()` | warn: only say it. What may recover is only said in any case.
            patience: Records in a row that must be bad. A loss scaler that looks for its scale, and a norm
                that is no number beside a loss that is one, get 20 at least.
            on_bad: Called in every process with what was found, before anything is done; what it returns is
                done instead of `action`, and must be the same in every process.
            check_parameters: alert: look whether weights are finite when there is something to tell | always:
                also at every record, which finds NaN weights before the loss shows them (in a run of several
                processes they agree about it: all must have this guard) | never.
            save: False: no checkpoint is written from the first bad record on | True: one is when the
                training is stopped | None: as the Trainer's own schedule has it, which may write one of
                these very weights and delete an older one.
            look_closer: After a bad record, ask the Trainer for a record of every step.
            matrix: Matrix directories on top of the built-in one.

        Raises:
            UsageError: There is no such action, or patience is less than 1.
        """
        if action not in _ACTIONS:
            raise UsageError(f"action={action!r}: one of {', '.join(_ACTIONS)} is expected")
        if check_parameters not in _LOOKS:
            raise UsageError(
                f"check_parameters={check_parameters!r}: one of {', '.join(_LOOKS)} is expected"
            )
        if patience < 1:
            raise UsageError(f"patience={patience}: a number of records, at least 1, is expected")
        self.action: Action = action
        self.patience = patience
        self.alert: Alert | None = None
        "The first one for which the training was stopped, else the last one that was told."
        self.alerts: list[Alert] = []
        self._on_bad = on_bad
        self._look = check_parameters
        self._save = save
        self._closer = look_closer
        self._matrix = tuple(str(each) for each in matrix)
        self._watch = Watch(patience)
        self._stopped = self._broken = False

    def __new__(cls, *_: Any, **__: Any) -> LossGuard:  # noqa: PYI034 # its class is made
        """
        Make one that is transformers' callback too, where there is transformers.
        """
        guard: LossGuard = object.__new__(as_callback(cls))
        return guard

    def __getattr__(self, name: str) -> Callable[..., None]:
        """
        Answer every event of the Trainer's, also of releases to come.
        """
        if name.startswith("on_"):
            return lambda *_, **__: None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """
        Begin anew; say so if there will be nothing to read.
        """
        del control
        self._watch = Watch(self.patience, getattr(state, "global_step", 0))
        self.alert, self.alerts, self._stopped, self._broken = None, [], False, False
        strategy = getattr(args, "logging_strategy", None)
        if getattr(strategy, "value", strategy) == "no" and is_main(state):
            _LOGGER.warning(
                "envcheck: LossGuard reads what the Trainer logs, and logging_strategy is 'no'"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """
        Count steps that were left out; after a bad record, ask for the next one.
        """
        del args, state
        optimizer = known.get("optimizer")
        skipped = getattr(optimizer, "step_was_skipped", False)
        if skipped or self._watch.skipped:
            self._watch.step(skipped=bool(skipped), scale=scale(optimizer) if skipped else None)
        if self._closer and self._watch.suspicious and not self._stopped:
            control.should_log = True

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, Any] | None = None,
        **known: Any,
    ) -> None:
        """
        Judge a record, and do what has to be done.
        """
        step = getattr(state, "global_step", None)
        self._judge(logs or {}, step, main=is_main(state), args=args, control=control, **known)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """
        Keep the end of an epoch from saving what is bad, if that is wished.
        """
        del args, state
        self._keep(control)

    def record(
        self,
        logs: Mapping[str, Any],
        step: int | None = None,
        *,
        main: bool = True,
        model: Any = None,
        optimizer: Any = None,
        together: bool = False,
    ) -> Alert | None:
        """
        Judge a record in a loop of one's own.

        Args:
            logs: As the Trainer logs it: `loss`, and `grad_norm`, `learning_rate`, `epoch` where known.
            step: Which one it is of.
            main: This process tells it.
            model: For a look at its weights.
            optimizer: With what it is trained.
            together: Every process calls this, with a loss of its own: what counts is their mean, as the
                Trainer logs it, so that all leave the loop at the same step and none waits for another.

        Returns:
            What was found, if the training should end: then leave the loop.

        Raises:
            TrainingError: There is such a reason, and the action is raise.
        """
        if together:
            logs = averaged(logs, model)
        self._judge(
            logs, step, main=main, args=None, control=None, model=model, optimizer=optimizer
        )
        return self.alert if self._stopped else None

    def _judge(
        self,
        logs: Mapping[str, Any],
        step: int | None,
        *,
        main: bool,
        args: Any,
        control: Any,
        model: Any = None,
        optimizer: Any = None,
        **_: Any,
    ) -> None:
        signs = [*self._watch.take(logs, step), *self._weights(logs, model)]
        for sign in signs:
            if self._stopped:
                break
            found = alert(
                sign,
                self._watch,
                step=step,
                main=main,
                look=self._look != "never",
                args=args,
                model=model,
                optimizer=optimizer,
                matrix=self._matrix,
            )
            self._act(found, control)
        self._keep(control)

    def _weights(self, logs: Mapping[str, Any], model: Any) -> Iterable[Sign]:
        """Look at the weights although the record may be sound; every process does it at the same time."""
        if self._look != "always" or "loss" not in logs or model is None or self._broken:
            return
        seen = weights(model)
        self._broken = anywhere(bool(seen.bad), model)
        if self._broken:
            first = self._watch.good_step is None
            symptom = "zero-from-first-step" if first else "zero-after-first-step"
            yield Sign(of_weights(seen, symptom), stops=True)

    def _act(self, found: Alert, control: Any) -> None:
        self.alert = found
        self.alerts.append(found)
        if found.main:
            at = "" if found.step is None else f" at step {found.step}"
            _LOGGER.error("envcheck%s:\n\n%s\n", at, found)
        action = (self._on_bad and self._on_bad(found)) or (self.action if found.stops else "warn")
        if action == "warn":
            return
        self._stopped = True
        if action == "raise":
            raise TrainingError(found)
        if control is not None:
            control.should_training_stop = True
            if self._save:
                control.should_save = True

    def _keep(self, control: Any) -> None:
        """Take back a checkpoint that the Trainer's schedule has planned."""
        bad = self._watch.suspicious or self._stopped or self._broken
        if self._save is False and bad and control is not None:
            control.should_save = False
