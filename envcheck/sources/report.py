"""
envcheck's own JSON report, schema `envcheck-report/1`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.sources.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Container

    from packaging.utils import NormalizedName

    from envcheck.model import Environment

NAME: Final = "an envcheck report (--format json)"
_SCHEMA: Final = "envcheck-report/1"


def recognises(path: str, text: str) -> bool:  # noqa: ARG001
    """
    Tell by the first character: a JSON object.
    """
    return text.lstrip()[:1] == "{"


def read(path: str, text: str, tracked: Container[NormalizedName], python: str | None = None) -> Environment:
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
        said = f"says {clean(str(schema))[:60]}" if schema else "has no schema"
        raise SourceError(f"{shown} is JSON, but no envcheck report: it {said}, not {_SCHEMA}")
    facts = _object(data, "environment")
    for name, version in _object(facts, "packages").items():
        if isinstance(version, str) or version is None:
            listing.add(name, version or "", name)
        else:
            listing.odd("unreadable", name, "its version is not text")
    release = python or _text(facts, "python")
    found = listing.environment("report", release, "a report with packages")
    return found._replace(
        platform=_text(facts, "platform"),
        cuda=found.cuda if found.cuda is not None else _text(facts, "cuda"),
        gpu=_text(facts, "gpu"),
    )


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None
