"""
Whether the patterns of a `--train_modules`-like option mean anything in a model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import visible
from envcheck.errors import TrainingError
from envcheck.training import wrapped
from envcheck.training.groups import UNMARKED
from envcheck.training.layers import layers
from envcheck.training.problem import Problem, Result, do

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_EXPERT: Final = re.compile(r"\.(?:deepspeed_moe\.)?experts\.deepspeed_experts\.\d+\.")
"What a layer becomes longer by when DeepSpeed makes experts of it."
_OFFERED: Final = 16
"Names of this model that are offered where a pattern matches none."


class _Found(NamedTuple):
    matched: Mapping[str, int]
    "How many parameters each pattern matches."
    trained: Mapping[str, int]
    "How many of those get a gradient."
    problems: tuple[Problem, ...]
    "In the order in which to solve them."


class Trainable(_Found, Result):
    """
    What `check_trainable` found; true if there is no error among its problems.
    """

    __slots__ = ()

    def summary(self) -> str:
        """
        Say how many parameters each pattern matches.
        """
        counts = [
            f"{visible(pattern)}: {self.trained[pattern]} of {count} trained"
            for pattern, count in self.matched.items()
        ]
        return "; ".join(counts) or "no patterns: nothing is filtered"


def check_trainable(
    model: Any, patterns: Iterable[str] | str | None, *, raise_: bool = False
) -> Trainable:
    """
    Check that every pattern matches parameters, and such that are trained.

    A pattern matches a parameter whose name contains it, as in MoE-LLaVA's `--train_modules`, which freezes
    all that none of them matches: names of another base model leave nothing to train, and no word is said.
    Call it once the expert layers are in the model; a parameter of an expert also counts under the name
    that it had before (`mlp.fc1` for `mlp.deepspeed_moe.experts.deepspeed_experts.0.fc1`).

    Args:
        model: Anything with `named_parameters()`; wrappers are looked through.
        patterns: What the option was given; none of them: nothing is filtered.
        raise_: Raise if the result isn't true.

    Returns:
        A value that is true if there is no error, lists the problems, and says all with `str`.

    Raises:
        TrainingError: There is an error, and `raise_` asks for it.
    """
    asked = [patterns] if isinstance(patterns, str) else list(dict.fromkeys(patterns or ()))
    inner = list(wrapped.models(model))[-1]
    named = [(name, bool(each.requires_grad)) for name, each in inner.named_parameters()]
    matched = {
        each: [pair for pair in named if each in pair[0] or each in _EXPERT.sub(".", pair[0])]
        for each in asked
    }
    trained = {each: sum(grad for _, grad in pairs) for each, pairs in matched.items()}
    result = Trainable(
        matched={each: len(pairs) for each, pairs in matched.items()},
        trained=trained,
        problems=tuple(_problems(inner, matched, trained)),
    )
    if raise_ and not result:
        raise TrainingError(result)
    return result


def _problems(
    model: Any, matched: Mapping[str, Sequence[tuple[str, bool]]], trained: Mapping[str, int]
) -> Iterable[Problem]:
    if not matched:
        return
    none = tuple(each for each, pairs in matched.items() if not pairs)
    if none:
        offered = ", ".join(visible(each) for each in _offered(model))
        yield Problem(
            "matches-nothing",
            "error",
            "A pattern matches no parameter of this model"
            if len(none) < len(matched)
            else "No pattern matches any parameter of this model: nothing would be trained",
            f"The names are those of another base model, or misspelt; this one has {offered}.",
            none,
        )
    frozen = tuple(each for each, pairs in matched.items() if pairs and not trained[each])
    if frozen:
        yield Problem(
            "matches-frozen",
            "error",
            "A pattern matches only parameters that are frozen",
            do("matches-frozen"),
            frozen,
        )
    found = layers(model)
    if found.experts and len(none) < len(matched):
        names = {name for pairs in matched.values() for name, _ in pairs}
        if names.isdisjoint(each.name for each in found.experts):
            own = found.kind == "deepspeed"
            yield Problem(
                "matches-no-expert",
                "error" if own else "warning",
                f"The model has {len(found.experts)} expert parameters, and no pattern matches one",
                "None of them would be trained; DeepSpeed refuses that with ZeRO stage 1 and 2."
                if own
                else "None of them would be trained.",
                tuple(each.name for each in found.experts),
                refused=own,
                entry=UNMARKED if own else "",
            )


def _offered(model: Any) -> list[str]:
    """Return the ends of this model's names, without numbers: what a pattern could be."""
    ends: dict[str, int] = {}
    for name, _ in model.named_parameters():
        parts = [part for part in name.split(".")[:-1] if not part.isdigit()] or [name]
        end = ".".join(parts[-2:])
        ends[end] = ends.get(end, 0) + 1
    often = sorted(ends, key=lambda end: -ends[end])
    return often[:_OFFERED]
