"""
The elasticity section, which takes the batch sizes into its own hands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.batch import MICRO, STEPS, TRAIN
from envcheck.deepspeed.flaws import REMOVE, Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.deepspeed.settings import Settings

_AT_LEAST: Final = {"min_gpus": 1, "max_gpus": 1, "model_parallel_size": 1, "num_gpus_per_node": 1, "min_time": 0}


def enabled(settings: Settings) -> bool:
    """
    Tell whether elasticity decides about the batch sizes.
    """
    section = settings.section("elasticity") or {}
    return bool(section.get("enabled")) and not settings.grammar.past("0.19.8")


def flaws(settings: Settings) -> Iterator[Flaw]:
    """
    Yield what is wrong with an elasticity section that is enabled.
    """
    section = settings.section("elasticity") or {}
    for name, least in _AT_LEAST.items():
        value = section.get(name, 10000 if name == "max_gpus" else least)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
            yield _wrong(name, f"a number of at least {least}")
    yield from _sizes(section)
    version = section.get("version", 0.2)
    try:
        known = float(version) in {0.1, 0.2}
    except (TypeError, ValueError):
        known = False
    if not known:
        yield _wrong("version", "0.1 or 0.2")
    given = [key for key in (TRAIN, MICRO, STEPS) if key in settings.config]
    if given and not section.get("ignore_non_elastic_batch_info"):
        yield Flaw(
            "contradiction",
            "elasticity.enabled",
            "error",
            f"elasticity is enabled, and {' and '.join(given)} {'is' if len(given) == 1 else 'are'} given",
            why="Elasticity derives the batch sizes itself, and refuses others unless it is told to ignore them.",
            fix=tuple((key, REMOVE) for key in given),
        )


def _sizes(section: Mapping[str, Any]) -> Iterator[Flaw]:
    micro = section.get("micro_batch_sizes")
    largest = section.get("max_train_batch_size")
    if micro is None or largest is None:
        return
    if not isinstance(micro, list) or not micro or not all(isinstance(x, int) and x > 0 for x in micro):
        yield _wrong("micro_batch_sizes", "a list of whole numbers above 0")
    elif not isinstance(largest, (int, float)) or max(micro) > largest:
        yield _wrong("max_train_batch_size", "a number, and at least the largest micro batch")
    low, high = section.get("min_gpus", 1), section.get("max_gpus", 10000)
    if isinstance(low, int) and isinstance(high, int) and low > high:
        yield _wrong("max_gpus", "at least min_gpus")


def _wrong(name: str, what: str) -> Flaw:
    path = f"elasticity.{name}"
    return Flaw("wrong-value", path, "error", f"{path} has to be {what}")
