"""
Every key of a configuration against what the release knows: is it one, and does it take that value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.deepspeed import wrong
from envcheck.deepspeed.settings import bf16_section, drops_auto
from envcheck.deepspeed.unknown import unknown
from envcheck.deepspeed.values import as_object, fits, takes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.deepspeed.flaws import Flaw
    from envcheck.deepspeed.grammar import Form, Grammar, Section

_OBJECTS: Final = frozenset({"nested", "section", "object", "object-or-empty", "container"})


class _Object(NamedTuple):
    """
    An object within a configuration.
    """

    path: str
    kind: str
    "Its path by the names that the table has."
    given: Mapping[str, Any]
    about: Section

    def holds(self, condition: str) -> bool:
        """Tell whether the key is set without which nobody looks at another one."""
        if not condition:
            return True
        value = self.given.get(condition)
        return value is not None if condition == "type" else bool(value)


def flaws(config: Mapping[str, Any], grammar: Grammar) -> Iterator[Flaw]:
    """
    Yield what is wrong with single keys.
    """
    zero = config.get("zero_optimization")
    if isinstance(zero, bool):
        yield wrong.bare_switch(on=zero)
        config = {key: value for key, value in config.items() if key != "zero_optimization"}
    if bf16_section(config, grammar) == "bf16":  # then nobody reads the one with the older name
        config = {key: value for key, value in config.items() if key != "bfloat16"}
    yield from _section("", "", config, grammar)


def _section(path: str, kind: str, given: Mapping[str, Any], grammar: Grammar) -> Iterator[Flaw]:
    about = grammar.section(kind)
    if about is None:
        return
    inside = _Object(path, kind, given, about)
    for name, value in given.items():
        where = f"{path}.{name}".lstrip(".")
        form = about.forms.get(name) or about.forms.get("*")
        if form is not None and grammar.past(form.refused):
            yield wrong.removed(where, form)
        elif value == "auto" and drops_auto(about, name):
            continue  # taken out before anybody asks whether there is such a key
        elif form is not None:
            yield from _value(name, form, inside, grammar)
        elif name != "strict" or about.reads != "model":  # a parameter of the models themselves
            yield from unknown(where, value, about, grammar)
    yield from _twice(inside)
    for form in about.forms.values():
        missing = form.needed and form.name not in given and form.name != "*"
        if missing and inside.holds(form.condition):
            yield wrong.missing(f"{path}.{form.name}", form)


def _value(name: str, form: Form, inside: _Object, grammar: Grammar) -> Iterator[Flaw]:
    """Judge the value of a key that is known, and what is in it."""
    value = inside.given[name]
    where = f"{inside.path}.{name}".lstrip(".")
    by_model = inside.about.reads == "model" or form.type in {"nested", "section"}
    rules = grammar.rules if by_model else 0
    if by_model or form.strict:
        if not inside.holds(form.condition):
            return
        if not takes(form, value, rules):
            yield wrong.refused(where, value, form, rules)
            return
    if not by_model and not form.values and form.type in wrong.PLAIN and not fits(form, value):
        yield wrong.misfit(where, value, form)
    content = as_object(value, rules or 2) if form.type in _OBJECTS else None
    if content is not None:
        known = name if form.name == "*" else form.name
        yield from _section(where, f"{inside.kind}.{known}".lstrip("."), content, grammar)


def _twice(inside: _Object) -> Iterator[Flaw]:
    """Yield the keys that are given by two names at once."""
    if inside.about.reads != "model":
        return
    counted = [
        name
        for name, value in inside.given.items()
        if value != "auto" or not drops_auto(inside.about, name)
    ]
    for name in counted:
        form = inside.about.forms.get(name)
        if form is not None and form.field == name and form.name in counted:
            yield wrong.two_names(f"{inside.path}.{name}", f"{inside.path}.{form.name}")
