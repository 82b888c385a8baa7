"""
The DeepSpeed configuration that accelerate makes by itself, where its own one names no file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.launch import accelerate_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.launch.launches import Launch
    from envcheck.matrix.strict_yaml import Node

_PATHS: Final = {
    "zero_stage": "zero_optimization.stage",
    "offload_optimizer_device": "zero_optimization.offload_optimizer.device",
    "offload_param_device": "zero_optimization.offload_param.device",
    "offload_optimizer_nvme_path": "zero_optimization.offload_optimizer.nvme_path",
    "offload_param_nvme_path": "zero_optimization.offload_param.nvme_path",
    "zero3_save_16bit_model": "zero_optimization.stage3_gather_16bit_weights_on_model_save",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "gradient_clipping": "gradient_clipping",
}
_SIZES: Final = ("train_batch_size", "train_micro_batch_size_per_gpu")


class Inline(NamedTuple):
    """
    Settings, with the line of each in accelerate's configuration.
    """

    settings: Mapping[str, Any]
    lines: Mapping[str, int]


def read(config: Mapping[str, Node], launch: Launch | None) -> Inline | None:
    """
    Return what accelerate makes of its configuration; `None`: that isn't known.

    Args:
        config: The configuration.
        launch: A command that names it; its options come first.
    """
    inside = accelerate_run.inside(config)
    if accelerate_run.text(config, "distributed_type") != "DEEPSPEED":
        return None
    settings: dict[str, Any] = dict.fromkeys(_SIZES, "auto")
    lines: dict[str, int] = {}
    options = launch.options if launch is not None else {}
    if any(options[name].known is None for name in (*_PATHS, "mixed_precision") if name in options):
        return None
    for name, path in _PATHS.items():
        given = options.get(name)
        text = given.text if given is not None else accelerate_run.text(inside, name)
        value = _value(text)
        if value is None or (name.endswith(("_device", "_path")) and value == "none"):
            continue
        _put(settings, path, value)
        if given is None:
            lines[path] = inside[name].line
    stage = settings.get("zero_optimization", {}).get("stage")
    if not isinstance(stage, int) or isinstance(stage, bool):
        return None
    given = options.get("mixed_precision")
    precision = given.text if given is not None else accelerate_run.text(config, "mixed_precision")
    if precision in {"fp16", "bf16"}:
        settings[precision] = {"enabled": True}
    return Inline(settings, lines)


def _value(text: str) -> Any:
    """
    Return a scalar as the type it stands for; `None`: there is none.

    >>> _value("2"), _value("1.0"), _value("false"), _value("cpu"), _value("")
    (2, 1.0, False, 'cpu', None)
    """
    if not text or len(text) > 1000:
        return None
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if re.fullmatch(r"[+-]?\d{1,12}", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def _put(settings: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        settings = settings.setdefault(parent, {})
    settings[name] = value
