"""
Which parameters of a model belong to experts, and whose layers they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.training.wrapped import is_a

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN: Final = "deepspeed_experts"
"The list in which DeepSpeed's own layers hold their experts."
_LISTS: Final = frozenset({"experts", "local_experts"})
"What transformers' models call theirs, as lists before 5.0 and as one module of fused weights since."
_FUSED: Final = "Experts"
"How the class of fused experts is named at the end, whatever the attribute: GraniteMoeParallelExperts."
_AUTO: Final = "AutoEPMoELayer"
"What DeepSpeed 0.19.2 and newer put in the place of transformers' layers, if asked to."


class Expert(NamedTuple):
    """
    One parameter of an expert.
    """

    name: str
    parameter: Any

    def trained(self) -> bool:
        """
        Tell whether it gets a gradient.
        """
        return bool(self.parameter.requires_grad)

    def marked(self) -> bool:
        """
        Tell whether DeepSpeed takes it for one of an expert.
        """
        return is_marked(self.parameter)


class Layers(NamedTuple):
    """
    The expert layers of a model.
    """

    kind: str
    "deepspeed: its own | autoep: DeepSpeed's in the place of transformers' | transformers | absent"
    experts: tuple[Expert, ...]
    native: tuple[str, ...]
    "Names of the layers that are DeepSpeed's own."


def is_marked(parameter: Any) -> bool:
    """
    Tell whether a parameter is one of an expert by DeepSpeed's rule: `allreduce` is there and false.
    """
    return not getattr(parameter, "allreduce", True)


def layers(model: Any) -> Layers:
    """
    Find the expert layers of a model.
    """
    modules = list(_modules(model))
    native = tuple(name for name, each in modules if is_a(each, "MoE", "deepspeed.moe"))
    named = list(model.named_parameters())
    own = tuple(Expert(name, each) for name, each in named if _OWN in name.split("."))
    if own or native:
        return Layers("deepspeed", own, native)
    if any(is_a(each, _AUTO) for _, each in modules):
        marked = tuple(Expert(name, each) for name, each in named if is_marked(each))
        return Layers("autoep", marked, ())
    fused = {name for name, each in modules if type(each).__name__.endswith(_FUSED) and name}
    theirs = tuple(Expert(name, each) for name, each in named if _is_theirs(name, fused))
    return Layers("transformers" if theirs else "absent", theirs, ())


def _modules(model: Any) -> Iterator[tuple[str, Any]]:
    named = getattr(model, "named_modules", None)
    return iter(named()) if named is not None else iter(())


def _is_theirs(name: str, fused: set[str]) -> bool:
    parts = name.split(".")
    if not _LISTS.isdisjoint(parts[:-1]):
        return True
    return any(".".join(parts[:end]) in fused for end in range(1, len(parts)))
