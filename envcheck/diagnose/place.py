"""
Where a log was written: the environment that was named or is active, corrected by what the log says itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck import run, versions
from envcheck.diagnose import records
from envcheck.errors import SourceError
from envcheck.model import Environment, Package
from envcheck.sources import cuda as built_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.diagnose.log import Said
    from envcheck.matrix import Matrix
    from envcheck.options import CheckOptions

_TRANSFORMERS: Final = versions.normalize("transformers")
_TORCH: Final = versions.normalize("torch")


def environment(options: CheckOptions, matrix: Matrix) -> Environment | None:
    """
    Read the environment that the options name; `None`: none is named, and the active one has no torch.

    Raises:
        SourceError: The one that is named can't be read.
        UsageError: More than one is named.
    """
    named = options.python or options.path or options.from_
    try:
        found = run.read(options, matrix)
    except SourceError:
        if named or options.deepspeed_config or options.model_config:
            raise
        return None
    return found if named or _TORCH in found.packages or not found.complete else None


def corrected(
    known: Environment | None, said: Said, matrix: Matrix
) -> tuple[Environment | None, tuple[str, ...]]:
    """
    Put what a log says about its environment in the place of what is installed here.

    Returns:
        The environment, and a sentence for each disagreement.
    """
    found = {
        versions.normalize(name): parsed
        for name, text in said.versions.items()
        if versions.normalize(name) in matrix.tracked and (parsed := versions.version(text))
    }
    if known is None:
        if not found:
            return None, ()
        known = Environment(origin="the log", kind="log", packages={})
    packages = dict(known.packages)
    remarks = list(_style(known, said)) if _TRANSFORMERS not in found else []
    for name, parsed in sorted(found.items()):
        before = packages.get(name)
        packages[name] = Package(name=name, version=parsed, location="the log")
        if before is not None and before.version != parsed:
            remarks.append(f"The log was written with {name} {parsed}; here is {before.version}.")
    changes = known._replace(packages=dict(sorted(packages.items())))
    if _TORCH in found:
        cuda = found[_TORCH].local or ""
        if cuda.startswith("cu") and cuda[2:].isdigit() and len(cuda) > 4:
            changes = changes._replace(cuda=f"{cuda[2:-1]}.{cuda[-1]}")
        changes = changes._replace(rocm=built_for.rocm(packages[_TORCH]))
    if said.python is not None and not _same_python(known.python, said.python):
        if known.python is not None:
            remarks.append(
                f"The log was written with Python {said.python}; here is {known.python}."
            )
        changes = changes._replace(python=said.python)
    if said.deepspeed_config is not None:
        changes = changes._replace(deepspeed_config=said.deepspeed_config)
    return changes, tuple(remarks)


def _same_python(known: str | None, said: str) -> bool:
    return known is not None and known.split(".")[:2] == said.split(".")[:2]


def _style(known: Environment, said: Said) -> Iterator[str]:
    """Compare how the records are printed with how the installed transformers prints them."""
    package = known.packages.get(_TRANSFORMERS)
    if package is None or package.version is None:
        return
    new = package.version.major >= 5
    if new and records.TRAINER_NORM in said.styles and records.TRAINER_5 not in said.styles:
        yield f"The log was written with a transformers before 5.0; here is {package.version}."
    if not new and records.TRAINER_5 in said.styles:
        yield f"The log was written with transformers 5.0 or newer; here is {package.version}."
