"""
All that trials are made with, got ready: a folder, a Python, an installer, and who ends programs.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from envcheck.errors import SourceError
from envcheck.trials import place as place_
from envcheck.trials import pythons
from envcheck.trials.installer import homes
from envcheck.trials.pip import Pip
from envcheck.trials.process import Limits, supervised
from envcheck.trials.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.trials.asked import Asked
    from envcheck.trials.installer import Installer
    from envcheck.trials.place import Place
    from envcheck.trials.process import Supervisor
    from envcheck.trials.pythons import Python


class Workshop(NamedTuple):
    """
    What trials are made with.
    """

    place: Place
    python: Python
    installer: Installer
    supervisor: Supervisor
    environ: Mapping[str, str]
    limits: Limits
    "What a cell may take, once it is installed."
    stage_seconds: float = 0
    "What a stage may take; 0 is no limit."


@contextmanager
def opened(
    folder: str,
    asked: Asked,
    *,
    python: str | None,
    installer: str,
    seconds: float,
    stage_seconds: float,
) -> Iterator[Workshop]:
    """
    Get everything ready; nothing that was started is left afterwards.

    Args:
        python: The wish for one, if there is any.
        installer: auto, uv or pip.
        seconds: What a cell may take, once it is installed.
        stage_seconds: What a stage may take.

    Raises:
        UsageError: Something else is in the folder.
        SourceError: The folder is in use, there is no such Python, no installer, …
    """
    environ = dict(os.environ)
    with ExitStack() as stack:
        where = stack.enter_context(place_.opened(folder))
        supervisor = stack.enter_context(supervised())
        scratch = stack.enter_context(where.scratch("start"))
        path = pythons.find(python, asked.python, asked.proven, environ)
        found = pythons.look_at(path, supervisor, scratch, homes(scratch))
        tool = _installer(where.folder, found.path, supervisor, environ, installer)
        tool.prepare(scratch)
        yield Workshop(where, found, tool, supervisor, environ, Limits(seconds), stage_seconds)


def _installer(
    folder: str, python: str, supervisor: Supervisor, environ: Mapping[str, str], wish: str
) -> Installer:
    """Return uv if it is present, on PATH or beside this Python, else pip."""
    beside = os.path.dirname(sys.executable)
    uv = shutil.which("uv", path=environ.get("PATH", "")) or shutil.which("uv", path=beside)
    if wish == "uv" and uv is None:
        raise SourceError("there is no uv on PATH; install it, or leave the choice open")
    if uv is not None and wish != "pip":
        return Uv(uv, folder, python, supervisor, environ)
    return Pip(folder, python, supervisor, environ)
