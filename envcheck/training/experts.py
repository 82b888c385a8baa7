"""
Whether every expert parameter is trained, marked, and in a group that DeepSpeed takes for one of experts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.errors import TrainingError
from envcheck.training import wrapped
from envcheck.training.groups import UNMARKED, names_of, of_optimizer
from envcheck.training.layers import layers
from envcheck.training.problem import Problem, Result, do

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from envcheck.training.layers import Expert, Layers

STAGE_3: Final = "deepspeed/moe-zero3"


class _Found(NamedTuple):
    kind: str
    """deepspeed: its own expert layers | autoep: those that DeepSpeed put in the place of transformers' |
    transformers: plain modules to DeepSpeed, which need no marks | absent: no expert layers"""
    stage: int | None
    "Of ZeRO; `None`: not known, then stage 1 or 2 is assumed."
    experts: int
    "Parameters of experts."
    trained: int
    "Those of them that get a gradient."
    problems: tuple[Problem, ...]
    "In the order in which to solve them."


class ParamGroups(_Found, Result):
    """
    What `check_param_groups` found; true if there is no error among its problems.
    """

    __slots__ = ()

    def summary(self) -> str:
        """
        Say which layers there are, and how many of their parameters are trained.
        """
        stage = "unknown ZeRO stage" if self.stage is None else f"ZeRO stage {self.stage}"
        whose = {
            "deepspeed": "DeepSpeed's own expert layers",
            "autoep": "AutoEP's expert layers",
            "transformers": "transformers' expert layers",
        }.get(self.kind, "no expert layers")
        counts = f", {self.trained} of {self.experts} expert parameters trained"
        return f"{whose}{counts if self.experts else ''}, {stage}"


def check_param_groups(
    model: Any,
    optimizer: Any = None,
    *,
    deepspeed_config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    stage: int | None = None,
    raise_: bool = False,
) -> ParamGroups:
    """
    Check that every expert parameter is trained, marked, and in a group with `moe` and its `name`.

    Call it before `deepspeed.initialize` (or the Trainer's `train`), which refuse some of this with an
    assertion and say nothing of the rest; afterwards it works too. Nothing is changed.

    Args:
        model: Anything with `named_parameters()` and `named_modules()`; DeepSpeed's engine, PyTorch's and
            accelerate's wrappers are looked through.
        optimizer: An optimizer, a wrapper of one, or the list of groups that one will be made of; `None`:
            only the model is checked.
        deepspeed_config: The run's configuration, for its ZeRO stage: a file or data.
        stage: The ZeRO stage itself; it counts before the configuration's and the engine's.
        raise_: Raise if the result isn't true.

    Returns:
        A value that is true if there is no error, lists the problems, and says all with `str`.

    Raises:
        TrainingError: There is an error, and `raise_` asks for it.
        SourceError: The configuration can't be read.
        TypeError: The optimizer is none.
    """
    if stage is None and deepspeed_config is not None:
        stage = _stage(deepspeed_config)
    if stage is None:
        stage = wrapped.stage(model, optimizer)
    inner = list(wrapped.models(model))[-1]
    found = layers(inner)
    known = wrapped.groups(model, optimizer)
    problems = [*_of_model(found, stage)]
    if known is not None:
        problems += of_optimizer(found, known, stage)
    result = ParamGroups(
        kind=found.kind,
        stage=stage,
        experts=len(found.experts),
        trained=sum(each.trained() for each in found.experts),
        problems=tuple(problems),
    )
    if raise_ and not result:
        raise TrainingError(result)
    return result


def _stage(config: str | os.PathLike[str] | Mapping[str, Any]) -> int:
    import os

    if isinstance(config, (str, os.PathLike)):
        from envcheck.sources.deepspeed_config import document

        config = document(os.fspath(config)).data
    section = config.get("zero_optimization")
    if isinstance(section, bool):
        return int(section)
    value = section.get("stage", 0) if isinstance(section, dict) else 0
    return int(value) if isinstance(value, (int, float)) else 0


def _of_model(found: Layers, stage: int | None) -> Iterator[Problem]:
    own = found.kind == "deepspeed"
    if own and found.native and stage == 3:
        yield Problem(
            "native-stage-3",
            "error",
            "DeepSpeed's own expert layers can't be trained with ZeRO stage 3",
            do("native-stage-3"),
            found.native,
            refused=True,
            entry=STAGE_3,
        )
    frozen = [each for each in found.experts if not each.trained()]
    if frozen and len(frozen) == len(found.experts):
        asserted = own and stage in {None, 1, 2}
        yield Problem(
            "experts-frozen",
            "error" if own else "warning",
            "No expert parameter is trained",
            do("experts-frozen"),
            names_of(frozen),
            refused=asserted,
            entry=UNMARKED if asserted else "",
        )
    elif frozen:
        yield Problem(
            "experts-frozen",
            "warning",
            f"{len(frozen)} of {len(found.experts)} expert parameters are not trained",
            "Fine if adapters or a filter are meant to leave them as they are.",
            names_of(frozen),
        )
    if not own:
        return
    bare = [each for each in found.experts if each.trained() and not _whole(each)]
    if bare:
        yield Problem(
            "experts-unmarked",
            "error",
            "Expert parameters have lost their marks, or never had them: DeepSpeed takes them for dense",
            do("experts-unmarked"),
            names_of(bare),
        )


def _whole(expert: Expert) -> bool:
    return expert.marked() and getattr(expert.parameter, "group_name", None) is not None
