"""
The commands of a shell script, with the variables that the script itself sets, in their order.

Nothing is run: a branch counts as perhaps taken, so what is set in one is not certain behind it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.launch.branches import Branches
from envcheck.launch.expand import UNKNOWN, Text, Variables
from envcheck.launch.shell import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envcheck.launch.shell import Token

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_DECLARING: Final = frozenset(["export", "declare", "local", "readonly", "typeset"])
_OPENS: Final = {
    "if": "fi",
    "for": "done",
    "while": "done",
    "until": "done",
    "select": "done",
    "case": "esac",
    "{": "}",
}
_CLOSES: Final = frozenset(_OPENS.values())
_GOES_ON: Final = frozenset(["then", "do", "else", "elif", "!", "in"])
_REDIRECTIONS: Final = frozenset(["<", ">", ">>", "<<<", "&>", "&>>", ">|", "<>", "<&", ">&"])
_MOST: Final = 20_000
"Commands of a script that are looked at."
_DEEPEST: Final = 3


class Command(NamedTuple):
    """
    One simple command.
    """

    line: int
    words: tuple[Text, ...]
    variables: Mapping[str, Text]
    "Those that are set for it alone, or exported before."
    folder: str
    "The working directory, from where the script is started; UNKNOWN in it: not known."
    writes: tuple[str, ...] = ()
    "Files its output goes to."


def commands(text: str, folder: str, given: Mapping[str, str] | None = None) -> Iterator[Command]:
    """
    Yield the commands of a script that name something.

    Args:
        text: The script.
        folder: Where it is.
        given: Variables that are set before it begins, as a job of Slurm has them.
    """
    variables = Variables(folder)
    for name, value in (given or {}).items():
        variables.values[name] = (Text(value),)
    left = [_MOST]
    yield from _Script(variables, ".", left).run(tokens(text), 0)


class _Script:
    def __init__(self, variables: Variables, folder: str, left: list[int]) -> None:
        self._variables = variables
        self._branches = Branches(variables, folder)
        self._left = left
        self._exported: dict[str, Text] = {}

    def run(self, source: Iterable[Token], depth: int) -> Iterator[Command]:
        held: list[Token] = []
        writes: list[str] = []
        redirected = ""
        for token in source:
            if token.operator in _REDIRECTIONS:
                redirected = token.operator
            elif token.operator:
                redirected = ""
                yield from self._command(held, writes, depth)
                held, writes = [], []
                self._separator(token.operator)
            elif redirected:
                if ">" in redirected:
                    writes.append(self._variables.text(token.pieces).text)
                redirected = ""
                if held and held[-1].plain in {"1", "2"}:
                    held.pop()
            elif not held and self._keyword(token.plain):
                continue
            else:
                held.append(token)
        yield from self._command(held, writes, depth)

    def _separator(self, operator: str) -> None:
        if operator == "(":
            self._branches.open(")")
        elif operator == ")":
            self._branches.close(")")
        elif operator in {";;", ";&", ";;&"}:
            self._branches.back()

    def _keyword(self, word: str | None) -> bool:
        if word is None:
            return False
        if word in _OPENS and word not in {"for", "select", "case"}:
            self._branches.open(_OPENS[word])
        elif word in {"else", "elif"}:
            self._branches.back()
        elif word in _CLOSES:
            self._branches.close(word)
        elif word not in _GOES_ON:
            return False
        return True

    def _command(self, held: list[Token], writes: list[str], depth: int) -> Iterator[Command]:
        if not held or self._left[0] <= 0:
            return
        self._left[0] -= 1
        first = held[0].plain
        if first in {"for", "select"}:
            self._branches.open("done")
            self._loop(held)
            return
        if first == "case":
            self._branches.open("esac")
            return
        own: dict[str, Text] = {}
        at = 0
        while at < len(held) and (found := self._assigned(held[at])):
            own.update(found)
            at += 1
        if at == len(held):
            for name, value in own.items():
                self._branches.set(name, self._arrays.get(name, (value,)))
                if name in self._exported:
                    self._exported[name] = value
            return
        words = [word for token in held[at:] for word in self._variables.words(token.pieces)]
        if not words:
            return
        if words[0].text in _DECLARING:
            self._declare(held[at + 1 :], exported=words[0].text == "export")
            return
        yield from self._simple(held[at].line, words, own, writes, depth)

    _arrays: dict[str, tuple[Text, ...]] = {}  # noqa: RUF012

    def _assigned(self, token: Token) -> dict[str, Text] | None:
        """Return what a word assigns; `None`: it is no assignment."""
        first = token.pieces[0] if token.pieces else None
        match = (
            first and first.kind == "text" and not first.quoted and _ASSIGNMENT.match(first.text)
        )
        if not first or not match:
            return None
        name, plus = match[1], match[2]
        before = self._variables.values.get(name, ()) if plus else ()
        self._arrays = {}
        if len(token.pieces) > 1 and token.pieces[1].kind == "array":
            inside = [
                word
                for each in token.pieces[1].words
                for word in self._variables.words(each.pieces)
            ]
            self._arrays = {name: (*before, *inside)}
            return {name: inside[0] if inside else Text("")}
        rest = (first._replace(text=first.text[match.end() :]), *token.pieces[1:])
        value = self._variables.text(rest)
        if before:
            value = Text(f"{before[0].text}{value.text}", value.sure and before[0].sure)
        return {name: value}

    def _declare(self, held: Iterable[Token], *, exported: bool) -> None:
        for token in held:
            found = self._assigned(token)
            if found is None:
                name = token.plain or ""
                if exported and self._variables.values.get(name):
                    self._exported[name] = self._variables.values[name][0]
                continue
            for name, value in found.items():
                self._branches.set(name, self._arrays.get(name, (value,)))
                if exported:
                    self._exported[name] = value

    def _loop(self, held: list[Token]) -> None:
        name = held[1].plain if len(held) > 1 else None
        if name is None or not name.isidentifier():
            return
        words = [word for token in held[3:] for word in self._variables.words(token.pieces)]
        self._branches.set(name, (words[0] if len(words) == 1 else Text(UNKNOWN, False),))

    def _simple(
        self, line: int, words: list[Text], own: dict[str, Text], writes: list[str], depth: int
    ) -> Iterator[Command]:
        name = words[0].text
        if name in {"cd", "pushd"} and len(words) > 1:
            self._go(words[-1].text)
            return
        if name in {"unset", "read"}:
            for word in words[1:]:
                self._branches.set(word.text, (Text(UNKNOWN, False),))
            return
        inner = _inner(words)
        if inner is not None and depth < _DEEPEST:
            start, text = inner
            if start:
                yield Command(line, tuple(words[:start]), own, self._branches.folder, tuple(writes))
            below = _Script(self._variables, self._branches.folder, self._left)
            below._exported = {**self._exported, **own}
            for each in below.run(tokens(text), depth + 1):
                yield each._replace(line=line, words=(*words[:start], *each.words))
            return
        yield Command(
            line, tuple(words), {**self._exported, **own}, self._branches.folder, tuple(writes)
        )

    def _go(self, to: str) -> None:
        if to.startswith("/"):
            self._branches.folder = to
        elif to != ".":
            self._branches.folder = (
                f"{self._branches.folder}/{to}" if self._branches.folder != "." else to
            )


def _inner(words: list[Text]) -> tuple[int, str] | None:
    """Return the script that a command gives to a shell, and how many words come before the shell."""
    if words[0].text == "eval":
        return 0, " ".join(word.text for word in words[1:])
    for at, word in enumerate(words[:-2]):
        if word.text.rpartition("/")[2] in {"bash", "sh", "zsh"}:
            option = words[at + 1].text
            if option.startswith("-") and option.endswith("c"):
                return at, words[at + 2].text
            return None
    return None
