r"""
What a line must contain for a regular expression to match it, found by reading the expression.
"""

from __future__ import annotations

import re
from typing import Final

_FLAGS: Final = re.compile(r"\(\?[aiLmsux-]+[:)]")
_OPENING: Final = re.compile(r"\(\?(?:P?<(?![=!])[^>]*>|:)|\((?!\?)")
_LOOKING: Final = re.compile(r"\(\?<?[=!]")


def needles(pattern: str) -> tuple[str, ...]:
    r"""
    Return texts of which every match of a regular expression contains one; `("",)`: nothing is certain.

    >>> needles(r"flash_attn_2_cuda\S*\.so: undefined symbol: _ZN2at4_ops")
    ('.so: undefined symbol: _ZN2at4_ops',)
    >>> needles("No backend|Tensors must be dense"), needles(r"ratio\s+(extra fields|Extra inputs) are")
    (('No backend', 'Tensors must be dense'), ('extra fields', 'Extra inputs'))
    >>> needles("colou?r"), needles("(no |never )?works"), needles(".*")
    (('colo',), ('works',), ('',))
    """
    if _FLAGS.search(pattern):
        return ("",)
    found, _ = _alternatives(pattern, 0)
    return tuple(dict.fromkeys(found)) or ("",)


def _alternatives(pattern: str, at: int) -> tuple[list[str], int]:
    """Read up to the end of a group; the result is empty if one of its alternatives has no certain text."""
    found: list[str] = []
    certain = True
    while True:
        best, at = _branch(pattern, at)
        certain = certain and bool(best)
        found += best
        if at >= len(pattern) or pattern[at] == ")":
            return (found if certain else []), at + 1
        at += 1  # the bar


def _branch(pattern: str, at: int) -> tuple[list[str], int]:
    """Read one alternative; return the texts, one of which it must contain, that are the longest."""
    candidates: list[list[str]] = []
    run = ""
    while at < len(pattern) and pattern[at] not in "|)":
        atom, literal, inner, after = _atom(pattern, at)
        quantifier = pattern[after : after + 1]
        optional = quantifier in {"?", "*"} or (
            quantifier == "{" and pattern[after : after + 2] != "{1"
        )
        at = _after_quantifier(pattern, after)
        if literal and not optional:
            run += atom
        if not literal or quantifier in {"?", "*", "+", "{"}:
            candidates.append([run] if run else [])
            run = ""
        if not optional:
            candidates.append(inner)
    candidates.append([run] if run else [])
    return max(candidates, key=lambda texts: min(map(len, texts), default=0)), at


def _atom(pattern: str, at: int) -> tuple[str, bool, list[str], int]:
    """Read one atom: (its text, whether it stands for itself, texts of a group, its end)."""
    sign = pattern[at]
    if sign == "\\":
        escaped = pattern[at + 1 : at + 2]
        return escaped, bool(escaped) and not escaped.isalnum(), [], at + 2
    if sign == "[":
        end = pattern.find("]", at + 2 + (pattern[at + 1 : at + 2] == "^"))
        return "", False, [], (end + 1) or len(pattern)
    if sign == "(":
        looking = _LOOKING.match(pattern, at)
        opening = looking or _OPENING.match(pattern, at)
        inner, end = _alternatives(pattern, opening.end() if opening else at + 1)
        return "", False, [] if looking else inner, end
    return sign, sign not in ".^$", [], at + 1


def _after_quantifier(pattern: str, at: int) -> int:
    sign = pattern[at : at + 1]
    if sign and sign in "?*+":
        at += 1
    elif sign == "{":
        at = pattern.find("}", at) + 1 or len(pattern)
    else:
        return at
    return at + (pattern[at : at + 1] in {"?", "+"})
