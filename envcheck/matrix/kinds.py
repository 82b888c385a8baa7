"""
What a value in a matrix file may be: each kind reads a node, and describes itself as JSON Schema.

A kind never raises: what is wrong is added to the problems with file and line, and a harmless value
is returned, so that one pass lists everything.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.matrix.strict_yaml import Node, quoted
from envcheck.matrix.texts import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_URL = re.compile(r"https?://[^\s/?#]+\.[^\s/?#]+(?:[/?#]\S*)?(?<![,…])(?<!\.\.\.)\Z")
_COMPARISON = re.compile(r"(>=|<=|!=|>|<)\s*(\S+)\Z")


@dataclass(frozen=True)
class Problems:
    """
    Where problems with one file are collected.
    """

    file: str
    found: list[Problem]

    def add(self, line: int, message: str) -> None:
        """
        Note a problem at a line.
        """
        self.found.append(Problem(self.file, line, message))


@dataclass(frozen=True)
class Kind:
    """
    One kind of value.
    """

    read: Callable[[Node, Problems], Any]
    "Returns plain data: text, lists, dictionaries, `True`/`False`."
    schema: Mapping[str, Any]
    "The JSON Schema of the value as an editor sees it."


def _scalar(judge: Callable[[str], str | None], schema: Mapping[str, Any]) -> Kind:
    """Make a kind of text from a function that returns what is wrong with it, or `None`."""

    def read(node: Node, problems: Problems) -> str:
        if not isinstance(node.value, str):
            problems.add(node.line, "text is expected here, not a list or a mapping")
            return ""
        wrong = judge(node.value)
        if wrong:
            problems.add(node.line, wrong)
        return node.value

    return Kind(read, schema)


def text(most: int = 2000) -> Kind:
    """
    Make a kind for prose of at most so many characters.
    """

    def judge(value: str) -> str | None:
        if not value.strip():
            return "this must not be empty"
        if any(ord(char) < 32 and char != "\n" for char in value):
            return "control characters are not allowed"
        return f"{len(value)} characters; at most {most}" if len(value) > most else None

    return _scalar(judge, {"type": "string", "minLength": 1, "maxLength": most})


def word(*choices: str) -> Kind:
    """
    Make a kind for one of some words.
    """

    def judge(value: str) -> str | None:
        return None if value in choices else f"{quoted(value)} is none of: {', '.join(choices)}"

    return _scalar(judge, {"enum": list(choices)})


def matching(pattern: str, what: str) -> Kind:
    """
    Make a kind for text that a pattern matches as a whole.
    """
    compiled = re.compile(pattern)

    def judge(value: str) -> str | None:
        return None if compiled.fullmatch(value) else f"{quoted(value)} is not {what}"

    return _scalar(judge, {"type": "string", "pattern": f"^{pattern}$"})


def _judge_date(value: str) -> str | None:
    wrong = f"{quoted(value)} is not a date (YYYY-MM-DD)"
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return wrong
    return None if _DATE.match(value) else wrong  # newer Pythons also take 20240129


def _judge_version(value: str) -> str | None:
    parsed = versions.version(value)
    if parsed is None:
        return f"{quoted(value)} is not a version (PEP 440)"
    return (
        None
        if str(parsed) == value
        else f"{quoted(value)}: the normal form is {str(parsed)!r} (PEP 440)"
    )


def _judge_specifier(value: str) -> str | None:
    try:
        return None if versions.specifier(value) else "a version specifier must not be empty"
    except ValueError:
        return f"{quoted(value)} is not a version specifier (PEP 440)"


def _judge_requirement(value: str) -> str | None:
    try:
        required = versions.requirement(value)
    except ValueError:
        return f"{quoted(value)} is not a requirement (PEP 508)"
    if not value.lstrip().startswith(required.name):
        return f"{quoted(value)}: the canonical name is {quoted(required.name)} (PEP 503)"
    return None


def _judge_pin(value: str) -> str | None:
    wrong = _judge_requirement(value)
    if wrong is None:
        required = versions.requirement(value)
        if required.marker or required.extras or required.url:
            return f"{quoted(value)}: only a name and a version specifier are allowed here"
    return wrong


def _judge_url(value: str) -> str | None:
    return None if _URL.match(value) else f"{quoted(value)} is not a whole web address"


def _judge_python(value: str) -> str | None:
    return _judge_specifier(value) if value else None


_NUMERAL: Final = {"type": ["string", "number"]}  # an editor takes 11.8 for a number
_TEXT: Final = {"type": "string"}

DATE = _scalar(_judge_date, {"type": "string", "format": "date"})
VERSION = _scalar(_judge_version, _NUMERAL)
SPECIFIER = _scalar(_judge_specifier, _TEXT)
PYTHON = _scalar(_judge_python, _TEXT)
REQUIREMENT = _scalar(_judge_requirement, _TEXT)
PIN = _scalar(_judge_pin, _TEXT)
URL = _scalar(_judge_url, {"type": "string", "format": "uri"})


def _read_flag(node: Node, problems: Problems) -> bool:
    if node.value not in ("true", "false"):
        problems.add(node.line, "true or false is expected here")
    return node.value == "true"


FLAG = Kind(_read_flag, {"type": "boolean"})


def list_of(kind: Kind, *, least: int = 1) -> Kind:
    """
    Make a kind for a list, with at least so many items.
    """

    def read(node: Node, problems: Problems) -> list[Any]:
        if not isinstance(node.value, list):
            problems.add(node.line, "a list is expected here")
            return []
        if len(node.value) < least:
            problems.add(node.line, f"at least {least} item is expected")
        return [kind.read(item, problems) for item in node.value]

    return Kind(read, {"type": "array", "minItems": least, "items": kind.schema})


def one_or_list(kind: Kind) -> Kind:
    """
    Make a kind for one value or a list of them; it reads as a list.
    """
    several = list_of(kind)

    def read(node: Node, problems: Problems) -> Any:
        items = node if isinstance(node.value, list) else Node([node], node.line)
        return several.read(items, problems)

    return Kind(read, {"anyOf": [kind.schema, several.schema]})


def either(scalar: Kind, mapping: Kind) -> Kind:
    """
    Make a kind for text of one kind or a mapping of another.
    """

    def read(node: Node, problems: Problems) -> Any:
        return (mapping if isinstance(node.value, dict) else scalar).read(node, problems)

    return Kind(read, {"anyOf": [scalar.schema, mapping.schema]})


def mapping_of(key: Kind, kind: Kind) -> Kind:
    """
    Make a kind for a mapping with keys of one kind and values of another.
    """

    def read(node: Node, problems: Problems) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            problems.add(node.line, "a mapping is expected here")
            return {}
        if not node.value:
            problems.add(node.line, "this must not be empty")
        for name, value in node.value.items():
            key.read(Node(name, value.line), problems)
        return {name: kind.read(value, problems) for name, value in node.value.items()}

    schema = {"type": "object", "minProperties": 1, "additionalProperties": kind.schema}
    return Kind(read, schema)


def record(
    required: Mapping[str, Kind], optional: Mapping[str, Kind], *, only_one: bool = False
) -> Kind:
    """
    Make a kind for a mapping with named fields, at least one of them.

    Args:
        only_one: Exactly one of the optional fields must be there.
    """
    fields = {**required, **optional}
    names = ", ".join(fields)

    def read(node: Node, problems: Problems) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            problems.add(node.line, f"a mapping with {names} is expected here")
            return {}
        for name, value in node.value.items():
            if name not in fields:
                problems.add(value.line, f"unknown key {quoted(name)}; known: {names}")
        for name in required:
            if name not in node.value:
                problems.add(node.line, f"the key {quoted(name)} is missing")
        known = {name: value for name, value in node.value.items() if name in fields}
        if only_one and len(known) != 1:
            problems.add(node.line, f"exactly one of {names} is expected here")
        elif not known and not required:
            problems.add(node.line, f"one of {names} is expected here")
        return {name: fields[name].read(value, problems) for name, value in known.items()}

    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: kind.schema for name, kind in fields.items()},
        "required": list(required),
        "additionalProperties": False,
        "minProperties": 1,
    }
    if only_one:
        schema["maxProperties"] = 1
    return Kind(read, schema)


_SCALAR: Final = {"type": ["string", "number", "boolean"]}


def _judge_condition(value: str) -> str | None:
    found = _COMPARISON.match(value)
    if found and found[1] != "!=" and not _is_number(found[2]):
        return f"{quoted(value)} compares with something that is not a number"
    return None if value.strip() else "this must not be empty"


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


CONDITION = one_or_list(_scalar(_judge_condition, _SCALAR))
"""A value, a list of values (any of them), a comparison (`>=2`, `!=x`), `absent` or `present`."""

SETTING = Kind(text(200).read, _SCALAR)
"""A value to be set; `absent`: to be removed."""
