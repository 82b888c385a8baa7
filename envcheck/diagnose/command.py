"""
`envcheck diagnose`, from options to exit code.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from envcheck import run
from envcheck.diagnose import as_json, lines, place, report
from envcheck.diagnose.answer import Answer, answer
from envcheck.diagnose.log import Log
from envcheck.errors import SourceError, UsageError
from envcheck.files import STDIN
from envcheck.formats import stream
from envcheck.matrix.store import open_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Report
    from envcheck.options import CheckOptions


def diagnose(
    path: str,
    options: CheckOptions,
    *,
    follow: bool = False,
    pause: Callable[[], None] | None = None,
) -> int:
    """
    Diagnose a log and write what it proves.

    Args:
        path: `-` reads standard input.
        options: Where it was written, and how the report is; of `check`, those that name one.
        follow: Go on with a file that grows; write a report whenever something new is found.
        pause: Waits for a file to grow.

    Returns:
        0 nothing wrong | 1 something found | 130 interrupted while following.

    Raises:
        UsageError: The options make no sense together.
        SourceError: The log or the environment can't be read, or nothing in the log is known.
    """
    if path == STDIN and options.from_ == STDIN:
        raise UsageError("the log and --from can't both be standard input")
    matrix = open_matrix(options.matrix)
    diagnosis = _Diagnosis(path, options, matrix)
    written: tuple[Any, ...] | None = None
    try:
        for block in lines.read(path, follow=follow, pause=pause):
            diagnosis.log.feed(block.data)
            if not (block.ended and follow):
                continue
            found = diagnosis.found()
            if found and found != written:
                diagnosis.write(one_line=True)
                written = found
    except KeyboardInterrupt:
        if not follow:
            raise
        diagnosis.write(one_line=True)
        return 130
    verdict = diagnosis.verdict()
    if verdict == "not-recognised" and not diagnosis.log.said().bytes:
        raise SourceError(f"the log {lines.shown(path)} is empty")
    if not follow or written is None:
        diagnosis.write(one_line=follow)
    return {"found": 1, "nothing-found": 0}.get(verdict, 3)


def entries(matrix: Matrix) -> dict[str, Mapping[str, Any]]:
    """
    Return the known-bad entries of a matrix, by id.
    """
    return {identifier: record for identifier, record in matrix.records() if "@" not in identifier}


def judged(environment: Environment | None, matrix: Matrix, options: CheckOptions) -> Report | None:
    """
    Check the place where a log was written; `None`: nothing of it is known.
    """
    if environment is None or not environment.packages:
        return None
    return run.judge(environment, matrix, options)


class _Diagnosis:
    """
    A log that is being read, and what is known about the place where it was written.
    """

    def __init__(self, path: str, options: CheckOptions, matrix: Matrix) -> None:
        self._options, self._matrix = options, matrix
        self._origin = "standard input" if path == STDIN else path
        self._entries = entries(matrix)
        self._environment = place.environment(options, matrix)
        self.log = Log(self._entries.items())

    def _answer(self) -> Answer:
        said = self.log.said()
        environment, remarks = place.corrected(self._environment, said, self._matrix)
        report = judged(environment, self._matrix, self._options)
        return answer(
            said,
            self._matrix,
            self._entries,
            origin=self._origin,
            environment=environment,
            remarks=remarks,
            report=report,
        )

    def found(self) -> tuple[Any, ...]:
        """
        Return what a reader has to be told once, as something that can be compared.
        """
        said = self.log.said()
        wrong = [each.id for each in said.proofs if each.severity != "info"]
        exceptions = [each.text for each in said.exceptions]
        return (*wrong, *exceptions, *said.texts, *(number for number, _ in said.earlier))

    def verdict(self) -> str:
        """
        Return the verdict so far.
        """
        return self._answer().verdict

    def write(self, *, one_line: bool) -> None:
        """
        Write the report of what has been read so far.
        """
        result, to = self._answer(), sys.stdout
        if self._options.format == "json":
            to.write(as_json.to_json(result, indent=None if one_line else 1))
        else:
            rows = report.rows(result, width=stream.columns(to))
            stream.write(rows, to, self._options.color)
        to.flush()
