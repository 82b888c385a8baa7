"""
One trial: a cell is resolved, installed, looked at and run, and leaves a record.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.clean import visible
from envcheck.errors import SourceError
from envcheck.trials import answers, indexes, installed, stages
from envcheck.trials.installer import (
    FULL,
    RefusedError,
    UnreachableError,
    Wanted,
    disk_full,
    homes,
)
from envcheck.trials.record import BEFORE, Record, RecordError, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from envcheck.trials.place import Place, Prepared
    from envcheck.trials.process import Ended
    from envcheck.trials.workshop import Workshop

    Tell = Callable[[str, Stage | None], None]

_PROBE: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe", "main.py")
_LINE: Final = 200
_LOG: Final = 256 * 1024
"Bytes of a log that are kept, from its end."
_LITTLE: Final = 64 * 1024 * 1024
"Bytes; with less space left than this a disk counts as full."


class Cell(NamedTuple):
    """
    One set of versions that is to be tried.
    """

    asked: tuple[str, ...]
    base: tuple[str, ...] = ()
    "What is asked for in every cell of the trial."
    wanted: Wanted = Wanted(())
    resolved: str = ""
    "The day as of which it is resolved."
    stages: tuple[str, ...] = ()
    layered: bool = False
    "One of many: see `place`."

    @property
    def name(self) -> str:
        """
        Return a few words that tell it from others.
        """
        return " ".join(self.asked)


def try_cell(cell: Cell, shop: Workshop, number: int = 0, tell: Tell = lambda *_: None) -> Record:
    """
    Try one cell.

    Args:
        number: Tells it from others that are tried at the same time.
        tell: Gets the name of each stage that begins, and then how it ended.

    Raises:
        DiskFullError: There is no space left.
        StoppedError: Everything is being ended.
    """
    began = time.monotonic()
    trial = _Trial(cell, shop, tell)
    try:
        with shop.place.scratch(f"{number:x}") as scratch:
            trial.run(scratch)
            record = trial.record(time.monotonic() - began)
            if record.outcome != "ok":
                trial.keep_log(scratch, log_path(shop.place, record))
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(shop.place.folder) from None
        raise SourceError(f"cannot try {visible(cell.name)}: {visible(str(error))}") from None
    return record


def log_path(place: Place, record: Record) -> str:
    """
    Return where the log of a trial that didn't go well is kept.
    """
    words = " ".join((*record.asked, *record.base, f"python{record.python}", record.resolved))
    # A name has an end: of two sets that begin alike, each has its own.
    name = re.sub(r"[^\w.+-]+", "_", words)[:100]
    path = f"{name}-{zlib.crc32(words.encode()):08x}.log"
    return os.path.join(place.path("logs"), path)


class _Trial:
    """A trial that is under way."""

    def __init__(self, cell: Cell, shop: Workshop, tell: Tell) -> None:
        self._cell, self._shop, self._tell = cell, shop, tell
        self._done: dict[str, Stage] = {}
        self._began = ""
        self._since = 0.0
        self.packages: dict[str, str] = {}

    def run(self, scratch: str) -> None:
        """Go through the stages until nothing more can be done."""
        try:
            self._begin("resolve")
            pins = self._shop.installer.resolve(self._cell.wanted, scratch)
            self.packages = dict(map(_pinned, pins))
            self._end("resolve", "ok")
            self._begin("install")
            prepared = self._install(pins, scratch)
            self._end("install", "ok")
        except RefusedError as error:
            self._end(self._began, "failed", line=_shown(str(error), scratch))
            return
        except UnreachableError as error:
            self._end(self._began, "not-run", reason=_shown(str(error), scratch))
            return
        self._metadata(prepared)
        self._probe(prepared, scratch)

    def record(self, seconds: float) -> Record:
        """Return what it came to; a stage that wasn't reached says after which it would have been."""
        cell, python = self._cell, self._shop.python
        there = {
            *self.packages,
            *(versions.requirement(each).name for each in (*cell.asked, *cell.base)),
        }
        last = next((each.stage for each in self._done.values() if each.outcome != "ok"), "import")
        found = [
            self._done.get(stage) or Stage(stage, "not-run", reason=f"after {last}")
            for stage in stages.applying(cell.stages, there)
        ]
        return Record(
            cell.asked,
            cell.base,
            self.packages,
            python.version,
            python.platform,
            datetime.now().astimezone().date().isoformat(),
            cell.resolved,
            self._shop.installer.name,
            tuple(found),
            seconds,
        )

    def keep_log(self, scratch: str, path: str) -> None:
        """Keep the end of what was printed."""
        parts = []
        for name in ("install.log", "probe.log"):
            log = os.path.join(scratch, name)
            if os.path.exists(log):
                with open(log, "rb") as file:
                    file.seek(max(0, os.path.getsize(log) - _LOG))
                    parts.append(file.read())
        with open(path, "wb") as file:
            file.write(b"\n".join(parts))

    def _begin(self, stage: str) -> None:
        self._began, self._since = stage, time.monotonic()
        self._tell(stage, None)

    def _end(self, stage: str, outcome: str, *, line: str = "", reason: str = "") -> None:
        self._put(Stage(stage, outcome, time.monotonic() - self._since, line, reason))

    def _put(self, ended: Stage) -> None:
        self._began = ""
        self._done[ended.stage] = ended
        self._tell(ended.stage, ended)

    def _install(self, pins: list[str], scratch: str) -> Prepared:
        place, shop = self._shop.place, self._shop
        make = place.layered if self._cell.layered else place.whole
        return make(pins, self._cell.wanted, shop.python, shop.installer, scratch)

    def _metadata(self, prepared: Prepared) -> None:
        self._begin("metadata")
        found = installed.read(prepared.path)
        self.packages = {name: each.version for name, each in found.items()}
        problems = installed.problems(found, self._shop.python.markers)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        if problems:
            self._end("metadata", "failed", line=_shown(problems[0] + more, ""))
        else:
            self._end("metadata", "ok")

    def _probe(self, prepared: Prepared, scratch: str) -> None:
        """Run the stages for which the environment is needed."""
        shop = self._shop
        applying = stages.applying(self._cell.stages, self.packages)
        left = [stage for stage in applying if stage not in BEFORE]
        if not left:
            return
        asked = {versions.requirement(each).name for each in (*self._cell.asked, *self._cell.base)}
        names = [*stages.TRIED, *sorted(asked - set(stages.TRIED))]
        # What a marker left out isn't there, and isn't looked for.
        packages = [name for name in names if name in self.packages]
        work = os.path.join(scratch, "work")
        limit = min(shop.stage_seconds, shop.limits.seconds)
        key = "-".join(
            (shop.python.minor, *(self.packages.get(each, "") for each in ("torch", "deepspeed")))
        )
        with shop.place.extensions(key, scratch) as extensions:
            ended = shop.supervisor.run(
                [
                    *(prepared.python, _PROBE, "--stages", ",".join(left)),
                    *("--packages", ",".join(packages), "--work", work, "--limit", f"{limit:g}"),
                ],
                environ=self._variables(prepared, scratch, extensions),
                folder=scratch,
                log=os.path.join(scratch, "probe.log"),
                limits=shop.limits,
                tell=self._hear,
            )
        self._judge(ended, left)

    def _variables(self, prepared: Prepared, scratch: str, extensions: str) -> dict[str, str]:
        home = homes(scratch)
        inherited = indexes.inherited(self._shop.environ)
        own = os.path.dirname(prepared.python)
        return {
            **inherited,
            **home,
            "PATH": os.pathsep.join(filter(None, (own, inherited.get("PATH", "")))),
            "HF_HOME": os.path.join(home["HOME"], "huggingface"),
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "TORCH_EXTENSIONS_DIR": extensions,
            "DS_ACCELERATOR": "cpu",
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "WANDB_DISABLED": "true",
            "PYTHONNOUSERSITE": "1",
            "PYTHONPYCACHEPREFIX": self._shop.place.path("pycache"),
        }

    def _hear(self, line: bytes) -> None:
        """Take a line of the probe's report; it comes out of the environment, so nothing in it is trusted."""
        try:
            said = json.loads(line)
            if not isinstance(said, dict) or said.get("stage") in BEFORE:
                return
            if said.get("begins"):
                if said.get("stage") in self._cell.stages:
                    self._begin(said["stage"])
                return
            ended = Stage.from_dict(said)
        except (ValueError, RecordError, RecursionError):
            return
        if ended.stage not in self._done and ended.stage in self._cell.stages:
            self._put(self._machine_aside(ended))

    def _machine_aside(self, ended: Stage) -> Stage:
        """Return what a stage came to; that a disk is full says nothing about versions."""
        if ended.outcome != "failed" or not answers.is_about_space(ended.line):
            return ended
        folder = self._shop.place.folder
        if shutil.disk_usage(folder).free < _LITTLE:
            raise disk_full(folder)
        return ended._replace(outcome="not-run", reason="a disk is full (/dev/shm?)")

    def _judge(self, ended: Ended, left: list[str]) -> None:
        """Say what is not yet said when the probe has ended: it didn't get to the end, or was ended."""
        missing = [stage for stage in left if stage not in self._done]
        if not missing:
            return
        at = self._began or missing[0]
        if ended.how == "memory":
            line = f"more than {self._shop.limits.memory} MiB of memory: ended"
        elif ended.how == "time":
            line = f"the cell had no end after {self._shop.limits.seconds:g} seconds: ended"
        elif ended.code < 0:
            line = f"ended by signal {-ended.code}"
        else:
            line = f"the process ended without a word, exit code {ended.code}"
        if not self._began:
            self._since = time.monotonic()
        self._end(at, "failed", line=line)
        for stage in missing:
            if stage != at:
                self._put(Stage(stage, "not-run", reason=f"after {at}"))


def _pinned(pin: str) -> tuple[str, str]:
    """Return name and version; a pin to an address has none yet."""
    found = versions.requirement(pin)
    return found.name, found.specifier.lstrip("=")


def _shown(text: str, scratch: str) -> str:
    """Return one line, without this machine's paths."""
    if scratch:
        text = text.replace(scratch + os.sep, "").replace(scratch, "")
    text = visible(" ".join(re.sub(r"(?:/[\w.+@-]+){2,}/", "", text).split()))
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"
