"""
What is inside the wrappers of a model and of an optimizer, told by their classes' names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_INNER: Final = {
    "DataParallel": "module",
    "DeepSpeedEngine": "module",
    "DistributedDataParallel": "module",
    "FullyShardedDataParallel": "module",
    "OptimizedModule": "_orig_mod",
}
"The attribute that holds what a class wraps."
_ENGINE: Final = "DeepSpeedEngine"
_PLACEHOLDER: Final = "DummyOptim"
"accelerate's: DeepSpeed builds the optimizer, from its configuration."
_HALF: Final = ("bit16_groups", "bf16_groups", "fp16_groups")
"Where DeepSpeed's optimizers keep the parameters for which `param_groups` holds flat copies."


class Group(NamedTuple):
    """
    One group of an optimizer's parameters.
    """

    number: int
    "Its place in the list, from 0."
    params: tuple[Any, ...]
    moe: bool
    name: str | None


class Optimizer(NamedTuple):
    """
    What is known of an optimizer.
    """

    groups: tuple[Group, ...]
    "Those that hold parameters: DeepSpeed drops the others."
    placeholder: bool
    "It stands for one that DeepSpeed will build."
    paired: bool
    "False: the groups' own keys aren't known, only which parameters are in one."


def is_a(thing: object, name: str, module: str = "") -> bool:
    """
    Tell whether something is of a class with a name, or of one derived from it.

    Args:
        thing: Anything.
        name: The class's own name.
        module: What the name of its module begins with.
    """
    return any(
        each.__name__ == name and each.__module__.startswith(module) for each in type(thing).__mro__
    )


def models(model: Any) -> Iterator[Any]:
    """
    Yield a model and what it wraps, from the outside in.
    """
    while True:
        yield model
        inner = next((inner for name, inner in _INNER.items() if is_a(model, name)), None)
        if inner is None:
            return
        model = getattr(model, inner)


def stage(model: Any, optimizer: Any) -> int | None:
    """
    Return the ZeRO stage of a model that DeepSpeed has taken over; `None`: it hasn't.
    """
    for each in models(model):
        if is_a(each, _ENGINE):
            return int(each.zero_optimization_stage())
    for each in optimizers(optimizer):
        if is_a(each, "DeepSpeedZeroOptimizer_Stage3"):
            return 3
        if is_a(each, "DeepSpeedZeroOptimizer"):
            return 2 if getattr(each, "partition_gradients", True) else 1
    return None


def optimizers(optimizer: Any) -> list[Any]:
    """
    Return an optimizer and what it wraps, from the outside in.
    """
    found: list[Any] = []
    while optimizer is not None and not any(optimizer is each for each in found):
        found.append(optimizer)
        optimizer = getattr(optimizer, "optimizer", None)
    return found


def groups(model: Any, optimizer: Any) -> Optimizer | None:
    """
    Return the groups of an optimizer, or of the list that one will be made of; `None`: there is none.
    """
    if optimizer is None:
        engine = next((each for each in models(model) if is_a(each, _ENGINE)), None)
        optimizer = getattr(engine, "optimizer", None)
        if optimizer is None:
            return None
    if isinstance(optimizer, (list, tuple)):
        return Optimizer(tuple(_groups(optimizer)), placeholder=False, paired=True)
    chain = optimizers(optimizer)
    for each in chain:
        for name in _HALF:
            half = getattr(each, name, None)
            if half:
                return _halves(half, each)
    for each in chain:
        if is_a(each, _PLACEHOLDER):
            params = list(getattr(each, "params", None) or ())
            return Optimizer(tuple(_groups(params)), placeholder=True, paired=True)
    for each in chain:
        own = getattr(each, "param_groups", None)
        if own is not None:
            return Optimizer(tuple(_groups(own)), placeholder=False, paired=True)
    raise TypeError(f"{type(optimizer).__name__} is no optimizer: it has no param_groups")


def _halves(half: Iterable[Iterable[Any]], optimizer: Any) -> Optimizer:
    """Pair DeepSpeed's own lists of parameters with the keys of the groups that they belong to."""
    listed = [tuple(params) for params in half]
    own: list[Mapping[str, Any]] = list(getattr(optimizer, "param_groups", ()))
    paired = len(own) == len(listed) and not is_a(optimizer, "DeepSpeedZeroOptimizer_Stage3")
    found = [
        _group(index, params, own[index] if paired else {})
        for index, params in enumerate(listed)
        if params
    ]
    return Optimizer(tuple(found), placeholder=False, paired=paired)


def _groups(listed: Iterable[Any]) -> Iterator[Group]:
    """Yield groups, of dicts or of bare parameters."""
    bare = []
    for index, each in enumerate(listed):
        if not isinstance(each, dict):
            bare.append(each)
        elif params := tuple(_params(each["params"])):
            yield _group(index, params, each)
    if bare:
        yield _group(0, tuple(bare), {})


def _params(params: Any) -> Iterator[Any]:
    """Yield the parameters of a group: one, several, or pairs of name and parameter."""
    if hasattr(params, "__next__"):
        raise TypeError(
            "the parameters of a group are a generator, which can be read only once: make a list"
        )
    several = params if isinstance(params, (list, tuple)) else [params]
    for each in several:
        yield each[1] if isinstance(each, tuple) else each


def _group(index: int, params: tuple[Any, ...], keys: Mapping[str, Any]) -> Group:
    name = keys.get("name")
    return Group(index, params, bool(keys.get("moe")), None if name is None else str(name))
