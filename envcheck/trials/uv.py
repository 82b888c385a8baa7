"""
uv as the installer.
"""

from __future__ import annotations

import datetime as dt
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from envcheck.trials import indexes
from envcheck.trials.installer import Installer, RefusedError, read_text, write_lines
from envcheck.versions import requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.trials.installer import Wanted

_COMPILED: Final = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
"What takes a Fortran compiler and more to build."


class Uv(Installer):
    """
    uv, which needs nothing of the Python for which it installs.
    """

    of_uv = True

    def __init__(self, uv: str, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._uv = uv

    def prepare(self, scratch: str) -> None:  # noqa: D102 - as in the class above
        self.name = self._version([self._uv, "--version"], scratch) or "uv"

    def resolve(self, wanted: Wanted, scratch: str) -> list[str]:  # noqa: D102
        if not wanted.newer:
            return self._compile(wanted, _until(wanted.day), scratch)
        # An old release that declares little and has to be compiled is no answer.
        command = [f"--only-binary={name}" for name in _COMPILED]
        for name, day in sorted(wanted.newer.items()):
            command.append(f"--exclude-newer-package={name}={day}")
        try:
            return self._compile(wanted, [*_until(wanted.day), *command], scratch)
        except RefusedError:
            # Something of the set's day stands in its way: the set is let come along as far as it has to.
            rest = [
                each for each in wanted.requirements if requirement(each).name not in wanted.newer
            ]
            with suppress(RefusedError):  # uv keeps what is in the file that it writes to
                set_alone = wanted._replace(requirements=tuple(rest))
                self._compile(set_alone, _until(wanted.day), scratch)
            return self._compile(wanted, _until(_latest(wanted)), scratch)

    def _compile(self, wanted: Wanted, options: Sequence[str], scratch: str) -> list[str]:
        asked, found = os.path.join(scratch, "asked.txt"), os.path.join(scratch, "found.txt")
        write_lines(asked, wanted.requirements)
        command = [self._uv, "pip", "compile", asked, "-o", found, *self._common(), "--no-annotate"]
        command += ["--no-header", "--python", self._python]
        if wanted.constraints:
            write_lines(f"{asked}.constraints", wanted.constraints)
            command += ["--constraint", f"{asked}.constraints"]
        self._run([*command, *options], scratch)
        return sorted(line.strip() for line in read_text(found).splitlines() if line.strip())

    def install(  # noqa: D102
        self, pins: Sequence[str], into: Sequence[str], of: Wanted, scratch: str
    ) -> None:
        asked = os.path.join(scratch, "pins.txt")
        write_lines(asked, pins)
        command = [self._uv, "pip", "install", "--no-deps", *self._common()]
        if into[0] == "--target":
            command += ["--python", self._python]
        self._run([*command, *_until(_latest(of)), *into, "-r", asked], scratch)

    def _common(self) -> list[str]:
        # For this one setting of pip uv has an option, and no variable.
        alone = indexes.settings(self._environ, uv=True).get(indexes.NO_INDEX)
        return [
            *("--quiet", "--no-progress", "--no-python-downloads"),
            *(("--no-index",) if alone else ()),
            *("--cache-dir", os.path.join(self._cache, "uv")),
        ]


def _until(day: str | None) -> list[str]:
    """Return the options by which uv doesn't see what was published after a day."""
    return [] if day is None else ["--exclude-newer", day]


def _latest(wanted: Wanted) -> str | None:
    """Return the day on which all is there."""
    if wanted.day is None or not wanted.newer:
        return wanted.day
    last = max(wanted.day, *wanted.newer.values())
    # The other files of a release come within a day.
    return (dt.date.fromisoformat(last) + dt.timedelta(days=1)).isoformat()
