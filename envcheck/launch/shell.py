"""
The words of a shell script, without running any of it.

Only what decides about words is known of the language: quotes, escapes, line continuations, comments,
here-documents, and where an expansion begins and ends. A script is text from anybody: every step goes
forward, nothing is looked at twice, and what nests too deeply counts as unknown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN: Final = re.compile(r"[^\s'\"\\$`;&|()<>#]+")
_BLANK: Final = re.compile(r"(?:[^\S\n]|\\\n)+")
_OPERATOR: Final = re.compile(r";;&?|;&|&&|\|\||<<<|<<-?|<&|>&|&>>?|>>|>\||<>|[;&|()<>\n]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_DELIMITER: Final = re.compile(r"[ \t]*(['\"]?)\\?([^\s'\";&|()<>]+)\1")
_QUOTED: Final = re.compile(r'[^"\\$`]+|\\')
_BRACKET: Final = re.compile(r"""[\\'"(){}]""")
_DEEPEST: Final = 40


class Piece(NamedTuple):
    """
    A part of a word.
    """

    kind: str
    "text | name (of a variable, or what is between the braces) | sum (`$((…))`) | command (`$(…)`) | array"
    text: str
    quoted: bool
    words: tuple[Token, ...] = ()
    "Of an array."


class Token(NamedTuple):
    """
    A word, or an operator (then it has no pieces).
    """

    line: int
    operator: str
    pieces: tuple[Piece, ...] = ()

    @property
    def plain(self) -> str | None:
        """
        Return the text of a word in which nothing is quoted or expanded: only that can be a keyword.
        """
        if len(self.pieces) == 1 and self.pieces[0].kind == "text" and not self.pieces[0].quoted:
            return self.pieces[0].text
        return None


def tokens(text: str, line: int = 1) -> Iterator[Token]:
    """
    Yield the words and operators of a script, up to where it can't be read as one (an open quote).
    """
    return _Reader(text, line).tokens()


def pieces(text: str, *, quoted: bool) -> tuple[Piece, ...]:
    """
    Return the parts of a text that is no command, such as what stands in for an unset variable.
    """
    return _Reader(text, 1).word(spaces=True, quoted=quoted)


class _Reader:
    def __init__(self, text: str, line: int) -> None:
        self._text = text
        self._at = 0
        self._line = line
        self._counted = 0
        self._depth = 0
        self._open: list[str] = []
        "Delimiters of here-documents whose text begins after this line."

    def tokens(self) -> Iterator[Token]:
        size = len(self._text)
        while True:
            blank = _BLANK.match(self._text, self._at)
            if blank:
                self._at = blank.end()
            if self._at >= size:
                return
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = size if end < 0 else end
                continue
            operator = _OPERATOR.match(self._text, self._at)
            if operator:
                yield self._operator(operator[0])
                continue
            line = self._number()
            found = self.word()
            yield Token(line, "", found)

    def _number(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _operator(self, operator: str) -> Token:
        token = Token(self._number(), operator)
        self._at += len(operator)
        if operator in {"<<", "<<-"}:
            delimiter = _DELIMITER.match(self._text, self._at)
            if delimiter:
                self._open.append(delimiter[2])
                self._at = delimiter.end()
        elif operator == "\n":
            for delimiter_text in self._open:
                self._skip(delimiter_text)
            self._open.clear()
        return token

    def _skip(self, delimiter: str) -> None:
        """Go to behind a here-document; one without an end takes the rest."""
        end = re.compile(rf"^\t*{re.escape(delimiter)}[ \t]*$", re.MULTILINE).search(
            self._text, self._at
        )
        self._at = min(end.end() + 1, len(self._text)) if end else len(self._text)

    def word(self, *, spaces: bool = False, quoted: bool = False) -> tuple[Piece, ...]:
        """Read a word; with `spaces` all that is left is one."""
        found: list[Piece] = []
        text, size = self._text, len(self._text)
        while self._at < size:
            here = text[self._at]
            plain = _PLAIN.match(text, self._at)
            if plain:
                found.append(Piece("text", plain[0], quoted))
                self._at = plain.end()
            elif here == "\\":
                if text[self._at + 1 : self._at + 2] != "\n":
                    found.append(Piece("text", text[self._at + 1 : self._at + 2], True))
                self._at += 2
            elif here == "'":
                end = text.find("'", self._at + 1)
                end = size if end < 0 else end
                found.append(Piece("text", text[self._at + 1 : end], True))
                self._at = end + 1
            elif here == '"':
                self._at += 1
                found.append(Piece("text", "", True))
                found += self._quoted()
            elif here == "$":
                found.append(self._expansion(quoted=quoted))
            elif here == "`":
                end = text.find("`", self._at + 1)
                end = size if end < 0 else end
                found.append(Piece("command", text[self._at + 1 : end], quoted))
                self._at = end + 1
            elif spaces or here == "#":
                found.append(Piece("text", here, quoted))
                self._at += 1
            elif here == "(" and _assigns(found) and self._depth < _DEEPEST:
                found.append(self._array())
            else:
                break
        return tuple(found)

    def _quoted(self) -> Iterator[Piece]:
        text, size = self._text, len(self._text)
        part: list[str] = []
        while self._at < size and text[self._at] != '"':
            here = text[self._at]
            if here == "\\" and text[self._at + 1 : self._at + 2] in {'"', "\\", "$", "`", "\n"}:
                part.append(text[self._at + 1].strip("\n"))
                self._at += 2
            elif here == "$":
                yield Piece("text", "".join(part), True)
                part = []
                yield self._expansion(quoted=True)
            elif here == "`":
                yield Piece("text", "".join(part), True)
                part = []
                end = text.find("`", self._at + 1)
                end = size if end < 0 else end
                yield Piece("command", text[self._at + 1 : end], True)
                self._at = end + 1
            else:
                plain = _QUOTED.match(text, self._at)
                part.append(plain[0] if plain else here)
                self._at += len(part[-1])
        self._at += 1
        yield Piece("text", "".join(part), True)

    def _expansion(self, *, quoted: bool) -> Piece:
        text = self._text
        start = self._at
        if text.startswith("$((", start):
            end = self._end(start + 2, "(", ")")
            inner = text[start + 2 : end]
            if inner.startswith("(") and inner.endswith(")"):
                return Piece("sum", inner[1:-1], quoted)
            return Piece("command", inner, quoted)
        if text.startswith("$(", start):
            return Piece("command", text[start + 2 : self._end(start + 2, "(", ")")], quoted)
        if text.startswith("${", start):
            return Piece("name", text[start + 2 : self._end(start + 2, "{", "}")], quoted)
        name = _NAME.match(text, start + 1)
        if name is None:
            self._at = start + 1
            return Piece(
                "text", "$" if text[start + 1 : start + 2] not in {"'", '"'} else "", quoted
            )
        self._at = name.end()
        return Piece("name", name[0], quoted)

    def _end(self, start: int, opening: str, closing: str) -> int:
        """Return where a bracket that has been opened is closed, and go behind it."""
        text, size = self._text, len(self._text)
        depth, at, quote = 1, start, ""
        while True:
            found = _BRACKET.search(text, at)
            if found is None or depth > _DEEPEST:
                self._at = size
                return size
            mark, at = found[0], found.end()
            if mark == "\\":
                at += 1
            elif quote == "'" or mark == "'":
                if quote != '"':
                    quote = "" if quote == mark else quote or mark
            elif mark == '"':
                quote = "" if quote == '"' else '"'
            elif mark == opening:
                depth += 1
            elif mark == closing:
                depth -= 1
                if not depth:
                    self._at = at
                    return found.start()

    def _array(self) -> Piece:
        """Read the words of `NAME=(…)`, which may go over many lines, with comments between them."""
        self._at += 1
        self._depth += 1
        inside: list[Token] = []
        for token in self.tokens():
            if token.operator == ")":
                break
            if not token.operator:
                inside.append(token)
        self._depth -= 1
        return Piece("array", "", False, tuple(inside))


def _assigns(found: list[Piece]) -> bool:
    return len(found) == 1 and found[0].kind == "text" and found[0].text.endswith("=")
