"""
Whether the weights are still numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from envcheck.training import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator


class Weights(NamedTuple):
    """
    Which parameters hold something that is no number, as far as they lie in this process.
    """

    checked: int
    bad: tuple[str, ...]
    "Names of those with NaN or infinity in them."
    unread: int
    "Parameters that are elsewhere (another process, a disk), or of a type that can't be asked."

    def __str__(self) -> str:
        """
        Say it in one sentence.
        """
        if not self.checked:
            return "No parameter could be looked at."
        rest = f"; {self.unread} could not be looked at" if self.unread else ""
        if self.bad:
            return f"{len(self.bad)} of {self.checked} parameters are not finite{rest}."
        return f"All {self.checked} parameters are finite: the weights are still sound{rest}."


def weights(model: Any) -> Weights:
    """
    Look at every parameter of a model once; of a sharded one, at this process's share.

    Nothing is gathered and no process waits for another.
    """
    checked, unread, bad = 0, 0, []
    for name, parameter in list(wrapped.models(model))[-1].named_parameters():
        found = [_finite(part) for part in _parts(parameter)]
        if None in found or not found:
            unread += 1
        else:
            checked += 1
            if not all(found):
                bad.append(name)
    return Weights(checked, tuple(bad), unread)


def _parts(parameter: Any) -> Iterator[Any]:
    """Yield what of a parameter lies in this process: ZeRO stage 3 and FSDP 2 keep a share of each."""
    if getattr(parameter, "ds_tensor", None) is not None:
        parameter = parameter.ds_tensor
    local = getattr(parameter, "to_local", None)
    if local is not None:
        parameter = local()
    if parameter.numel():
        yield parameter


def _finite(tensor: Any) -> bool | None:
    """Tell whether all of a tensor is finite; `None`: it can't be asked (no data, an odd type)."""
    if getattr(tensor, "is_meta", False):
        return None
    try:
        return bool(tensor.detach().isfinite().all())
    except (RuntimeError, NotImplementedError, TypeError):
        return None
