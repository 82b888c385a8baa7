"""
The elasticity section, which takes the batch sizes into its own hands.
"""

from __future__ import annotations

from math import isqrt, lcm
from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.batch import MICRO, STEPS, TRAIN
from envcheck.deepspeed.flaws import REMOVE, Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.deepspeed.settings import Settings

_AT_LEAST: Final = {
    "min_gpus": 1,
    "max_gpus": 1,
    "model_parallel_size": 1,
    "num_gpus_per_node": 1,
    "min_time": 0,
}
_MOST_GPUS: Final = 10000
_COMPOSITE: Final = (
    *(
        1,
        2,
        4,
        6,
        12,
        24,
        36,
        48,
        60,
        120,
        180,
        240,
        360,
        720,
        840,
        1260,
        1680,
        2520,
        5040,
        7560,
        10080,
        15120,
    ),
    *(
        20160,
        25200,
        27720,
        45360,
        50400,
        55440,
        83160,
        110880,
        166320,
        221760,
        277200,
        332640,
        498960,
        554400,
    ),
    *(665280, 720720),
)
"Numbers with more divisors than any smaller one: DeepSpeed builds batch sizes of them."


def enabled(settings: Settings) -> bool:
    """
    Tell whether elasticity decides about the batch sizes.
    """
    section = settings.section("elasticity") or {}
    return bool(section.get("enabled")) and not settings.grammar.past("0.19.8")


def flaws(settings: Settings, world_size: int | None) -> Iterator[Flaw]:
    """
    Yield what is wrong with an elasticity section that is enabled.
    """
    section = settings.section("elasticity") or {}
    found = [*_limits(section), *_sizes(section), *_version(section)]
    yield from found
    complete = "micro_batch_sizes" in section and "max_train_batch_size" in section
    if complete and not found and world_size is not None:
        yield from _world(section, world_size)
    given = [key for key in (TRAIN, MICRO, STEPS) if key in settings.config]
    if given and not section.get("ignore_non_elastic_batch_info"):
        yield Flaw(
            "contradiction",
            "elasticity.enabled",
            "error",
            f"elasticity is enabled, and {' and '.join(given)} {'is' if len(given) == 1 else 'are'} given",
            why="Elasticity derives the batch sizes itself; others it only ignores if it is told to.",
            fix=tuple((key, REMOVE) for key in given),
        )


def _limits(section: Mapping[str, Any]) -> Iterator[Flaw]:
    for name, least in _AT_LEAST.items():
        value = section.get(name, _MOST_GPUS if name == "max_gpus" else least)
        if not isinstance(value, (int, float)) or value < least:
            yield _wrong(name, f"a number of at least {least}")
    low, high = section.get("min_gpus", 1), section.get("max_gpus", _MOST_GPUS)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        yield _wrong("max_gpus", "at least min_gpus")


def _sizes(section: Mapping[str, Any]) -> Iterator[Flaw]:
    if "micro_batch_sizes" not in section or "max_train_batch_size" not in section:
        return  # said already
    micro, largest = section["micro_batch_sizes"], section["max_train_batch_size"]
    if (
        not isinstance(micro, list)
        or not micro
        or not all(isinstance(x, int) and x > 0 for x in micro)
    ):
        yield _wrong("micro_batch_sizes", "a list of whole numbers above 0")
    elif not isinstance(largest, (int, float)) or not max(micro) <= largest:
        yield _wrong("max_train_batch_size", "a number, and at least the largest micro batch")


def _version(section: Mapping[str, Any]) -> Iterator[Flaw]:
    try:
        version = float(section.get("version", 0.2))
    except (TypeError, ValueError):
        version = 0.0
    if version not in {0.1, 0.2}:
        yield _wrong("version", "0.1 or 0.2")
    parallel = section.get("model_parallel_size", 1)
    if version == 0.1 and isinstance(parallel, (int, float)) and parallel > 1:
        yield _wrong("version", "0.2 for model_parallel_size above 1")


def _wrong(name: str, what: str) -> Flaw:
    path = f"elasticity.{name}"
    return Flaw("wrong-value", path, "error", f"{path} has to be {what}")


def _world(section: Mapping[str, Any], world_size: int) -> Iterator[Flaw]:
    """Yield a flaw where the number of processes is none that elasticity divides its batch for."""
    if float(section.get("version", 0.2)) != 0.1:
        return  # the later scheme makes room for any number
    micro: list[int] = section["micro_batch_sizes"]
    largest = section["max_train_batch_size"]
    low = section.get("min_gpus") or 1
    high = section.get("max_gpus") or largest // min(micro)
    fitting: Sequence[int] = ()
    batch: float = min(micro)
    larger = section.get("prefer_larger_batch", True)
    for size in {_largest(base, largest) for base in (*micro, lcm(*micro))}:
        found = [each for each in _divisors(size, micro) if not (each < low or each > high)]
        better = size > batch if larger else size < batch
        if len(found) > len(fitting) or (len(found) == len(fitting) and better):
            fitting, batch = found, size
    if world_size not in fitting:
        sizes = ", ".join(map(str, fitting[:12])) + (", …" if len(fitting) > 12 else "")
        yield Flaw(
            "batch-size",
            "elasticity",
            "error",
            f"elasticity has no batch size for {world_size} processes",
            why=f"It divides a batch of {batch:g} for {sizes or 'no number of'} processes.",
        )


def _largest(base: int, most: float) -> float:
    """Return the batch size that is built on one size: its multiple by one of the composite numbers."""
    if base >= most:
        return base
    return base * max((each for each in _COMPOSITE if each <= most // base), default=_COMPOSITE[-1])


def _divisors(size: float, micro: Sequence[int]) -> list[int]:
    found: set[int] = set()
    for most in {int(size // each) for each in micro if size % each == 0}:
        small = [count for count in range(1, isqrt(most) + 1) if most % count == 0]
        found.update(small, (most // count for count in small))
    return sorted(found)
