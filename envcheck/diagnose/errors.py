"""
Error texts: which of the matrix's stand in a log, and the exceptions that ended it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.diagnose.needles import needles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envcheck.diagnose.shapes import Handler, Where

_KEPT: Final = 20
"Exceptions of different texts that are kept."
_LENGTH: Final = 300
"Bytes of an exception's message."
_AROUND: Final = 2_000
"Bytes on each side of where a regular expression may match in a very long line."
_EXCEPTION: Final = re.compile(
    rb"^(?:.{0,100}?[\s\]:])??((?:[A-Za-z_]\w{0,60}\.){0,8}(?:[A-Z]\w{0,60}(?:Error|Exception)|Exception))"
    rb"(?::\s(.*))?$"
)
_WRAPPERS: Final = (
    b"ChildFailedError",
    b"CalledProcessError",
    b"ProcessRaisedException",
    b"RayTaskError",
)
"What launchers raise when a process of theirs has failed: the cause is above."


class Text(NamedTuple):
    """
    One error text of the matrix.
    """

    entry: str
    text: str
    "Literal, or a regular expression between slashes."
    literals: tuple[bytes, ...]
    "A line must contain one of them."
    pattern: re.Pattern[bytes] | None


class Seen(NamedTuple):
    """
    An error text of an entry, or an exception, that stands in the log.
    """

    text: str
    line: int
    times: int


class Errors:
    """
    Watches for error texts.
    """

    def __init__(
        self, records: Iterable[tuple[str, Mapping[str, Any]]], progress: Callable[[], int]
    ) -> None:
        """
        Watch for the error texts of entries, and for exceptions.

        Args:
            records: The matrix's entries.
            progress: Tells how far the training has come, as a number that grows.
        """
        self._progress = progress
        self._texts = tuple(texts(records))
        self._seen: dict[tuple[str, str], list[int]] = {}
        self._ordinary: set[tuple[str, str]] = set()
        "Texts that were only seen where a loss scaler leaves out a step, which sound runs do too."
        self._exceptions: dict[tuple[bytes, bytes], list[int]] = {}
        self._traceback = False

    def watched(self) -> Iterator[tuple[bytes, Handler]]:
        """
        Yield the error texts that a line may contain.
        """
        for text in self._texts:
            look = self._looker(text)
            for literal in text.literals:
                yield literal, look
        yield b"Traceback", self._begins
        yield b"Error", self._ends
        yield b"Exception", self._ends

    def _looker(self, text: Text) -> Handler:
        key = (text.entry, text.text)

        def look(line: bytes, where: Where) -> None:
            if not matches(text, line):
                return
            if b"OVERFLOW!" not in line:
                self._ordinary.discard(key)
            elif key not in self._seen:
                self._ordinary.add(key)
            found = self._seen.setdefault(key, [0, 0])
            found[0] = found[0] or where.line()
            found[1] += 1

        return look

    def _begins(self, line: bytes, _: Where) -> None:
        self._traceback = self._traceback or b"Traceback (most recent call last)" in line

    def _ends(self, line: bytes, where: Where) -> None:
        if not self._traceback:
            return
        found = _EXCEPTION.match(line[:4000].rstrip())
        if found is None or found[1].endswith(_WRAPPERS):
            return
        key = (found[1].rpartition(b".")[2], (found[2] or b"")[:_LENGTH])
        known = self._exceptions.get(key)
        if known is not None:
            known[1:] = known[1] + 1, self._progress()
        elif len(self._exceptions) < _KEPT:
            self._exceptions[key] = [where.line(), 1, self._progress()]

    def seen(self, *, ordinary: bool) -> dict[str, list[Seen]]:
        """
        Return the error texts in the log, by entry.

        Args:
            ordinary: Also those that sound runs have too.
        """
        found: dict[str, list[Seen]] = {}
        for key, (line, count) in self._seen.items():
            if ordinary or key not in self._ordinary:
                found.setdefault(key[0], []).append(Seen(key[1], line, count))
        return found

    def exceptions(self, *, survived: bool) -> list[Seen]:
        """
        Return the exceptions that ended a traceback, in order.

        Args:
            survived: Those after which the training went on; else those that ended it.
        """
        return [
            Seen(b": ".join(filter(None, key)).decode("utf-8", "replace"), line, count)
            for key, (line, count, progress) in self._exceptions.items()
            if survived is (progress < self._progress())
        ]


def texts(records: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Text]:
    """
    Yield every error text of the matrix's entries.
    """
    for identifier, record in records:
        for symptom in record.get("symptoms", ()):
            text = symptom.get("error")
            if not text:
                continue
            if len(text) > 2 and text.startswith("/") and text.endswith("/"):
                pattern = re.compile(text[1:-1].encode())
                literals = tuple(each.encode() for each in needles(text[1:-1]))
                yield Text(identifier, text, literals, pattern)
            else:
                yield Text(identifier, text, (text.encode(),), None)


def matches(text: Text, line: bytes) -> bool:
    """
    Tell whether a line contains an error text.
    """
    for literal in text.literals:
        at = line.find(literal)
        if at < 0:
            continue
        if text.pattern is None:
            return True
        if text.pattern.search(line[max(0, at - _AROUND) : at + len(literal) + _AROUND]):
            return True
    return False
