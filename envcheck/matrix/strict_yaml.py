"""
YAML, read so that nothing surprising can happen.

Every scalar is text (`4.40` stays `4.40`, `no` stays `no`), every value knows its line, a repeated
key is a problem, and so are anchors, aliases (an alias bomb can't be written) and tags (no `!!python`),
and a text that its own # cuts short.
"""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from envcheck.matrix.texts import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Node", "Problem", "parse", "quoted"]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is absent from some builds
_MAX_DEPTH = 20
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"YAML 1.2 section 5.1 without the byte order mark; the parsers differ in what they make of them."


class Node(NamedTuple):
    """
    A value and the line it starts on.
    """

    value: str | list[Node] | dict[str, Node]
    line: int


def quoted(text: str) -> str:
    """
    Return text as a message quotes it: between quotes, and not more than a line of it.
    """
    return repr(text if len(text) <= 80 else f"{text[:79]}…")


def parse(text: str, file: str, problems: list[Problem]) -> Node | None:
    """
    Read the one document of a file.

    Args:
        file: What problems are reported under.
        problems: Appended to; all that can be found in one pass.

    Returns:
        `None` for an empty file, or where the text is no YAML at all; then that is a problem.
    """
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        line = text.count("\n", 0, forbidden.start()) + 1
        problems.append(Problem(file, line, f"the character {forbidden[0]!a} is not allowed"))
        return None
    collecting = gc.isenabled()
    gc.disable()  # the cyclic collector makes large files super-linear; nothing here is cyclic
    try:
        lines = text.splitlines() if " #" in text else []
        return _Builder(file, problems, lines).document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        message = f"can't be read as YAML: {error.problem or error.context}"
        problems.append(Problem(file, line, message))
    finally:
        if collecting:
            gc.enable()
    return None


class _Builder:
    def __init__(self, file: str, problems: list[Problem], lines: list[str]) -> None:
        self.file = file
        self.problems = problems
        self.lines = lines  # none where nothing looks like a comment behind a value

    def document(self, events: Iterator[Any]) -> Node | None:
        node = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    self.problem(event, "a second document; one file holds one document")
                    return node
                node = self.node(next(events), events, 0)
        if node is None:
            self.problems.append(Problem(self.file, 1, "the file holds nothing"))
        return node

    def problem(self, event: Any, message: str) -> None:
        self.problems.append(Problem(self.file, event.start_mark.line + 1, message))

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self.problem(event, f"an alias (*{event.anchor}) is not allowed; write the value out")
            return Node("", line)
        if event.anchor:
            self.problem(event, f"an anchor (&{event.anchor}) is not allowed; write the value out")
        if event.tag and event.tag != "!":
            self.problem(event, f"a tag ({event.tag}) is not allowed; every scalar is text")
        if depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self.node(event, events, depth + 1))
            return Node(items, line)
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self.mapping(events, depth + 1), line)
        if self.lines and event.style in (None, "") and " " in event.value:
            end = event.end_mark  # of a text without quotes: what follows may have been meant
            if re.match(r"[ \t]+#", self.lines[end.line][end.column :]):
                self.problem(event, "a # behind a text without quotes begins a comment; quote it")
        return Node(event.value, line)

    def mapping(self, events: Iterator[Any], depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self.node(event, events, depth)
            value = self.node(next(events), events, depth)
            if not isinstance(key.value, str):
                self.problem(event, "a key must be text")
            elif key.value in found:
                first = found[key.value].line
                self.problem(
                    event, f"the key {quoted(key.value)} is repeated; the first is on line {first}"
                )
            else:
                found[key.value] = Node(value.value, key.line)
        return found
