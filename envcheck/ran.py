"""
What was run for real in these very versions.

A run speaks for the versions that it was about, whatever else is installed. It vouches for an
environment only if all that matters in it was there: then the environment is a measured set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.known_good import CORE
from envcheck.model import Ran

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName

    from envcheck.matrix import Matrix
    from envcheck.model import Environment

_TRAINING: Final = ("train", "peft", "trl", "deepspeed-", "moe-split")
"""How the stages begin in which a model is trained."""


def found(
    environment: Environment, matrix: Matrix, unheard: frozenset[NormalizedName] = frozenset()
) -> tuple[Ran, ...]:
    """
    Return the runs of versions that are installed: those that vouch for all, those that broke, others.

    Args:
        unheard: Packages in releases that nobody knows: a run without them doesn't vouch for all.
    """
    installed: Mapping[Any, str] = {
        name: str(versions.public(package.version))
        for name, package in environment.packages.items()
        # The version of a working copy may not mean the release.
        if package.version is not None and package.origin in {"index", "file"}
    }
    heads: dict[tuple[str, str], Mapping[str, Any]] = {}
    runs = []
    for name, version in installed.items():
        for layer, cell in matrix.cells(name, version):
            if all(installed.get(other) == wanted for other, wanted in cell.others):
                trial = (layer.name, cell.trial)
                if trial not in heads:
                    heads[trial] = layer.head(cell.trial)
                said = layer.read(cell.place)
                runs.append(_run(environment, installed, heads[trial], said, unheard))
    return tuple(sorted(runs, key=_order))


def _order(run: Ran) -> tuple[bool, bool, str, tuple[str, ...]]:
    return not run.exact, run.outcome == "ok", run.trial, tuple(run.packages)


def trained(run: Ran) -> bool:
    """
    Tell whether a model was trained, and well.
    """
    return run.outcome == "ok" and any(stage.startswith(_TRAINING) for stage in run.stages)


def _run(
    environment: Environment,
    installed: Mapping[NormalizedName, str],
    head: Mapping[str, Any],
    cell: Mapping[str, Any],
    unheard: frozenset[NormalizedName],
) -> Ran:
    said = {**head, **cell}
    names = [versions.requirement(text).name for text in cell["packages"]]
    run = Ran(
        trial=head["trial"],
        date=said["date"],
        outcome=cell["outcome"],
        packages={name: installed[name] for name in names},
        stages=tuple(cell.get("ok", ())),
        broken=cell.get("broken", ""),
        line=cell.get("line", ""),
        base=tuple(said.get("with", ())),
        python=said["python"],
        platform=said["platform"],
    )
    return run._replace(exact=trained(run) and _is_all(environment, said, unheard))


def _is_all(
    environment: Environment, said: Mapping[str, Any], unheard: frozenset[NormalizedName]
) -> bool:
    """Tell whether everything that makes up the environment was there, in these versions."""
    texts = [*said["packages"], *said.get("with", ())]
    named = {versions.requirement(text).name for text in texts}
    if any(name in environment.packages and name not in named for name in CORE):
        return False
    if environment.python is None or _minor(environment.python) != _minor(said["python"]):
        return False
    texts += [*said.get("environment", ()), *said.get("also", ())]
    pins = [versions.requirement(text) for text in texts]
    return unheard <= {pin.name for pin in pins} and all(
        versions.satisfies(environment.packages[pin.name].version, _public(pin.specifier))
        for pin in pins
        if pin.name in environment.packages
    )


def _minor(python: str) -> list[str]:
    return python.split(".")[:2]


def _public(specifier: str) -> str:
    return specifier.partition("+")[0]
