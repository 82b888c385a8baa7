"""
Starts programs that may hang, multiply, or eat memory, and ends them all.

Each runs under a keeper (see `keeper`), in a session of its own: a Ctrl-C in the terminal reaches
envcheck alone, which then ends them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.errors import EnvcheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_KEEPER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keeper.py")
_LINE: Final = 1024 * 1024
"Bytes of a line of a report; a longer one is dropped."


class StoppedError(EnvcheckError):
    """
    Signal that no more programs are to be run: everything is being ended.
    """


class Ended(NamedTuple):
    """
    How a program ended.
    """

    how: str
    "exit, time, memory or stopped (as all are when envcheck is interrupted)"
    code: int
    "The exit code; negative: a signal."
    seconds: float
    peak: int = 0
    "MiB of memory that it and all it started took together, where there was a limit."


class Limits(NamedTuple):
    """
    What a program may take; 0 is no limit.
    """

    seconds: float = 0
    memory: int = 0
    "MiB"


class Supervisor:
    """
    All programs that run at present.
    """

    def __init__(self) -> None:
        self._lifelines: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """
        End all programs that run, and run none any more.
        """
        with self._lock:
            self._stopped = True
            for lifeline in self._lifelines:
                os.close(lifeline)
            self._lifelines.clear()

    def run(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        folder: str,
        log: str,
        limits: Limits = Limits(),  # noqa: B008 - a value
        output: str | None = None,
        tell: Callable[[bytes], None] | None = None,
    ) -> Ended:
        """
        Run a program to its end.

        Args:
            folder: The working directory.
            log: A file to which standard output and error are appended.
            output: A file for standard output alone.
            tell: Gets each line that the program writes to its file descriptor 3.

        Raises:
            StoppedError: All are being ended.
            OSError: The log can't be written.
        """
        began = time.monotonic()
        with _Pipe() as report, _Pipe() as verdict, open(log, "ab") as errors:
            with open(output or os.devnull, "wb") as alone:
                keeper, lifeline = self._start(
                    [
                        *(str(limits.seconds), str(limits.memory)),
                        *(str(verdict.write), str(report.write if tell else -1)),
                        *command,
                    ],
                    environ,
                    folder,
                    alone.fileno() if output else errors.fileno(),
                    errors.fileno(),
                    (verdict.write, report.write) if tell else (verdict.write,),
                )
            verdict.close_write()
            report.close_write()
            try:
                if tell:
                    for line in _lines(report.read):
                        tell(line)
                said = b"".join(iter(lambda: os.read(verdict.read, 4096), b""))
            finally:
                self._release(lifeline)
                keeper.wait()
        seconds = time.monotonic() - began
        try:
            found = json.loads(said)
            ended = Ended(found["how"], found["code"], seconds, found["peak"])
        except (ValueError, KeyError, TypeError):
            ended = Ended("exit", keeper.returncode or 127, seconds)  # the keeper itself was ended
        if ended.how == "stopped" or self._stopped:
            raise StoppedError("interrupted")
        return ended

    def _start(  # noqa: PLR0917
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        folder: str,
        output: int,
        errors: int,
        more: tuple[int, ...],
    ) -> tuple[subprocess.Popen[bytes], int]:
        read, lifeline = os.pipe()
        try:
            with self._lock:  # so that `stop` sees every lifeline
                if self._stopped:
                    raise StoppedError("interrupted")  # noqa: TRY301
                keeper = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-I", "-S", _KEEPER, *arguments],
                    stdin=read,
                    stdout=output,
                    stderr=errors,
                    cwd=folder,
                    env=environ,
                    start_new_session=True,
                    pass_fds=more,
                )
                self._lifelines.add(lifeline)
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(read)
        return keeper, lifeline

    def _release(self, lifeline: int) -> None:
        with self._lock:
            if lifeline in self._lifelines:
                self._lifelines.remove(lifeline)
                os.close(lifeline)


@contextmanager
def supervised() -> Iterator[Supervisor]:
    """
    Give a supervisor whose programs have all been ended when the block is left, however that happens.
    """
    supervisor = Supervisor()
    try:
        yield supervisor
    finally:
        supervisor.stop()


class _Pipe:
    """Both ends of a pipe, closed at the end; inherited by nobody who isn't given one."""

    def __enter__(self) -> _Pipe:  # noqa: PYI034 - Self is newer than Python 3.10
        self.read, self.write = os.pipe()
        self._open = True
        return self

    def close_write(self) -> None:
        if self._open:
            self._open = False
            os.close(self.write)

    def __exit__(self, *_: object) -> None:
        self.close_write()
        with suppress(OSError):
            os.close(self.read)


def _lines(descriptor: int) -> Iterator[bytes]:
    """Yield lines as they come; a last one without an end is no line."""
    waiting = b""
    while part := os.read(descriptor, 65536):
        *whole, waiting = (waiting + part).split(b"\n")
        yield from whole
        if len(waiting) > _LINE:
            waiting = b""
