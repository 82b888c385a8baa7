"""
The stages of a training with transformers' `Trainer`.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from . import lines, names, tiny
from .isolate import NotRun

if TYPE_CHECKING:
    from .plan import Work


def imports(work: Work) -> dict[str, Any]:
    """
    Import one package after the other; those that follow are tried even if one fails.
    """
    # As people import it: told to use the processor, older releases want Intel's extensions at once.
    os.environ.pop("DS_ACCELERATOR", None)
    about: dict[str, str] = {}
    reasons: list[str] = []
    for package in work.packages:
        try:
            module = importlib.import_module(names.module(package))
            if package == "transformers" and "torch" in work.packages:
                # `import transformers` alone loads next to nothing.
                _ = (module.LlamaConfig, module.LlamaForCausalLM)
                if "accelerate" in work.packages:
                    _ = (module.TrainingArguments, module.Trainer)
            if package == "trl":
                _ = module.SFTTrainer
            if package == "peft":
                _ = (module.LoraConfig, module.PeftModel, module.get_peft_model)
        except BaseException as error:  # noqa: BLE001, PERF203 - whatever a package does when it is imported
            traceback.print_exc()
            _forget_halves()
            work.failed[package] = lines.of(error)
            reasons.append(lines.reason(error))
        else:
            about[package] = str(getattr(module, "__version__", ""))
    bridge = _bridge()
    if bridge and "numpy" not in work.failed:
        work.failed["numpy"] = bridge
        reasons.append("")
    if not work.failed:
        return {"about": about}
    if all(reasons):
        raise NotRun(reasons[0])
    about.update(work.failed)
    line = next(line for line, reason in zip(work.failed.values(), reasons) if not reason)
    return {"about": about, "outcome": "failed", "line": line, "go-on": True}


def _bridge() -> str:
    """
    Say why torch and numpy can't exchange data, if both are there: a torch that was built for another
    numpy is imported with no more than a warning.
    """
    torch = sys.modules.get("torch")
    if torch is None or "numpy" not in sys.modules:
        return ""
    try:
        torch.zeros(1).numpy()
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return lines.of(error)
    return ""


def _forget_halves() -> None:
    """
    Forget the modules that a failed import left of a package that isn't there itself.

    Python takes out a package that failed, and leaves in what it had imported of itself: a second import can
    then go well, and give a package of which parts are missing.
    """
    for name in sorted(sys.modules):
        parent = name.rpartition(".")[0]
        # An ancestor comes before its descendants, so that they go with it.
        if parent and parent not in sys.modules:
            del sys.modules[name]


def arguments(work: Work) -> None:
    """
    Make `TrainingArguments`.
    """
    work.arguments = tiny.arguments(work.path("trainer"))


def trainer(work: Work) -> None:
    """
    Build a `Trainer`.
    """
    transformers = importlib.import_module("transformers")
    work.trainer = transformers.Trainer(
        model=tiny.model(), args=work.arguments, train_dataset=tiny.Sequences()
    )


def train(work: Work) -> dict[str, Any]:
    """
    Take ten steps, and look at the losses.
    """
    work.trainer.train()
    losses = tiny.logged(work.trainer)
    tiny.judge(losses)
    return {"losses": losses}


def save_load(work: Work) -> None:
    """
    Save the model and load it again: the loss has to be the same.
    """
    transformers = importlib.import_module("transformers")
    folder = work.path("saved")
    before = tiny.loss_of(work.trainer.model)
    work.trainer.save_model(folder)
    tiny.same(before, tiny.loss_of(transformers.LlamaForCausalLM.from_pretrained(folder)))
