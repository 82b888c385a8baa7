"""
Stand-ins for torch's models and optimizers: what `envcheck.training` asks of them, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Parameter:
    """
    A tensor of a few numbers.
    """

    device = "cpu"

    def __init__(self, values: Iterable[float] = (1.0,), *, grad: bool = True, **more: Any) -> None:
        self.values = list(values)
        self.requires_grad = grad
        self.is_meta = False
        for name, value in more.items():
            setattr(self, name, value)

    def numel(self) -> int:
        return len(self.values)

    def detach(self) -> Parameter:
        return self

    def isfinite(self) -> Finite:
        return Finite(self.values)


class Finite:
    def __init__(self, values: list[float]) -> None:
        self.values = values

    def all(self) -> bool:
        return all(abs(value) < float("inf") for value in self.values)


class Module:
    """
    Parameters and parts, by name.
    """

    def __init__(
        self, parameters: dict[str, Parameter] | None = None, parts: dict[str, Any] | None = None
    ) -> None:
        self.own, self.parts = parameters or {}, parts or {}

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        yield from self.own.items()
        for name, part in self.parts.items():
            for inner, parameter in part.named_parameters():
                yield f"{name}.{inner}", parameter

    def named_modules(self) -> Iterator[tuple[str, Any]]:
        yield "", self
        for name, part in self.parts.items():
            for inner, module in part.named_modules():
                yield f"{name}.{inner}".rstrip("."), module

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())


def of_class(name: str, module: str = "elsewhere", base: type = Module) -> Any:
    """
    Make a class that is told by its name.
    """
    return type(name, (base,), {"__module__": module})


def nested(path: str, module: Any) -> Module:
    """
    Put a module at the end of a dotted path.
    """
    for part in reversed(path.split(".")):
        module = Module({}, {part: module})
    found: Module = module
    return found


MoE = of_class("MoE", "deepspeed.moe.layer")


def deepspeed_model(*, marked: bool = True, experts: int = 2, group: str = "ep_size_1") -> Module:
    """
    Make a model with one of DeepSpeed's own expert layers, a gate and a dense layer.
    """
    about: dict[str, Any] = {"allreduce": False, "group_name": group} if marked else {}
    each = {str(number): Module({"fc1.weight": Parameter(**about)}) for number in range(experts)}
    layer = MoE(
        {},
        {
            "deepspeed_moe": Module(
                {"gate.wg.weight": Parameter()},
                {"experts": Module({}, {"deepspeed_experts": Module({}, each)})},
            )
        },
    )
    model = nested("model.layers.0.mlp", layer)
    model.own["embed.weight"] = Parameter()
    return model


class Optimizer:
    """
    Groups of parameters.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.param_groups = groups


def split(model: Module, **keys: Any) -> Optimizer:
    """
    Make an optimizer whose groups are as DeepSpeed splits them; keys are those of the group of experts.
    """
    dense = [each for each in model.parameters() if getattr(each, "allreduce", True)]
    experts = [each for each in model.parameters() if not getattr(each, "allreduce", True)]
    marks = {"moe": True, "name": "ep_size_1", **keys}
    return Optimizer(
        [
            {"params": dense, "name": "dense"},
            {
                "params": experts,
                **{key: value for key, value in marks.items() if value is not None},
            },
        ]
    )
