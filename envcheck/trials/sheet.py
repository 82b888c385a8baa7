"""
A trial as a matrix keeps it: `matrices/trials/<trial>.yaml`, one line a cell.

What cells have in common stands once, at the head; what a cell says of its own comes before that.
`rows` gives back the records that `sheet` was made of, but for what follows from the rest: the time of
a cell is that of its stages, and a stage says nothing of versions that the cell names.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.trials.record import STAGES, Record, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FACTS: Final = ("python", "platform", "installer", "date", "resolved")
"""What is said of a cell, in it or at the head."""
_EXACT: Final = re.compile(r"==([^,*=]+)\Z")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ._+/@-]*[A-Za-z0-9+]\Z|\d+(\.\d+){2,}[+a-z0-9.]*\Z")
_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


def exact(text: str) -> tuple[str, str] | None:
    """
    Return name and version of a requirement that pins one; `None`: it doesn't.
    """
    required = versions.requirement(text)
    found = _EXACT.match(required.specifier)
    return (required.name, found[1]) if found else None


def record(head: Mapping[str, Any], cell: Mapping[str, Any]) -> Record:
    """
    Return one cell of a trial as the record it was made of.
    """
    said = {**{key: head[key] for key in (*FACTS, "with") if key in head}, **cell}
    stages = tuple(_stages(cell))
    return Record(
        asked=tuple(cell["packages"]),
        base=tuple(said.get("with", ())),
        packages=_environment(head, cell),
        python=said["python"],
        platform=said["platform"],
        date=said["date"],
        resolved=said.get("resolved", said["date"]),
        installer=said.get("installer", ""),
        stages=stages,
        seconds=round(sum(stage.seconds for stage in stages), 2),
    )


def rows(trial: Mapping[str, Any]) -> list[Record]:
    """
    Return the cells of a trial as records.
    """
    return [record(trial, cell) for cell in trial["cells"]]


def _environment(head: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, str]:
    if "also" not in cell:  # nothing was resolved
        return {}
    pins = (*head.get("environment", ()), *cell.get("with", head.get("with", ())))
    texts = (*pins, *cell["packages"], *cell["also"])
    found = (each for each in map(exact, texts) if each is not None)
    return dict(sorted(found))


def _stages(cell: Mapping[str, Any]) -> Iterator[Stage]:
    found: dict[str, dict[str, Any]] = {name: {"outcome": "ok"} for name in cell.get("ok", ())}
    for outcome in ("failed", "wrong", "expected-failure"):
        for name, line in cell.get(outcome, {}).items():
            found[name] = {"outcome": outcome, "line": "" if line == "-" else line}
    ran = [name for name in STAGES if name in found]
    seconds = cell.get("seconds", "").split()
    for name, number in zip(ran, seconds, strict=False):
        found[name]["seconds"] = float(number)
    for name, line in cell.get("losses", {}).items():
        found[name]["losses"] = tuple(map(float, line.split()))
    for name, about in cell.get("about", {}).items():
        found[name]["about"] = dict(about)
    for reason, names in cell.get("not-run", {}).items():
        for name in names:
            found[name] = {"outcome": "not-run", "reason": reason}
    return (Stage(name, **found[name]) for name in STAGES if name in found)


def sheet(
    about: Mapping[str, Any], records: Iterable[Record], order: Sequence[str] = ()
) -> dict[str, Any]:
    """
    Return a trial as plain data.

    Args:
        about: trial, title, and what else a person says of it.
        records: In any order.
        order: Names of packages by whose versions the cells are sorted first.
    """
    listed = sorted(records, key=lambda each: _order(each, order))
    head = dict(about)
    for key in FACTS:
        values = {getattr(each, key) for each in listed}
        if len(values) == 1:
            head[key] = values.pop()
    if head.get("resolved") == head.get("date"):
        head.pop("resolved", None)
    bases = {each.base for each in listed}
    if len(bases) == 1 and any(bases):
        head["with"] = list(bases.pop())
    installed = [each.packages.items() for each in listed if each.packages]
    common = set(installed[0]).intersection(*installed[1:]) if installed else set()
    based = {pin for each in head.get("with", ()) if (pin := exact(each))}
    if common - based:
        head["environment"] = [f"{name}=={version}" for name, version in sorted(common - based)]
    head["cells"] = [_cell(each, head, common) for each in listed]
    return head


def _cell(of: Record, head: Mapping[str, Any], common: set[tuple[str, str]]) -> dict[str, Any]:
    cell: dict[str, Any] = {"packages": list(of.asked)}
    for key in FACTS:
        value = getattr(of, key)
        if key not in head and value and not (key == "resolved" and value == of.date):
            cell[key] = value
    if "with" not in head and of.base:
        cell["with"] = list(of.base)
    if of.packages:
        pinned = {pin for each in (*of.asked, *of.base) if (pin := exact(each))}
        rest = sorted(set(of.packages.items()) - common - pinned)
        cell["also"] = [f"{name}=={version}" for name, version in rest]
    ran = [stage for stage in of.stages if stage.outcome != "not-run"]
    cell["ok"] = [stage.stage for stage in ran if stage.outcome == "ok"]
    for outcome in ("failed", "wrong", "expected-failure"):
        cell[outcome] = {
            stage.stage: stage.line or "-" for stage in ran if stage.outcome == outcome
        }
    cell["not-run"] = {}
    for stage in of.stages:
        if stage.outcome == "not-run":
            cell["not-run"].setdefault(stage.reason or "-", []).append(stage.stage)
    cell["losses"] = {
        stage.stage: " ".join(map(_loss, stage.losses)) for stage in ran if stage.losses
    }
    told = {stage.stage: _told(stage, of.packages) for stage in ran}
    cell["about"] = {name: facts for name, facts in told.items() if facts}
    cell["seconds"] = " ".join(f"{stage.seconds:.4g}" for stage in ran)
    empty = {key for key, value in cell.items() if not value and key != "also"}
    return {key: value for key, value in cell.items() if key not in empty}


def _told(stage: Stage, packages: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in stage.about.items()
        if value and packages.get(versions.normalize(key)) != value
    }


def _loss(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else str(value)


def _order(of: Record, names: Sequence[str]) -> tuple[Any, ...]:
    pins = dict(pin for each in of.asked if (pin := exact(each)))
    parsed = [versions.version(pins.get(name, "0")) or versions.version("0") for name in names]
    return (*parsed, [_natural(each) for each in of.asked], of.resolved, of.python)


def _natural(text: str) -> list[tuple[int, int | str]]:
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(each)) if each.isdigit() else (1, each) for each in parts]


def dump(trial: Mapping[str, Any]) -> str:
    """
    Return a trial as YAML: a line for each fact of the head, a line for each cell.
    """
    lines = [f"{key}: {_flow(value)}" for key, value in trial.items() if key != "cells"]
    lines.append("cells:")
    lines += [f"- {_flow(cell)}" for cell in trial["cells"]]
    return "".join(f"{line}\n" for line in lines)


def _flow(value: Any) -> str:
    """Write a value on one line; what isn't plainly plain stands in double quotes, as JSON writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if _PIN.match(value) or (_PLAIN.match(value) and value.lower() not in _WORDS):
        return str(value)
    return json.dumps(value, ensure_ascii=not value.isprintable())


_PIN: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*[=<>]=[0-9a-z.+]+\Z|\d{4}-\d\d-\d\d\Z")
