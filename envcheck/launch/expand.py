"""
What a word of a script becomes, as far as the script alone decides it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.launch.shell import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envcheck.launch.shell import Piece

UNKNOWN: Final = "\0"
"""Stands in a text for what isn't known; no script holds this character."""

_UNKNOWNS: Final = re.compile(f"{UNKNOWN}{{2,}}")
_LONGEST: Final = 64 * 1024
_ALL: Final = 8 * 1024 * 1024
"Characters of one word, and of all: beyond, a word counts as unknown."
_EACH: Final = 64
"And so many more for each word: an array can hold many short ones, twice as many with every line."
_DEEPEST: Final = 8
_PARAMETER: Final = re.compile(
    r"([A-Za-z_]\w*|[0-9@*#?$!])(?:\[([@*])\])?(:?[-=+?]|%%?|##?|/|:|\^|,)?(.*)", re.DOTALL
)
_SUM: Final = re.compile(r"[0-9+\-*/% ()]{1,100}")
_NAMED: Final = re.compile(r"\$?\{?([A-Za-z_]\w*)\}?")
_HERE: Final = re.compile(r"""(?:dirname|realpath|readlink)\b.*\$\{?(?:0|BASH_SOURCE)""", re.DOTALL)


class Text(NamedTuple):
    """
    A text of a script, with UNKNOWN in the place of what isn't known.
    """

    text: str
    sure: bool = True
    "False: what holds unless a variable is set where the script is started."

    @property
    def known(self) -> str | None:
        """
        Return the text if all of it is known.
        """
        return None if UNKNOWN in self.text else self.text


class Variables:
    """
    The variables of a script at one point of it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        "Where the script is."
        self.values: dict[str, tuple[Text, ...]] = {}
        "More than one text: an array."
        self._left = _ALL

    def words(self, of: Sequence[Piece]) -> list[Text]:
        """
        Return what a word becomes: mostly one, but several or none where a variable isn't quoted.
        """
        found: list[list[Text]] = [[]]
        quoted = False
        for piece in of:
            quoted = quoted or piece.quoted
            texts = self._expanded(piece, 0)
            if piece.quoted or piece.kind == "text":
                found[-1].append(texts[0] if texts else Text(""))
                found += [[each] for each in texts[1:]]
                continue
            joined = Text(" ".join(each.text for each in texts), all(each.sure for each in texts))
            parts = joined.text.split()
            if joined.text[:1].isspace() and found[-1]:
                found.append([])
            for number, part in enumerate(parts):
                if number:
                    found.append([])
                found[-1].append(Text(part, joined.sure))
            if parts and joined.text[-1:].isspace():
                found.append([])
        words = [self._joined(each) for each in found if each]
        return words if quoted or len(words) != 1 or words[0].text else []

    def text(self, of: Iterable[Piece], depth: int = 0) -> Text:
        """
        Return what a word becomes where it stays one: in an assignment, or inside another expansion.
        """
        parts = [
            Text(" ".join(each.text for each in texts), all(each.sure for each in texts))
            for texts in (self._expanded(piece, depth) for piece in of)
        ]
        return self._joined(parts)

    def _joined(self, parts: Sequence[Text]) -> Text:
        length = sum(len(each.text) for each in parts)
        self._left -= length + _EACH
        if length > _LONGEST or self._left < 0:
            return Text(UNKNOWN, False)
        text = _UNKNOWNS.sub(UNKNOWN, "".join(each.text for each in parts))
        return Text(text, all(each.sure for each in parts))

    def _expanded(self, piece: Piece, depth: int) -> tuple[Text, ...]:
        if piece.kind == "text":
            return (Text(piece.text),)
        if piece.kind == "name" and depth < _DEEPEST:
            return self._parameter(piece.text, depth)
        if piece.kind == "sum":
            return (self._sum(piece.text),)
        if piece.kind == "command":
            return (self._command(piece.text.strip()),)
        return (Text(UNKNOWN, False),)

    def _command(self, text: str) -> Text:
        if text == "pwd":
            return Text(".")
        if _HERE.search(text):
            return Text(f"{self.folder}/.." if "/.." in text else self.folder, False)
        return Text(UNKNOWN, False)

    def _parameter(self, text: str, depth: int) -> tuple[Text, ...]:
        match = _PARAMETER.fullmatch(text)
        unknown = (Text(UNKNOWN, False),)
        if match is None:
            return unknown
        name, whole, operator, rest = match.groups()
        value = self.values.get(name)
        if name == "PWD" and value is None:
            value = (Text("."),)
        if value is not None and not whole:
            value = value[:1]
        if not operator:
            return value if value is not None and not rest else unknown
        if operator.strip(":") in {"-", "="} and operator != ":":
            if value is not None and all(each.known for each in value):
                return value
            stands_in = self.text(pieces(rest, quoted=True), depth + 1)
            return (stands_in._replace(sure=False),)
        if operator.strip(":") == "?":
            return value or unknown
        return unknown

    def _sum(self, text: str) -> Text:
        sure = True

        def put_in(match: re.Match[str]) -> str:
            nonlocal sure
            value = (self.values.get(match[1]) or (Text(UNKNOWN, False),))[0]
            sure = sure and value.sure
            return value.text.strip() if value.text.strip().isdigit() else "?"

        filled = _NAMED.sub(put_in, text[:1000]).strip()
        value = _calculated(filled) if _SUM.fullmatch(filled) else None
        return Text(UNKNOWN, False) if value is None else Text(str(value), sure)


def _calculated(text: str) -> int | None:
    """
    Calculate with whole numbers, as a shell does.

    >>> _calculated("128 / 4 / 8"), _calculated("(2 + 3) * 4"), _calculated("1 / 0"), _calculated("1 +")
    (4, 20, None, None)
    """
    import ast

    try:
        return _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _value(node: object) -> int:
    import ast

    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp):
        one, other = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Add):
            return one + other
        if isinstance(node.op, ast.Sub):
            return one - other
        if isinstance(node.op, ast.Mult):
            return one * other
        if isinstance(node.op, (ast.Div, ast.FloorDiv)):
            return int(one // other) if one * other >= 0 else -(-one // other)
        if isinstance(node.op, ast.Mod):
            return one % other
    raise ValueError(type(node).__name__)


def joined(words: Iterable[Text]) -> Iterator[str]:
    """
    Yield words as they are shown, with an ellipsis for what isn't known.
    """
    for each in words:
        yield each.text.replace(UNKNOWN, "…")
