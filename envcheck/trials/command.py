"""
`envcheck try`, from options to exit code.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

from envcheck.clean import clean
from envcheck.errors import SourceError, UsageError
from envcheck.formats import stream, text
from envcheck.matrix.store import open_matrix
from envcheck.trials import asked as asked_
from envcheck.trials import place, workshop
from envcheck.trials.installer import FULL, disk_full
from envcheck.trials.session import LEAST, Session, TryOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envcheck.formats.text import Row
    from envcheck.trials.record import Record

__all__ = ["TryOptions", "run"]


def run(options: TryOptions) -> int:
    """
    Try what was asked for, and write what came of it.

    Returns:
        0 what ran went well | 1 something failed or was wrong | 3 nothing could be run.

    Raises:
        UsageError: The options make no sense.
        SourceError: There is no such Python, the folder can't be used, …
        DiskFullError: There is no space left; what was recorded is kept.
    """
    if os.name != "posix":
        raise SourceError("envcheck try needs Linux or macOS: it has to end whatever it starts")
    _refuse_nonsense(options)
    matrix = open_matrix(options.matrix)
    width = text.WIDTH if options.output is not None else stream.columns(sys.stdout)
    asked = asked_.read(options.words, matrix)
    folder = options.dir or place.default_folder()
    try:
        with workshop.opened(
            folder,
            asked,
            python=options.python,
            installer=options.installer,
            seconds=options.timeout,
            stage_seconds=options.stage_timeout,
        ) as shop:
            records, rows = Session(options, asked, matrix, shop, width).run()
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(folder) from None
        raise
    _write(records, rows, options)
    return _exit_code(records)


def _refuse_nonsense(options: TryOptions) -> None:
    """Refuse what makes no sense before anything is begun."""
    if options.bisect is None and (options.good or options.bad):
        raise UsageError("--good and --bad go with --bisect PACKAGE")
    if options.bisect is not None and not (options.good and options.bad):
        raise UsageError("--bisect needs --good VERSION and --bad VERSION")
    if options.bisect is not None and options.grid:
        raise UsageError("--bisect and --grid can't be given together")
    if not (options.words or options.grid or options.bisect):
        raise UsageError("nothing to try: give a set's id, a requirements file or requirements")
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: give a number of cells")
    for option, seconds in (
        ("--timeout", options.timeout),
        ("--stage-timeout", options.stage_timeout),
    ):
        if not seconds > 0:
            raise UsageError(f"{option} {seconds:g}: give a number of seconds")
    if options.memory is not None and options.memory < LEAST:
        raise UsageError(f"--memory {options.memory}: give {LEAST} MiB or more")


def _exit_code(records: Sequence[Record]) -> int:
    outcomes = {record.outcome for record in records}
    if outcomes & {"failed", "wrong"}:
        return 1
    return 0 if "ok" in outcomes else 3


def _write(records: Sequence[Record], rows: Iterable[Row], options: TryOptions) -> None:
    """Write the report, or a line of JSON for each record."""
    if options.output is None:
        _write_to(sys.stdout, records, rows, options)
        return
    try:
        with open(options.output, "w", encoding="utf-8") as file:
            _write_to(file, records, rows, options)
    except OSError as error:
        raise SourceError(
            f"{clean(options.output)}: can't write the report: {error.strerror}"
        ) from error


def _write_to(
    to: TextIO, records: Sequence[Record], rows: Iterable[Row], options: TryOptions
) -> None:
    if options.format == "json":
        to.writelines(json.dumps(record.to_dict(), ensure_ascii=False) + "\n" for record in records)
    else:
        stream.write(rows, to, options.color)
