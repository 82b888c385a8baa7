"""
Names, requirements and version specifiers, at the price a start-up check can pay.

`packaging.version` is the one part of packaging imported here: its specifiers and markers cost more
than a whole check. Specifiers follow PEP 440 as `packaging` implements it with `prereleases=True`,
since an installed pre-release is a fact, not a candidate; tests hold the two against each other.
A local label never decides: `2.5.1+cu124` is `2.5.1`, unless the specifier itself names a label.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[(?P<extras>[^\[\]]*)\])?\s*"
    r"(?:@\s*(?P<url>[^\s;]+)\s*|\(?(?P<specifier>[^();@\[\]]*)\)?\s*)(?:;\s*(?P<marker>.*))?\Z",
    re.DOTALL,
)
_CLAUSE = re.compile(r"\s*(===|~=|==|!=|<=|>=|<|>)\s*([^\s,]+)\s*\Z")
_SEPARATORS = re.compile(r"[-_.]+")


class Requirement(NamedTuple):
    """
    A PEP 508 requirement, split but not judged.
    """

    name: NormalizedName
    specifier: str
    marker: str = ""
    extras: str = ""
    url: str = ""

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


@lru_cache(maxsize=None)
def requirement(text: str) -> Requirement:
    """
    Split a PEP 508 requirement.

    Raises:
        ValueError: The text is no requirement, or its specifier no PEP 440 specifier.

    >>> requirement('Tokenizers (>=0.14,<0.19) ; python_version >= "3.8"')
    Requirement(name='tokenizers', specifier='>=0.14,<0.19', marker='python_version >= "3.8"', extras='', url='')
    """
    found = _REQUIREMENT.match(text)
    if found is None:
        raise ValueError(f"not a requirement: {text!r}")
    specifier = "".join((found["specifier"] or "").split())
    _clauses(specifier)
    return Requirement(
        normalize(found["name"]),
        specifier,
        (found["marker"] or "").strip(),
        (found["extras"] or "").replace(" ", ""),
        found["url"] or "",
    )


@lru_cache(maxsize=None)
def version(text: str) -> Version | None:
    """
    Return the PEP 440 version, or `None` where the text is none.
    """
    try:
        return Version(text)
    except InvalidVersion:
        return None


@lru_cache(maxsize=None)
def public(of: Version) -> Version:
    """
    Return a version without its local label.
    """
    return Version(of.public) if of.local else of


@lru_cache(maxsize=None)
def contains(specifier: str, installed: Version) -> bool:
    """
    Tell whether an installed version satisfies a specifier; the empty one admits every version.

    >>> contains(">=2.0,<2.6", Version("2.5.1+cu124")), contains("<5.0", Version("5.0.0rc1"))
    (True, False)
    """
    return all(_holds(operator, operand, installed) for operator, operand in _clauses(specifier))


def satisfies(installed: Version | None, specifier: str) -> bool | None:
    """
    Tell whether a version that may be unknown satisfies a specifier; `None`: can't be told.
    """
    if installed is None:
        return None if specifier else True
    return contains(specifier, installed)


def marker_holds(marker: str, python: str | None, platform: str | None) -> bool | None:
    """
    Evaluate a PEP 508 marker for the environment that is checked, never for the running one.

    Returns:
        `None` when the marker asks for a fact that isn't known, or can't be read.
    """
    if not marker:
        return True
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison

    facts = _marker_facts(python, platform)
    unknown = {"python_version", "python_full_version", "sys_platform", "platform_system", "os_name"}
    unknown -= facts.keys()
    if any(name in marker for name in unknown):
        return None
    try:
        return Marker(marker).evaluate({"extra": "", **facts})
    except (InvalidMarker, UndefinedComparison, InvalidVersion):
        return None


def _marker_facts(python: str | None, platform: str | None) -> Mapping[str, str]:
    facts = {}
    if python is not None:
        facts["python_version"] = ".".join(python.split(".")[:2])
        facts["python_full_version"] = python if python.count(".") > 1 else f"{python}.0"
    systems = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
    if platform in systems:
        facts["sys_platform"] = platform
        facts["platform_system"] = systems[platform]
        facts["os_name"] = "nt" if platform == "win32" else "posix"
    return facts


@lru_cache(maxsize=None)
def _clauses(specifier: str) -> tuple[tuple[str, Version | str], ...]:
    """Split a specifier; an operand is text only for `===` and for a prefix (`4.46.*`)."""
    clauses: list[tuple[str, Version | str]] = []
    for text in filter(None, (part.strip() for part in specifier.split(","))):
        found = _CLAUSE.match(text)
        if found is None:
            raise ValueError(f"not a version specifier: {text!r}")
        operator, operand = found.groups()
        prefix = operand.endswith(".*")
        parsed = None if operator == "===" else version(operand[:-2] if prefix else operand)
        if operator == "===":
            clauses.append((operator, operand.lower()))
            continue
        if parsed is None or (prefix and (operator not in {"==", "!="} or parsed.local)):
            raise ValueError(f"not a version specifier: {text!r}")
        if parsed.local and operator not in {"==", "!="}:
            raise ValueError(f"a local label can only be compared with == or !=: {text!r}")
        if operator == "~=":
            if len(parsed.release) < 2:
                raise ValueError(f"~= needs two parts: {text!r}")
            clauses.append((">=", parsed))
            family = ".".join(map(str, parsed.release[:-1]))
            clauses.append(("==", f"{parsed.epoch}!{family}"))
        else:
            clauses.append(
                (operator, f"{parsed.epoch}!{operand[:-2].split('!')[-1].lstrip('v')}" if prefix else parsed)
            )
    return tuple(clauses)


def _holds(operator: str, operand: Version | str, installed: Version) -> bool:
    """Judge one clause of PEP 440's "Version specifiers"."""
    if operator == "===":
        return str(installed).lower() == operand
    if isinstance(operand, str):  # a prefix
        epoch, _, family = operand.partition("!")
        release = tuple(int(part) for part in family.split("."))
        padded = installed.release + (0,) * (len(release) - len(installed.release))
        same = installed.epoch == int(epoch) and padded[: len(release)] == release
        return same is (operator == "==")
    if operand.local is None:
        installed = public(installed)
    if operator == "==":
        return installed == operand
    if operator == "!=":
        return installed != operand
    if operator == "<=":
        return installed <= operand
    if operator == ">=":
        return installed >= operand
    # The two exclusive ones: <5.0 leaves out 5.0rc1, and >4.46 leaves out 4.46.post1.
    if operator == "<":
        return installed < operand and not (
            installed.is_prerelease and not operand.is_prerelease and _same_base(installed, operand)
        )
    return installed > operand and not (
        installed.is_postrelease and not operand.is_postrelease and _same_base(installed, operand)
    )


def _same_base(one: Version, other: Version) -> bool:
    return Version(one.base_version) == Version(other.base_version)
