"""
What is wrong with the groups of an optimizer, for experts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.training.layers import is_marked
from envcheck.training.problem import Problem, do, few

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.training.layers import Expert, Layers
    from envcheck.training.wrapped import Group, Optimizer

UNMARKED: Final = "deepspeed/moe-groups-not-marked"
MIXED: Final = "deepspeed/moe-group-holds-dense"
SECTION: Final = "deepspeed/moe-optimizer-section"
_SPLITS_ITSELF: Final = (0, 14, 1)
"The first DeepSpeed that splits the groups of an optimizer that it builds itself."


def of_optimizer(found: Layers, known: Optimizer, stage: int | None) -> Iterator[Problem]:
    """
    Yield what is wrong with the groups, the most telling first.
    """
    held = {id(each): group for group in known.groups for each in group.params}
    trained = [each for each in found.experts if each.trained()]
    missing = [each for each in trained if id(each.parameter) not in held]
    if missing:
        yield Problem(
            "experts-not-optimized",
            "error",
            f"{len(missing)} trained expert parameters are in no group of the optimizer",
            do("experts-not-optimized"),
            names_of(missing),
        )
    if found.kind not in {"deepspeed", "autoep"} or stage in {0, 3} or not known.paired:
        return
    inside = [each for each in trained if id(each.parameter) in held]
    marked = [group for group in known.groups if group.moe]
    if not marked and not inside:
        return  # what is missing from them has been said
    if not marked and known.placeholder:
        yield from _placeholder(known, inside)
    elif not marked:
        yield Problem(
            "groups-not-marked",
            "error",
            'No group of the optimizer is marked as one of experts: none has "moe" true',
            do("groups-not-marked"),
            names_of(inside),
            refused=True,
            entry=UNMARKED,
        )
    else:
        yield from _misplaced(found, inside, held)
    for group in marked:
        yield from _group(found, group)


def _placeholder(known: Optimizer, inside: Sequence[Expert]) -> Iterator[Problem]:
    """Judge groups of which DeepSpeed will make an optimizer of its own, as its configuration says."""
    version = installed()
    named = len(known.groups) == 1 or all(group.name for group in known.groups)
    if version is not None and version >= _SPLITS_ITSELF and named:
        return
    since = ".".join(map(str, _SPLITS_ITSELF))
    yield Problem(
        "groups-not-marked",
        "error" if version is not None else "warning",
        "The configuration's optimizer section makes DeepSpeed build the optimizer, and the groups it is "
        "given are not split",
        f"DeepSpeed splits them itself since {since}, if each has a name; else leave the optimizer "
        "section out and split them.",
        names_of(inside),
        refused=version is not None,
        entry=SECTION,
    )


def _misplaced(
    found: Layers, inside: Sequence[Expert], held: Mapping[int, Group]
) -> Iterator[Problem]:
    outside = [each for each in inside if not held[id(each.parameter)].moe]
    if outside:
        yield Problem(
            "experts-outside",
            "error",
            f"{len(outside)} of {len(found.experts)} expert parameters are in groups of dense ones",
            f"DeepSpeed doesn't look, and reduces them as dense. {do('experts-outside')}",
            names_of(outside),
        )


def _group(found: Layers, group: Group) -> Iterator[Problem]:
    """Judge a group that says that it is one of experts."""
    known = {id(each.parameter): each.name for each in found.experts}
    names = [known.get(id(each), "(not an expert's)") for each in group.params]
    dense = [name for name, each in zip(names, group.params, strict=True) if not is_marked(each)]
    if dense:
        yield Problem(
            "dense-in-expert-group",
            "error",
            f'Group {group.number} has "moe" true and holds parameters that are not marked',
            do("dense-in-expert-group"),
            tuple(dense),
            refused=True,
            entry=MIXED,
        )
    wanted = sorted(
        {str(name) for each in group.params if (name := getattr(each, "group_name", None))}
    )
    if group.name is None:
        yield Problem(
            "group-without-name",
            "error",
            f'Group {group.number} has "moe" true and no "name": DeepSpeed looks its processes up by it',
            f"Name it as its parameters' group_name says ({few(wanted)}), or let DeepSpeed split the groups.",
            tuple(names),
            refused=True,
        )
    elif wanted and wanted != [group.name]:
        yield Problem(
            "group-of-another-name",
            "error",
            f"Group {group.number} is named {group.name}, its parameters' group_name is {few(wanted)}",
            do("group-of-another-name"),
            tuple(names),
            refused=group.name not in wanted,
        )


def names_of(experts: Sequence[Expert]) -> tuple[str, ...]:
    """
    Return the names of parameters.
    """
    return tuple(each.name for each in experts)


def installed() -> tuple[int, ...] | None:
    """Return the release of the DeepSpeed that is imported or installed here; `None`: there is none."""
    import sys

    from envcheck import versions

    text = getattr(sys.modules.get("deepspeed"), "__version__", None)
    if text is None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            text = version("deepspeed")
        except PackageNotFoundError:
            return None
    parsed = versions.version(str(text))
    return None if parsed is None else parsed.release
