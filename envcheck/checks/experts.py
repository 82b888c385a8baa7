"""
Whether a model's expert layers fit the run: their spread over processes, and the leaf modules of ZeRO-3.

What the matrix can say of a model, it says; here is what depends on several numbers or names at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.checks import Hit, configuration
from envcheck.checks.conditions import look_up

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks.protocol import Recheck
    from envcheck.deepspeed.flaws import Flaw
    from envcheck.experts.blocks import Block
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding

_DEEPSPEED: Final = versions.normalize("deepspeed")
_TRANSFORMERS: Final = versions.normalize("transformers")
_LEAF: Final = "zero_optimization.leaf_module"
READS_LEAVES: Final = ">=0.18.0"
"The releases of DeepSpeed that read leaf modules from the configuration."
_READS_AUTO_EP: Final = ">=0.19.2"


def hits(environment: Environment, matrix: Matrix) -> Iterator[Hit]:  # noqa: ARG001
    """
    Yield what is wrong with expert layers, if a model is given and DeepSpeed is there to train it.
    """
    if not environment.model or _DEEPSPEED not in environment.packages:
        return
    for flaw in (*_native(environment), *_converted(environment)):
        yield _hit(flaw, (_DEEPSPEED,))
    for flaw in _leaves(environment):
        yield _hit(flaw, (_DEEPSPEED, _TRANSFORMERS))


def watch(matrix: Matrix) -> Recheck:
    """
    Prepare to look again: it depends on DeepSpeed and on transformers.
    """

    def again(environment: Environment, about: Collection[NormalizedName]) -> Iterator[Hit]:
        if environment.model and (_DEEPSPEED in about or _TRANSFORMERS in about):
            for hit in hits(environment, matrix):
                if any(name in about for name in hit.packages):
                    yield hit

    return again


def finding(hit: Hit, environment: Environment, matrix: Matrix) -> Finding:
    """
    Put it into words.
    """
    return configuration.finding(hit, environment, matrix)


def _hit(flaw: Flaw, names: tuple[NormalizedName, ...]) -> Hit:
    fault = configuration.Fault(flaw, flaw.verify)
    return Hit(f"model/{flaw.what}", flaw.severity, not flaw.verify, names, fault)


def _native(environment: Environment) -> Iterator[Flaw]:
    """Yield how DeepSpeed's own layers can't be spread over the processes."""
    model = environment.model or {}
    size = model.get("ep-size")
    if model.get("moe") != "deepspeed" or size is None:
        return
    yield from _spread("ep-size", "ep_size", size, model.get("num-experts", ()))
    world = environment.world_size
    if world is not None and world % size:
        yield _flaw(
            "ep-size-processes",
            f"ep_size {size} doesn't divide the number of processes, {world}",
            "Experts are spread over groups of ep_size processes, so DeepSpeed stops when the groups are "
            f"made. Use a divisor of {world}, or another number of processes.",
        )


def _converted(environment: Environment) -> Iterator[Flaw]:
    """Yield how transformers' layers that DeepSpeed converts (AutoEP) can't be spread."""
    config = environment.deepspeed_config or {}
    size = look_up(config, "expert_parallel.autoep_size")
    if (
        (environment.model or {}).get("moe") == "transformers"
        and look_up(config, "expert_parallel.enabled") is True
        and _is(environment, _DEEPSPEED, _READS_AUTO_EP)
        and isinstance(size, int)
        and size > 0
    ):
        counts = (environment.model or {}).get("num-experts", ())
        yield from _spread("autoep-size", "expert_parallel.autoep_size", size, counts)


def _spread(what: str, name: str, size: int, counts: Sequence[int]) -> Iterator[Flaw]:
    uneven = [count for count in counts if count % size]
    if uneven:
        numbers = " and ".join(map(str, uneven))
        yield _flaw(
            what,
            f"{name} {size} doesn't divide the number of experts, {numbers}",
            "Every process of a group gets the same number of experts, so DeepSpeed stops when the model "
            f"is made. Use 1 or another divisor of {numbers}.",
        )


def _flaw(what: str, title: str, why: str) -> Flaw:
    from envcheck.deepspeed.flaws import Flaw

    return Flaw(what, what, "error", title, why=why)


def _is(environment: Environment, name: NormalizedName, specifier: str) -> bool:
    package = environment.packages.get(name)
    version = package.version if package else None
    return version is not None and versions.contains(specifier, version)


def _leaves(environment: Environment) -> Iterator[Flaw]:
    """Yield names of leaf modules that the model doesn't have, as far as can be told."""
    from envcheck.experts import blocks

    section = named(environment.deepspeed_config or {})
    block = blocks.of(environment)
    if (
        section is None
        or block is None
        or look_up(environment.deepspeed_config or {}, "zero_optimization.stage") != 3
        or not _is(environment, _DEEPSPEED, READS_LEAVES)
        or any(each in block.classes for each in section)
    ):
        return
    foreign = [each for each in section if _is_foreign(each, block)]
    unsure = [each for each in section if each not in foreign]
    if block.run == "skipped" or foreign:
        yield _unmatched(section, unsure, block)


def named(config: Mapping[str, Any]) -> list[str] | None:
    """
    Return the classes that a configuration names as leaf modules, without the path of their module.

    Returns:
        `None`: it names none, or leaf modules also in other ways, by which they may well be the right ones.
    """
    classes = look_up(config, f"{_LEAF}.classes")
    if isinstance(classes, str):
        classes = [classes]
    if not isinstance(classes, list) or any(
        look_up(config, f"{_LEAF}.{each}")
        for each in ("names", "name_suffixes")
        if isinstance(look_up(config, f"{_LEAF}.{each}"), (list, str))
    ):
        return None
    return [str(each).rpartition(".")[2] for each in classes]


def _is_foreign(name: str, block: Block) -> bool:
    """Tell whether a class is certainly not in the model: the block of another, or the right one misspelt."""
    from envcheck.experts import blocks

    return blocks.elsewhere(name) or name.casefold() in {each.casefold() for each in block.classes}


def _unmatched(section: Sequence[str], unsure: Sequence[str], block: Block) -> Flaw:
    from envcheck.clean import clean
    from envcheck.deepspeed.flaws import Flaw

    shown = ", ".join(clean(each)[:60] for each in section[:3]) or "none"
    wanted = " and ".join(block.classes)
    hangs = block.run == "skipped"
    why = f"The experts of the installed transformers are in {wanted}. "
    if hangs:
        why += (
            "DeepSpeed only logs that a name matches nothing; then processes whose tokens go to different "
            "experts wait for each other for ever. What is named replaces DeepSpeed's own list."
        )
    else:
        why += "DeepSpeed only logs that a name matches nothing; these experts need no leaf module."
    verify = f"Is one of {', '.join(clean(each)[:60] for each in unsure)} a class around {wanted}?"
    return Flaw(
        "leaf-module",
        f"{_LEAF}.classes",
        "warning" if hangs else "info",
        f"leaf_module.classes ({shown}) has no class that holds this model's experts",
        why=why,
        verify=verify if unsure else "",
        silent=hangs,
        fix=((f"{_LEAF}.classes", [*block.classes, *unsure]),) if hangs else (),
    )
