"""
Whether weights, gradients and optimizer states fit on the GPUs, as far as numbers that are given say so.

They are what must be there for certain; activations, buffers and other people's processes come on top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.deepspeed.fix import of, offloads

if TYPE_CHECKING:
    from envcheck.experts.size import Size
    from envcheck.model import Environment

GIB: Final = 1 << 30
_HALF, _SINGLE, _OPTIMIZER = 2, 4, 12
"Bytes of a weight or a gradient in 16 and in 32 bits; of a master copy and Adam's two moments in 32."
_FULL: Final = 0.8
"Share of a GPU's memory beyond which these leave too little for the rest."


class Need(NamedTuple):
    """
    Bytes on each GPU.
    """

    weights: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        """
        All of it.
        """
        return self.weights + self.gradients + self.optimizer

    def fits(self, memory: float) -> bool:
        """
        Tell whether it leaves room on a GPU that has so many bytes.
        """
        return self.total <= _FULL * memory


def need(
    size: Size,
    *,
    stage: int,
    processes: int,
    ep_size: int = 1,
    half: bool = True,
    offload: bool = False,
) -> Need:
    """
    Return what a GPU has to hold where all parameters are trained, with Adam.

    Args:
        size: Of the model.
        stage: Of ZeRO.
        processes: Among which DeepSpeed divides.
        ep_size: Among how many of them the experts are spread.
        half: It is trained in 16 bits, with a master copy in 32.
        offload: The optimizer is on the CPU, and at stage 2 and 3 the gradients that wait for it.
    """
    whole = size.dense + size.experts
    here = size.dense + size.experts // ep_size
    share = whole // processes
    bits = _HALF if half else _SINGLE
    gradients = share if stage >= 2 else here
    return Need(
        weights=bits * (share if stage == 3 else here),
        gradients=0 if offload and stage >= 2 else bits * gradients,
        optimizer=0 if offload else (_OPTIMIZER if half else 8) * (share if stage else here),
    )


class Room(NamedTuple):
    """
    What there is to say of the memory that a configuration needs.
    """

    lines: tuple[str, ...]
    short: bool
    "It doesn't fit, for certain or nearly."


def room(environment: Environment, size: Size | None, memory: float | None) -> Room:
    """
    Judge the configuration of an environment.

    Args:
        size: Of the model; `None`: not known.
        memory: Bytes of one GPU; `None`: not known.
    """
    settings = of(environment)
    stage, processes = settings.stage(), environment.world_size
    if stage is None:
        return Room((), short=False)
    offloaded = offloads(settings)
    if size is None or processes is None:
        missing = [
            "--model-config" if size is None else "",
            "" if processes else "--world-size N",
            "" if memory else "--gpu-memory GIB",
        ]
        ask = (
            f"memory: not judged; {_and(list(filter(None, missing)))} would say whether it is short"
        )
        more = "" if offloaded else ", --offload takes the optimizer to the CPU in any case"
        return Room((f"{ask}{more}",), short=False)
    model = environment.model or {}
    spread = model.get("ep-size", 1) if model.get("moe") == "deepspeed" else 1
    half = any(settings.on(f"{name}.enabled") is not False for name in ("fp16", "bf16", "bfloat16"))
    found = need(
        size,
        stage=stage,
        processes=processes,
        ep_size=spread,
        half=half,
        offload=offloaded,
    )
    count = (size.dense + size.experts) / 1e9
    told = (
        f"memory: about {_gib(found.total)} on each of {processes} GPUs for weights, gradients and optimizer "
        f"({count:.1f} billion parameters, all trained{', optimizer on the CPU' if offloaded else ''}); "
        "activations come on top"
    )
    if memory is None:
        more = "" if offloaded else "; --offload takes the optimizer to the CPU"
        return Room(
            (told, f"memory: --gpu-memory GIB would say whether that is too much{more}"),
            short=False,
        )
    if found.fits(memory):
        return Room((told, f"memory: fits into {_gib(memory)}"), short=False)
    return Room((told, f"memory: too much for {_gib(memory)}"), short=True)


def _and(words: list[str]) -> str:
    return ", ".join(words[:-1]) + " and " * (len(words) > 1) + words[-1] if words else ""


def _gib(count: float) -> str:
    return f"{count / GIB:.3g} GiB"
