"""
PEP 508 markers, judged for the environment that is checked and never for the running one.

With three outcomes: a fact that isn't known leaves a marker undecided, unless the rest of it decides.
`packaging.markers` knows two, takes what it isn't told from the running interpreter, and costs more to
import than a check may cost; tests hold the two against each other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from envcheck import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<operator>===|==|~=|!=|<=|>=|<|>|not\s+in\b|in\b)
      | (?P<word>and\b|or\b|\(|\))
      | '(?P<single>[^']*)' | "(?P<double>[^"]*)"
      | (?P<name>[a-z][a-z._]*)
    )\s*""",
    re.VERBOSE,
)
_PYTHONS: Final = tuple(f"3.{minor}" for minor in range(7, 17))
_SYSTEMS: Final = {
    "linux": ("Linux", "posix"),
    "darwin": ("Darwin", "posix"),
    "win32": ("Windows", "nt"),
}
_MACHINES: Final = ("x86_64", "aarch64", "arm64", "AMD64", "ppc64le")
_VERSIONS: Final = ("python_version", "python_full_version", "implementation_version")

_Values = tuple[str, ...]
"""What a fact may be; nothing: it can't be told."""


def holds(marker: str, python: str | None, platform: str | None) -> bool | None:
    """
    Evaluate a marker; the empty one always holds, and one of an extra never does.

    Args:
        python: `3.10` or `3.10.13`; `None`: not known.
        platform: linux | darwin | win32; `None`: not known.

    Returns:
        `None` where it depends on a fact that isn't known, or can't be read.

    >>> holds('python_version < "3.8" and os_name == "nt"', "3.10", None)
    False
    """
    if not marker:
        return True
    tokens = _Tokens(marker)
    try:
        outcome = _either(tokens, _facts(python, platform))
    except (ValueError, RecursionError):  # metadata may say anything
        return None
    return outcome if tokens.at == len(marker) else None


def _facts(python: str | None, platform: str | None) -> Mapping[str, _Values]:
    micro = python is not None and python.count(".") > 1
    known = (python,) if python else _PYTHONS
    minor = tuple(".".join(each.split(".")[:2]) for each in known)
    full = known if micro else tuple(f"{each}.{end}" for each in known for end in range(50))
    systems = (platform,) if platform in _SYSTEMS else tuple(_SYSTEMS)
    return {
        "python_version": minor,
        "python_full_version": full,
        "implementation_version": full,
        "implementation_name": ("cpython",),
        "platform_python_implementation": ("CPython",),
        "python_implementation": ("CPython",),
        "sys_platform": systems,
        "platform_system": tuple(_SYSTEMS[each][0] for each in systems),
        "os_name": tuple(_SYSTEMS[each][1] for each in systems),
        "platform_machine": _MACHINES,
        "platform_release": (),
        "platform_version": (),
        "extra": ("",),
    }


class _Tokens:
    """
    The tokens of a marker, taken one by one.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self, kind: str, *values: str) -> str | None:
        """
        Return the next token if it is of this kind (and one of these), and go past it.
        """
        found = _TOKEN.match(self.text, self.at)
        text = found[kind] if found else None
        if found is None or text is None or (values and text not in values):
            return None
        self.at = found.end()
        return text


def _either(tokens: _Tokens, facts: Mapping[str, _Values]) -> bool | None:
    return _joined(tokens, facts, "or", _both)


def _both(tokens: _Tokens, facts: Mapping[str, _Values]) -> bool | None:
    return _joined(tokens, facts, "and", _one)


def _joined(
    tokens: _Tokens,
    facts: Mapping[str, _Values],
    word: str,
    part: Callable[[_Tokens, Mapping[str, _Values]], bool | None],
) -> bool | None:
    outcomes = [part(tokens, facts)]
    while tokens.take("word", word):
        outcomes.append(part(tokens, facts))
    decides = word == "or"
    if decides in outcomes:
        return decides
    return None if None in outcomes else not decides


def _one(tokens: _Tokens, facts: Mapping[str, _Values]) -> bool | None:
    if tokens.take("word", "("):
        outcome = _either(tokens, facts)
        if tokens.take("word", ")") is None:
            raise ValueError("a parenthesis is open")
        return outcome
    name, left = _side(tokens, facts)
    operator = tokens.take("operator")
    other, right = _side(tokens, facts)
    if operator is None or (name or other) is None or (name and other):
        raise ValueError("not a comparison of a fact with a text")
    outcomes = {_compare(name or other or "", each, operator, to) for each in left for to in right}
    return outcomes.pop() if len(outcomes) == 1 else None


def _side(tokens: _Tokens, facts: Mapping[str, _Values]) -> tuple[str | None, _Values]:
    """Return a side of a comparison: the name of a fact, if it is one, and what it may be."""
    for kind in ("single", "double"):
        text = tokens.take(kind)
        if text is not None:
            return None, (text,)
    name = (tokens.take("name") or "").replace(".", "_")
    return name, facts.get(name, ())


def _compare(name: str, left: str, operator: str, right: str) -> bool:
    if operator.endswith("in"):
        return (left in right) is (operator == "in")
    if name in _VERSIONS:
        parsed = versions.version(left)
        if parsed is None:
            raise ValueError("not a version")
        return versions.contains(f"{operator}{right}", parsed)
    if operator not in {"==", "!="}:
        raise ValueError("names have no order")
    return (left == right) is (operator == "==")
