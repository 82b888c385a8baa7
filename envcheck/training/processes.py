"""
What several processes have to agree about, so that none of them waits for one that has stopped.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_AVERAGED = ("loss", "grad_norm")
"Numbers of a record that may differ between processes, and decide."


def anywhere(flag: bool, model: Any) -> bool:
    """
    Tell whether a flag is set in any of the processes; every one of them has to call this.
    """
    distributed = _several()
    if distributed is None:
        return flag
    found = sys.modules["torch"].tensor([int(flag)], device=_device(distributed, model))
    distributed.all_reduce(found, op=distributed.ReduceOp.MAX)
    return bool(found.item())


def averaged(logs: Mapping[str, Any], model: Any) -> Mapping[str, Any]:
    """
    Return a record with the mean over all processes, as the Trainer logs it; NaN in one is NaN in all.

    Every process has to call this. What one doesn't have is the mean of those that have it.
    """
    distributed = _several()
    if distributed is None:
        return logs
    torch: Any = sys.modules["torch"]
    own = [_number(logs.get(key)) for key in _AVERAGED]
    sums = torch.tensor(
        [*(each or 0.0 for each in own), *(float(each is not None) for each in own)],
        dtype=torch.float32,
        device=_device(distributed, model),
    )
    distributed.all_reduce(sums)
    totals, counts = sums.tolist()[: len(own)], sums.tolist()[len(own) :]
    means = {
        key: total / count
        for key, total, count in zip(_AVERAGED, totals, counts, strict=True)
        if count
    }
    return {**logs, **means}


def is_first() -> bool:
    """
    Tell whether this process is the first of those that it joins, or alone.
    """
    distributed = _several()
    return distributed is None or distributed.get_rank() == 0


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _several() -> Any:
    """Return `torch.distributed` if this process is one of several that it joins, else nothing."""
    distributed: Any = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is None or not distributed.is_available():
        return None
    joined = distributed.is_initialized() and distributed.get_world_size() > 1
    return distributed if joined else None


def _device(distributed: Any, model: Any) -> Any:
    """Return where tensors must lie for the processes to exchange them: NCCL only takes those on its GPU."""
    parameters = getattr(model, "parameters", None)
    first = next(iter(parameters()), None) if parameters is not None else None
    if first is not None:
        return first.device
    return "cuda" if str(distributed.get_backend()) == "nccl" else "cpu"
