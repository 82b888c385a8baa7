"""
A configuration file, read with the place of everything in it.

DeepSpeed reads Hjson since 0.8.1, of which JSON is a part: comments, keys and texts without quotes, commas
left out or one too many. Hugging Face's libraries read JSON. So everything is read here, and what is more
than JSON is noted.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import clean
from envcheck.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEEPEST: Final = 100
_NUMBER: Final = re.compile(r"(-?(?:0|[1-9]\d*))(\.\d+)?([eE][-+]?\d+)?[\t ]*\Z", re.ASCII)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_IN_JSON: Final = {"\\'": "'", '"': '\\"'}
_QUOTED: Final = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\\x00-\x1f]|\\.)*){quote}") for quote in "\"'"
}
_KEY: Final = re.compile(r"[^\s:{}\[\],]+")
_PLAIN_END: Final = re.compile(r"[\n,}\]#]|//|/\*|\Z")
_LINE: Final = re.compile(r"[^\n]*")
_WORDS: Final = {"null": None, "true": True, "false": False}
_PYTHON: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"What Python's JSON takes for numbers; to Hjson they are texts."
NO_JSON_NUMBER: Final = "a number that JSON doesn't have"


class Place(NamedTuple):
    """
    Where a key and its value stand in a text: offsets, and the line of the key.
    """

    key: int
    value: int
    end: int
    line: int


class Repeat(NamedTuple):
    """
    A key that is there again.
    """

    path: str
    "Dotted."
    line: int
    "Of the later one."
    first: Place
    "Of the earlier one."


class Document(NamedTuple):
    """
    A configuration file.
    """

    data: dict[str, Any]
    text: str
    places: Mapping[tuple[str, ...], Place]
    "Of every key, by its path; of a repeated one, the last."
    repeated: tuple[Repeat, ...]
    beyond_json: tuple[tuple[str, int], ...]
    "What isn't JSON: what it is, and the first line it is on."


def parse(text: str, path: str) -> Document:
    """
    Read a configuration.

    Args:
        path: What it is called in messages.

    Raises:
        SourceError: It is neither JSON nor Hjson, or no object.
    """
    reader = _Reader(text.removeprefix("\ufeff"), path)
    data = reader.document()
    if text.startswith("\ufeff"):
        reader.note("a byte order mark", 0)
    return Document(
        data, reader.text, reader.places, tuple(reader.repeated), tuple(reader.beyond.items())
    )


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.places: dict[tuple[str, ...], Place] = {}
        self.repeated: list[Repeat] = []
        self.beyond: dict[str, int] = {}

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def note(self, what: str, at: int) -> None:
        self.beyond.setdefault(what, self.line(at))

    def wrong(self, at: int, message: str) -> SourceError:
        return SourceError(f"{clean(self.path)}:{self.line(at)}: not JSON: {message}")

    def document(self) -> dict[str, Any]:
        at = self.space(0)
        if self.text[at : at + 1] == "[":
            raise SourceError(
                f"{clean(self.path)}: a DeepSpeed configuration is one JSON object, not a list"
            )
        bare = self.text[at : at + 1] != "{"
        if bare:
            self.note("an object without braces", at)
        data, end = self.object(at if bare else at + 1, (), bare=bare)
        end = self.space(end)
        if end < len(self.text):
            raise self.wrong(end, "there is more after the end")
        return data

    def space(self, at: int) -> int:
        """Return the offset of what comes after white space and comments."""
        while True:
            at = _SPACE.match(self.text, at).end()  # type: ignore[union-attr]
            if self.text.startswith(("#", "//"), at):
                self.note("a comment", at)
                at = _LINE.match(self.text, at).end()  # type: ignore[union-attr]
            elif self.text.startswith("/*", at):
                self.note("a comment", at)
                end = self.text.find("*/", at + 2)
                if end < 0:
                    raise self.wrong(at, "a comment without an end")
                at = end + 2
            else:
                return at

    def object(
        self, at: int, path: tuple[str, ...], *, bare: bool = False
    ) -> tuple[dict[str, Any], int]:
        """Read the members of an object, from after its brace to after the other one."""
        found: dict[str, Any] = {}
        after_comma = None
        while True:
            at = self.space(at)
            if self.closes(at, "}", bare=bare):
                if after_comma is not None:
                    self.note("a comma after the last item", after_comma)
                return found, at + (not bare)
            start = at
            key, after = self.key(at)
            at = self.space(after)
            if self.text[at : at + 1] != ":":
                raise self.wrong(after, f"a colon is missing after {key!r}")
            begin = self.space(at + 1)
            where = (*path, key)
            value, at = self.value(begin, where)
            if key in found:
                self.repeated.append(Repeat(".".join(where), self.line(start), self.places[where]))
            found[key] = value
            self.places[where] = Place(start, begin, at, self.line(start))
            at, after_comma = self.comma(at, "}", bare=bare)

    def array(self, at: int, path: tuple[str, ...]) -> tuple[list[Any], int]:
        """Read the items of a list, from after its bracket to after the other one."""
        found: list[Any] = []
        after_comma = None
        while True:
            at = self.space(at)
            if self.closes(at, "]", bare=False):
                if after_comma is not None:
                    self.note("a comma after the last item", after_comma)
                return found, at + 1
            value, at = self.value(at, (*path, str(len(found))))
            found.append(value)
            at, after_comma = self.comma(at, "]", bare=False)

    def closes(self, at: int, end: str, *, bare: bool) -> bool:
        if at >= len(self.text) and not bare:
            raise self.wrong(at, f"it ends before the {end} that belongs there")
        return at >= len(self.text) if bare else self.text[at] == end

    def comma(self, at: int, end: str, *, bare: bool) -> tuple[int, int | None]:
        """Step over a comma; where there should be one and isn't, note that."""
        at = self.space(at)
        if self.text[at : at + 1] == ",":
            return at + 1, at
        if not self.closes(at, end, bare=bare):
            self.note("a missing comma", at)
        return at, None

    def key(self, at: int) -> tuple[str, int]:
        if self.text[at : at + 1] in {'"', "'"}:
            return self.quoted(at)
        found = _KEY.match(self.text, at)
        if found is None:
            raise self.wrong(at, "a key is expected here")
        self.note("a key without quotes", at)
        return found[0], found.end()

    def value(self, at: int, path: tuple[str, ...]) -> tuple[Any, int]:
        if len(path) > _DEEPEST:
            raise SourceError(
                f"{clean(self.path)}: nested too deeply to be a DeepSpeed configuration"
            )
        first = self.text[at : at + 1]
        if first == "{":
            return self.object(at + 1, path)
        if first == "[":
            return self.array(at + 1, path)
        if self.text.startswith("'''", at):
            end = self.text.find("'''", at + 3)
            if end < 0:
                raise self.wrong(at, "a text without an end")
            self.note("a text of several lines", at)
            return self.text[at + 3 : end].strip(), end + 3
        if first in {'"', "'"}:
            return self.quoted(at)
        return self.plain(at)

    def quoted(self, at: int) -> tuple[str, int]:
        quote = self.text[at]
        found = _QUOTED[quote].match(self.text, at)
        if found is None:
            raise self.wrong(at, "a text without an end, or with a line break in it")
        if quote == "'":
            self.note("single quotes", at)
        # JSON knows no \' and no bare ": both are looked for between whole escapes, as in \\'.
        inside = re.sub(r"\\.|\"", lambda part: _IN_JSON.get(part[0], part[0]), found[1])
        try:
            text: str = json.loads(f'"{inside}"')
        except ValueError:
            raise self.wrong(at, "a text with an escape that isn't known") from None
        return text, found.end()

    def plain(self, at: int) -> tuple[Any, int]:
        """Read what isn't quoted: a word, a number, or a text that goes to the end of the line."""
        end = _PLAIN_END.search(self.text, at)
        stop = end.start() if end else len(self.text)
        word = self.text[at:stop].strip()
        if word in _WORDS:
            return _WORDS[word], stop
        if word in _PYTHON:
            self.note(NO_JSON_NUMBER, at)
            return _PYTHON[word], stop
        number = _NUMBER.match(word)
        if number:
            return _value(number), stop
        if self.text[at : at + 1] in {"}", "]", ",", ":", ""}:
            raise self.wrong(at, "a value is expected here")
        line = _LINE.match(self.text, at)
        stop = line.end() if line else stop
        self.note("a text without quotes", at)
        return self.text[at:stop].strip(), stop


def _value(number: re.Match[str]) -> float:
    """Return a number; a whole one is an integer however it is written, as Hjson has it."""
    if number[2] is None and number[3] is None:
        try:
            return int(number[1])
        except ValueError:  # more digits than Python takes
            return float("inf")
    value = float(number[0])
    return int(value) if value.is_integer() and abs(value) < 1e10 else value
