"""
`envcheck check`, from options to exit code. Imports as little as the call needs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from envcheck import sources, versions
from envcheck.audit import audit
from envcheck.clean import clean
from envcheck.errors import SourceError, UsageError
from envcheck.files import STDIN, naming
from envcheck.matrix.store import open_matrix
from envcheck.model import SEVERITIES, Environment, Options, Report

if TYPE_CHECKING:
    from envcheck.matrix import Matrix
    from envcheck.options import CheckOptions

_SCRIPTS: Final = (".sh", ".bash", ".slurm", ".sbatch", ".job", ".yaml", ".yml")
"Names of files that may say how a run is started."


def check(options: CheckOptions) -> int:
    """
    Run a check and write its report.

    Returns:
        The exit code: 0, or 1 for findings at or above `--fail-on`.

    Raises:
        EnvcheckError: It could not be checked; `exit_code` says how to exit.
    """
    matrix = open_matrix(options.matrix)
    in_full = options.format == "json" or options.verbose
    environment = _looked(read(options, matrix), options)
    report = judge(environment, matrix, options, in_full=in_full)
    write(report, options)
    return 0 if options.exit_zero else exit_code(report, options.fail_on)


def _looked(environment: Environment, options: CheckOptions) -> Environment:
    """Add what launch scripts here say, where neither one of them nor a configuration is given."""
    if options.launch is not None or options.deepspeed_config is not None:
        return environment
    if versions.normalize("deepspeed") not in environment.packages:  # then no such run is meant
        return environment
    names = naming(b"deepspeed", _SCRIPTS)
    if not names:
        return environment
    from envcheck.launch import taken

    return taken.discovered(environment, names, options)


def judge(
    environment: Environment, matrix: Matrix, options: CheckOptions, *, in_full: bool = True
) -> Report:
    """
    Audit an environment that has been read.

    Raises:
        SourceError: The matrix knows none of its packages.
        UsageError: There is no such project.
    """
    if not environment.packages:
        count = len(environment.untracked)
        raise SourceError(
            f"{clean(environment.origin)}: none of its {count} packages is in the matrix, "
            "so there is nothing to say"
        )
    return audit(
        environment,
        matrix,
        Options(
            project=project_for(options.project, environment, matrix),
            prefer=options.prefer,
            keep=frozenset(map(versions.normalize, options.keep)),
            ignore=frozenset(options.ignore),
            strict=options.strict,
            in_full=in_full,
        ),
    )


def read(options: CheckOptions, matrix: Matrix) -> Environment:
    """
    Read the environment that the options name, with the configuration they give.

    Raises:
        UsageError: They name more than one.
        SourceError: It can't be read.
    """
    given = [name for name in ("python", "path", "from_") if getattr(options, name)]
    if len(given) > 1:
        raise UsageError("only one of --python, --path and --from can be given")
    if [options.from_, options.hostfile, options.launch].count(STDIN) > 1:
        raise UsageError("only one of --from, --hostfile and --launch can be standard input")
    if options.python_version is not None and versions.version(options.python_version) is None:
        raise UsageError(
            f"--python-version {clean(options.python_version)}: not a version; give one such as 3.10"
        )
    if options.from_ is not None:
        environment = sources.file(options.from_, matrix.tracked, options.python_version)
    elif options.path:
        environment = sources.paths(options.path, matrix.tracked)
    elif options.python is not None:
        environment = sources.interpreter(options.python, matrix.tracked)
    else:
        environment = sources.active(matrix.tracked)
    return with_facts(environment, options)


def with_facts(environment: Environment, options: CheckOptions) -> Environment:
    """
    Add to an environment what the options tell of it, and of the run that is planned in it.

    Raises:
        UsageError: They don't fit together.
        SourceError: A configuration can't be read.
    """
    facts: dict[str, Any] = {}
    if options.python_version is not None:
        facts["python"] = options.python_version
    if options.deepspeed_config is not None:
        from envcheck.sources import deepspeed_config

        facts.update(deepspeed_config.facts(options.deepspeed_config))
    if options.model_config is not None:
        from envcheck.sources import model_config

        facts["model"] = model_config.read(options.model_config)
    if options.hostfile is not None:
        from envcheck.launch import hosts_file

        facts["hosts"] = hosts_file.read(
            options.hostfile, include=options.include, exclude=options.exclude
        )
    elif options.include or options.exclude:
        raise UsageError("--include and --exclude choose from a hostfile: give it by --hostfile")
    if options.world_size is not None:
        if not (options.world_size.isdecimal() and 0 < int(options.world_size[:8]) < 10_000_000):
            raise UsageError(
                f"--world-size {clean(options.world_size)}: give a number of processes"
            )
        facts["world_size"] = int(options.world_size)
    if options.reader is not None:
        facts["reader"] = options.reader
    if facts:
        environment = environment._replace(**facts)
    if options.hostfile is None and options.launch is None:
        return environment
    from envcheck.launch import taken

    return taken.given(environment, options)


def project_for(name: str | None, environment: Environment, matrix: Matrix) -> str | None:
    """
    Return the project that was named, is installed, or is being developed in the working directory.

    Raises:
        UsageError: There is no such project.
    """
    if name is not None:
        if matrix.project(name) is None:
            from difflib import get_close_matches

            near = get_close_matches(name, matrix.projects(), 3)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else "`envcheck list projects` shows them"
            )
            raise UsageError(f"--project {clean(name)}: no such project; {hint}")
        return name
    for distribution in (*environment.packages, *environment.untracked):
        project = matrix.project_of(distribution)
        if project is not None:
            return project
    developed = _developed_here()
    return matrix.project_of(versions.normalize(developed)) if developed else None


def _developed_here() -> str | None:
    """Return the `[project]` name in ./pyproject.toml; a file that isn't there or isn't sound has none."""
    try:
        with open("pyproject.toml", encoding="utf-8") as file:
            text = file.read(1 << 20)
    except (OSError, UnicodeDecodeError):
        return None
    import re

    table = re.search(r"^\[project\]\s*$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    name = table and re.search(r"""^name\s*=\s*["']([A-Za-z0-9._-]+)["']""", table[1], re.MULTILINE)
    return name[1] if name else None


def exit_code(report: Report, fail_on: str) -> int:
    """
    Return 1 if something in the report is at or above `--fail-on`, else 0.
    """
    if fail_on == "never":
        return 0
    worst = max((SEVERITIES.index(finding.severity) for finding in report.findings), default=-1)
    if fail_on == "unknown" and report.verdict == "unknown":
        return 1
    threshold = "warning" if fail_on == "warning" else "error"
    return int(worst >= SEVERITIES.index(threshold))


def write(report: Report, options: CheckOptions) -> None:
    """
    Write a report to standard output or to `--output`, in the form that was asked for.

    Raises:
        SourceError: The output file can't be written.
    """
    if options.output is None:
        _write(report, options, sys.stdout)
        return
    try:
        with open(options.output, "w", encoding="utf-8") as file:
            _write(report, options, file)
    except OSError as error:
        raise SourceError(
            f"{clean(options.output)}: can't write the report: {error.strerror}"
        ) from error


def _write(report: Report, options: CheckOptions, to: TextIO) -> None:
    if options.format == "json":
        from envcheck.formats import json

        to.write(json.render(report))
        return
    from envcheck.formats import stream, text

    width = stream.columns(to)
    rows = text.rows(report, width=width, quiet=options.quiet, verbose=options.verbose)
    stream.write(rows, to, options.color)
