"""
A DeepSpeed configuration file, as plain data.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(path: str) -> Mapping[str, Any]:
    """
    Read a DeepSpeed configuration.

    Raises:
        SourceError: It can't be read, is no JSON, or repeats a key (DeepSpeed refuses that too).
    """
    data = read_json(path, "DeepSpeed configuration")
    if "zero_optimization" not in data and not any(key in data for key in _TELLING):
        raise SourceError(
            f"{clean(path)}: this is no DeepSpeed configuration: it has none of its keys"
        )
    return data


_TELLING = (
    "train_batch_size",
    "train_micro_batch_size_per_gpu",
    "fp16",
    "bf16",
    "optimizer",
    "gradient_accumulation_steps",
)


def read_json(path: str, what: str) -> dict[str, Any]:
    """
    Read a file that holds one JSON object.

    Raises:
        SourceError: It can't be read, is no JSON object, or repeats a key.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise SourceError(
                    f"{clean(path)}: the key {clean(key)!r} is there twice; remove one"
                )
            found[key] = value
        return found

    try:
        data = json.loads(read_text(path, what), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise SourceError(f"{clean(path)}:{error.lineno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise SourceError(f"{clean(path)}: nested too deeply to be a {what}") from error
    if not isinstance(data, dict):
        raise SourceError(
            f"{clean(path)}: a {what} is one JSON object, not a {type(data).__name__}"
        )
    return data
