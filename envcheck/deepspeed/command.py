"""
`envcheck config`, from options to exit code.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from envcheck import run, versions
from envcheck.audit import audit, with_model
from envcheck.clean import clean, visible
from envcheck.errors import UsageError
from envcheck.matrix.store import open_matrix
from envcheck.model import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.deepspeed.document import Document
    from envcheck.deepspeed.fix import Fixed
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Report
    from envcheck.options import CheckOptions

_MOST_MEMORY: Final = 100_000
_STILL_SHORT: Final = (
    "memory: stays short with the optimizer on the CPU: it takes more processes, a larger ep_size, or fewer "
    "trained parameters"
)


def config(
    options: CheckOptions,
    *,
    fix: bool = False,
    offload: bool = False,
    gpu_memory: float | None = None,
) -> int:
    """
    Check the configuration that the options name, against the environment they name.

    Args:
        fix: Also write the nearest good file beside it.
        offload: In which the optimizer is on the CPU.
        gpu_memory: GiB of one GPU: the optimizer goes to the CPU if it is too little.

    Returns:
        The exit code: 0, or 1 for findings at or above `--fail-on`; of the new file, if one is written.

    Raises:
        EnvcheckError: It could not be checked, or the new file not be written.
    """
    if not fix and (offload or gpu_memory is not None):
        raise UsageError("--offload and --gpu-memory are about the file that --fix writes")
    if gpu_memory is not None and not 0 < gpu_memory < _MOST_MEMORY:
        raise UsageError(f"--gpu-memory {gpu_memory:g}: give the GiB of one GPU")
    matrix = open_matrix(options.matrix)
    environment = run.read(options, matrix)
    project = run.project_for(options.project, environment, matrix)
    environment = with_model(environment, matrix, project)
    path = options.deepspeed_config or ""
    about = Options(
        project=project,
        prefer=options.prefer,
        keep=frozenset(map(versions.normalize, options.keep)),
        ignore=frozenset(options.ignore),
        settings_only=True,
    )
    shown = environment._replace(origin=f"{path}, for {environment.origin}")
    report = audit(shown, matrix, about)
    run.write(report, options)
    if not fix:
        return _code(report, options)
    from envcheck.deepspeed import fix as fix_
    from envcheck.sources import deepspeed_config

    document = deepspeed_config.document(path)
    made = fix_.fixed(environment, matrix, document, offload=offload)
    memory: tuple[str, ...] = ()
    if offload or gpu_memory is not None or made.settings.get("zero_optimization.stage") == "2":
        made, memory = _with_room(made, options, gpu_memory, (environment, matrix, document))
    if made.text == document.text:
        _say(options, ["Nothing to mend: no file was written.", *memory])
        return _code(report, options)
    after = audit(made.environment, matrix, about)
    target = fix_.write(path, made.text)
    _say(options, [*_told(target, made, after), *memory])
    return _code(after, options)


def _with_room(
    made: Fixed,
    options: CheckOptions,
    gpu_memory: float | None,
    source: tuple[Environment, Matrix, Document],
) -> tuple[Fixed, tuple[str, ...]]:
    """Return what was made, with the optimizer on the CPU where memory is short, and what to say of it."""
    from envcheck.deepspeed import fix as fix_
    from envcheck.deepspeed.memory import GIB, room
    from envcheck.experts.size import size

    count = None
    if options.model_config is not None:
        from envcheck.sources import model_config

        count = size(model_config.document(options.model_config))
    there_is = None if gpu_memory is None else gpu_memory * GIB
    found = room(made.environment, count, there_is)
    lines = found.lines
    if found.short:
        moved = fix_.fixed(*source, offload=True)
        if moved.text != made.text:
            made, found = moved, room(moved.environment, count, there_is)
            lines = (*lines, *found.lines)
    if found.short:
        lines = (*lines, _STILL_SHORT)
    return made, tuple(f"  {line}" for line in lines)


def _code(report: Report, options: CheckOptions) -> int:
    return 0 if options.exit_zero else run.exit_code(report, options.fail_on)


def _say(options: CheckOptions, lines: list[str]) -> None:
    """Say what was done: after the report, or beside it where a machine reads that."""
    to = sys.stdout if options.format == "text" and options.output is None else sys.stderr
    to.write("".join(f"{line}\n" for line in ["", *lines]))


def _told(target: str, made: Fixed, after: Report) -> list[str]:
    return [f"Wrote {clean(target)}:", *_changes(made), *_left(after)]


def _changes(made: Fixed) -> Iterator[str]:
    if made.rewritten:
        yield "  written anew, as plain JSON"
    for path, value in made.settings.items():
        yield f"  {visible(path)} " + ("removed" if value is None else f"= {visible(value)}")


def _left(after: Report) -> Iterator[str]:
    left = [finding for finding in after.findings if finding.severity != "info"]
    for finding in left:
        yield f"  stays: {finding.severity} {visible(finding.id)}"
