"""
uv as the installer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envcheck.trials import indexes
from envcheck.trials.installer import Installer, read_text, write_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.trials.installer import Wanted


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
        asked, found = os.path.join(scratch, "asked.txt"), os.path.join(scratch, "found.txt")
        write_lines(asked, wanted.requirements)
        command = [self._uv, "pip", "compile", asked, "-o", found, *self._common(), "--no-annotate"]
        command += ["--no-header", "--python", self._python]
        if wanted.constraints:
            write_lines(f"{asked}.constraints", wanted.constraints)
            command += ["--constraint", f"{asked}.constraints"]
        self._run([*command, *_until(wanted)], scratch)
        return sorted(line.strip() for line in read_text(found).splitlines() if line.strip())

    def install(  # noqa: D102
        self, pins: Sequence[str], into: Sequence[str], of: Wanted, scratch: str
    ) -> None:
        asked = os.path.join(scratch, "pins.txt")
        write_lines(asked, pins)
        command = [self._uv, "pip", "install", "--no-deps", *self._common()]
        if into[0] == "--target":
            command += ["--python", self._python]
        self._run([*command, *_until(of), *into, "-r", asked], scratch)

    def _common(self) -> list[str]:
        # For this one setting of pip uv has an option, and no variable.
        alone = indexes.settings(self._environ, uv=True).get(indexes.NO_INDEX)
        return [
            *("--quiet", "--no-progress", "--no-python-downloads"),
            *(("--no-index",) if alone else ()),
            *("--cache-dir", os.path.join(self._cache, "uv")),
        ]


def _until(wanted: Wanted) -> list[str]:
    """Return the options of uv by which it doesn't see what is too new."""
    if wanted.day is None:
        return []
    options = ["--exclude-newer", wanted.day]
    for name, day in sorted(wanted.newer.items()):
        options += ["--exclude-newer-package", f"{name}={day}"]
    return options
