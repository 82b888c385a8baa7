"""
What a model's config.json says about training it: expert layers, their kind and number, type, dtype.

A configuration is untrusted: what isn't of the form it should have isn't a fact.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.experts import blocks
from envcheck.sources.deepspeed_config import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COUNTS: Final = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_PARTS: Final = (
    "text_config",
    "language_config",
    "llm_config",
    "llm_cfg",
    "thinker_config",
    "talker_config",
    "ffn_config",
)
_DEEP: Final = 4
"Parts within parts; no model goes deeper than two."
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_TELLING: Final = (
    "model_type",
    "architectures",
    "hidden_size",
    "num_hidden_layers",
    "transformers_version",
    "torch_dtype",
    "moe",
    *_COUNTS,
    *_PARTS,
)
_COUNTING: Final = re.compile(
    r"(n|num|.*_num)_.*(expert|moe).*|.*(expert|moe).*_num(_.*)?|n_?experts?"
)
_NOT_COUNTING: Final = re.compile(r".*(per_tok|top_?k|shared|layer|group|size|dim).*")
_OWN: Final = {"num-experts": "num_experts", "ep-size": "ep_size", "top-k": "top_k_experts"}
"What is said of DeepSpeed's own layers, by the key of MoE-LLaVA's `moe` section."


class _Part(NamedTuple):
    config: Mapping[str, Any]
    types: tuple[str, ...]
    "Its model_type, and those of what it is a part of; the innermost first."


def read(path: str) -> Mapping[str, Any]:
    """
    Read a model's facts from its config.json, or from the folder that holds it; see `facts`.

    Raises:
        SourceError: It can't be read, is no JSON object, or no model's configuration.
    """
    return facts(document(path))


def document(path: str) -> Mapping[str, Any]:
    """
    Read a model's config.json as it is.

    Raises:
        SourceError: It can't be read, is no JSON object, or no model's configuration.
    """
    file = path
    if os.path.isdir(path):
        file = os.path.join(path, "config.json")
        if not os.path.exists(file) and os.path.exists(os.path.join(path, "adapter_config.json")):
            raise SourceError(
                f"{clean(path)}: this folder holds an adapter; give the folder of its base model"
            )
    config = read_json(file, _WHAT)
    if not any(key in config for key in _TELLING):
        raise SourceError(f"{clean(file)}: this is no {_WHAT}: it has none of its keys")
    return config


_WHAT: Final = "model configuration"


def facts(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return the facts of a model's configuration, each as far as it is given.

    Returns:
        `moe`: deepspeed (DeepSpeed's own expert layers) | transformers | absent; `model-type`;
        `expert-type`: the type of the part that holds transformers' experts; `num-experts`: all the numbers
        there are; `dtype`. Of DeepSpeed's layers also `ep-size` and `top-k`.
    """
    found: dict[str, Any] = {}
    parts = list(_parts(_Part(config, ())))
    own = _own_section(config)
    if own is not None:
        found["moe"] = "deepspeed"
        found.update(_of_own_layers(own))
    else:
        holding = [each for each in parts if _count(each) > 1]
        if holding:
            found["moe"] = "transformers"
            known = (each for each in holding[0].types if blocks.experts(each) is not None)
            type_ = next(known, next(iter(holding[0].types), None))
            if type_ is not None:
                found["expert-type"] = type_
            found["num-experts"] = tuple(dict.fromkeys(map(_count, holding)))
        elif not any(map(_may_have_experts, parts)):
            found["moe"] = "absent"
    words = {
        "model-type": [config.get("model_type")],
        "dtype": [each.config.get(name) for each in parts for name in ("torch_dtype", "dtype")],
    }
    for key, values in words.items():
        word = next((each for value in values if (each := _word(value))), None)
        if word is not None:
            found[key] = word.removeprefix("torch.")
    return found


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _parts(part: _Part, depth: int = 0) -> Iterator[_Part]:
    own = _word(part.config.get("model_type"))
    here = part._replace(types=(own, *part.types)) if own else part
    yield here
    if depth < _DEEP:
        for name in _PARTS:
            inner = part.config.get(name)
            if isinstance(inner, dict):
                yield from _parts(_Part(inner, here.types), depth + 1)


def _own_section(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the section by which MoE-LLaVA and its kin describe DeepSpeed's own layers, if they are on."""
    own = config.get("moe")
    return own if isinstance(own, dict) and own.get("moe_enable") is True else None


def _of_own_layers(own: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, name in _OWN.items():
        values = own.get(name)
        listed = values if isinstance(values, list) and key == "num-experts" else [values]
        numbers = tuple(dict.fromkeys(each for each in listed if _number(each)))
        if numbers and len(listed) == sum(map(_number, listed)):
            yield key, numbers if key == "num-experts" else numbers[0]


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31


def _count(part: _Part) -> int:
    """Return how many experts a part has, the most of its layers; by default what its type has."""
    config = part.config
    if _is_off(config):
        return 0
    given = [config[name] for name in _COUNTS if name in config]
    if not given:
        return (
            (blocks.experts(part.types[0]) or 0) if part.types and not _parts_within(config) else 0
        )
    listed = (each for value in given for each in (value if isinstance(value, list) else [value]))
    return max((each for each in listed if _number(each)), default=0)


def _parts_within(config: Mapping[str, Any]) -> bool:
    return any(isinstance(config.get(name), dict) for name in _PARTS)


def _is_off(config: Mapping[str, Any]) -> bool:
    return config.get("is_moe") is False or config.get("enable_moe_block") is False


def _may_have_experts(part: _Part) -> bool:
    """Tell whether a part seems to count experts in a way that isn't known here."""
    config = part.config
    if _is_off(config) or any(name in config for name in _COUNTS):
        return False
    return any(
        _number(value)
        and value > 1
        and _COUNTING.fullmatch(name)
        and not _NOT_COUNTING.fullmatch(name)
        for name, value in config.items()
    )
