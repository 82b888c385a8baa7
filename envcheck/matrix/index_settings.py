"""
Where the user's installer looks for packages: what is set up for uv or pip (on Linux).
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from envcheck.errors import RefreshError

if TYPE_CHECKING:
    from collections.abc import Mapping

PYPI = "https://pypi.org/simple/"


class IndexSettings(NamedTuple):
    """
    The package indexes, as addresses of their simple API.
    """

    address: str
    extra: tuple[str, ...] = ()
    "Asked for what the first doesn't have: indexes of builds (`+cu126`) list no release that it lacks."
    bundle: str | None = None
    "Path of the certificates to trust."


def index_settings(environ: Mapping[str, str]) -> IndexSettings:
    """
    Find the indexes and the certificates that the user has set up; settings of uv come before pip's.

    Raises:
        RefreshError: A pip configuration file can't be read.
    """
    config = _pip_configuration(environ)
    first = (
        _address(environ.get("UV_DEFAULT_INDEX", ""))
        or environ.get("UV_INDEX_URL")
        or environ.get("PIP_INDEX_URL")
        or config.get("global", "index-url", fallback="")
    )
    extra = (
        environ.get("UV_INDEX"),
        environ.get("UV_EXTRA_INDEX_URL"),
        environ.get("PIP_EXTRA_INDEX_URL")
        or config.get("global", "extra-index-url", fallback=None),
    )
    return IndexSettings(
        first or PYPI,
        tuple(dict.fromkeys(_address(each) for text in extra for each in (text or "").split())),
        environ.get("PIP_CERT")
        or environ.get("REQUESTS_CA_BUNDLE")
        or config.get("global", "cert", fallback=None),
    )


def _address(index: str) -> str:
    """Leave out the name that uv allows before an address."""
    return re.sub(r"^[\w.-]+=", "", index)


def _pip_configuration(environ: Mapping[str, str]) -> configparser.RawConfigParser:
    home = Path(environ.get("HOME") or Path.home())
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    system = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    places = [Path(folder, "pip/pip.conf") for folder in system if folder]
    places += [Path("/etc/pip.conf"), home / ".pip/pip.conf", user / "pip/pip.conf"]
    named = environ.get("PIP_CONFIG_FILE") or ""
    places += [Path(sys.prefix, "pip.conf"), Path(named or os.devnull)]
    if named == os.devnull:  # pip, too, reads none then
        places = []
    config = configparser.RawConfigParser()
    try:
        for place in places:  # a later file wins, as it does for pip
            config.read(place, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        # The parser's own message quotes the line, in which a password may stand.
        raise RefreshError(f"{place}: broken, so the package index isn't known") from None
    return config
