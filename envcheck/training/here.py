"""
Facts about the process that trains: what is installed on its path, how DeepSpeed and the model are set up.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any, Final, cast

from envcheck import sources
from envcheck.sources import model_config
from envcheck.training import wrapped
from envcheck.training.layers import layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName

    from envcheck.matrix import Matrix
    from envcheck.model import Environment

DEEPSPEED: Final = cast("NormalizedName", "deepspeed")


def environment(
    matrix: Matrix, *, args: Any = None, model: Any = None, optimizer: Any = None
) -> Environment:
    """
    Read the environment of this process.

    Args:
        matrix: What is known, and so what is worth reading.
        args: transformers' TrainingArguments, or nothing.
        model: What is trained, or nothing.
        optimizer: With what, or nothing.

    Raises:
        SourceError: Nothing is installed on the path of this process.
    """
    folders = [each for each in dict.fromkeys(sys.path) if each and os.path.isdir(each)]
    found = sources.paths(folders, matrix.tracked)._replace(
        origin="the process that trains",
        kind="python",
        python=platform.python_version(),
        executable=sys.executable,
        oddities=(),
    )
    config = deepspeed_config(args)
    if config is None and not _is_used(model, optimizer):
        # Installed but unused it explains nothing.
        packages = {name: each for name, each in found.packages.items() if name != DEEPSPEED}
        found = found._replace(packages=packages)
    return found._replace(
        deepspeed_config=config,
        reader="transformers" if config is not None and args is not None else None,
        world_size=_world_size(args),
        model=_model(model),
        gpu=_gpu(),
    )


def deepspeed_config(args: Any) -> Mapping[str, Any] | None:
    """
    Return the configuration that DeepSpeed runs with, as the trainer filled it in; `None`: not known.
    """
    held = getattr(args, "hf_deepspeed_config", None)
    config = getattr(held, "config", None)
    if config is None:
        state: Any = getattr(sys.modules.get("accelerate.state"), "AcceleratorState", None)
        shared: Any = getattr(state, "_shared_state", {})
        plugins = shared.get("deepspeed_plugins") or shared.get("_deepspeed_plugin")
        plugin = next(iter(plugins.values()), None) if isinstance(plugins, dict) else plugins
        config = getattr(plugin, "deepspeed_config", None)
    return config if isinstance(config, dict) else None


def _is_used(model: Any, optimizer: Any) -> bool:
    parts = [*(wrapped.models(model) if model is not None else ()), *wrapped.optimizers(optimizer)]
    return any(type(each).__module__.startswith("deepspeed.") for each in parts)


def _world_size(args: Any) -> int | None:
    size = getattr(args, "world_size", None)
    return size if isinstance(size, int) and size > 0 else None


def _model(model: Any) -> Mapping[str, str] | None:
    if model is None:
        return None
    inner = list(wrapped.models(model))[-1]
    as_dict = getattr(getattr(inner, "config", None), "to_dict", None)
    facts = dict(model_config.facts(as_dict())) if as_dict is not None else {}
    kind = layers(inner).kind
    if kind in {"deepspeed", "autoep"}:
        facts["moe"] = "deepspeed"
    elif kind == "transformers" or not facts:
        facts["moe"] = kind
    return facts


def _gpu() -> str | None:
    """Return the compute capability of the GPU that this process uses already; it is never woken up."""
    cuda: Any = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_available() or not cuda.is_initialized():
        return None
    major, minor = cuda.get_device_capability()
    return f"{major}.{minor}"
