"""
`pip list --format=json`, of pip or uv.
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

NAME: Final = "pip list --format=json"


def recognises(path: str, text: str) -> bool:  # noqa: ARG001
    """
    Tell by the first character: a JSON array.
    """
    return text.lstrip()[:1] == "["


def read(
    path: str, text: str, tracked: Container[NormalizedName], python: str | None = None
) -> Environment:
    """
    Return the packages of the array; an element that isn't one is an oddity.

    Raises:
        SourceError: It isn't JSON, or lists nothing.
    """
    listing = Listing(path, tracked)
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = clean(str(error))
        raise SourceError(f"{clean(listing.origin)} is not valid JSON: {reason}") from None
    for number, item in enumerate(items, 1):
        _add(listing, item, f"item {number}")
    return listing.environment("pip-list", python, "what `pip list --format=json` prints")


def _add(listing: Listing, item: Any, where: str) -> None:
    if not isinstance(item, dict):
        listing.odd("unreadable", where, "it is not an object with a name and a version")
        return
    name, version = item.get("name"), item.get("version")
    if not (isinstance(name, str) and name and isinstance(version, str)):
        listing.odd("unreadable", where, "it has no name and version")
        return
    project = item.get("editable_project_location")
    if isinstance(project, str) and project:
        listing.add(name, version, where, "editable", project)
    else:
        listing.add(name, version, where)
