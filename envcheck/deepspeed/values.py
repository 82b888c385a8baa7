"""
What a release takes for a value: as pydantic 1 and 2 convert it, or as plain Python code trips over it.

Types are those of `keys.yaml`. pydantic 1 decides up to DeepSpeed 0.14 (also where pydantic 2 is installed,
by its `v1` half), pydantic 2 from 0.15 on; both convert more than one would think, and not the same.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from envcheck.deepspeed.grammar import Form


class Filled:
    """
    A value that isn't known here because another program fills it in, with one that fits.
    """

    def __repr__(self) -> str:
        return "filled in"


FILLED: Final = Filled()

_WORDS: Final = {
    "bool": "true or false",
    "bits": "true or false",
    "flag": "true or false",
    "int": "a whole number",
    "int-not-bool": "a whole number",
    "to-int": "a whole number",
    "int-or-auto": 'a whole number or "auto"',
    "float": "a number",
    "finite": "a finite number",
    "number": "a number",
    "power": "a number",
    "multiple": "a number",
    "str": "a text",
    "text": "a text",
    "path": "a path",
    "list": "a list",
    "names": "a list of texts",
    "texts-or-text": "a list of texts",
    "texts-or-auto": '"auto" or a list of texts',
    "not-empty": "a text that isn't empty",
    "only-null": "null",
    "container": "an object",
}
_TRUE_FALSE: Final = frozenset(
    (True, False, "0", "1", "off", "on", "f", "t", "false", "true", "n", "y", "no", "yes")
)
_DIGITS: Final = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.0*)?\Z")
_LARGEST: Final = float(2**63)


def expected(form: Form) -> str:
    """
    Say which values a key takes.
    """
    kind = form.type
    if form.values:
        words = [word if kind == "stage" else f'"{word}"' for word in form.values]
        said = f"one of {', '.join(words)}" if len(words) > 1 else words[0]
        said = f"a list of {said.removeprefix('one of ')}" if kind == "words" else said
    elif kind == "never":
        return "nothing that a file can hold"
    else:
        said = _WORDS.get(kind, "an object")
    said += "".join(
        f" {words} {limit:g}"
        for words, limit in (
            ("of at least", form.at_least),
            ("above", form.above),
            ("of at most" if form.at_least is None else "and at most", form.at_most),
            ("and below", form.below),
        )
        if limit is not None
    )
    return f"{said} or null" if form.null else said


def takes(form: Form, value: Any, rules: int) -> bool:
    """
    Tell whether a release takes a value.

    Args:
        rules: 1 or 2: of which pydantic; 0: those of plain code, for what it is strict about.
    """
    if value is FILLED or form.type == "any" or (value is None and form.null):
        return True
    if rules == 0:
        return _PLAIN[form.type](form, value) if form.type in _PLAIN else fits(form, value)
    if value is None:
        return False
    found = _MODEL[form.type](form, value, rules)
    return found is not None and _within(form, found)


def fits(form: Form, value: Any) -> bool:
    """
    Tell whether a value is of the type that is meant, without any conversion.
    """
    if value is FILLED or form.type == "any" or (value is None and form.null):
        return True
    kind = form.type
    if isinstance(value, bool):
        return kind in {"bool", "bits", "flag"}
    if isinstance(value, (int, float)):
        whole = isinstance(value, int) or value.is_integer() or math.isinf(value)
        return kind in {"number", "power", "multiple"} or (kind in {"int", "to-int"} and whole)
    if isinstance(value, str):
        return kind in {"text", "exactly", "not-empty"}
    return kind == "list" if isinstance(value, list) else kind in {"object", "container"}


def _within(form: Form, value: Any) -> bool:
    """Judge the limits; what is no number has none."""
    return isinstance(value, (str, list, dict)) or (
        (form.at_least is None or value >= form.at_least)
        and (form.above is None or value > form.above)
        and (form.at_most is None or value <= form.at_most)
        and (form.below is None or value < form.below)
    )


def _bool(_: Form, value: Any, rules: int) -> Any:  # noqa: ARG001
    key = value.lower() if isinstance(value, str) else value
    return value if not isinstance(value, (list, dict)) and key in _TRUE_FALSE else None


def whole(value: Any, rules: int) -> int | None:
    """
    Return a value as pydantic makes an integer of it; `None`: it doesn't.
    """
    if isinstance(value, (list, dict)) or value is None:
        return None
    if rules == 2:
        if isinstance(value, str):
            text = value.strip()
            return int(text.partition(".")[0]) if _DIGITS.match(text) else None
        if isinstance(value, float):
            return int(value) if value.is_integer() and abs(value) < _LARGEST else None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def _int(_: Form, value: Any, rules: int) -> int | None:
    return whole(value, rules)


def _int_not_bool(_: Form, value: Any, rules: int) -> int | None:
    if isinstance(value, bool) or whole(value, 1) is None:  # looked at before pydantic converts it
        return None
    return whole(value, rules)


def _float(_: Form, value: Any, rules: int) -> float | None:  # noqa: ARG001
    if isinstance(value, (list, dict)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _finite(form: Form, value: Any, rules: int) -> float | None:
    found = None if isinstance(value, bool) else _float(form, value, rules)
    return found if found is not None and math.isfinite(found) else None


def _str(form: Form, value: Any, rules: int) -> str | None:
    if isinstance(value, str):
        return value if not form.values or value in form.values else None
    return str(value) if rules == 1 and isinstance(value, (int, float)) else None


def _path(_: Form, value: Any, rules: int) -> str | None:  # noqa: ARG001
    return value if isinstance(value, str) else None


def _word(form: Form, value: Any, rules: int) -> str | None:  # noqa: ARG001
    return value if isinstance(value, str) and value in form.values else None


def _words(form: Form, value: Any, rules: int) -> list[Any] | None:  # noqa: ARG001
    known = isinstance(value, list) and all(isinstance(x, str) and x in form.values for x in value)
    return value if known else None


def _stage(form: Form, value: Any, rules: int) -> int | None:
    number = whole(value, 2) if rules == 2 or not isinstance(value, str) else None
    return number if str(number) in form.values else None


def as_object(value: Any, rules: int) -> dict[str, Any] | None:
    """
    Return a value as pydantic makes an object of it; `None`: it doesn't.
    """
    if isinstance(value, dict) or rules == 2 or not isinstance(value, (list, str)):
        return value if isinstance(value, dict) else None
    try:
        pairs: Any = value
        return {str(key): item for key, item in dict(pairs).items()}
    except (TypeError, ValueError):
        return None


def _nested(_: Form, value: Any, rules: int) -> dict[str, Any] | None:
    return as_object(value, rules)


def _section(_: Form, value: Any, rules: int) -> dict[str, Any] | None:  # noqa: ARG001
    return value if isinstance(value, dict) else None


def _list(_: Form, value: Any, rules: int) -> list[Any] | None:  # noqa: ARG001
    return value if isinstance(value, list) else None


def _texts(_: Form, value: Any, rules: int) -> Any:  # noqa: ARG001
    return value if isinstance(value, str) or _all_texts(value) else None


def _int_or_auto(_: Form, value: Any, rules: int) -> Any:
    return value if value == "auto" else None if isinstance(value, str) else whole(value, rules)


def _never(_: Form, value: Any, rules: int) -> None:  # noqa: ARG001
    return None


_MODEL: Final[dict[str, Callable[[Form, Any, int], Any]]] = {
    "bool": _bool,
    "int": _int,
    "int-not-bool": _int_not_bool,
    "int-or-auto": _int_or_auto,
    "float": _float,
    "finite": _finite,
    "str": _str,
    "path": _path,
    "word": _word,
    "words": _words,
    "stage": _stage,
    "dict": _nested,
    "nested": _nested,
    "section": _section,
    "list": _list,
    "texts-or-text": _texts,
    "never": _never,
}


def _all_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _text(form: Form, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    value = getattr(value, form.case)() if form.case else value
    return not form.values or value in form.values


def _power(_: Form, value: Any) -> bool:
    try:
        return 2**value is not None
    except (TypeError, OverflowError):
        return False


def _to_int(_: Form, value: Any) -> bool:
    return whole(value, 1) is not None


_PLAIN: Final[dict[str, Callable[[Form, Any], bool]]] = {
    "object": lambda _, value: isinstance(value, dict),
    "section": lambda _, value: isinstance(value, dict),
    "object-or-empty": lambda _, value: isinstance(value, dict) or not value,
    "container": lambda _, value: isinstance(value, (dict, list, str)),
    "text": _text,
    "exactly": lambda form, value: isinstance(value, str) and value in form.values,
    "bits": lambda _, value: isinstance(value, int),
    "flag": lambda _, value: not isinstance(value, str) and value in (True, False),
    "number": lambda _, value: isinstance(value, (int, float)),
    "power": _power,
    "multiple": lambda _, value: not value or isinstance(value, (int, float)),
    "not-empty": lambda _, value: bool(value),
    "names": lambda _, value: _all_texts(value) or isinstance(value, (str, dict)),
    "texts-or-auto": lambda _, value: value == "auto" or _all_texts(value),
    "to-int": _to_int,
    "only-null": lambda _, value: value is None,
}
