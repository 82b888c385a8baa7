"""
What a value in a matrix file may be: each kind reads a node, and describes itself as JSON Schema.

A kind never raises: what is wrong is added to the problems with file and line, and a harmless value
is returned, so that one pass lists everything.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envcheck import versions
from envcheck.matrix.strict_yaml import Node, Problem, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_URL = re.compile(r"https?://[^\s/]+\.[^\s/]+(/\S*)?\Z")
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
        return None if value in choices else f"{value!r} is none of: {', '.join(choices)}"

    return _scalar(judge, {"enum": list(choices)})


def matching(pattern: str, what: str) -> Kind:
    """
    Make a kind for text that a pattern matches as a whole.
    """
    compiled = re.compile(pattern)

    def judge(value: str) -> str | None:
        return None if compiled.fullmatch(value) else f"{value!r} is not {what}"

    return _scalar(judge, {"type": "string", "pattern": f"^{pattern}$"})


def _judge_date(value: str) -> str | None:
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return f"{value!r} is not a date (YYYY-MM-DD)"
    return None


def _judge_version(value: str) -> str | None:
    parsed = versions.version(value)
    if parsed is None:
        return f"{value!r} is not a version (PEP 440)"
    return None if str(parsed) == value else f"{value!r}: the normal form is {str(parsed)!r} (PEP 440)"


def _judge_specifier(value: str) -> str | None:
    try:
        versions.requirement(f"x {value}")
    except ValueError:
        return f"{value!r} is not a version specifier (PEP 440)"
    return None if value.strip() else "a version specifier must not be empty"


def _judge_requirement(value: str) -> str | None:
    try:
        required = versions.requirement(value)
    except ValueError:
        return f"{value!r} is not a requirement (PEP 508)"
    written = value.split(";")[0].strip()
    if not written.startswith(required.name):
        return f"{value!r}: the canonical name is {required.name!r} (PEP 503)"
    return None


def _judge_pin(value: str) -> str | None:
    wrong = _judge_requirement(value)
    if wrong is None:
        required = versions.requirement(value)
        if required.marker or required.extras or required.url:
            return f"{value!r}: only a name and a version specifier are allowed here"
    return wrong


def _judge_url(value: str) -> str | None:
    return None if _URL.match(value) else f"{value!r} is not a web address"


def _judge_python(value: str) -> str | None:
    return None if value == "" else _judge_specifier(value)


DATE = _scalar(_judge_date, {"type": "string", "format": "date"})
VERSION = _scalar(_judge_version, {"type": "string"})
SPECIFIER = _scalar(_judge_specifier, {"type": "string"})
PYTHON = _scalar(_judge_python, {"type": "string"})
REQUIREMENT = _scalar(_judge_requirement, {"type": "string"})
PIN = _scalar(_judge_pin, {"type": "string"})
URL = _scalar(_judge_url, {"type": "string", "format": "uri"})


def _read_flag(node: Node, problems: Problems) -> bool:
    if node.value not in ("true", "false"):
        problems.add(node.line, f"true or false is expected, not {node.value!r}")
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

    def read(node: Node, problems: Problems) -> list[Any]:
        return several.read(node if isinstance(node.value, list) else Node([node], node.line), problems)

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

    return Kind(read, {"type": "object", "minProperties": 1, "additionalProperties": kind.schema})


def record(required: Mapping[str, Kind], optional: Mapping[str, Kind], *, only_one: bool = False) -> Kind:
    """
    Make a kind for a mapping with named fields.

    Args:
        only_one: Exactly one of the optional fields must be there.
    """
    fields = {**required, **optional}

    def read(node: Node, problems: Problems) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            problems.add(node.line, f"a mapping with {', '.join(fields)} is expected here")
            return {}
        for name, value in node.value.items():
            if name not in fields:
                problems.add(value.line, f"unknown key {name!r}; known: {', '.join(fields)}")
        for name in required:
            if name not in node.value:
                problems.add(node.line, f"the key {name!r} is missing")
        if only_one and len([name for name in optional if name in node.value]) != 1:
            problems.add(node.line, f"exactly one of {', '.join(optional)} is expected here")
        return {name: fields[name].read(value, problems) for name, value in node.value.items() if name in fields}

    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: kind.schema for name, kind in fields.items()},
        "required": list(required),
        "additionalProperties": False,
    }
    if only_one:
        schema |= {"minProperties": 1, "maxProperties": 1}
    return Kind(read, schema)


def _read_condition(node: Node, problems: Problems) -> list[str]:
    values = node.value if isinstance(node.value, list) else [node]
    texts = []
    for item in values:
        value = plain(item)
        if not isinstance(value, str):
            problems.add(item.line, "a value, a comparison or a list of values is expected here")
            continue
        found = _COMPARISON.match(value)
        if found and found[1] != "!=" and not _is_number(found[2]):
            problems.add(item.line, f"{value!r} compares with something that is not a number")
        texts.append(value)
    return texts


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


CONDITION = Kind(
    _read_condition,
    {"type": ["string", "number", "boolean", "array"], "items": {"type": ["string", "number", "boolean"]}},
)
"""A value, a list of values (any of them), a comparison (`>=2`, `!=x`), `absent` or `present`."""
