"""
What a program's arguments say about the DeepSpeed configuration: transformers' TrainingArguments.

The Trainer puts its arguments in the place of every "auto" that it has a value for, and stops where a value
of the file is another one. The same keys in all releases from 4.28 on, but for amp, which 5 has no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.launch.sizes import Count, count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.launch.expand import Text
    from envcheck.launch.launches import Launch

TRAINER: Final = "transformers"
MICRO: Final = "train_micro_batch_size_per_gpu"
STEPS: Final = "gradient_accumulation_steps"
TRAIN: Final = "train_batch_size"
_PER_DEVICE: Final = "per_device_train_batch_size"

_NUMBERS: Final = (
    (MICRO, _PER_DEVICE),
    (STEPS, "gradient_accumulation_steps"),
    ("gradient_clipping", "max_grad_norm"),
    ("optimizer.params.lr", "learning_rate"),
    ("optimizer.params.eps", "adam_epsilon"),
    ("optimizer.params.weight_decay", "weight_decay"),
    ("scheduler.params.warmup_max_lr", "learning_rate"),
    ("scheduler.params.warmup_num_steps", "warmup_steps"),
    ("scheduler.params.total_num_steps", "max_steps"),
)
_FROM_ONE: Final = frozenset(["warmup_steps", "max_steps"])
"Below 1 they mean that another argument counts."
_BACKENDS: Final = ("half_precision_backend", "fp16_backend")
"With apex --fp16 isn't DeepSpeed's fp16."
_PARALLEL: Final = (
    "parallelism_config",
    *("sequence_parallel_size", "sequence_parallel_degree", "sp_size", "sp", "ulysses_degree"),
    *("tensor_parallel_size", "tensor_model_parallel_size", "model_parallel_size", "tp_size", "tp"),
    *(
        "pipeline_parallel_size",
        "pipeline_model_parallel_size",
        "pipe_parallel_size",
        "pp_size",
        "pp",
    ),
    *("context_parallel_size", "cp_size", "cp", "ring_attn_size"),
)
"Options by which projects have several processes work on the same samples."
_TRUE: Final = frozenset(["", "true", "t", "yes", "y", "1"])
_FALSE: Final = frozenset(["false", "f", "no", "n", "0"])
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


class Said(NamedTuple):
    """
    What the command line, or a trainer's YAML, says of one setting.
    """

    path: str
    value: Any
    argument: str
    "As it is written there: `--learning_rate 2e-5`, `learning_rate: 2e-5`."
    sure: bool
    "False: a variable may be set where the script is started, or a later word may say otherwise."


def is_trainer(launch: Launch) -> bool:
    """
    Tell whether the program reads TrainingArguments with a DeepSpeed configuration.
    """
    deepspeed = launch.arguments.get("deepspeed")
    return deepspeed is not None and bool(deepspeed.text) and _PER_DEVICE in launch.arguments


def divided(launch: Launch) -> bool:
    """
    Tell whether some of the processes may work on the same part of a batch.
    """
    return any(name in launch.arguments for name in _PARALLEL)


def said(launch: Launch, total: Count) -> Iterator[Said]:
    """
    Yield what a command line says of settings; what it doesn't name a program may set by itself.

    Args:
        launch: A command that starts the Trainer.
        total: Processes.
    """
    arguments = launch.arguments
    for path, name in _NUMBERS:
        number = _number(arguments.get(name))
        if number is not None and not (name in _FROM_ONE and number < 1):
            text = arguments[name]
            yield Said(path, number, _written(launch, name, text.text), text.sure and launch.whole)
    micro, steps = count(arguments.get(_PER_DEVICE)), count(arguments.get(STEPS))
    if micro.value and steps.value and total.value:
        batch = micro.times(steps).times(total)
        words = f"{micro.value} each × {steps.value} accumulated × {total.value} processes"
        if "auto_find_batch_size" not in arguments and not divided(launch):
            yield Said(TRAIN, batch.value, words, batch.sure and launch.whole)
    one, other = _number(arguments.get("adam_beta1")), _number(arguments.get("adam_beta2"))
    if one is not None and other is not None:
        words = f"{_written(launch, 'adam_beta1', one)} {_written(launch, 'adam_beta2', other)}"
        yield Said("optimizer.params.betas", [one, other], words, launch.whole)
    yield from _precision(launch)


def _written(launch: Launch, name: str, value: object) -> str:
    """Return an argument as it is written: on a command line, or in YAML."""
    return f"{name}: {value}" if launch.launcher == "yaml" else f"--{name} {value}".rstrip()


def _precision(launch: Launch) -> Iterator[Said]:
    given = {name: switch(launch.arguments.get(name)) for name in ("fp16", "bf16")}
    for name, other in (("fp16", "bf16"), ("bf16", "fp16")):
        sure = launch.whole and all(
            launch.arguments[each].sure for each in given if each in launch.arguments
        )
        if any(each in launch.arguments for each in (f"{name}_full_eval", *_BACKENDS)):
            continue
        if name in launch.arguments and given[name] is not None:
            word = launch.arguments[name].text
            yield Said(f"{name}.enabled", given[name], _written(launch, name, word), sure)
        elif given[other] is True and name not in launch.arguments:
            # Nobody sets both: one that is on says that the other one is off.
            word = launch.arguments[other].text
            yield Said(f"{name}.enabled", False, _written(launch, other, word), sure)


def experts(launch: Launch | None) -> dict[str, Any]:
    """
    Return the `moe` section that MoE-LLaVA and its kin make of their arguments; empty: none, or not known.
    """
    if launch is None or not switch(launch.arguments.get("moe_enable")):
        return {}
    numbers = {name: _number(launch.arguments.get(name)) for name in ("ep_size", "top_k_experts")}
    return {"moe_enable": True, **{name: each for name, each in numbers.items() if each}}


def switch(text: Text | None) -> bool | None:
    """
    Return what a switch is set to, `--bf16` or `--bf16 True`; `None`: not known.
    """
    if text is None or text.known is None:
        return None
    word = text.known.lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _number(text: Text | None) -> float | None:
    known = text.known.strip() if text is not None and text.known is not None else ""
    if not _NUMBER.fullmatch(known):
        return None
    value = float(known)
    return int(value) if value.is_integer() and known.lstrip("+-").isdigit() else value


def look_up(config: Mapping[str, Any], path: str) -> Any:
    """
    Return a setting; `None`: it isn't there.
    """
    value: Any = config
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def contradictions(config: Mapping[str, Any], facts: list[Said]) -> Iterator[tuple[Said, Any]]:
    """
    Yield what the configuration says otherwise, with its value.
    """
    for fact in facts:
        value = look_up(config, fact.path)
        if value is not None and value not in ("auto", fact.value):
            yield fact, value


def filled(config: Mapping[str, Any], facts: list[Said]) -> dict[str, Any]:
    """
    Return the configuration with what is certain in the place of "auto".
    """
    result: dict[str, Any] = _copied(config)
    for fact in facts:
        if fact.sure and look_up(config, fact.path) == "auto":
            *parents, name = fact.path.split(".")
            inside = result
            for parent in parents:
                inside = inside[parent]
            inside[name] = fact.value
    return result


def _copied(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _copied(value) if isinstance(value, dict) else value for key, value in config.items()
    }
