"""
From where packages come: what the user has set for uv or pip, and nothing else of what is set there.

uv doesn't read pip's settings. Where only those name an index, uv is told what they say, and to treat
all indexes alike, as pip does.
"""

from __future__ import annotations

import configparser
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEPT: Final = re.compile(
    r"PATH|LANG|LC_\w+|TZ|TERM|USER|LOGNAME|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC"
    r"|(?:(?:https?|all|no|ftp)_proxy)|SSH_AUTH_SOCK|GIT_\w+|CC|CXX|CFLAGS|CXXFLAGS|LDFLAGS"
    r"|LD_LIBRARY_PATH|LIBRARY_PATH|CPATH|CUDA_HOME|CUDA_PATH|OPENBLAS_\w+|COVERAGE_\w+",
    re.IGNORECASE,
)
_OF_UV: Final = re.compile(
    r"UV_(?:INDEX\w*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|OFFLINE|KEYRING_PROVIDER"
    r"|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|HTTP_\w+|REQUEST_TIMEOUT|CONCURRENT_\w+|LINK_MODE"
    r"|TORCH_BACKEND|CONFIG_FILE|NO_CONFIG)\Z"
)
_OF_PIP: Final = re.compile(
    r"PIP_(?:INDEX_URL|PYPI_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|CLIENT_CERT"
    r"|PROXY|TIMEOUT|DEFAULT_TIMEOUT|RETRIES|KEYRING_PROVIDER|CONFIG_FILE|PREFER_BINARY)\Z"
)
NO_INDEX: Final = "UV_NO_INDEX"
"""Where no index is to be asked."""
_NAMED: Final = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
)
_SETTINGS: Final = re.compile(
    r"^\s*(?:\[*\s*(?:tool\.uv\.)?index\b|index-url|extra-index-url|find-links)", re.MULTILINE
)
"A line of uv.toml that names an index."


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables that every program of a trial gets: those without which it can't work.
    """
    return {key: value for key, value in environ.items() if _KEPT.fullmatch(key)}


def settings(environ: Mapping[str, str], *, uv: bool) -> dict[str, str]:
    """
    Return the variables by which an installer finds packages as it does for the user elsewhere.

    Args:
        uv: For uv; else for pip.
    """
    home = environ.get("HOME", "")
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    found = {"XDG_CONFIG_HOME": config}  # HOME becomes another one
    for name, path in (("NETRC", ".netrc"), ("GIT_CONFIG_GLOBAL", ".gitconfig")):
        if name not in environ and os.path.isfile(os.path.join(home, path)):
            found[name] = os.path.join(home, path)
    wanted = _OF_UV if uv else _OF_PIP
    found.update({key: value for key, value in environ.items() if wanted.match(key)})
    if not uv:
        old = os.path.join(home, ".pip", "pip.conf")
        if "PIP_CONFIG_FILE" not in environ and os.path.isfile(old):
            found["PIP_CONFIG_FILE"] = old
    elif not any(environ.get(name) for name in _NAMED) and not _uv_names_one(config, environ):
        found.update(_translated(_of_pip(config, home, environ)))
    return found


def _uv_names_one(config: str, environ: Mapping[str, str]) -> bool:
    own = environ.get("UV_CONFIG_FILE")
    for path in (own,) if own else (os.path.join(config, "uv", "uv.toml"), "/etc/uv/uv.toml"):
        with suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            if _SETTINGS.search(file.read()):
                return True
    return False


def _of_pip(config: str, home: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings; what is read later, and the variables last, wins."""
    found: dict[str, str] = {}
    for path in (
        "/etc/xdg/pip/pip.conf",
        "/etc/pip.conf",
        os.path.join(home, ".pip", "pip.conf"),
        os.path.join(config, "pip", "pip.conf"),
        environ.get("PIP_CONFIG_FILE", os.devnull),
    ):
        reader = configparser.RawConfigParser()
        try:
            with open(path, encoding="utf-8") as file:
                reader.read_file(file)
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section in ("global", "install"):
            if reader.has_section(section):
                found.update({key.replace("_", "-"): text for key, text in reader.items(section)})
    for key, value in environ.items():
        if key.startswith("PIP_") and value:
            found[key[4:].lower().replace("_", "-")] = value
    return found


def _translated(of_pip: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    several = {key: value.split() for key, value in of_pip.items()}
    if several.get("find-links"):
        yield "UV_FIND_LINKS", ",".join(several["find-links"])
    if of_pip.get("index-url"):
        yield "UV_DEFAULT_INDEX", of_pip["index-url"].strip()
    if several.get("extra-index-url"):
        yield "UV_INDEX", " ".join(several["extra-index-url"])
        yield "UV_INDEX_STRATEGY", "unsafe-best-match"
    if of_pip.get("no-index", "").strip().lower() in {"1", "true", "yes", "on"}:
        yield NO_INDEX, "1"
    if several.get("trusted-host"):
        yield "UV_INSECURE_HOST", " ".join(several["trusted-host"])
    if of_pip.get("cert"):
        yield "SSL_CERT_FILE", of_pip["cert"].strip()
