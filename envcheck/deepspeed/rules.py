"""
What a release refuses in the combination of several keys, each of which is in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.flaws import REMOVE, Flaw, quoted
from envcheck.deepspeed.settings import UNSET, bf16_section
from envcheck.deepspeed.values import FILLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envcheck.deepspeed.settings import Settings

_FP16: Final = "fp16.fp16_master_weights_and_grads"


def flaws(settings: Settings) -> Iterator[Flaw]:
    """
    Yield the contradictions for which the release stops when it reads the configuration.
    """
    for rule in _RULES:
        yield from rule(settings)


def _precision(settings: Settings) -> Iterator[Flaw]:
    both = settings.on("fp16.enabled") and bf16(settings)
    if both:
        yield Flaw(
            "fp16-and-bf16",
            "fp16.enabled",
            "error",
            "fp16 and bf16 are both enabled",
            why="Only one of them can be: bf16 where the GPUs have it, fp16 elsewhere.",
            fix=(("fp16.enabled", False),),
        )


def bf16(settings: Settings) -> bool | None:
    """
    Tell whether bf16 is on; the section has an older name, which only counts where the newer isn't there.
    """
    return settings.on(f"{bf16_section(settings.config, settings.grammar)}.enabled")


def _master_weights(settings: Settings) -> Iterator[Flaw]:
    stage = settings.stage()
    if stage is None:
        return
    is_model = settings.grammar.at_least("0.17.1")
    wanted = (1, 2, 3) if settings.grammar.at_least("0.18.3") else (2,)
    if settings.on(_FP16) and stage not in wanted and (is_model or settings.on("fp16.enabled")):
        yield _needs_stage(_FP16, wanted, stage)
    if not settings.grammar.at_least("0.18.3"):
        return
    section = bf16_section(settings.config, settings.grammar)
    master, states = f"{section}.bf16_master_weights_and_grads", f"{section}.bf16_optimizer_states"
    for path in (master, states):
        if settings.on(path) and stage not in wanted:
            yield _needs_stage(path, wanted, stage)
    if settings.on(states) and settings.on(master) is False:
        yield Flaw(
            "contradiction",
            states,
            "error",
            f"{states} needs bf16_master_weights_and_grads",
            fix=((master, True),),
        )


def _needs_stage(path: str, wanted: tuple[int, ...], stage: int) -> Flaw:
    stages = " or ".join(map(str, wanted))
    return Flaw(
        "contradiction",
        path,
        "error",
        f"{path} needs ZeRO stage {stages}, but the stage is {stage}",
        fix=((path, REMOVE),),
    )


def _ratio(settings: Settings) -> Iterator[Flaw]:
    path = "zero_optimization.offload_optimizer.ratio"
    ratio = settings.number(path, 1.0)
    if (
        settings.grammar.rules == 2
        and ratio is not None
        and ratio < 1
        and settings.stage() not in (3, None)
    ):
        yield Flaw(
            "contradiction",
            path,
            "error",
            f"{path} is below 1, which needs ZeRO stage 3",
            why="A part of the optimizer can be offloaded only at stage 3.",
            fix=((path, REMOVE),),
        )


def _grad_norm(settings: Settings) -> Iterator[Flaw]:
    path = "zero_optimization.compute_grad_norm"
    at = settings.grammar.at_least("0.19.7")
    if at and settings.on(path, default=True) is False and settings.stage() not in (1, 2, None):
        yield _needs_stage(path, (1, 2), settings.stage() or 0)


def _sum(settings: Settings) -> Iterator[Flaw]:
    value = settings.get("gradient_allreduce_op")
    if (
        not settings.grammar.at_least("0.19.6")
        or not isinstance(value, str)
        or value.lower() != "sum"
    ):
        return
    for hit, what in (
        (settings.stage() == 3, "ZeRO stage 3"),
        (settings.section("zero_optimization.zenflow") is not None, "ZenFlow"),
        (settings.on("compile.deepcompile"), "DeepCompile"),
    ):
        if hit:
            yield Flaw(
                "contradiction",
                "gradient_allreduce_op",
                "error",
                f'gradient_allreduce_op is "sum", which {what} doesn\'t have',
                fix=(("gradient_allreduce_op", REMOVE),),
            )


def _scale(settings: Settings) -> Iterator[Flaw]:
    dynamic = settings.on("fp16.enabled") and settings.number("fp16.loss_scale", 0) == 0
    if not dynamic or not settings.grammar.at_least("0.19.3"):
        return
    for name, usual in (("loss_scale_window", 1000), ("min_loss_scale", 1)):
        value = settings.number(f"fp16.{name}", usual)
        if value is not None and value < 1:
            yield Flaw(
                "wrong-value",
                f"fp16.{name}",
                "error",
                f"fp16.{name} is {quoted(settings.get(f'fp16.{name}'))}, but it has to be above 0",
                why="The loss scale is dynamic (loss_scale is 0), and this is a part of how it moves.",
                fix=((f"fp16.{name}", usual),),
            )


_REPLACED: Final = (
    ("cpu_offload", "offload_optimizer"),
    ("cpu_offload_param", "offload_param"),
    ("stage3_gather_fp16_weights_on_model_save", "stage3_gather_16bit_weights_on_model_save"),
)


def _replaced(settings: Settings) -> Iterator[Flaw]:
    for old, new in _REPLACED:
        where = f"zero_optimization.{old}"
        value = settings.get(where)
        if value is UNSET:
            continue
        if settings.given(f"zero_optimization.{new}"):
            yield Flaw(
                "contradiction",
                where,
                "error",
                f"{where} and {new} are given together",
                why="The first is the old name of the second, and only one of the two may be there.",
                fix=((where, REMOVE),),
            )
        else:
            on = settings.on(where)
            instead: Any = {"device": "cpu"} if new.startswith("offload") else value
            yield Flaw(
                "deprecated-key",
                where,
                "info",
                f"{where} is deprecated; its name is {new}",
                fix=((where, REMOVE), (f"zero_optimization.{new}", instead))
                if on
                else ((where, REMOVE),),
            )


def _snip(settings: Settings) -> Iterator[Flaw]:
    path = "compression_training.sparse_pruning.shared_parameters"
    shared = settings.section(path) or {}
    if shared.get("method") != "snip_momentum" or settings.grammar.past("0.19.7"):
        return
    ratio = shared.get("dense_ratio", 0.1)
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 < ratio < 1:
        yield _must(f"{path}.dense_ratio", "between 0 and 1")
    start = shared.get("schedule_offset", 1000)
    end = shared.get("schedule_offset_end", start)
    if end is not FILLED and not (
        isinstance(start, (int, float)) and isinstance(end, (int, float)) and start <= end
    ):
        yield _must(f"{path}.schedule_offset_end", "at least schedule_offset")


def _must(path: str, what: str) -> Flaw:
    return Flaw("wrong-value", path, "error", f"{path} has to be {what}")


_RULES: Final[tuple[Callable[[Settings], Iterator[Flaw]], ...]] = (
    _precision,
    _master_weights,
    _ratio,
    _grad_norm,
    _sum,
    _scale,
    _replaced,
    _snip,
)
