"""
The three batch sizes: what DeepSpeed derives of them, and whether they agree with the number of processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.flaws import REMOVE, Flaw, quoted
from envcheck.deepspeed.settings import UNSET
from envcheck.deepspeed.values import FILLED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.deepspeed.settings import Settings

TRAIN: Final = "train_batch_size"
MICRO: Final = "train_micro_batch_size_per_gpu"
STEPS: Final = "gradient_accumulation_steps"
_KEYS: Final = (TRAIN, MICRO, STEPS)
_DIGITS: Final = 16
_LARGEST: Final = 10**_DIGITS
"No batch is as large; beyond, nothing is calculated."
_RULE: Final = f"{TRAIN} has to be {MICRO} × {STEPS} × the number of processes"


def flaws(settings: Settings, world_size: int | None) -> Iterator[Flaw]:
    """
    Yield what is wrong with the batch sizes.

    Args:
        world_size: Data-parallel processes; `None`: not known, then only what fails for any number of them.
    """
    given = {key: _given(settings, key) for key in _KEYS}
    if given[TRAIN] is None and given[MICRO] is None:
        yield Flaw(
            "no-batch-size",
            MICRO,
            "error",
            f"neither {TRAIN} nor {MICRO} is set",
            why="DeepSpeed needs one of the two to derive the rest.",
            fix=((MICRO, 1),),
        )
        return
    if any(value is FILLED for value in given.values()):
        return
    wrong = [
        key
        for key, value in given.items()
        if value is not None and not isinstance(value, (int, float))
    ]
    for key in wrong:
        yield Flaw(
            "wrong-value",
            key,
            "error",
            f"{key} is {quoted(given[key])}, but it has to be a whole number",
            why="DeepSpeed calculates with it as it is.",
            fix=((key, int(given[key])),) if _is_digits(given[key]) else (),
        )
    if not wrong:
        yield from _product(given, world_size)


def _given(settings: Settings, key: str) -> Any:
    value = settings.get(key)
    return None if value is UNSET else value


def _is_digits(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _DIGITS


def _product(given: dict[str, Any], world_size: int | None) -> Iterator[Flaw]:
    below = [key for key, value in given.items() if value is not None and not value > 0]
    for key in below:
        yield Flaw(
            "wrong-value", key, "error", f"{key} is {quoted(given[key])}, but it has to be above 0"
        )
    if below:
        return
    train, micro, steps = (given[key] for key in _KEYS)
    if world_size is None:
        yield from _any_size(train, micro, steps)
        return
    train, micro, steps = derived(train, micro, steps, world_size)
    if train == micro * steps * world_size and min(micro, steps) > 0:
        return
    equation = f"{_shown(train)} is not {_shown(micro)} × {_shown(steps)} × {world_size}"
    yield Flaw(
        "batch-size",
        TRAIN,
        "error",
        f"the batch sizes don't agree with {world_size} processes: {equation}",
        why=f"{_RULE}; what isn't given is derived by division without a remainder.",
        fix=_mended(given, world_size),
    )


def derived(train: Any, micro: Any, steps: Any, world_size: int) -> tuple[Any, Any, Any]:
    """
    Return all three sizes, those that aren't given as DeepSpeed derives them.

    >>> derived(256, 4, None, 8), derived(None, 4, None, 8), derived(100, 3, None, 8)
    ((256, 4, 8), (32, 4, 1), (100, 3, 4))
    """
    if train is None:
        steps = 1 if steps is None else steps
        return micro * steps * world_size, micro, steps
    if micro is not None:
        return train, micro, train // micro // world_size if steps is None else steps
    if steps is None:
        return train, train // world_size, 1
    return train, train // world_size // steps, steps


def _shown(size: float) -> str:
    return f"{size:g}" if size < _LARGEST else "a number beyond all measure"


def _any_size(train: Any, micro: Any, steps: Any) -> Iterator[Flaw]:
    """Yield what no number of processes can mend, or what only one number fits."""
    if train is None or any(size and size >= _LARGEST for size in (train, micro, steps)):
        return
    share = (micro or 1) * (steps or 1)
    processes = train / share
    if not float(processes).is_integer():
        yield Flaw(
            "batch-size",
            TRAIN,
            "error",
            f"{TRAIN} {train:g} is no multiple of {share:g}, so no number of processes fits",
            why=f"{_RULE}.",
            fix=((TRAIN, REMOVE),)
            if micro is not None
            else ((TRAIN, share * max(1, round(processes))),),
        )
    elif micro is not None and steps is not None:
        yield Flaw(
            "batch-size",
            TRAIN,
            "info",
            f"the batch sizes only fit {processes:g} process{'' if processes == 1 else 'es'}",
            why=f"{_RULE}.",
            verify="On how many processes does it run? (Give --world-size N.)",
        )


def _mended(given: dict[str, Any], world_size: int) -> tuple[tuple[str, Any], ...]:
    """Return the change that keeps the memory a step needs: the micro-batch stays, the total follows."""
    if any(size and size >= _LARGEST for size in given.values()):
        return ()
    micro = given[MICRO] or 1
    steps = given[STEPS]
    if steps is None:
        total = given[TRAIN] or micro * world_size
        steps = max(1, round(total / (micro * world_size)))
        return ((TRAIN, micro * steps * world_size), (MICRO, micro), (STEPS, steps))
    return ((TRAIN, micro * steps * world_size),) + (
        ((MICRO, micro),) if given[MICRO] is None else ()
    )
