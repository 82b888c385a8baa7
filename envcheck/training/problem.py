"""
What is wrong with a model or an optimizer, as values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.clean import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN: Final = 3
"Names that are shown before the rest is counted."


class Problem(NamedTuple):
    """
    One thing that is wrong, or looks like it.
    """

    id: str
    severity: str
    "error: DeepSpeed refuses it, or something isn't trained, or wrong, in silence; warning: may be meant."
    title: str
    advice: str
    names: tuple[str, ...] = ()
    "The parameters (or patterns) that it is about, all of them."
    refused: bool = False
    "DeepSpeed raises an exception for it; False: nothing is raised, the run goes on."
    entry: str = ""
    "What `envcheck explain` knows more about; empty: nothing."

    def __str__(self) -> str:
        """
        Say it in a few lines; of many names, the first ones.
        """
        raised = " (DeepSpeed refuses it)" if self.refused else ""
        lines = [f"{self.severity}: {self.title}{raised}"]
        if self.names:
            lines.append(f"  {few(self.names)}")
        lines.append(f"  {self.advice}")
        if self.entry:
            lines.append(f"  envcheck explain {self.entry}")
        return "\n".join(lines)


def do(identifier: str) -> str:
    """
    Return what the table of checks says there is to do.
    """
    from envcheck.catalogue.known import check

    return check(identifier).do


def few(names: Sequence[str]) -> str:
    """
    Name the first of many.

    >>> few(["a.weight", "b.weight", "c.weight", "d.weight", "e.weight"])
    'a.weight, b.weight, c.weight and 2 more'
    """
    more = len(names) - _SHOWN
    text = ", ".join(visible(name) for name in names[:_SHOWN])
    return f"{text} and {more} more" if more > 0 else text


class Result:
    """
    What a check found: true if there is no error among its problems; warnings may stand.
    """

    __slots__ = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """
        What is wrong, in the order in which to solve it.
        """
        raise NotImplementedError

    def summary(self) -> str:
        """
        Say in one line what was looked at.
        """
        raise NotImplementedError

    def __bool__(self) -> bool:
        """
        Tell whether there is no error among the problems.
        """
        return all(each.severity != "error" for each in self.problems)

    def __str__(self) -> str:
        """
        Say all of it, in lines.
        """
        return "\n".join([self.summary(), *map(str, self.problems)])
