"""
Files that a command names and that aren't there, and a hostfile that is there and isn't named.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from envcheck.clean import clip
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.notes import Note
    from envcheck.launch.planned import Start

_DEFAULT: Final = "/job/hostfile"
"What `deepspeed` reads where none is named."
_NONE: Final = ("/dev/null", _DEFAULT)
"Hostfiles that people name where there is to be none."
_ELSEWHERE: Final = "Is it written before the run, or is the run started from another folder?"
_LAUNCHERS: Final = ("torchrun", "srun", "python")


def examine(start: Start, given: Hosts | None, *, asked: bool) -> Iterator[Note]:
    """
    Yield what is missing or unread.

    Args:
        start: A command.
        given: The hostfile that an option names.
        asked: The command was named by an option.
    """
    if start.named and not start.path and start.expected:
        yield note(
            "launch/no-configuration",
            "warning",
            f"The DeepSpeed configuration {clip(start.named, 60)} isn't there",
            place=start.place,
            certainty="needs-verification",
            verify=_ELSEWHERE,
        )
    for name in start.missing:
        if name in _NONE:
            continue
        elsewhere = name.startswith("/") and not asked  # perhaps of another machine
        yield note(
            "launch/no-hostfile",
            "info" if elsewhere else "warning",
            f"The hostfile {clip(name, 60)} isn't there",
            place=start.place,
            silent=True,
            certainty="needs-verification",
            verify=_ELSEWHERE,
        )
    if given is not None and given.data is not None and os.path.normpath(given.path) != _DEFAULT:
        yield from _unread(start, given)


def _unread(start: Start, given: Hosts) -> Iterator[Note]:
    launch = start.launch
    if launch is None or not launch.whole or launch.under in {"ssh", "pdsh"}:
        return
    if launch.launcher == "deepspeed" and "hostfile" not in launch.options:
        yield note(
            "launch/hostfile-unread",
            "warning",
            f"deepspeed isn't told of {clip(given.path, 40)}: it would use this machine alone",
            f"Without --hostfile it looks for {_DEFAULT}, and where that isn't there it uses the GPUs of "
            "this machine.",
            place=start.place,
            silent=True,
            certainty="needs-verification",
            verify=f"Whether {_DEFAULT} says the same.",
            instead=f"--hostfile {given.path}",
        )
    elif launch.launcher in _LAUNCHERS:
        yield note(
            "launch/hostfile-unread",
            "info",
            f"{launch.launcher} reads no hostfile",
            "Its own options, or the scheduler, say on which machines it starts processes.",
            do="",
            place=start.place,
        )
