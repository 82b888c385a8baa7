"""
Keys that a release doesn't know: misspelt, misplaced, too new, too old, or somebody else's.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.deepspeed.flaws import REMOVE, Flaw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envcheck.deepspeed.grammar import Grammar, Section

_NEAR: Final = 0.8
_SURE: Final = 0.88
"How alike a key must be to a known one: to ask whether it is meant, and to say so."
_NOTE: Final = re.compile(r"[_#/]|(_*)(comment|note|description|readme|doc)s?\b", re.IGNORECASE)
_FOREIGN: Final = frozenset({"msamp", "comms_config", "monitor_config", "use_cpu"})
"Keys of other programs, and of reports that DeepSpeed itself has written."


def unknown(where: str, value: Any, about: Section, grammar: Grammar) -> Iterator[Flaw]:
    """
    Yield what there is to say about a key that this release doesn't know in this place.
    """
    parent, _, name = where.rpartition(".")
    refused = about.reads == "model"
    if not refused and (_NOTE.match(name) or name in _FOREIGN):
        return
    meaning = _meaning(where, value, about, grammar)
    if about.reads == "open" and meaning.certainty < _SURE:
        return
    severity = "error"
    if not refused:
        severity = "warning" if meaning.matters else "info"
    yield Flaw(
        "unknown-key",
        where,
        severity,
        f"{where} is {'refused' if refused else 'ignored'}: {meaning.reason}",
        why="This release "
        + (
            f"refuses what it doesn't know in {parent}."
            if refused
            else "has no such key here, and says nothing about it."
        ),
        silent=not refused,
        fix=((where, REMOVE), *meaning.instead),
    )


class _Meaning(NamedTuple):
    reason: str
    matters: bool = True
    "Whether something gets lost with it."
    certainty: float = 0.0
    "How alike it is to a key that there is."
    instead: tuple[tuple[str, Any], ...] = ()


def _meaning(where: str, value: Any, about: Section, grammar: Grammar) -> _Meaning:
    """Find out what was meant by a key."""
    parent, _, name = where.rpartition(".")
    others = about.others.get(name)
    if others:
        form = others[-1]
        instead = f"; use {form.instead}" if form.instead else ""
        if form.until and grammar.past(form.until):
            return _Meaning(f"it is gone since {form.until}{instead}", matters=bool(instead))
        return _Meaning(f"it came with {form.since}{instead}")
    near = meant(name, [form.name for form in about.forms.values()])
    if near:
        return _Meaning(
            f"did you mean {near}?",
            certainty=_alike(name, near),
            instead=((f"{parent}.{near}".lstrip("."), value),),
        )
    place = _place(name, parent, grammar)
    if place is not None:
        moves = {parent, place} == {"", "zero_optimization"}
        moved = ((f"{place}.{name}".lstrip("."), value),) if moves else ()
        return _Meaning(
            f"it belongs {f'in {place}' if place else 'at the top level'}", instead=moved
        )
    return _Meaning("no known release has such a key here", matters=False)


def meant(name: str, known: Iterable[str]) -> str | None:
    """
    Return the known name that was probably meant.

    >>> meant("overlap_com", ["overlap_comm", "stage"]), meant("foo", ["overlap_comm"])
    ('overlap_comm', None)
    """
    scored = sorted(
        ((_alike(name, each), each) for each in set(known) if each != "*"), reverse=True
    )
    return scored[0][1] if scored and scored[0][0] >= _NEAR else None


def _alike(one: str, other: str) -> float:
    short, long = sorted((_bare(one), _bare(other)), key=len)
    if short == long:
        return 1.0
    return SequenceMatcher(None, short, long, autojunk=False).ratio() if len(short) > 3 else 0.0


def _bare(name: str) -> str:
    """Return a name without what is written in more than one way: case, separators, British spelling."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).replace("optimisation", "optimization")


def _place(name: str, parent: str, grammar: Grammar) -> str | None:
    """Return the section that has such a key, where only one has; the empty one is the top level."""
    found = {
        about.path
        for about in grammar.sections.values()
        if about.path != parent and "*" not in about.path and name in about.forms
    }
    return found.pop() if len(found) == 1 else None
