"""
venv and pip as the installer, where there is no uv.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.trials.installer import (
    Installer,
    RefusedError,
    UnreachableError,
    read_text,
    write_lines,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.trials.installer import Wanted

_DATED: Final = (26, 0)
"The first pip that can leave out what was published after a day."


class Pip(Installer):
    """
    pip, in a virtual environment of its own for each Python.
    """

    def prepare(self, scratch: str) -> None:  # noqa: D102 - as in the class above
        tools = os.path.join(
            self._folder, "tools", os.path.basename(os.path.realpath(self._python))
        )
        self._pip = os.path.join(tools, "bin", "python")
        ready = os.path.join(tools, "ready")
        if not os.path.exists(ready):
            try:
                self._run([self._python, "-m", "venv", "--clear", tools], scratch)
            except (RefusedError, UnreachableError) as error:
                raise SourceError(
                    f"{clean(self._python)} can't make a virtual environment with pip, and there "
                    f"is no uv: {clean(str(error))}"
                ) from None
            with suppress(RefusedError, UnreachableError):  # the one that came with Python will do
                self._run(self._command("install", "--upgrade", "pip"), scratch)
            write_lines(ready, ())
        self.name = self._version([self._pip, "-m", "pip", "--version"], scratch) or "pip"

    def resolve(self, wanted: Wanted, scratch: str) -> list[str]:  # noqa: D102
        asked, found = os.path.join(scratch, "asked.txt"), os.path.join(scratch, "found.json")
        write_lines(asked, wanted.requirements)
        command = self._command("install", "--dry-run", "--ignore-installed", "--report", found)
        if wanted.constraints:
            write_lines(f"{asked}.constraints", wanted.constraints)
            command += ["--constraint", f"{asked}.constraints"]
        command += self._until(wanted)
        self._run([*command, "-r", asked], scratch)
        pins = []
        for each in json.loads(read_text(found))["install"]:
            name, version = each["metadata"]["name"], each["metadata"]["version"]
            direct = each.get("is_direct") and each["download_info"]["url"]
            pins.append(f"{name} @ {direct}" if direct else f"{name}=={version}")
        return sorted(pins)

    def install(  # noqa: D102
        self,
        pins: Sequence[str],
        into: Sequence[str],
        of: Wanted,  # noqa: ARG002 - pip has no day for what builds packages
        scratch: str,
    ) -> None:
        asked = os.path.join(scratch, "pins.txt")
        write_lines(asked, pins)
        command = [self._pip, "-m", "pip"]
        if into[0] == "--python":
            command += into
        command += ["install", *self._common(), "--no-deps"]
        if into[0] == "--target":
            command += into
        self._run([*command, "-r", asked], scratch)

    def _until(self, wanted: Wanted) -> list[str]:
        if wanted.day is None:
            return []
        number = tuple(int(each) for each in re.findall(r"\d+", self.name)[:2])
        if number < _DATED:
            raise SourceError(
                f"{self.name} can't leave out what was published after {wanted.day}: install uv, "
                f"or a Python that has pip {_DATED[0]}; or try it as of today with --date"
            )
        if wanted.newer:
            raise SourceError(
                f"{', '.join(sorted(wanted.newer))}: newer than {wanted.day}, and only uv can keep all "
                "else as of that day: install uv, or give --date"
            )
        after = dt.date.fromisoformat(wanted.day) + dt.timedelta(days=1)
        return ["--uploaded-prior-to", f"{after.isoformat()}T00:00:00Z"]

    def _command(self, *arguments: str) -> list[str]:
        return [self._pip, "-m", "pip", arguments[0], *self._common(), *arguments[1:]]

    def _common(self) -> list[str]:
        return [
            *("--quiet", "--no-input", "--disable-pip-version-check", "--no-color"),
            *("--progress-bar", "off", "--cache-dir", os.path.join(self._cache, "pip")),
        ]
