"""
How many parameters a language model has, by its config.json: an estimate, within some percent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


_TEXT: Final = ("text_config", "language_config", "llm_config", "llm_cfg", "thinker_config")
_UNGATED: Final = frozenset((
    "bert", "bloom", "codegen", "falcon", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "mpt", "opt",
    "persimmon", "phi", "roberta", "starcoder2", "moe_llava_phi",
))  # fmt: skip
"Types whose feed-forward layers are two matrices; all others' have a gate, which makes three."
_NAMES: Final = {
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "inner": ("intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim"),
    "words": ("vocab_size",),
    "experts": ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"),
    "expert's inner": ("moe_intermediate_size", "expert_ffn_hidden_size"),
    "shared experts": ("n_shared_experts", "moe_num_shared_experts"),
    "shared expert's inner": ("shared_expert_intermediate_size", "shared_intermediate_size"),
}
_LARGEST: Final = 1 << 31


class Size(NamedTuple):
    """
    Parameters of a model.
    """

    dense: int
    "Those that every token passes, and those outside of the layers."
    experts: int
    "Those of all the experts that a router chooses from."


def size(config: Mapping[str, Any]) -> Size | None:
    """
    Count the parameters of a language model; towers for images or sound, if it has some, don't count.

    Returns:
        `None`: the configuration doesn't say enough, or says it in words that aren't known here.
    """
    inside = next((config[name] for name in _TEXT if isinstance(config.get(name), dict)), None)
    if inside is not None and _of(config, "layers") is None:
        return size(inside)
    hidden, layers, words = (_of(config, name) for name in ("hidden", "layers", "words"))
    if not hidden or not layers or not words:
        return None
    inner = _of(config, "inner") or 4 * hidden
    matrices = 2 if config.get("model_type") in _UNGATED else 3
    counts = _counts(config, layers)
    native = isinstance(config.get("moe"), dict)
    one = hidden * (inner * matrices if native else (_of(config, "expert's inner") or inner) * 3)
    beside = (_of(config, "shared experts") or 0) * one
    beside += 3 * hidden * (_of(config, "shared expert's inner") or 0)
    dense = (
        words * hidden * (1 if config.get("tie_word_embeddings") is True else 2)
        + layers * _attention(config, hidden)
        + (layers - len(counts)) * matrices * hidden * inner
        + len(counts) * (0 if native else beside)
    )
    return Size(dense, sum(counts) * one)


def _counts(config: Mapping[str, Any], layers: int) -> list[int]:
    """Return the numbers of experts of the layers that have experts."""
    own = config.get("moe")
    if isinstance(own, dict):
        given = own.get("num_experts") if own.get("moe_enable") is True else None
        listed = given if isinstance(given, list) else [given]
        counts = [each for each in listed if each is not None and _is(each)]
        places = own.get("moe_layers_idx")
        number = len(places) if isinstance(places, list) else (layers + 1) // 2
        return (counts * number)[:number] if len(counts) == 1 else counts[:layers]
    count = _of(config, "experts") or 0
    if count < 2:
        return []
    period, offset = _at(config, "expert_layer_period"), config.get("expert_layer_offset")
    if period:
        return [count] * sum(each % period == (offset or 0) for each in range(layers))
    step = _at(config, "decoder_sparse_step") or _at(config, "moe_layer_freq") or 1
    only = config.get("mlp_only_layers")
    dense = {each for each in (only if isinstance(only, list) else ()) if isinstance(each, int)}
    dense |= set(range(min(_at(config, "first_k_dense_replace") or 0, layers)))
    return [count] * sum(each not in dense and (each + 1) % step == 0 for each in range(layers))


def _attention(config: Mapping[str, Any], hidden: int) -> int:
    """Count the parameters of one layer's attention."""
    heads = _of(config, "heads") or 1
    low = _at(config, "kv_lora_rank")
    if low:  # DeepSeek's: keys and values go through a narrow layer
        no_rope, rope, value = (
            _at(config, name) or 0
            for name in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
        )
        narrow = _at(config, "q_lora_rank")
        out = heads * (no_rope + rope)
        query = (hidden + out) * narrow if narrow else hidden * out
        pairs = hidden * (low + rope) + low * heads * (no_rope + value)
        return query + pairs + heads * value * hidden
    width = _at(config, "head_dim") or hidden // heads
    fewer = 1 if config.get("multi_query") is True else heads
    return hidden * width * 2 * (heads + (_at(config, "num_key_value_heads") or fewer))


def _of(config: Mapping[str, Any], what: str) -> int | None:
    return next((number for name in _NAMES[what] if (number := _at(config, name))), None)


def _at(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    return int(value) if _is(value) and value is not None else None


def _is(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST
