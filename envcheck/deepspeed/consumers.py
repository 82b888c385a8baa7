"""
Who reads the configuration before DeepSpeed does, and what becomes of "auto" on the way.

transformers' Trainer and accelerate put values in the place of the word where they know one; what is left
of it accelerate refuses, and DeepSpeed by itself takes for nothing in some places and for a text in others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.deepspeed.flaws import REMOVE, Flaw
from envcheck.deepspeed.values import FILLED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

TRAINER: Final = "transformers"
ACCELERATE: Final = "accelerate"
ALONE: Final = "deepspeed"

_SIZES: Final = frozenset(
    f"zero_optimization.{name}"
    for name in (
        "reduce_bucket_size",
        "stage3_prefetch_bucket_size",
        "stage3_param_persistence_threshold",
    )
)
_BATCH: Final = frozenset(
    ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps")
)
_BY_ACCELERATE: Final = (
    _SIZES
    | _BATCH
    | {
        "gradient_clipping",
        "fp16.enabled",
        "bf16.enabled",
        "zero_optimization.stage3_gather_16bit_weights_on_model_save",
        "zero_optimization.stage",
        "zero_optimization.offload_optimizer.device",
        "zero_optimization.offload_optimizer.nvme_path",
        "zero_optimization.offload_param.device",
        "zero_optimization.offload_param.nvme_path",
        "optimizer.params.lr",
        "optimizer.params.weight_decay",
        "scheduler.params.warmup_min_lr",
        "scheduler.params.warmup_max_lr",
        "scheduler.params.warmup_num_steps",
        "scheduler.params.total_num_steps",
    }
)
_BY_TRAINER: Final = _BY_ACCELERATE | {
    "optimizer.params.betas",
    "optimizer.params.eps",
    "amp.enabled",
    "amp.opt_level",
}
_FILLED: Final = {TRAINER: _BY_TRAINER, ACCELERATE: _BY_ACCELERATE, ALONE: frozenset[str]()}
_NAMES: Final = {TRAINER: "transformers' Trainer", ACCELERATE: "accelerate"}
_OWN: Final = ("zero_optimization.zenflow.", "pipeline.", "expert_parallel.", "data_types.")
"Where DeepSpeed itself has a meaning for the word."


class Reader(NamedTuple):
    """
    Who reads the configuration first.
    """

    name: str
    "transformers | accelerate | deepspeed (nobody else)"
    sure: bool
    "Whether that is known, or only likely."


def reader(
    config: Mapping[str, Any], named: str | None, installed: Collection[str], *, complete: bool
) -> Reader:
    """
    Tell who reads a configuration first.

    Args:
        named: What the user says.
        installed: Names of packages.
        complete: A package that isn't there isn't installed.
    """
    if named is not None:
        return Reader(named, sure=True)
    fillable = any(config.get(key) == "auto" for key in _BATCH)
    for name in (TRAINER, ACCELERATE):
        if name in installed:
            # With "auto" for a batch size there is no other way; without, it may be DeepSpeed alone.
            return Reader(name, sure=fillable)
    if complete:
        return Reader(ALONE, sure=True)
    return Reader(ALONE if filled(config, TRAINER) == config else TRAINER, sure=False)


def handed_on(config: Mapping[str, Any], who: Reader) -> dict[str, Any]:
    """
    Return a configuration as DeepSpeed gets to see it; what was filled in is marked.
    """
    result = filled(config, who.name)
    if who.name != ALONE and who.sure:
        result.setdefault("gradient_accumulation_steps", 1)  # accelerate does
    return result


def filled(config: Mapping[str, Any], by: str, path: str = "") -> dict[str, Any]:
    """
    Return a configuration in which every "auto" that a reader fills in is marked as filled.
    """
    result: dict[str, Any] = {}
    for name, value in config.items():
        where = f"{path}{name}"
        if isinstance(value, dict):
            result[name] = filled(value, by, f"{where}.")
        else:
            result[name] = FILLED if value == "auto" and where in _FILLED[by] else value
    return result


def flaws(config: Mapping[str, Any], who: Reader) -> Iterator[Flaw]:
    """
    Yield what goes wrong before DeepSpeed sees anything.
    """
    if who.name == ALONE:
        return
    for where in _left(config, who.name):
        yield _unfilled(where, who)
    if "zero_optimization" not in config and who.sure:
        yield Flaw(
            "no-zero-section",
            "zero_optimization",
            "warning",
            f"{_NAMES[who.name]} refuses a configuration without zero_optimization",
            why="accelerate stops without it, even where ZeRO isn't wanted.",
            fix=(("zero_optimization", {"stage": 0}),),
        )


def alone(config: Mapping[str, Any], who: Reader) -> Iterator[Flaw]:
    """
    Yield a word of doubt where somebody has to fill in "auto", and it isn't known that anybody does.
    """
    words = sorted(key for key in _BATCH if config.get(key) == "auto")
    if words and who.name != ALONE and not who.sure:
        yield Flaw(
            "auto",
            words[0],
            "warning",
            f'"auto" for {" and ".join(words)} is refused unless a trainer fills it in',
            why="transformers' Trainer and accelerate do; neither is in the list of packages.",
            verify="Is the configuration handed to Trainer or accelerate? (Give --reader.)",
        )


def doubted(flaw: Flaw, who: Reader) -> Flaw:
    """
    Return a flaw as it counts where it isn't known that the file goes to its reader as it is.

    Programs of their own (Megatron's arguments, a training script) often put the batch size in; and what
    people show of a file often ends before it.
    """
    if flaw.what != "no-batch-size" or who.sure:
        return flaw
    return flaw._replace(
        severity="warning",
        verify="Does the program put the batch size into the configuration? (If not, give --reader.)",
    )


def _unfilled(where: str, who: Reader) -> Flaw:
    return Flaw(
        "auto-not-filled",
        where,
        "warning",
        f'{_NAMES[who.name]} doesn\'t fill in {where}, which is "auto"',
        why='accelerate, through which the configuration goes, stops at an "auto" that it has no value for.',
        fix=((where, REMOVE),),
    )


def _left(config: Mapping[str, Any], by: str, path: str = "") -> Iterator[str]:
    for name, value in config.items():
        where = f"{path}{name}"
        if isinstance(value, dict):
            yield from _left(value, by, f"{where}.")
        elif value == "auto" and where not in _FILLED[by] and not where.startswith(_OWN):
            yield where
