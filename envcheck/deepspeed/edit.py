"""
A configuration file with some settings changed, and everything else as it was.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.document import Document, Place, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WIDTH: Final = 80
_INDENT: Final = re.compile(r"\n([ \t]*)\Z")


def edited(text: str, changes: Mapping[str, str | None]) -> str:
    """
    Return a configuration's text with settings changed.

    Args:
        changes: Dotted paths with their new value (JSON text); `None`: the key goes.
    """
    renamed = dict(_renames(parse(text, ""), changes))
    for path, value in changes.items():
        if path in renamed.values():
            continue
        document = parse(text, "")
        if path in renamed:
            text = _renamed(document, path, renamed[path])
            continue
        parts = tuple(path.split("."))
        if value is None:
            place = document.places.get(parts)
            if place is not None:
                text = _without(document.text, place)
        else:
            text = _with(document, parts, json.loads(value))
    return text


def _renames(document: Document, changes: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Yield (old, new) where a key goes and one beside it comes that says the same."""
    for old, gone in changes.items():
        place = document.places.get(tuple(old.split(".")))
        if gone is not None or place is None:
            continue
        parent = old.rpartition(".")[0]
        value = json.dumps(_look_up(document.data, old))
        for new, there in changes.items():
            beside = new != old and new.rpartition(".")[0] == parent and there == value
            if beside and tuple(new.split(".")) not in document.places:
                yield old, new
                break


def _look_up(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data[part] if isinstance(data, dict) else None
    return data


def _renamed(document: Document, old: str, new: str) -> str:
    place = document.places[tuple(old.split("."))]
    text = document.text
    colon = text.rindex(":", place.key, place.value)
    return f"{text[: place.key]}{json.dumps(new.rpartition('.')[2])}{text[colon:]}"


def without_repeats(text: str) -> str:
    """
    Return a configuration's text in which of every repeated key only the last one is left.
    """
    while repeated := parse(text, "").repeated:
        text = _without(text.removeprefix("\ufeff"), repeated[0].first)
    return text


def as_json(document: Document, data: Mapping[str, Any]) -> str:
    """
    Return a configuration as plain JSON, indented like the document.
    """
    lines = (
        line for line in document.text.splitlines() if line[:1] in {" ", "\t"} and line.strip()
    )
    first = next(lines, "  ")
    indent = first[: len(first) - len(first.lstrip())]
    return json.dumps(data, indent=indent, ensure_ascii=False) + "\n"


def _with(document: Document, parts: tuple[str, ...], value: Any) -> str:
    """Return a text with the value at a path; objects on the way are made where there are none."""
    text = document.text
    place = document.places.get(parts)
    if place is not None:
        return text[: place.value] + _written(value, _indent(text, place)) + text[place.end :]
    parent, name = parts[:-1], parts[-1]
    holder = document.places.get(parent)
    if parent and (holder is None or text[holder.value] != "{"):
        return _with(document, parent, {name: value})
    siblings = [at for path, at in document.places.items() if path[:-1] == parent]
    if siblings:
        return _after(text, max(siblings, key=lambda each: each.key), name, value)
    start = text.index("{", holder.value if holder else 0) + 1
    inner = (_indent(text, holder) if holder else "") + "  "
    end = text.index("}", start)
    outer = inner[:-2]
    return (
        f"{text[:start]}\n{inner}{json.dumps(name)}: {_written(value, inner)}\n{outer}{text[end:]}"
    )


def _after(text: str, last: Place, name: str, value: Any) -> str:
    """Put a member after the last one of an object, in a line of its own where that one has one."""
    indent = _INDENT.search(text[: last.key])
    between = f",\n{indent[1]}" if indent else ", "
    member = f"{json.dumps(name)}: {_written(value, _indent(text, last))}"
    return f"{text[: last.end]}{between}{member}{text[last.end :]}"


def _indent(text: str, place: Place) -> str:
    line = text[text.rfind("\n", 0, place.key) + 1 : place.key]
    return line[: len(line) - len(line.lstrip())]


def _written(value: Any, indent: str) -> str:
    """Return a value as JSON: in one line if it fits, else indented."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + len(indent) <= _WIDTH:
        return flat
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", f"\n{indent}")


def _without(text: str, place: Place) -> str:
    """Take a member out, with the comma that goes with it."""
    before = len(text[: place.key].rstrip())
    after = place.end + len(text[place.end :]) - len(text[place.end :].lstrip())
    follows = text[after : after + 1] == ","
    if text[:before].endswith(","):
        return text[: before - 1] + text[place.end :]
    if follows:
        rest = text[after + 1 :]
        return text[: place.key] + rest.lstrip()
    head = text[:before]
    return (
        head + text[after:]
        if text[after : after + 1] == "}" and head.endswith("{")
        else head + text[place.end :]
    )
