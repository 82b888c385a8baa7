"""
The keys that a release of DeepSpeed knows, from the table in `keys.yaml`, or what is made of it: `keys.json`.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.compiled import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.version import Version

TABLE: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keys.json")
OLDEST: Final = "0.8.0"
NEWEST: Final = "0.19.8"
"The releases between which the table was established."


class Form(NamedTuple):
    """
    What one key is during some releases.
    """

    name: str
    type: str
    null: bool = False
    "Whether null is a value of its own."
    strict: bool = False
    "In a mapping: the release refuses what isn't of the type; elsewhere it fails later."
    values: tuple[str, ...] = ()
    case: str = ""
    "lower | upper: how a text is written before it is compared."
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    stages: tuple[int, ...] = ()
    "The ZeRO stages at which it does anything; empty: all."
    instead: str = ""
    "What to use in its place."
    deprecated: str = ""
    refused: str = ""
    "The release that refuses it by name."
    field: str = ""
    condition: str = ""
    "The neighbour without which nobody looks at it."
    needed: bool = False
    drops_auto: bool = False
    since: str = ""
    until: str = ""


class Section(NamedTuple):
    """
    What one object in a configuration is during some releases.
    """

    path: str
    reads: str
    "model | mapping | open (other keys are somebody's too)"
    keeps_auto: bool
    forms: Mapping[str, Form]
    "By the name of the key, and by that of its field."
    others: Mapping[str, tuple[Form, ...]]
    "Forms of other releases, of keys that this one doesn't have."


class Grammar:
    """
    What one release reads.
    """

    def __init__(self, version: Version, table: Sequence[Mapping[str, Any]]) -> None:
        self.version = version
        "Taken for a release of the table's: an older or newer one for the nearest."
        self.rules = 1 if version < _parsed("0.15.0") else 2
        "The pydantic whose conversions count."
        self.sections: dict[str, Section] = {}
        others: dict[str, dict[str, tuple[Form, ...]]] = {}
        for record in table:
            path, held = record["section"], self._holds(record)
            found: dict[str, Form] = {}
            for name, forms in record["keys"].items():
                made = [_form(name, form, record) for form in forms]
                now = next(
                    (form for form, raw in zip(made, forms, strict=True) if self._holds(raw)), None
                )
                if now is None or not held:
                    others.setdefault(path, {})[name] = tuple(made)
                    continue
                found[name] = now
                if now.field:
                    found[now.field] = now
            if held:
                keeps = record.get("auto") == "kept"
                self.sections[path] = Section(
                    path, record["reads"], keeps, found, others.setdefault(path, {})
                )

    def _holds(self, raw: Mapping[str, Any]) -> bool:
        return self.at_least(raw.get("since", "")) and not self.past(raw.get("until", ""))

    def at_least(self, version: str) -> bool:
        """
        Tell whether the release is this one or a later one; the empty text is no bound.
        """
        return not version or self.version >= _parsed(version)

    def past(self, version: str) -> bool:
        """
        Tell whether there is such a bound and the release has reached it.
        """
        return bool(version) and self.version >= _parsed(version)

    def section(self, path: str) -> Section | None:
        """
        Return what is known of the object at a dotted path; `None`: nothing.
        """
        found = self.sections.get(path)
        if found is None and "*" not in path:
            parts = path.split(".")
            for number in range(len(parts)):
                pattern = ".".join([*parts[:number], "*", *parts[number + 1 :]])
                if pattern in self.sections:
                    return self.sections[pattern]
        return found


def _form(name: str, raw: Mapping[str, Any], section: Mapping[str, Any]) -> Form:
    def limit(key: str) -> float | None:
        return float(raw[key]) if key in raw else None

    return Form(
        name=name,
        type=raw["type"].removesuffix("?"),
        null=raw["type"].endswith("?"),
        strict=raw.get("strict", False),
        values=tuple(raw.get("values", ())),
        case=raw.get("case", ""),
        at_least=limit("at-least"),
        above=limit("above"),
        at_most=limit("at-most"),
        below=limit("below"),
        stages=tuple(map(int, raw.get("stages", ()))),
        instead=raw.get("instead", ""),
        deprecated=raw.get("deprecated", ""),
        refused=raw.get("refused", ""),
        field=raw.get("field", ""),
        condition=raw.get("if", ""),
        needed=raw.get("needed", False),
        drops_auto=raw.get("auto") == "dropped",
        since=raw.get("since", section.get("since", "")),
        until=raw.get("until", section.get("until", "")),
    )


@cache
def _parsed(text: str) -> Version:
    found = versions.version(text)
    if found is None:
        raise ValueError(f"not a version: {text!r}")
    return found


@cache
def grammar(version: Version) -> Grammar:
    """
    Return what a release reads; one that is older or newer than the table is taken for its oldest or newest.
    """
    nearest = max(_parsed(OLDEST), min(_parsed(NEWEST), versions.public(version)))
    return Grammar(nearest, table())


@cache
def table() -> list[dict[str, Any]]:
    """
    Return the table.
    """
    return rows(TABLE)


def boundaries() -> Iterator[Version]:
    """
    Yield the releases at which something in the table changes, the oldest one first of all.
    """
    seen = {OLDEST}
    for record in table():
        for raw in (record, *(form for forms in record["keys"].values() for form in forms)):
            seen.update(raw[key] for key in ("since", "until", "refused") if key in raw)
    yield from sorted(_parsed(text) for text in seen if _parsed(text) >= _parsed(OLDEST))
