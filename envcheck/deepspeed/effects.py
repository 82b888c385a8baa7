"""
What a configuration leaves without effect, and what fails only when the optimizer or the scheduler is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.deepspeed.batch import MICRO, STEPS, TRAIN, derived
from envcheck.deepspeed.flaws import REMOVE, Flaw, quoted
from envcheck.deepspeed.settings import UNSET
from envcheck.deepspeed.unknown import meant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.deepspeed.settings import Settings

_ZERO: Final = "zero_optimization"
_OPTIMIZERS: Final = {
    "adam": "", "adamw": "", "lamb": "", "adagrad": "", "onebitadam": "", "onebitlamb": "", "zerooneadam": "",
    "muadam": "0.10.2", "muadamw": "0.10.2", "musgd": "0.10.2", "lion": "0.11.0", "muon": "0.17.6",
}  # fmt: skip
"DeepSpeed's own, with the release that brought them; other names are classes of torch.optim."
_FOR_ZERO: Final = {"adam": "", "adamw": "", "adagrad": "0.9.2", "lion": "0.11.0", "muon": "0.17.6"}
_TORCH: Final = (
    "Adadelta",
    "Adamax",
    "ASGD",
    "LBFGS",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "SparseAdam",
    "Adafactor",
)
_SCHEDULERS: Final = {
    "LRRangeTest": (), "OneCycle": ("cycle_min_lr", "cycle_max_lr"), "WarmupLR": (),
    "WarmupDecayLR": ("total_num_steps",), "WarmupCosineLR": ("total_num_steps",),
}  # fmt: skip
"DeepSpeed's own, with what they can't do without; other names are classes of torch.optim.lr_scheduler."


def flaws(settings: Settings, world_size: int | None) -> Iterator[Flaw]:
    """
    Yield what does nothing, and what fails later.
    """
    yield from _idle(settings)
    yield from _optimizer(settings)
    yield from _scheduler(settings)
    yield from _derived(settings, world_size)


def direct_storage(settings: Settings, cuda: str | None) -> Iterator[Flaw]:
    """
    Yield a flaw where GPUDirect Storage is asked of a torch without CUDA (`cuda` is empty).
    """
    path = "aio.use_gds"
    if cuda == "" and settings.grammar.at_least("0.15.0") and settings.on(path):
        yield Flaw(
            "contradiction",
            path,
            "error",
            f"{path} needs CUDA, and torch is built without it",
            fix=((path, REMOVE),),
        )


def _idle(settings: Settings) -> Iterator[Flaw]:
    """Yield the keys that do nothing at the stage; all in one, since most files have some."""
    stage = settings.stage()
    about = settings.grammar.section(_ZERO)
    section = settings.section(_ZERO)
    if stage is None or about is None or not section:
        return
    idle = []
    for name, value in section.items():
        form = about.forms.get(name)
        off = value in (None, False, "auto") or (
            isinstance(value, dict) and value.get("device", "") == "none"
        )
        if form is not None and form.stages and stage not in form.stages and not off:
            idle.append(name)
    if idle:
        yield Flaw(
            "no-effect",
            _ZERO,
            "info",
            f"at stage {stage} nothing comes of {', '.join(sorted(idle))}",
            silent=True,
            fix=tuple((f"{_ZERO}.{name}", REMOVE) for name in sorted(idle)),
        )


def _optimizer(settings: Settings) -> Iterator[Flaw]:
    name = settings.get("optimizer.type")
    if not isinstance(name, str):
        return
    known = [each for each, since in _OPTIMIZERS.items() if settings.grammar.at_least(since)]
    lower = name.lower()
    if lower not in known and name not in _TORCH:
        near = meant(lower, known) or meant(name, _TORCH)
        yield Flaw(
            "optimizer",
            "optimizer.type",
            "warning",
            f"optimizer.type {quoted(name)} is none of DeepSpeed's optimizers",
            why=(f"Did you mean {near}? " if near else "")
            + "Other names are looked up in torch.optim.",
            fix=(("optimizer.type", near),) if near else (),
        )
    elif settings.stage() and not _tested(settings, lower):
        yield Flaw(
            "untested-optimizer",
            "zero_allow_untested_optimizer",
            "warning",
            f"ZeRO refuses the optimizer {name} unless zero_allow_untested_optimizer is true",
            why="Only Adam-like optimizers are known to it.",
            fix=(("zero_allow_untested_optimizer", True),),
        )


def _tested(settings: Settings, name: str) -> bool:
    one_bit = "onebit" in name or name == "zerooneadam"  # refused with ZeRO whatever is allowed
    since = _FOR_ZERO.get(name)
    supported = since is not None and settings.grammar.at_least(since)
    return supported or one_bit or settings.on("zero_allow_untested_optimizer") is not False


def _scheduler(settings: Settings) -> Iterator[Flaw]:
    name = settings.get("scheduler.type")
    if not isinstance(name, str):
        return
    if name not in _SCHEDULERS:
        near = meant(name, _SCHEDULERS)
        if near:
            yield Flaw(
                "scheduler",
                "scheduler.type",
                "warning",
                f"scheduler.type {quoted(name)} is none of DeepSpeed's schedulers",
                why=f"Did you mean {near}? Other names are looked up in torch.optim.lr_scheduler.",
                fix=(("scheduler.type", near),),
            )
        return
    for key in _SCHEDULERS[name]:
        if settings.get(f"scheduler.params.{key}") is UNSET:
            yield Flaw(
                "scheduler",
                f"scheduler.params.{key}",
                "warning",
                f"{name} can't be built without scheduler.params.{key}",
                why="It fails after the configuration is read, when the scheduler is made.",
            )


def _derived(settings: Settings, world_size: int | None) -> Iterator[Flaw]:
    """Say what DeepSpeed makes of batch sizes that aren't given."""
    sizes = [settings.get(key) for key in (TRAIN, MICRO, STEPS)]
    given = [None if size is UNSET else size for size in sizes]
    plain = all(size is None or (isinstance(size, int) and size > 0) for size in given)
    if world_size is None or not plain or given[:2] == [None, None] or None not in given:
        return
    train, micro, steps = derived(given[0], given[1], given[2], world_size)
    if train == micro * steps * world_size:
        yield Flaw(
            "derived",
            TRAIN,
            "info",
            f"the batch is {train}: {micro} each × {steps} accumulated × {world_size} processes",
        )
