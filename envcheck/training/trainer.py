"""
What is known of Hugging Face's Trainer, and of the objects that it hands to its callbacks.
"""

from __future__ import annotations

import importlib
from typing import Any

from envcheck.training.processes import is_first

_CALLBACKS: dict[type, type] = {}
"Classes that are transformers' callbacks too, by the class without it."


def as_callback(plain: type) -> type:
    """
    Return a class that is transformers' callback too; the class itself where there is no transformers.
    """
    try:
        callback: Any = importlib.import_module("transformers.trainer_callback").TrainerCallback
    except Exception:  # noqa: BLE001 # a transformers that can't be imported is as good as none
        return plain
    if issubclass(plain, callback):
        return plain
    if plain not in _CALLBACKS:
        about = {"__doc__": plain.__doc__, "__module__": plain.__module__}
        _CALLBACKS[plain] = type(plain.__name__, (plain, callback), about)
    return _CALLBACKS[plain]


def is_main(state: Any) -> bool:
    """
    Tell whether this is the process that speaks, of all machines': to a Trainer on CPUs each may be first.
    """
    return bool(getattr(state, "is_world_process_zero", True)) and is_first()


def scale(optimizer: Any) -> float | None:
    """
    Return the loss scale of a scaler that looks for one; `None`: there is none, or it is fixed.
    """
    scaler = getattr(optimizer, "scaler", None)
    if scaler is not None:  # PyTorch's, behind accelerate's optimizer
        return float(scaler.get_scale())
    inner = getattr(optimizer, "optimizer", None)
    if not getattr(inner, "dynamic_loss_scale", False):
        return None
    scale = getattr(inner, "loss_scale", None)
    return None if scale is None else float(scale)
