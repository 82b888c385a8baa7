"""
What is left of a trial: what was asked for, what was installed, and how far it got.

`trials.jsonl` holds one record a line, as JSON of schema `envcheck-trial/1`. Reading one takes nothing
on trust: what ran in the environment may have written it.
"""

from __future__ import annotations

import math
import re
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.clean import clip, visible
from envcheck.errors import SourceError
from envcheck.trials.probe.order import STAGES as PROBED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA: Final = "envcheck-trial/1"

BEFORE: Final = ("resolve", "install", "metadata")
"""What is done without the probe, always: nothing of what is tried is run in it."""

STAGES: Final = (*BEFORE, *PROBED)
"""In the order in which they run."""

OUTCOMES: Final = ("ok", "failed", "expected-failure", "wrong", "not-run")

_BROKEN: Final = frozenset(("failed", "wrong"))
_LINE: Final = 200
_MOST: Final = 5000
"""Entries in a list or mapping."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


class RecordError(SourceError):
    """
    Signal data that is no record.
    """


class Stage(NamedTuple):
    """
    How one stage ended.
    """

    stage: str
    "One of `STAGES`."
    outcome: str
    "One of `OUTCOMES`."
    seconds: float = 0.0
    line: str = ""
    "The first line of the error, without paths, at most 200 characters."
    reason: str = ""
    "Why it was not run."
    losses: tuple[float, ...] = ()
    "With three decimals."
    about: Mapping[str, str] = _NONE
    "Small facts, such as the class of the engine."

    def to_dict(self) -> dict[str, Any]:
        """
        Return plain data for JSON, without what is empty.
        """
        plain = {
            "stage": self.stage,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 2),
            "line": self.line,
            "reason": self.reason,
            # JSON has no word for those that aren't finite.
            "losses": [_rounded(x) if math.isfinite(x) else str(float(x)) for x in self.losses],
            "about": dict(self.about),
        }
        return {key: value for key, value in plain.items() if value or key == "seconds"}

    @classmethod
    def from_dict(cls, data: object) -> Stage:
        """
        Read what `to_dict` made, or a probe wrote; free text is made fit to be shown.

        Raises:
            RecordError: It is something else.
        """
        read = _Fields(data, "a stage", {"stage", "outcome"}, set(cls._fields))
        return cls(
            read.word("stage", STAGES),
            read.word("outcome", OUTCOMES),
            read.number("seconds"),
            _shown(read.text("line")),
            _shown(read.text("reason")),
            tuple(_loss(each) for each in read.several("losses", list)),
            {visible(key): value for key, value in read.mapping("about").items()},
        )


class Record(NamedTuple):
    """
    What a trial of one cell left.
    """

    asked: tuple[str, ...]
    "Requirements of the cell as they were asked for, sorted."
    base: tuple[str, ...]
    "Requirements that all cells of the trial have in common."
    packages: Mapping[str, str]
    "The version of everything in the environment; empty where nothing could be resolved."
    python: str
    platform: str
    "`linux-x86_64-glibc2.36`"
    date: str
    "The day of the run."
    resolved: str
    "The day as of which the requirements were resolved."
    installer: str
    "`uv 0.9.1`"
    stages: tuple[Stage, ...]
    seconds: float = 0.0

    @property
    def broken(self) -> Stage | None:
        """
        The first stage that failed, or ran wrong.
        """
        return next((stage for stage in self.stages if stage.outcome in _BROKEN), None)

    @property
    def outcome(self) -> str:
        """
        One of ok, failed, wrong and not-run: ok only if something that is tried did run.
        """
        if self.broken is not None:
            return self.broken.outcome
        ran = {stage.stage for stage in self.stages if stage.outcome != "not-run"}
        return "ok" if ran.difference(BEFORE) else "not-run"

    def to_dict(self) -> dict[str, Any]:
        """
        Return plain data for JSON.
        """
        return {
            "schema": SCHEMA,
            "asked": list(self.asked),
            "base": list(self.base),
            "packages": dict(self.packages),
            "python": self.python,
            "platform": self.platform,
            "date": self.date,
            "resolved": self.resolved,
            "installer": self.installer,
            "stages": [stage.to_dict() for stage in self.stages],
            "seconds": round(self.seconds, 2),
        }

    @classmethod
    def from_dict(cls, data: object) -> Record:
        """
        Read what `to_dict` made.

        Raises:
            RecordError: It is something else.
        """
        fields = set(cls._fields)
        read = _Fields(data, "a trial", {"schema", *fields}, {"schema", *fields})
        read.word("schema", (SCHEMA,))
        stages = tuple(Stage.from_dict(each) for each in read.several("stages", list))
        if len({stage.stage for stage in stages}) != len(stages):
            raise RecordError("a trial: a stage occurs twice")
        return cls(
            read.requirements("asked"),
            read.requirements("base"),
            read.packages("packages"),
            read.shown("python"),
            read.shown("platform"),
            read.date("date"),
            read.date("resolved"),
            read.shown("installer"),
            stages,
            read.number("seconds"),
        )


def key(record: Record) -> tuple[tuple[str, ...], tuple[str, ...], str, str]:
    """
    Return what tells a cell from others: what was asked for, by which Python, as of which day.
    """
    minor = ".".join(record.python.split(".")[:2])
    return record.asked, record.base, minor, record.resolved


def _shown(text: str) -> str:
    shown = visible(text[: _LINE + 1])
    return shown if len(shown) <= _LINE else f"{shown[: _LINE - 1]}…"


def _rounded(loss: float) -> float:
    return round(loss, 3)


def _loss(value: object) -> float:
    if isinstance(value, str) and value in {"nan", "inf", "-inf"}:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RecordError("a stage: a loss is no number")
    return _rounded(float(value))


class _Fields:
    """A JSON object that is read field by field."""

    def __init__(self, data: object, what: str, needed: set[str], known: set[str]) -> None:
        if not isinstance(data, dict):
            raise RecordError(f"{what}: not a mapping")
        strange, missing = data.keys() - known, needed - data.keys()
        if strange or missing:
            names = ", ".join(clip(str(each)) for each in sorted(strange or missing))
            raise RecordError(f"{what}: {'unknown' if strange else 'missing'}: {names}")
        self.data = data
        self.what = what

    def wrong(self, name: str, why: str) -> RecordError:
        return RecordError(f"{self.what}: {name}: {why}")

    def text(self, name: str) -> str:
        value = self.data.get(name, "")
        if not isinstance(value, str):
            raise self.wrong(name, "text is expected")
        return value

    def shown(self, name: str) -> str:
        return _shown(self.text(name))

    def word(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in choices:
            raise self.wrong(name, f"none of {', '.join(choices)}")
        return value

    def number(self, name: str) -> float:
        value = self.data.get(name, 0.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(name, "a number is expected")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not (math.isfinite(number) and number >= 0):
            raise self.wrong(name, "a number of seconds is expected")
        return number

    def date(self, name: str) -> str:
        value = self.text(name)
        try:
            if date.fromisoformat(value).isoformat() == value:
                return value
        except ValueError:
            pass
        raise self.wrong(name, "not a date (YYYY-MM-DD)")

    def several(self, name: str, kind: Callable[[], Any]) -> Any:
        empty = kind()
        value = self.data.get(name, empty)
        if not isinstance(value, type(empty)) or len(value) > _MOST:
            raise self.wrong(name, f"a {type(empty).__name__} is expected, not too long")
        return value

    def mapping(self, name: str) -> dict[str, str]:
        found = self.several(name, dict)
        if not all(isinstance(each, str) for pair in found.items() for each in pair):
            raise self.wrong(name, "text is expected")
        return {key: _shown(value) for key, value in found.items()}

    def packages(self, name: str) -> dict[str, str]:
        found = self.mapping(name)
        for package in found:
            if not _NAME.match(package):
                raise self.wrong(name, f"{clip(package)} is no canonical name")
        return dict(sorted(found.items()))

    def requirements(self, name: str) -> tuple[str, ...]:
        found = self.several(name, list)
        for each in found:
            if not _is_requirement(each):
                raise self.wrong(name, f"{clip(str(each))} is no requirement")
        return tuple(sorted(found))


def _is_requirement(value: object) -> bool:
    if not isinstance(value, str) or not value.isprintable():
        return False
    try:
        return bool(versions.requirement(value))
    except ValueError:
        return False
