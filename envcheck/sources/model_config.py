"""
What a model's config.json says about training it: expert layers and their kind, type, dtype.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from envcheck.sources.deepspeed_config import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EXPERTS: Final = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_PARTS: Final = ("text_config", "language_config", "llm_config", "ffn_config", "thinker_config")


def read(path: str) -> Mapping[str, str]:
    """
    Read a model's facts from its config.json, or from the folder that holds it.

    Returns:
        `moe`: deepspeed (DeepSpeed's own expert layers) | transformers | absent; `model-type` and
        `dtype` where they are given.

    Raises:
        SourceError: It can't be read, or is no JSON object.
    """
    file = os.path.join(path, "config.json") if os.path.isdir(path) else path
    return facts(read_json(file, "model configuration"))


def facts(config: Mapping[str, Any]) -> Mapping[str, str]:
    """
    Return the facts of a model's configuration; see `read`.
    """
    found = {"moe": kind_of_experts(config)}
    for key, names in {"model-type": ("model_type",), "dtype": ("torch_dtype", "dtype")}.items():
        for name in names:
            if isinstance(config.get(name), str):
                found[key] = config[name]
    return found


def kind_of_experts(config: Mapping[str, Any]) -> str:
    """
    Tell which kind of expert layers a model has.

    More than one expert under one of the usual names counts, at the top or in a part of a composed
    model, unless a switch turns them off; MoE-LLaVA's `moe` section means DeepSpeed's own layers.
    """
    own = config.get("moe")
    if isinstance(own, dict):
        return "deepspeed" if own.get("moe_enable") is True else "absent"
    return "transformers" if any(map(_has_experts, _parts(config))) else "absent"


def _parts(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield config
    for name in _PARTS:
        part = config.get(name)
        if isinstance(part, dict):
            yield from _parts(part)


def _has_experts(config: Mapping[str, Any]) -> bool:
    if config.get("is_moe") is False or config.get("enable_moe_block") is False:
        return False
    counts = (config.get(name) for name in _EXPERTS)
    return any(
        isinstance(count, int) and not isinstance(count, bool) and count > 1 for count in counts
    )
