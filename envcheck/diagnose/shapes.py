"""
The filter in front of every regular expression.

A log repeats itself: take the digits, bars and blanks away, and of a million lines a few hundred are
left. Each such shape is looked at once, and from then on its lines cost next to nothing; only lines of
shapes in which a watched text may stand are looked at one by one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Handler = Callable[[bytes, "Where"], Any]
    "Takes a line, and where it is."

_LETTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_GONE: Final = bytes(sorted(set(range(256)) - _LETTERS - {10, 13}))
_ENDS: Final = bytes.maketrans(b"\r", b"\n")
_REMEMBERED: Final = 20_000
_LENGTH: Final = 1_000
"Letters; the shape of a longer line isn't remembered."
_MANY: Final = 64 * 1024
"Bytes of new shapes from which on it pays to take their words apart."
_WORD: Final = re.compile(rb"[A-Za-z]+")
_WORDS: Final = bytes(code if code in _LETTERS else 32 for code in range(256))
_ESCAPES: Final = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|[@-Z\\^_])"
)


def shape(text: bytes) -> bytes:
    r"""
    Return the letters of a text; a line end of either kind is kept as one.

    >>> shape(b" 12%|#  | 3/12 {'loss': 0.0, 'grad_norm': nan}\r")
    b'lossgradnormnan\n'
    """
    return text.translate(_ENDS, _GONE)


class Where:
    """
    Where a line is; its number is only worked out when it is asked for.
    """

    __slots__ = ("_data", "_line", "_offset", "_piece", "_pieces", "index")

    def __init__(self, data: bytes, pieces: list[bytes], first: int) -> None:
        self._data, self._pieces = data, pieces
        self._piece, self._offset, self._line = 0, 0, first
        self.index = 0

    def line(self) -> int:
        """
        Return the number of the line, as an editor counts: a carriage return ends no line.
        """
        between = self._pieces[self._piece : self.index]
        offset = self._offset + sum(map(len, between)) + len(between)
        self._line += self._data.count(b"\n", self._offset, offset)
        self._piece, self._offset = self.index, offset
        return self._line


class Shapes:
    """
    Hands the lines of a log to those who watch for a text in them.
    """

    def __init__(
        self, watched: Iterable[tuple[bytes, Handler]], exact: Iterable[tuple[bytes, Handler]]
    ) -> None:
        """
        Say who watches for what.

        Args:
            watched: A text that a line must contain as far as its letters go; without letters: every line.
            exact: The letters that a line must consist of.
        """
        pairs = [(shape(text), _whole_word(text), handler) for text, handler in watched]
        self._watched = tuple(each for each in pairs if each[0])
        self._always = tuple(handler for letters, _, handler in pairs if not letters)
        self._exact = dict(exact)
        self._plans: dict[bytes, tuple[Handler, ...]] = {}
        self._quiet: set[bytes] = set()
        self.grab: Handler | None = None
        "Gets every line as long as it is set."
        self.lines = 0
        "Lines so far."

    def feed(self, data: bytes) -> None:
        """
        Look at a block of whole lines, in order.
        """
        first = self.lines + 1
        if b"\x1b" in data:
            data = _ESCAPES.sub(b"", data)
        self.lines += data.count(b"\n")
        shapes = data.translate(_ENDS, _GONE).split(b"\n")
        plans = self._plan(set(shapes), data)
        if not plans and self.grab is None and not self._always:
            return
        pieces = (data.replace(b"\r", b"\n") if b"\r" in data else data).split(b"\n")
        where = Where(data, pieces, first)
        for index, plan in enumerate(map(plans.get, shapes)):
            if plan is None and self.grab is None and not self._always:
                continue
            where.index = index
            if self.grab is not None:
                self.grab(pieces[index], where)
            for handler in plan or self._always:
                handler(pieces[index], where)

    def _plan(self, shapes: set[bytes], data: bytes) -> dict[bytes, tuple[Handler, ...]]:
        """Return who wants which of these shapes."""
        shapes -= self._quiet
        plans = {each: self._plans[each] for each in shapes if each in self._plans}
        new = [each for each in shapes if each not in plans]
        if not new:
            return plans
        if len(self._quiet) + len(self._plans) > _REMEMBERED:
            self._quiet.clear()
            self._plans.clear()
        present = self._present(b"\n".join(new), data)
        for each in new:
            plan = tuple(handler for letters, handler in present if letters in each)
            if each in self._exact:
                plan += (self._exact[each],)
            if plan:
                plans[each] = plan + self._always
            if len(each) > _LENGTH:
                continue
            if plan:
                self._plans[each] = plans[each]
            else:
                self._quiet.add(each)
        return plans

    def _present(self, shapes: bytes, data: bytes) -> list[tuple[bytes, Handler]]:
        """Return who is watched for in shapes that weren't seen before."""
        if len(shapes) < _MANY:
            return [
                (letters, handler) for letters, _, handler in self._watched if letters in shapes
            ]
        words = set(
            data.translate(_WORDS).split()
        )  # text that never repeats itself, as policies write it
        return [
            (letters, handler)
            for letters, word, handler in self._watched
            if (not word or word in words) and letters in shapes
        ]


def _whole_word(text: bytes) -> bytes:
    """Return the longest word that has an end on both sides, wherever the text stands; empty: none."""
    return max(_WORD.findall(text)[1:-1], key=len, default=b"")
