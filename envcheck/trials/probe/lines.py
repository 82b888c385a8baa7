"""
The one line that is kept of an error, and whether it tells of the machine rather than of the versions.
"""

from __future__ import annotations

import json
import os
import re
import sys

LONGEST = 200

_LOCATION = re.compile(r"\s*\((?:[A-Za-z]:)?[/\\][^()]*\)|\s*\(unknown location\)")
_PATH = re.compile(
    r"(?:(?<=[\s'\"(=:,<])|^)(?:[A-Za-z]:)?[/\\](?:[^\s'\"(),:;<>]+[/\\])+(?=[^\s'\"(),:;<>/\\])"
)
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])")
_CONTROL = re.compile(r"[^\x20-\x7e\xa1-\ufffd]")


def of(error: BaseException) -> str:
    """
    What went wrong at the root: the innermost exception that was wrapped on purpose.
    """
    seen = {id(error)}
    while error.__cause__ is not None and id(error.__cause__) not in seen:
        error = error.__cause__
        seen.add(id(error))
    if getattr(error, "said", ""):
        return str(error)  # another process has said so already
    text = str(error)
    first = next((part.strip() for part in text.splitlines() if part.strip()), "")
    name = type(error).__name__
    return clean(f"{name}: {first}" if first else name)


def clean(text: str) -> str:
    """
    Make one short line of it, free of paths and of what a terminal could take for a command.

    >>> clean("cannot import name 'log' from 'numpy' (/home/me/venv/lib/numpy/__init__.py)")
    "cannot import name 'log' from 'numpy'"
    >>> clean("No such file: '/home/me/.cache/x/config.json'")
    "No such file: 'config.json'"
    """
    text = _TERMINAL.sub("", text)
    text = _CONTROL.sub(" ", " ".join(text.split()))
    for entry in sorted(
        {os.path.abspath(entry) for entry in sys.path if entry}, key=len, reverse=True
    ):
        if len(entry) > 1:
            text = text.replace(
                entry + os.sep, "/-/"
            )  # what follows is the path inside of a package
    text = _LOCATION.sub("", text).replace("/-/", "")
    text = " ".join(_PATH.sub("", text).split())
    if len(text) > LONGEST:
        text = text[: LONGEST - 1].rstrip() + "…"
    return text


def reason(error: BaseException) -> str:
    """
    Why it says nothing about the versions, if that is known of such an error; else empty.
    """
    chain: list[str] = []
    current: BaseException | None = error
    while current is not None and len(chain) < 10:
        chain.append(f"{type(current).__name__}: {current}")
        current = current.__cause__ or current.__context__
    return reason_of("\n".join(chain))


def reason_of(text: str) -> str:
    """
    Look a text up in `reasons.json`.
    """
    with open(
        os.path.join(os.path.dirname(os.path.abspath(__file__)), "reasons.json"), encoding="utf-8"
    ) as file:
        table = json.load(file)
    for entry in table:
        if any(re.search(pattern, text) for pattern in entry["patterns"]):
            return str(entry["reason"])
    return ""
