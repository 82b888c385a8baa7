"""
A DeepSpeed configuration file: as plain data, or with everything there is to know of the file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.deepspeed.document import Document


def read(path: str) -> Mapping[str, Any]:
    """
    Read a DeepSpeed configuration.

    Raises:
        SourceError: It can't be read, is no JSON, or repeats a key (DeepSpeed refuses that too).
    """
    data = read_json(path, _WHAT)
    if not any(key in data for key in _TELLING):
        raise SourceError(f"{clean(path)}: {_NONE}")
    return data


def document(path: str) -> Document:
    """
    Read a DeepSpeed configuration as DeepSpeed does, with the place of everything in it.

    Raises:
        SourceError: It can't be read, is neither JSON nor Hjson, or no configuration.
    """
    from envcheck.deepspeed.document import parse

    found = parse(read_text(path, _WHAT), path)
    if not any(key in found.data for key in _TELLING):
        from envcheck.deepspeed.unknown import meant

        if not any(meant(key, _TELLING) for key in found.data):
            raise SourceError(f"{clean(path)}: {_NONE}")
    return found


def facts(path: str) -> dict[str, Any]:
    """
    Return what a configuration file tells, by the fields of an environment; see `document`.
    """
    from envcheck.model import SettingsFile

    found = document(path)
    file = SettingsFile(
        path,
        {".".join(parts): place.line for parts, place in found.places.items()},
        tuple((each.path, each.line) for each in found.repeated),
        found.beyond_json,
    )
    return {"deepspeed_config": found.data, "settings_file": file}


_WHAT = "DeepSpeed configuration"
_NONE = "this is no DeepSpeed configuration: it has none of its keys"
_TELLING = (
    "zero_optimization",
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
    except ValueError as error:  # Python reads no integer of thousands of digits
        raise SourceError(f"{clean(path)}: a number in it is too long") from error
    except RecursionError as error:
        raise SourceError(f"{clean(path)}: nested too deeply to be a {what}") from error
    if not isinstance(data, dict):
        raise SourceError(
            f"{clean(path)}: a {what} is one JSON object, not a {type(data).__name__}"
        )
    return data
