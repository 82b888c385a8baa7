"""
The configurations that releases of DeepSpeed have judged, and what they said: the data of `tests/deepspeed`.

This file needs nothing but the standard library, since `deepspeed/record.py` runs it beside old releases.
"""

from __future__ import annotations

import base64
import copy
import itertools
import json
import os
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deepspeed")
ABSENT = "<absent>"
"""As a value in `cases.json`: the key isn't there."""


class Case(NamedTuple):
    """
    One configuration, and the number of processes that it is to run on.
    """

    kind: str
    config: dict[str, Any] | str
    "As data, or as the text of a file."
    world_size: int


def load() -> dict[str, Any]:
    """
    Return what `cases.json` holds.
    """
    with open(os.path.join(HERE, "cases.json"), encoding="utf-8") as file:
        data: dict[str, Any] = json.load(file)
    return data


def cases(data: dict[str, Any]) -> Iterator[Case]:
    """
    Yield every case, always in the same order.

    A grid is all combinations of the values of its axes, put into a base; a case in `single` changes a base
    in a few places; a real configuration is tried as it is, and with every "auto" filled in; a
    file is a text.
    """
    for name, grid in data["grids"].items():
        for axis in grid["axes"]:
            if isinstance(axis["paths"], str):
                axis["paths"] = [axis["paths"]]
        choices = [list(itertools.product(axis["paths"], axis["values"])) for axis in grid["axes"]]
        for world_size in grid["world-sizes"]:
            for chosen in itertools.product(*choices):
                yield Case(name, changed(data["bases"][grid["base"]], chosen), world_size)
    for base, world_size, changes in data["single"]:
        yield Case("single", changed(data["bases"][base], changes.items()), world_size)
    yield from _real(data["real"])
    for text in data["files"]:
        yield Case("file", text, 8)
    yield from _real(data["more"])


def _real(configs: list[dict[str, Any]]) -> Iterator[Case]:
    for config in configs:
        yield Case("real", copy.deepcopy(config), 8)
        yield Case("real, filled in", filled(config), 8)


def changed(base: dict[str, Any], changes: Any) -> dict[str, Any]:
    """
    Return a copy of a configuration with values at dotted paths changed.
    """
    config = copy.deepcopy(base)
    for path, value in changes:
        section = config
        *parents, last = path.split(".")
        for parent in parents:
            if not isinstance(section.get(parent), dict):
                section[parent] = {}
            section = section[parent]
        if value == ABSENT:
            section.pop(last, None)
        else:
            section[last] = copy.deepcopy(value)
    return config


_AUTO = {
    "train_batch_size": 64,
    "train_micro_batch_size_per_gpu": 4,
    "gradient_accumulation_steps": 2,
    "gradient_clipping": 1.0,
    "reduce_bucket_size": 16777216,
    "stage3_prefetch_bucket_size": 15099494,
    "stage3_param_persistence_threshold": 40960,
    "lr": 2e-5,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "warmup_min_lr": 0,
    "warmup_max_lr": 2e-5,
    "warmup_num_steps": 100,
    "total_num_steps": 1000,
    "opt_level": "O1",
}


def filled(config: dict[str, Any], section: str = "") -> dict[str, Any]:
    """
    Return a configuration as a trainer in bf16 fills it in.
    """
    result: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            result[key] = filled(value, key)
        elif value == "auto" and key == "enabled":
            result[key] = section == "bf16"
        else:
            result[key] = _AUTO.get(key, value) if value == "auto" else value
    return result


def packed(refused: list[bool]) -> str:
    """
    Return verdicts as a short text.
    """
    bits = bytes(
        sum(1 << at for at, bit in enumerate(refused[start : start + 8]) if bit)
        for start in range(0, len(refused), 8)
    )
    return base64.b85encode(zlib.compress(bits, 9)).decode()


def unpacked(text: str, count: int) -> list[bool]:
    """
    Return the verdicts that `packed` made a text of.
    """
    bits = zlib.decompress(base64.b85decode(text))
    return [bool(bits[number // 8] >> number % 8 & 1) for number in range(count)]
