"""
uv, or else venv and pip: which versions belong together, and how they get into a folder.
"""

from __future__ import annotations

import errno
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.clean import clean
from envcheck.errors import EnvcheckError
from envcheck.trials import answers, indexes
from envcheck.trials.process import Ended, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.trials.process import Supervisor

FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT))
"""What the system says when there is no space left."""
_LIMIT: Final = Limits(seconds=3600)
"Of a resolution or an installation: gigabytes over a slow line."


class DiskFullError(EnvcheckError):
    """
    Signal that there is no space left where trials are kept.
    """


class RefusedError(Exception):
    """
    Signal that these versions can't be resolved or installed: a fact about them.
    """


class UnreachableError(Exception):
    """
    Signal that an installer failed for a reason that says nothing about the versions.
    """


_NONE: Final[Mapping[NormalizedName, str]] = MappingProxyType({})


class Wanted(NamedTuple):
    """
    What is to be resolved.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    day: str | None = None
    "What was published later isn't seen; `None`: everything is."
    newer: Mapping[NormalizedName, str] = _NONE
    "Packages that have a later day."


class Installer:
    """
    One installer, with its cache and its settings.
    """

    name: str = ""
    of_uv = False
    "Whose settings it obeys: uv's, else pip's."

    def __init__(
        self, folder: str, python: str, supervisor: Supervisor, environ: Mapping[str, str]
    ) -> None:
        """
        Get an installer ready.

        Args:
            folder: Of the trials: caches come to lie there.
            python: The interpreter for which it installs.
        """
        self._folder, self._python, self._supervisor = folder, python, supervisor
        self._environ = environ
        self._cache = os.path.join(folder, "cache")

    def prepare(self, scratch: str) -> None:
        """
        Make it ready for work, and say in `name` which it is.
        """

    def resolve(self, wanted: Wanted, scratch: str) -> list[str]:
        """
        Return a pin for each package that belongs to what is wanted, sorted.

        Raises:
            RefusedError: There are no such versions.
            UnreachableError: It could not be found out.
            DiskFullError: The disk is full.
        """
        raise NotImplementedError

    def install(self, pins: Sequence[str], into: Sequence[str], of: Wanted, scratch: str) -> None:
        """
        Install pins, and nothing else.

        Args:
            into: `--python EXE` of a virtual environment, or `--target FOLDER`.
            of: What they were resolved from: what builds packages is chosen as of the same day.

        Raises:
            RefusedError: One can't be built, or isn't for this Python or platform.
            UnreachableError: It could not be found out.
            DiskFullError: The disk is full.
        """
        raise NotImplementedError

    def environment(self, prefix: str, scratch: str) -> None:
        """
        Make an empty virtual environment.
        """
        self._run([self._python, "-m", "venv", "--without-pip", "--clear", prefix], scratch)

    def _run(self, command: Sequence[str], scratch: str) -> None:
        log = os.path.join(scratch, "install.log")
        start = os.path.getsize(log) if os.path.exists(log) else 0
        ended = self._supervisor.run(
            command, environ=self._variables(scratch), folder=scratch, log=log, limits=_LIMIT
        )
        if ended.how != "exit" or ended.code:
            with open(log, "rb") as file:
                file.seek(start)
                text = file.read().decode("utf-8", "replace")
            raise self._judged(text, ended)

    def _version(self, command: Sequence[str], scratch: str) -> str:
        """Return name and version as the installer says them; empty if it says nothing."""
        output = os.path.join(scratch, "version.txt")
        self._supervisor.run(
            command,
            environ=self._variables(scratch),
            folder=scratch,
            log=os.path.join(scratch, "install.log"),
            output=output,
            limits=Limits(60),
        )
        return " ".join(read_text(output).split()[:2])

    def _variables(self, scratch: str) -> dict[str, str]:
        return {
            **indexes.inherited(self._environ),
            **indexes.settings(self._environ, uv=self.of_uv),
            **homes(scratch),
            "NO_COLOR": "1",
        }

    def _judged(self, text: str, ended: Ended) -> Exception:
        if answers.is_about_space(text):
            return disk_full(self._folder)
        line = answers.error_line(text) or f"{self.name} ended with exit code {ended.code}"
        if ended.how == "time":
            return UnreachableError(f"{self.name} had no end after {_LIMIT.seconds:.0f} seconds")
        lacking = answers.lacks(text)
        if lacking:
            return UnreachableError(lacking)
        if answers.is_about_versions(text):
            return RefusedError(line)
        return UnreachableError(line)


def homes(scratch: str) -> dict[str, str]:
    """
    Return the variables that keep what a program writes inside a folder, which has to be there.
    """
    named = {name: os.path.join(scratch, name) for name in ("home", "tmp")}
    for path in named.values():
        os.makedirs(path, exist_ok=True)
    return {
        "HOME": named["home"],
        "XDG_CACHE_HOME": os.path.join(named["home"], ".cache"),
        "XDG_DATA_HOME": os.path.join(named["home"], ".local", "share"),
        "XDG_STATE_HOME": os.path.join(named["home"], ".local", "state"),
        "TMPDIR": named["tmp"],
    }


def disk_full(folder: str) -> DiskFullError:
    """
    Return the error that says so.
    """
    return DiskFullError(
        f"the disk is full: no space left for trials in {clean(folder)}; free some, or give another "
        "folder with --dir (what has been recorded is kept)"
    )


def write_lines(path: str, lines: Sequence[str]) -> None:
    """
    Write a file of lines.
    """
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def read_text(path: str) -> str:
    """
    Return the text of a file; of one that isn't there, none.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
