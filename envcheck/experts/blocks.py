"""
The block that holds a model's experts in a release of transformers, from the table in `models.yaml`.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.compiled import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.version import Version

    from envcheck.model import Environment

TABLE: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models.json")
_TRANSFORMERS: Final = versions.normalize("transformers")


class Block(NamedTuple):
    """
    What holds a model's experts in one release of transformers.
    """

    classes: tuple[str, ...]
    run: str
    "skipped | all | fused, as `models.yaml` explains them; empty: not established."
    leaf: str = ""
    "The DeepSpeed release from which it is a leaf module of ZeRO-3 without being named; empty: none."


def experts(type_: str) -> int | None:
    """
    Return how many experts a model has that doesn't say so; 0: none, `None`: the type isn't known.
    """
    model = _by_type().get(type_)
    return None if model is None else int(model.get("experts", 0))


def block(type_: str, release: Version) -> Block | None:
    """
    Return the block of a model in a release of transformers; `None`: the release has no such model.
    """
    model = _by_type().get(type_)
    found: Mapping[str, Any] = {}
    for each in model["releases"] if model else ():
        if versions.public(release) >= _parsed(each["since"]):
            found = each
    if model is None or "blocks" not in found:
        return None
    return Block(tuple(found["blocks"]), found.get("run", ""), model.get("leaf", ""))


def of(environment: Environment) -> Block | None:
    """
    Return the block of the model that is to be trained.

    Returns:
        `None`: it isn't known. The model has no experts of transformers' kind, brings its own code, or isn't
        in the installed release.
    """
    model = environment.model or {}
    package = environment.packages.get(_TRANSFORMERS)
    if package is None or package.version is None or "own-code" in model:
        return None
    return block(str(model.get("expert-type", "")), package.version)


def elsewhere(name: str) -> bool:
    """
    Tell whether a class is the block of some model in some release.
    """
    return name in _classes()


def types(run: str, release: Version) -> Iterator[str]:
    """
    Yield the model types whose block does this with its experts in a release.
    """
    for type_ in _by_type():
        found = block(type_, release)
        if found is not None and found.run == run:
            yield type_


@cache
def table() -> list[dict[str, Any]]:
    """
    Return the table.
    """
    return rows(TABLE)


@cache
def _by_type() -> Mapping[str, Mapping[str, Any]]:
    return {type_: model for model in table() for type_ in model["types"]}


@cache
def _classes() -> frozenset[str]:
    return frozenset(
        name
        for model in table()
        for release in model["releases"]
        for name in release.get("blocks", ())
    )


@cache
def _parsed(text: str) -> Version:
    found = versions.version(text)
    if found is None:
        raise ValueError(f"not a version: {text!r}")
    return found
