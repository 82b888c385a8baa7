"""
Which stages there are, what each needs, and how they build upon one another.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from . import adapters, engines, hugging
from .isolate import Node
from .order import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

TRAINER = ("torch", "transformers", "accelerate")


class Work:
    """
    What one stage leaves for the next.
    """

    def __init__(self, folder: str, packages: list[str]) -> None:
        self.folder = folder
        self.packages = packages
        self.failed: dict[str, str] = {}
        "Packages that could not be imported: their error line."
        self.arguments: Any = None
        self.trainer: Any = None

    def path(self, name: str) -> str:
        """
        A folder of this name, made.
        """
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path


def tree(stages: list[str], packages: list[str]) -> tuple[Node, ...]:
    """
    The stages that are asked for and apply, as they build upon one another.
    """
    wanted = [stage for stage in STAGES if stage in stages]

    def chain(*names: str) -> tuple[Node, ...]:
        # A stage whose predecessor isn't asked for needs it all the same: it is run for it, unreported.
        if not names:
            return ()
        return (Node(names[0], _runs[names[0]], chain(*names[1:]), _needs(*TRAINER)),)

    branches: list[Node] = []
    training = [name for name in ("arguments", "trainer", "train", "save-load") if name in wanted]
    if training and set(TRAINER) <= set(packages):
        last = STAGES.index(training[-1])
        branches += chain(*STAGES[1 : last + 1])
    if "peft" in wanted and {*TRAINER, "peft"} <= set(packages):
        branches.append(Node("peft", adapters.peft, (), _needs(*TRAINER, "peft")))
    if "trl" in wanted and {*TRAINER, "trl"} <= set(packages):
        branches.append(Node("trl", adapters.trl, (), _needs(*TRAINER, "trl")))
    if {"torch", "deepspeed"} <= set(packages):
        branches += [
            # The first of them compiles.
            Node(name, _runs[name], (), _needs("torch", "deepspeed"), patience=3.0)
            for name in wanted
            if name.startswith(("deepspeed-", "moe-"))
        ]
    return (Node("import", hugging.imports, tuple(branches)),)


def _needs(*packages: str) -> Callable[[Work], str]:
    def hindrance(work: Work) -> str:
        return "after import" if any(package in work.failed for package in packages) else ""

    return hindrance


_runs: dict[str, Callable[[Any], dict[str, Any] | None]] = {
    "arguments": hugging.arguments,
    "trainer": hugging.trainer,
    "train": hugging.train,
    "save-load": hugging.save_load,
    "moe-split": engines.moe_split,
    "moe-unsplit": engines.moe_unsplit,
    "moe-stage-3": engines.moe_stage_3,
    **{
        f"deepspeed-{stage}{'-two' if processes == 2 else ''}": partial(
            engines.zero, stage=stage, processes=processes
        )
        for stage in range(4)
        for processes in (1, 2)
    },
}
