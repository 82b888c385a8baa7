"""
How a run is going to be started: what launch scripts and accelerate configurations say.

Values only; `reading` makes them of files, `judge` says what doesn't fit together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.inline import Inline
    from envcheck.launch.launches import Launch
    from envcheck.launch.notes import Note
    from envcheck.matrix.strict_yaml import Node


class Accelerate(NamedTuple):
    """
    An accelerate configuration that was read.
    """

    path: str
    config: Mapping[str, Node] | None
    "`None`: it can't be read."
    notes: tuple[Note, ...]
    "What is wrong with it as YAML."


class Start(NamedTuple):
    """
    One command that starts a training, or an accelerate configuration by itself, with the files it names.
    """

    file: str
    line: int
    launch: Launch | None
    "`None`: it is the accelerate configuration itself."
    accelerate: Accelerate | None
    hosts: Hosts | None
    named: str
    "The DeepSpeed configuration as it is named; empty: none is."
    path: str
    "Where that was found; empty: it wasn't."
    expected: bool
    "It should be there: its whole name is known."
    missing: tuple[str, ...] = ()
    "Other files that are named, and aren't there."
    inline: Inline | None = None
    "The DeepSpeed configuration that accelerate makes by itself."
    checked: bool = False
    "Its DeepSpeed configuration is the one that is checked."

    @property
    def configuration(self) -> str:
        """
        Return the file that holds the DeepSpeed configuration; empty: it isn't known.
        """
        if self.inline is not None and self.accelerate is not None:
            return self.accelerate.path
        return self.path

    @property
    def place(self) -> str:
        """
        Return where it is, `train.sh:12`.
        """
        return f"{self.file}:{self.line}" if self.line else self.file


class Planned(NamedTuple):
    """
    All that is known of how the run is started.
    """

    asked: bool
    "It was named by an option; False: found in the working directory."
    starts: tuple[Start, ...] = ()
    "Those that count: if a configuration was chosen, those that name it."
    others: tuple[Start, ...] = ()
    "Those that name another one."
    chosen: str = ""
    "The file of the run's DeepSpeed configuration, where it is named here; empty: none, or several."
    undecided: tuple[str, ...] = ()
    "The configurations that are named, where it isn't known which of them counts."
    unreadable: str = ""
    "Why the chosen configuration can't be read."
    config: Mapping[str, Any] | None = None
    'What the DeepSpeed configuration of the run says, with every "auto".'
    summary: str = ""
    "What was read, in a line."
    about: Mapping[str, Any] | None = None
    "The same as plain data."
