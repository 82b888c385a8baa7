"""
The Python interface: the same check as the command's, on the same words.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envcheck import run
from envcheck.errors import UsageError
from envcheck.matrix.store import open_matrix
from envcheck.options import ABOUT, CheckOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Report

    PathLike = str | os.PathLike[str]


def check(
    *,
    packages: Mapping[str, str] | None = None,
    python: PathLike | None = None,
    path: Iterable[PathLike] = (),
    from_file: PathLike | None = None,
    python_version: str | None = None,
    project: str | None = None,
    matrix: Iterable[PathLike] = (),
    deepspeed_config: PathLike | Mapping[str, Any] | None = None,
    model_config: PathLike | Mapping[str, Any] | None = None,
    hostfile: PathLike | None = None,
    include: str | None = None,
    exclude: str | None = None,
    launch: PathLike | None = None,
    world_size: int | None = None,
    reader: str | None = None,
    keep: Iterable[str] = (),
    prefer: str = "downgrade",
    ignore: Iterable[str] = (),
    strict: bool = False,
) -> Report:
    """
    Check an environment: the active one, unless `packages`, `python`, `path` or `from_file` names another.

    Nothing of the checked environment is imported or run, nothing is written, no network is used.

    Args:
        packages: Versions (PEP 440) by name: a list that need not be complete.
        python: An interpreter, which is not run, or a prefix.
        path: site-packages folders; the first one wins where a package is in several.
        from_file: A list: pip freeze, pinned requirements, pip list as JSON, or a JSON report of envcheck.
        python_version: `3.10` or `3.10.13`, where it can't be seen.
        project: A project of the matrix; `None`: recognised from what is installed or developed here.
        matrix: Matrix directories on top of the built-in one.
        deepspeed_config: The run's configuration, as a file or as data.
        model_config: The model's config.json, its folder, or the data in it.
        hostfile: The hostfile of the run.
        include: Hosts and slots of it to use, as `deepspeed --include` takes them.
        exclude: Hosts and slots of it not to use.
        launch: The script that starts the run, or its accelerate configuration; read, never run.
        world_size: On how many processes the batch is divided.
        reader: transformers | accelerate | deepspeed: who reads the configuration first; `None`: not known.
        keep: Packages that no suggestion may change.
        prefer: downgrade | upgrade | fewest: what to suggest first.
        ignore: Ids of findings that don't count.
        strict: Versions outside of the project's known-good sets are an error.

    Returns:
        Findings by severity, error first; suggestions best first. `Report.to_dict()` is the JSON report.

    Raises:
        UsageError: The arguments contradict each other, or name a project that isn't there.
        MatrixError: A matrix directory is unsound; every problem is listed.
        SourceError: The environment or a file can't be read, or holds nothing the matrix knows.

    >>> report = check(packages={"deepspeed": "0.9.5", "pydantic": "2.5.3"})
    >>> report.verdict, report.suggestions[0].command.rpartition(".")[0]
    ('known-bad', "python -m pip install 'pydantic==1.10")
    """
    if prefer not in ABOUT["prefer"].choices:
        raise UsageError(
            f"prefer={prefer!r}: one of {', '.join(ABOUT['prefer'].choices)} is expected"
        )
    if reader is not None and reader not in ABOUT["reader"].choices:
        raise UsageError(
            f"reader={reader!r}: one of {', '.join(ABOUT['reader'].choices)} is expected"
        )
    options = CheckOptions(
        python=_text(python),
        path=tuple(os.fspath(each) for each in path),
        from_=_text(from_file),
        python_version=python_version,
        project=project,
        matrix=tuple(os.fspath(each) for each in matrix),
        deepspeed_config=None if isinstance(deepspeed_config, dict) else _text(deepspeed_config),
        model_config=None if isinstance(model_config, dict) else _text(model_config),
        hostfile=_text(hostfile),
        include=include,
        exclude=exclude,
        launch=_text(launch),
        world_size=None if world_size is None else str(world_size),
        reader=reader,
        keep=tuple(keep),
        prefer=prefer,
        ignore=tuple(ignore),
        strict=strict,
    )
    known = open_matrix(options.matrix)
    if packages is None:
        environment = run.read(options, known)
    else:
        environment = run.with_facts(_listed(packages, known, python_version), options)
    if isinstance(deepspeed_config, dict):
        environment = environment._replace(deepspeed_config=deepspeed_config)
    if isinstance(model_config, dict):
        from envcheck.sources.model_config import facts as facts_of_model

        environment = environment._replace(model=facts_of_model(model_config))
    return run.judge(environment, known, options)


def _listed(packages: Mapping[str, str], matrix: Matrix, python: str | None) -> Environment:
    from envcheck.sources.listing import Listing

    listing = Listing("the given packages", matrix.tracked)
    for name, version in packages.items():
        listing.add(name, version, name)
    return listing.environment("list", python, "packages")


def _text(path: Any) -> str | None:
    return None if path is None else os.fspath(path)
