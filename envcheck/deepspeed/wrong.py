"""
What is said of a key that is known: a value that doesn't fit, a name too many, a feature that is gone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.flaws import REMOVE, Flaw, quoted
from envcheck.deepspeed.values import expected, takes

if TYPE_CHECKING:
    from envcheck.deepspeed.grammar import Form

    Settings = tuple[tuple[str, Any], ...]

PLAIN: Final = frozenset({"bool", "bits", "int", "number", "text", "list", "object"})
"""Types whose values plain code takes as they come: what doesn't fit fails later, or means something else."""
_NUMBERS: Final = frozenset({"int", "int-not-bool", "float", "finite", "number", "power"})


def refused(where: str, value: Any, form: Form, rules: int) -> Flaw:
    """
    Return the flaw that a release refuses a value.
    """
    return Flaw(
        "wrong-value",
        where,
        "error",
        f"{where} is {quoted(value)}, but it has to be {expected(form)}",
        why="This release checks it when the configuration is read, and stops.",
        fix=_nearest(where, value, form, rules),
    )


def misfit(where: str, value: Any, form: Form) -> Flaw:
    """
    Return the flaw that a value isn't what is meant, though nobody checks it.
    """
    switch = form.type in {"bool", "bits"}
    why = (
        "Nothing checks it when the configuration is read; it fails later, or means something else."
    )
    if switch and isinstance(value, str):
        state = "on" if value else "off"
        why = f"Nothing converts it: any text that isn't empty counts as true, so this switches it {state}."
    return Flaw(
        "wrong-type",
        where,
        "warning",
        f"{where} is {quoted(value)}, where {expected(form)} is meant",
        why=why,
        silent=switch,
        fix=_nearest(where, value, form, 0),
    )


def _nearest(where: str, value: Any, form: Form, rules: int) -> Settings:
    """Return the value that was meant, where there is only one thing it can mean."""
    if value is None and not form.null:
        return ((where, REMOVE),)
    text = value.strip().lower() if isinstance(value, str) else ""
    if form.values and text:
        near = [word for word in form.values if word.lower() == text]
        return ((where, int(near[0]) if form.type == "stage" else near[0]),) if near else ()
    if form.type in {"bool", "bits"} and text in {"true", "false"}:
        return ((where, text == "true"),)
    number = _number(text) if form.type in _NUMBERS and text else None
    if number is None:
        return ()
    if form.type.startswith("int") and number.is_integer():
        number = int(number)
    return ((where, number),) if takes(form, number, rules) else ()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def missing(where: str, form: Form) -> Flaw:
    """
    Return the flaw that a key isn't there which a release reads without asking.
    """
    return Flaw(
        "missing-key",
        where,
        "error",
        f"{where} is missing",
        why="This release reads it without asking whether it is there.",
        fix=((where, True),) if form.name == "enabled" else (),
    )


def removed(where: str, form: Form) -> Flaw:
    """
    Return the flaw that a release refuses a key by name.
    """
    instead = f" Use {form.instead} instead." if form.instead else ""
    return Flaw(
        "removed-key",
        where,
        "error",
        f"{where} is refused: the feature was removed in {form.refused}",
        why=f"This release stops when it finds the key, whatever it says.{instead}",
        fix=((where, REMOVE),),
    )


def bare_switch(*, on: bool) -> Flaw:
    """
    Return the flaw that zero_optimization is only a switch.
    """
    return Flaw(
        "old-form",
        "zero_optimization",
        "info",
        f"zero_optimization is only {quoted(on)}, a form that is deprecated",
        why=f"It stands for stage {int(on)}.",
        fix=(("zero_optimization", {"stage": int(on)}),),
    )


def two_names(where: str, other: str) -> Flaw:
    """
    Return the flaw that a setting is given by both of its names.
    """
    return Flaw(
        "two-names",
        where,
        "error",
        f"{where} and {other} are two names of one setting",
        why="This release takes one of them and refuses the other as unknown.",
        fix=((where, REMOVE),),
    )
