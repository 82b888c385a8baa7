"""
What is set in the branches of a script: which of them is taken isn't known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envcheck.launch.expand import UNKNOWN, Text

if TYPE_CHECKING:
    from envcheck.launch.expand import Variables


class _Block(NamedTuple):
    closes: str
    before: dict[str, tuple[Text, ...] | None]
    seen: dict[str, list[tuple[Text, ...]]]
    folder: str


class Branches:
    """
    The variables of a script, and where it is, across its blocks.
    """

    def __init__(self, variables: Variables, folder: str) -> None:
        self.variables = variables
        self.folder = folder
        self._blocks: list[_Block] = []

    def open(self, closes: str) -> None:
        """
        Begin a block; `closes` is the word that ends it.
        """
        self._blocks.append(_Block(closes, {}, {}, self.folder))
        del self._blocks[:-100]

    def back(self) -> None:
        """
        Begin another branch of the innermost block: what the one before it has set doesn't hold.
        """
        if self._blocks:
            for name, value in self._blocks[-1].before.items():
                self._put(name, value)

    def close(self, word: str) -> None:
        """
        End the innermost block, if that is the word that ends it.
        """
        if not self._blocks or self._blocks[-1].closes != word:
            return
        kept = word != ")"
        block = self._blocks.pop()
        for name, before in block.before.items():
            after = _either(before, block.seen[name]) if kept else before
            self._put(name, before)
            if kept:
                self.set(name, after or (Text(UNKNOWN, False),))
        if not kept or block.folder != self.folder:
            self.folder = block.folder if not kept else UNKNOWN

    def _put(self, name: str, value: tuple[Text, ...] | None) -> None:
        if value is None:
            self.variables.values.pop(name, None)
        else:
            self.variables.values[name] = value

    def set(self, name: str, value: tuple[Text, ...]) -> None:
        """
        Give a variable a value.
        """
        if self._blocks:
            self._blocks[-1].before.setdefault(name, self.variables.values.get(name))
            seen = self._blocks[-1].seen.setdefault(name, [])
            if len(seen) < 3 and value not in seen:
                seen.append(value)
        self.variables.values[name] = value


def _either(
    before: tuple[Text, ...] | None, seen: list[tuple[Text, ...]]
) -> tuple[Text, ...] | None:
    """Return a value that holds whichever way was taken; `None`: there is none."""
    if len(seen) != 1:
        return None
    (only,) = seen
    if before is None:
        return tuple(each._replace(sure=False) for each in only)
    return before if [each.text for each in before] == [each.text for each in only] else None
