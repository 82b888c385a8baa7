"""
Whether a part of an entry or of a set makes sense: a range of versions, a symptom, evidence.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.matrix import witness
from envcheck.matrix.strict_yaml import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.version import Version

    from envcheck.matrix import Matrix
    from envcheck.versions import Requirement

    Found = tuple[str, str]
    "What of a record is wrong (`packages`, `fixes 1`; empty: the whole), and how."

_ONLY_A_CLASS: Final = re.compile(r"[\w.]*(Error|Exception|Warning)\s*:?\s*\Z|Traceback\b.*")
"An error text without anything that tells one error from another."
_SEVERAL_LINES: Final = re.compile(r"\\n|\[\\s\\S\]|\[\\S\\s\]")
"What a regular expression over more than one line is written with."


def at(part: str, messages: Iterable[str]) -> Iterator[Found]:
    """
    Say of problems in which part they were found.
    """
    return ((part, message) for message in messages)


def twice(pins: Sequence[Requirement]) -> Iterator[str]:
    """
    Yield the packages that are named more than once.
    """
    names = [pin.name for pin in pins]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is named twice: put its whole range into one requirement"


def pin_problems(pin: Requirement, matrix: Matrix, otherwise: str) -> Iterator[str]:
    """
    Yield what is wrong with a range, given the known releases of its package.
    """
    releases = [release.version for release in matrix.releases(pin.name)]
    if not witness.admitted(pin.name, pin.specifier, matrix):
        yield f"no release of {pin.name} is in {pin.specifier!r}: {otherwise}"
        return
    for clause in pin.specifier.split(","):
        named = witness.named(clause)
        if not releases or not named or clause.endswith(".*"):
            continue
        if clause.startswith("==") and not _exists(named[0], releases):
            yield f"{pin.name} {named[0]} does not exist"
        left = [
            each
            for each in releases
            if each.base_version == named[0].base_version
            and each > named[0]
            and each.is_postrelease
            and versions.contains(pin.specifier, each)
        ]
        if clause.startswith("!=") and left:
            yield f"{clause!r} leaves {pin.name} {left[0]} in: exclude it too, or write '{clause}.*'"


def _exists(version: Version, releases: Sequence[Version]) -> bool:
    """Tell whether there is such a version; one of a working copy is nowhere to be looked up."""
    return version.is_devrelease or versions.public(version) in releases


def symptom_problems(text: str) -> Iterator[str]:
    """
    Yield why an error text, or a regular expression between slashes, tells nothing from anything.
    """
    if len(text) < 2 or not (text.startswith("/") and text.endswith("/")):
        if _ONLY_A_CLASS.match(text):
            yield f"the symptom {quoted(text)} is found in every traceback of its kind"
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pattern = re.compile(text[1:-1])
    except (re.error, FutureWarning, DeprecationWarning) as error:
        yield f"the symptom {quoted(text)} is no regular expression: {error}"
        return
    if pattern.search("") or pattern.search("Traceback (most recent call last):"):
        yield f"the symptom {quoted(text)} matches everything"
    if _SEVERAL_LINES.search(text):
        yield f"the symptom {quoted(text)} spans lines, but logs are read line by line"


def evidence_problems(evidence: Sequence[Any], matrix: Matrix) -> Iterator[str]:
    """
    Yield what evidence lacks, as its kind needs it.
    """
    for item in evidence:
        if isinstance(item, str):
            continue
        needed = ("date", "python", "checks") if item["kind"] == "run" else ("url",)
        missing = [key for key in needed if key not in item]
        if missing:
            yield f"evidence of the kind {item['kind']!r} lacks: {', '.join(missing)}"
        trials = {name for layer in matrix.layers for name in layer.trials}
        if "trial" in item and item["trial"] not in trials:
            known = ", ".join(sorted(trials)) or "none"
            yield f"there is no trial {quoted(item['trial'])}; there are: {known}"
