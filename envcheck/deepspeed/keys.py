"""
Every key of a configuration against what the release knows: is it one, and does it take that value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck.deepspeed.flaws import REMOVE, Flaw, quoted
from envcheck.deepspeed.settings import bf16_section, drops_auto
from envcheck.deepspeed.unknown import unknown
from envcheck.deepspeed.values import FILLED, as_object, expected, fits, takes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.deepspeed.grammar import Form, Grammar, Section

_OBJECTS = {"nested", "section", "object", "object-or-empty", "container"}


def flaws(config: Mapping[str, Any], grammar: Grammar) -> Iterator[Flaw]:
    """
    Yield what is wrong with single keys.
    """
    whole = config.get("zero_optimization")
    if isinstance(whole, bool):
        yield _bare_switch(whole)
        config = {key: value for key, value in config.items() if key != "zero_optimization"}
    if bf16_section(config, grammar) == "bf16":  # then nobody reads the one with the older name
        config = {key: value for key, value in config.items() if key != "bfloat16"}
    yield from _section("", "", config, grammar)


def _section(path: str, kind: str, given: Mapping[str, Any], grammar: Grammar) -> Iterator[Flaw]:
    """Judge the object at a path; `kind` is the path by the names that the table has."""
    about = grammar.section(kind)
    if about is None:
        return
    for name, value in given.items():
        form = about.forms.get(name) or about.forms.get("*")
        where = f"{path}.{name}".lstrip(".")
        if form is not None and grammar.past(form.refused):
            yield _removed(where, form)
            continue
        if value == "auto" and drops_auto(about, name):
            if form is None and about.reads == "model":
                continue  # taken out before anybody asks whether there is such a key
            if form is not None:
                continue
        if form is None:
            if not (name == "strict" and about.reads == "model"):
                yield from unknown(where, value, about, grammar)
            continue
        inside = f"{kind}.{name if form.name == '*' else form.name}".lstrip(".")
        yield from _value(where, inside, value, form, about, given, grammar)
    yield from _twice(path, given, about)
    for form in about.forms.values():
        if form.needed and form.name not in given and form.name != "*" and _looked_at(form, given):
            yield _missing(f"{path}.{form.name}", form)


def _looked_at(form: Form, given: Mapping[str, Any]) -> bool:
    """Tell whether the neighbour is there without which nobody looks at a key."""
    if not form.condition:
        return True
    neighbour = given.get(form.condition)
    return neighbour is not None if form.condition == "type" else bool(neighbour)


def _value(
    where: str,
    kind: str,
    value: Any,
    form: Form,
    about: Section,
    given: Mapping[str, Any],
    grammar: Grammar,
) -> Iterator[Flaw]:
    rules = grammar.rules if about.reads == "model" or form.type in {"nested", "section"} else 0
    if rules == 0 and not form.strict:
        if not fits(form, value) and form.name != "zero_optimization":
            yield _misfit(where, value, form)
        inner = value if isinstance(value, dict) else None
    elif not _looked_at(form, given):
        return
    elif not takes(form, value, rules):
        yield _refused(where, value, form, rules)
        return
    else:
        if (
            rules == 0
            and form.values == ()
            and not fits(form, value)
            and form.type in {"bits", "number"}
        ):
            yield _misfit(where, value, form)
        inner = (
            as_object(value, rules or 2) if form.type in _OBJECTS and value is not FILLED else None
        )
    if inner is not None:
        yield from _section(where, kind, inner, grammar)


def _refused(where: str, value: Any, form: Form, rules: int) -> Flaw:
    return Flaw(
        "wrong-value",
        where,
        "error",
        f"{where} is {quoted(value)}, but it has to be {expected(form)}",
        why="This release checks it when the configuration is read, and stops.",
        fix=_nearest(where, value, form, rules),
    )


def _misfit(where: str, value: Any, form: Form, rules: int = 0) -> Flaw:
    switch = form.type in {"bool", "bits"}
    why = "Nothing checks it when the configuration is read; it fails, or means something else, where it is used."
    if switch and isinstance(value, str):
        state = "off" if not value else "on"
        why = f"Nothing converts it: any text that isn't empty counts as true, so this switches it {state}."
    return Flaw(
        "wrong-type",
        where,
        "warning",
        f"{where} is {quoted(value)}, where {expected(form)} is meant",
        why=why,
        silent=switch,
        fix=_nearest(where, value, form, rules),
    )


def _nearest(where: str, value: Any, form: Form, rules: int) -> tuple[tuple[str, Any], ...]:
    """Return the value that was meant, where there is only one thing it can mean."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if form.values and isinstance(value, str):
        near = [word for word in form.values if word.lower() == text]
        return ((where, int(near[0]) if form.type == "stage" else near[0]),) if near else ()
    if form.type in {"bool", "bits"} and text in {"true", "false"}:
        return ((where, text == "true"),)
    if value is None and not form.null:
        return ((where, REMOVE),)
    if form.type in {"int", "float", "number", "finite", "int-not-bool", "power"} and text:
        try:
            number = float(text)
        except ValueError:
            return ()
        if number != number or number in (float("inf"), float("-inf")):
            return ()
        found: float = (
            int(number) if number.is_integer() and form.type.startswith("int") else number
        )
        return ((where, found),) if takes(form, found, rules) else ()
    return ()


def _missing(where: str, form: Form) -> Flaw:
    return Flaw(
        "missing-key",
        where,
        "error",
        f"{where} is missing",
        why="This release reads it without asking whether it is there.",
        fix=((where, True),) if form.name == "enabled" else (),
    )


def _removed(where: str, form: Form) -> Flaw:
    instead = f" Use {form.instead} instead." if form.instead else ""
    return Flaw(
        "removed-key",
        where,
        "error",
        f"{where} is refused: the feature was removed in {form.refused}",
        why=f"This release stops when it finds the key, whatever it says.{instead}",
        fix=((where, REMOVE),),
    )


def _bare_switch(on: bool) -> Flaw:
    return Flaw(
        "old-form",
        "zero_optimization",
        "info",
        f"zero_optimization is only {quoted(on)}, a form that is deprecated",
        why=f"It stands for stage {int(on)}.",
        fix=(("zero_optimization", {"stage": int(on)}),),
    )


def _twice(path: str, given: Mapping[str, Any], about: Section) -> Iterator[Flaw]:
    """Yield the keys that are given by two names at once."""
    if about.reads != "model":
        return
    counted = [
        name for name, value in given.items() if not (value == "auto" and drops_auto(about, name))
    ]
    for name in counted:
        form = about.forms.get(name)
        if form is not None and form.field == name and form.name in counted:
            where = f"{path}.{name}"
            yield Flaw(
                "two-names",
                where,
                "error",
                f"{where} and {path}.{form.name} are two names of one setting",
                why="This release takes one of them and refuses the other as unknown.",
                fix=((where, REMOVE),),
            )
