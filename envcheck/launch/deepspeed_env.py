"""
`.deepspeed_env`: what DeepSpeed sends to the other machines, line by line `NAME=value` and nothing else.

It is read where the processes of several hosts are started, from the home folder and then from the
working directory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clip
from envcheck.launch.hostfile import decode, lines
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.launch.notes import Note, Release

NAME: Final = ".deepspeed_env"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STOPS: Final = (
    "DeepSpeed splits every line at its equals sign and stops with a ValueError where there is none"
)


def examine(data: bytes, release: Release, file: str) -> Iterator[Note]:
    """
    Yield what is wrong with a file; an error means that DeepSpeed stops.
    """
    text, broken = decode(data, file)
    for each in broken:
        found = each.finding
        yield each._replace(
            finding=found._replace(id=found.id.replace("hostfile/", "deepspeed-env/"))
        )
    if broken:
        return
    for number, line in enumerate(lines(text), 1):
        yield from _line(line, number, release, f"{file}:{number}")


def replaced(files: Sequence[tuple[bytes, str]], release: Release) -> Iterator[Note]:
    """
    Yield variables that a later file gives another value.
    """
    first: dict[str, tuple[str, str]] = {}
    for data, file in files:
        for number, line in enumerate(lines(data.decode("utf-8", "replace")), 1):
            key, equals, value = (each.strip() for each in line.partition("="))
            if not equals or not _VARIABLE.fullmatch(key):
                continue
            before, place = first.get(key, (value, ""))
            if before != value and not place.startswith(f"{file}:"):
                yield note(
                    "deepspeed-env/replaced",
                    "info",
                    f"{key} of {clip(place, 60)} doesn't count: {clip(file, 60)} has another value",
                    "DeepSpeed reads the home folder first, and what it reads later replaces what was there.",
                    release=release,
                    place=f"{file}:{number}",
                    text=line.strip(),
                )
            first[key] = value, f"{file}:{number}"


def _line(line: str, number: int, release: Release, place: str) -> Iterator[Note]:
    key, equals, value = line.partition("=")
    where: dict[str, Any] = {"release": release, "place": place, "text": line.strip()}
    if not equals:
        kind = "comment" if line.strip().startswith("#") else "line without an equals sign"
        if not line.strip():
            kind = "blank line"
        yield note(
            "deepspeed-env/no-equals-sign",
            "error",
            f"Line {number} is a {kind}",
            f"{_STOPS}; comments and blank lines aren't skipped.",
            **where,
        )
        return
    if "=" in value and not release.since("0.6.0"):
        yield note(
            "deepspeed-env/second-equals-sign",
            "error",
            f"Line {number} has a second equals sign",
            "Before 0.6.0 a value can't have one: DeepSpeed stops with a ValueError.",
            **where,
        )
        return
    yield from _name(key.strip(), value.strip(), number, where)
    quoted = re.match(r"""(["']).*\1$""", value.strip())
    if not release.since("0.15.2"):
        if not quoted and len(value.split()) > 1:
            yield note(
                "deepspeed-env/space",
                "warning",
                f"Line {number}: the value ends at its first space",
                "Up to 0.15.1 it reaches the other shell as it is.",
                instead=f'{key.strip()}="{value.strip()}"',
                **where,
            )
    elif quoted:
        yield note(
            "deepspeed-env/quotes",
            "warning",
            f"Line {number}: DeepSpeed puts quotes of its own around the value",
            "Those in the file come on top, and become a part of the value or break it up.",
            instead=f"{key.strip()}={value.strip()[1:-1]}",
            **where,
        )


def _name(key: str, value: str, number: int, where: Mapping[str, Any]) -> Iterator[Note]:
    if _VARIABLE.fullmatch(key):
        return
    if key.startswith("#"):
        yield note(
            "deepspeed-env/comment",
            "warning",
            f"Line {number} is meant as a comment, and hides the command that is sent",
            "DeepSpeed takes it for a variable and sends `export # …;` in front of the command: for the "
            "shell on the other machine the rest of the line, training included, is a comment.",
            silent=True,
            **where,
        )
        return
    words = key.split()
    exported = len(words) > 1 and words[0] == "export"
    name = words[-1] if words else ""
    yield note(
        "deepspeed-env/strange-name",
        "warning",
        f"Line {number}: {clip(key)!r} is no name of a variable",
        "DeepSpeed takes everything before the equals sign for the name"
        + (", and writes `export` in front of it itself." if exported else "."),
        instead=f"{name}={value}" if _VARIABLE.fullmatch(name) else "",
        **where,
    )
