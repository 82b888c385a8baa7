"""
envcheck's own JSON report, schema `envcheck-report/1`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clean, clip
from envcheck.errors import SourceError
from envcheck.sources.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Container

    from packaging.utils import NormalizedName

    from envcheck.model import Environment

NAME: Final = "an envcheck report (--format json)"
_SCHEMA: Final = "envcheck-report/1"
_ORIGINS: Final = ("index", "editable", "vcs", "file")
_PLATFORMS: Final = ("linux", "darwin", "win32")
_LONG: Final = 20


def recognises(path: str, text: str) -> bool:  # noqa: ARG001
    """
    Tell by the first character: a JSON object.
    """
    return text.lstrip()[:1] == "{"


def read(
    path: str, text: str, tracked: Container[NormalizedName], python: str | None = None
) -> Environment:
    """
    Return the environment that the report was about, as far as the report tells.

    Args:
        path: For messages, and the origin.
        text: JSON.
        tracked: The packages to keep.
        python: Used in place of what the report says, where given.

    Raises:
        SourceError: It isn't such a report, or lists nothing.
    """
    listing = Listing(path, tracked)
    shown = clean(listing.origin)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{shown} is not valid JSON: {clean(str(error))}") from None
    schema = data.get("schema")
    if schema != _SCHEMA:
        said = f"says {clip(str(schema))}" if schema else "has no schema"
        raise SourceError(f"{shown} is JSON, but no envcheck report: it {said}, not {_SCHEMA}")
    facts = _object(data, "environment")
    elsewhere = _object(facts, "not-from-index")
    for name, version in _object(facts, "packages").items():
        if isinstance(version, str) or version is None:
            source = _object(elsewhere, name)
            origin = _known(source, "origin", _ORIGINS) or "index"
            reference = source.get("reference")
            said = reference if isinstance(reference, str) else ""
            listing.add(name, version or "", name, origin, said)
        else:
            listing.odd("unreadable", name, "its version is not text")
    release = python or _version(facts, "python")
    found = listing.environment("report", release, "a report with packages")
    cuda = "" if facts.get("cuda") == "" else _version(facts, "cuda")
    return found._replace(
        platform=_known(facts, "platform", _PLATFORMS),
        cuda=cuda if found.cuda is None else found.cuda,
        gpu=_version(facts, "gpu"),
    )


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _known(data: dict[str, Any], key: str, words: tuple[str, ...]) -> str | None:
    value = data.get(key)
    return value if value in words else None


def _version(data: dict[str, Any], key: str) -> str | None:
    """Return a text of numbers with dots; anything else counts as not known."""
    value = data.get(key)
    if not isinstance(value, str) or len(value) > _LONG:
        return None
    return value if re.fullmatch(r"\d+(?:\.\d+)*", value, re.ASCII) else None
