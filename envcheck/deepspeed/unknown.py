"""
Keys that a release doesn't know: misspelt, misplaced, too new, too old, or somebody else's.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.flaws import REMOVE, Flaw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envcheck.deepspeed.grammar import Form, Grammar, Section

_NEAR: Final = 0.8
_SURE: Final = 0.88
"How alike a key must be to a known one: to ask whether it is meant, and to say so."
_NOTE: Final = re.compile(r"[_#/]|(_*)(comment|note|description|readme|doc)s?\b", re.IGNORECASE)
_FOREIGN: Final = frozenset({"msamp", "comms_config", "monitor_config", "use_cpu"})
"Keys of other programs, and of reports that DeepSpeed itself has written."


def unknown(where: str, name: str, about: Section, grammar: Grammar, value: Any) -> Iterator[Flaw]:
    """
    Yield what there is to say about a key that this release doesn't know in this place.
    """
    refused = about.reads == "model"
    if not refused and (_NOTE.match(name) or name in _FOREIGN):
        return
    other = about.others.get(name)
    near = meant(name, [form.name for form in about.forms.values()])
    parent = where.rpartition(".")[0]
    elsewhere = None if other or near else _place(name, parent, grammar)
    if not refused and not (other or near or elsewhere):
        if about.reads == "mapping":
            yield Flaw(
                "unknown-key",
                where,
                "info",
                f"{where} is no key of this release; it is ignored",
                silent=True,
                fix=((where, REMOVE),),
            )
        return
    if about.reads == "open" and (near is None or _alike(name, near) < _SURE):
        return
    reason, fix = _reason(where, name, other, near, elsewhere, value, about)
    effect = "it is refused" if refused else "it is ignored"
    severity = "error" if refused else "warning"
    if not refused and other and not near:
        severity = "info" if _gone(other, grammar) else "warning"
    yield Flaw(
        "unknown-key",
        where,
        severity,
        f"{where} is no key of this release; {effect}",
        why=reason,
        silent=not refused,
        fix=fix,
    )


def _gone(forms: Iterable[Form], grammar: Grammar) -> bool:
    return all(form.until and grammar.past(form.until) for form in forms)


def _reason(
    where: str,
    name: str,
    other: tuple[Form, ...] | None,
    near: str | None,
    elsewhere: str | None,
    value: Any,
    about: Section,
) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Return why it isn't known, and what to change."""
    gone = ((where, REMOVE),)
    parent = where.rpartition(".")[0]
    if other:
        form = other[-1]
        instead = f" Use {form.instead} instead." if form.instead else ""
        if form.until and not form.since:
            return f"It was a key before {form.until}.{instead}", gone
        span = f"It came with {form.since}" + (f" and is gone since {form.until}" if form.until else "")
        return f"{span}.{instead}", gone
    if near:
        meant_path = f"{parent}.{near}".lstrip(".")
        return f"Did you mean {near}?", (*gone, (meant_path, value)) if about.reads != "open" else ()
    if elsewhere is not None:
        moves = {parent, elsewhere} == {"", "zero_optimization"}
        there = ((f"{elsewhere}.{name}".lstrip("."), value),) if moves else ()
        return f"{name} belongs {f'in {elsewhere}' if elsewhere else 'at the top level'}.", (*gone, *there)
    return "No release that is known has such a key here.", gone


def meant(name: str, known: Iterable[str]) -> str | None:
    """
    Return the known name that was probably meant.

    >>> meant("overlap_com", ["overlap_comm", "stage"]), meant("foo", ["overlap_comm"])
    ('overlap_comm', None)
    """
    scored = sorted(((_alike(name, each), each) for each in set(known) if each != "*"), reverse=True)
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
    """Return the section that this key belongs in, where there is only one; the empty one is the top level."""
    found = {
        about.path
        for about in grammar.sections.values()
        if about.path != parent and "*" not in about.path and name in about.forms
    }
    return found.pop() if len(found) == 1 else None
