"""
Which stages there are for which packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.clean import clip
from envcheck.errors import UsageError
from envcheck.trials.record import BEFORE, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TRAINER: Final = frozenset(("torch", "transformers", "accelerate"))
_ENGINE: Final = frozenset(("torch", "deepspeed"))
_NEEDED: Final = {
    "import": frozenset[str](),
    **dict.fromkeys(("arguments", "trainer", "train", "save-load"), _TRAINER),
    "peft": _TRAINER | {"peft"},
    "trl": _TRAINER | {"trl"},
}
"Without an entry: DeepSpeed's."
_BROUGHT: Final = {
    "accelerate": ("torch",),
    "deepspeed": ("torch",),
    "peft": ("torch", "transformers", "accelerate"),
    "trl": ("torch", "transformers", "accelerate"),
}
"What packages have always required."
TRIED: Final = (
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "trl",
    "deepspeed",
)
"""What stages are about: imported wherever it is installed, asked for or not."""


def read(text: str | None) -> tuple[str, ...]:
    """
    Read the names of stages; without any, all there are.

    Raises:
        UsageError: There is no such stage.
    """
    if text is None:
        return STAGES
    wanted = {each.strip() for each in text.split(",") if each.strip()}
    unknown = sorted(wanted - set(STAGES))
    if unknown or not wanted:
        raise UsageError(
            f"--stages {clip(', '.join(unknown) or text)}: no such stage; "
            f"there are {', '.join(STAGES)}"
        )
    return tuple(stage for stage in STAGES if stage in wanted or stage in BEFORE)


def applying(stages: Sequence[str], packages: Iterable[str]) -> tuple[str, ...]:
    """
    Return those of the stages for which the packages are there.

    Args:
        packages: All that are installed; or those that are asked for, which bring others along.
    """
    there = set(packages)
    for name in tuple(there):
        there.update(_BROUGHT.get(name, ()))
    return tuple(
        stage for stage in stages if stage in BEFORE or _NEEDED.get(stage, _ENGINE) <= there
    )
