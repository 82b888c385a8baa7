"""
Names, requirements and version specifiers, at the price a start-up check can pay.

`packaging.version` is the one part of packaging imported here: its specifiers and markers cost more
than a whole check. Specifiers follow PEP 440 as `packaging` implements it with `prereleases=True`,
since an installed pre-release is a fact, not a candidate; tests hold the two against each other.

A local label never decides unless the specifier itself names one: `2.5.1+cu124` is `2.5.1`.

Before 26.1 `packaging` kept `2.5.0+cu124` and `2.5.0.post1` out of `>2.5.0rc1`, and `2.5.0rc1` out of
`<2.5.0.post1`. PEP 440 excludes only builds and post-releases of the version that `>` itself names,
and pre-releases of the version that `<` itself names: so do the later ones, and so does this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, Final, cast

from packaging.version import InvalidVersion, Version

from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(
    rf"\s*(?P<name>{_NAME})\s*"
    rf"(?:\[\s*(?P<extras>(?:{_NAME}(?:\s*,\s*{_NAME})*)?)\s*\]\s*)?"
    r"(?:@\s*(?P<url>\S+)(?:\s+|\Z)|\((?P<inside>[^()]*)\)\s*|(?P<bare>[^();@\[\]]*))"
    r"(?:;\s*(?P<marker>\S.*))?\Z",
    re.DOTALL,
)
_CLAUSE = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*(\S+)\Z")
_SEPARATORS = re.compile(r"[-_.]+")
_SPACE = re.compile(r"\s+")


class Requirement(NamedTuple):
    """
    A PEP 508 requirement, split but not judged.
    """

    name: NormalizedName
    specifier: str
    marker: str = ""
    extras: str = ""
    url: str = ""
    extra: str = ""
    "The extra of the declaring package for which it is required; empty: it is required anyway."

    def __str__(self) -> str:
        extras = f"[{self.extras}]" if self.extras else ""
        marker = f"; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier}{marker}"


def normalize(name: str) -> NormalizedName:
    """
    Return the PEP 503 form of a name.

    >>> normalize("Flash_Attn.X")
    'flash-attn-x'
    """
    return cast("NormalizedName", _SEPARATORS.sub("-", name).lower())


@cache
def requirement(text: str) -> Requirement:
    """
    Split a PEP 508 requirement; its marker is not judged.

    Raises:
        ValueError: The text is no requirement, or its specifier no PEP 440 specifier.

    >>> requirement('Tokenizers (>=0.14, <0.19) ; python_version >= "3.8"')[:3]
    ('tokenizers', '>=0.14,<0.19', 'python_version >= "3.8"')
    """
    found = _REQUIREMENT.match(text)
    if found is None:
        raise ValueError(f"not a requirement: {text!r}")
    return Requirement(
        normalize(found["name"]),
        specifier(found["inside"] or found["bare"] or ""),
        (found["marker"] or "").rstrip(),
        _SPACE.sub("", found["extras"] or ""),
        found["url"] or "",
    )


def specifier(text: str) -> str:
    """
    Return a PEP 440 specifier without its white space; the empty one excludes nothing.

    Raises:
        ValueError: It isn't one.

    >>> specifier(" >= 2.0, <2.6 ")
    '>=2.0,<2.6'
    """
    if _plain(text) is not None:
        return text
    _clauses(text)
    return ",".join(_SPACE.sub("", part) for part in text.split(",") if part.strip())


@cache
def version(text: str) -> Version | None:
    """
    Return the PEP 440 version, or `None` where the text is none.
    """
    try:
        return Version(text)
    except InvalidVersion:
        return None


def public(of: Version) -> Version:
    """
    Return a version without its local label.
    """
    return cast("Version", version(of.public)) if of.local else of


def contains(specifier: str, installed: Version) -> bool:
    """
    Tell whether an installed version satisfies a specifier; the empty one admits every version.

    >>> contains(">=2.0,<2.6", Version("2.5.1+cu124")), contains("<5.0", Version("5.0.0rc1"))
    (True, False)
    """
    if "===" in specifier:  # compares the spelling, which equal versions need not share
        return _contains.__wrapped__(specifier, installed)
    return _contains(specifier, installed)


@cache
def _contains(specifier: str, installed: Version) -> bool:
    clauses, release = _plain(specifier), _final_release(installed)
    if clauses is not None and release is not None:
        for compare, operand in clauses:  # noqa: SIM110 - asked thousands of times
            if not compare(release, operand):
                return False
        return True
    return all(_holds(operator, operand, installed) for operator, operand in _clauses(specifier))


def satisfies(installed: Version | None, specifier: str) -> bool | None:
    """
    Tell whether a version that may be unknown satisfies a specifier; `None`: can't be told.
    """
    if installed is None:
        return None if specifier else True
    return contains(specifier, installed)


_MOST_DIGITS: Final = 40  # numbers without end are left to `packaging`, and to its limits
_PlainClause = tuple[Callable[[Any, Any], bool], tuple[int, ...]]
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": ge,
    "<=": le,
    "==": eq,
    "!=": ne,
    ">": gt,
    "<": lt,
}


@cache
def _plain(specifier: str) -> tuple[_PlainClause, ...] | None:
    """
    Split a specifier of nothing but comparisons with plain numbers; `None`: it is another one.

    Nearly all are, and a tuple is compared in a tenth of the time that making a Version of it takes.
    """
    clauses = []
    for part in specifier.split(",") if specifier else ():
        length = 2 if part[1:2] == "=" else 1
        compare, numbers = _COMPARISONS.get(part[:length]), _numbers(part[length:])
        if numbers is None or compare is None:
            return None
        clauses.append((compare, numbers))
    return tuple(clauses)


@cache
def _numbers(text: str) -> tuple[int, ...] | None:
    """Return `1.2.0` as (1, 2): zeros at the end are no part of a version; `None`: it isn't plain."""
    digits = text.replace(".", "")
    if not (digits.isdecimal() and digits.isascii()) or len(digits) > _MOST_DIGITS:
        return None
    try:
        return _stripped(tuple(map(int, text.split("."))))
    except ValueError:  # a part is empty
        return None


def _stripped(release: tuple[int, ...]) -> tuple[int, ...]:
    while release and not release[-1]:
        release = release[:-1]
    return release


@cache
def _final_release(of: Version) -> tuple[int, ...] | None:
    """Return the numbers of a final release, whatever its local label; `None`: there is more to it."""
    if of.epoch or of.pre or of.dev is not None or of.post is not None:
        return None
    return _stripped(of.release)


_Clause = tuple[str, Any]
"""An operator and its operand: a version; `===` has text; `==.*` and `!=.*` have (epoch, release)."""


@cache
def _clauses(specifier: str) -> tuple[_Clause, ...]:
    clauses: list[_Clause] = []
    for text in filter(None, (part.strip() for part in specifier.split(","))):
        found = _CLAUSE.match(text)
        if found is None:
            raise ValueError(f"not a version specifier: {text!r}")
        operator, operand = found.groups()
        if operator == "===":
            clauses.append((operator, operand.lower()))
            continue
        prefix = operand.endswith(".*")
        parsed = version(operand[:-2] if prefix else operand)
        if parsed is None:
            raise ValueError(f"not a version specifier: {text!r}")
        family = (parsed.epoch, parsed.release)
        if prefix:
            if operator not in {"==", "!="} or not _is_final(parsed):
                raise ValueError(f"not a version specifier: {text!r}")
            clauses.append((f"{operator}.*", family))
        elif parsed.local and operator not in {"==", "!="}:
            raise ValueError(f"a local label can only be compared with == or !=: {text!r}")
        elif operator == "~=":
            if len(parsed.release) < 2:
                raise ValueError(f"~= needs two parts: {text!r}")
            clauses += [(">=", parsed), ("==.*", (parsed.epoch, parsed.release[:-1]))]
        elif operator == "<" and not parsed.is_prerelease:
            # Leaves out the pre-releases of the version itself: 5.0rc1 isn't <5.0.
            clauses.append(("<", Version(f"{operand}.dev0")))
        else:
            clauses.append((operator, parsed))
    return tuple(clauses)


def _is_final(parsed: Version) -> bool:
    return not (parsed.is_prerelease or parsed.is_postrelease or parsed.local)


def _holds(operator: str, operand: Any, installed: Version) -> bool:
    """Judge one clause of PEP 440's "Version specifiers"."""
    if operator == "===":
        return bool(str(installed).lower() == operand)
    if operator.endswith(".*"):
        same = (installed.epoch, _padded(installed, len(operand[1]))) == operand
        return same is (operator == "==.*")
    if operand.local is None:
        installed = public(installed)
    if operator == "==":
        return bool(installed == operand)
    if operator == "!=":
        return bool(installed != operand)
    if operator == "<=":
        return bool(installed <= operand)
    if operator == ">=":
        return bool(installed >= operand)
    if operator == "<":
        return bool(installed < operand)
    # Leaves out the post-releases of the version itself: 4.46.post1 isn't >4.46.
    named = operand.is_devrelease or operand.is_postrelease
    return installed > operand and (named or not _is_post_of(installed, operand))


def _padded(of: Version, length: int) -> tuple[int, ...]:
    """Return so many parts of a version's release; what isn't written is 0."""
    return (of.release + (0,) * length)[:length]


def _is_post_of(one: Version, other: Version) -> bool:
    length = max(len(one.release), len(other.release))
    return (
        one.is_postrelease
        and (one.epoch, one.pre) == (other.epoch, other.pre)
        and _padded(one, length) == _padded(other, length)
    )
