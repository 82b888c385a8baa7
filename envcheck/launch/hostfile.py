"""
The grammar of a hostfile, as one release of DeepSpeed reads it.

Up to 0.7.7 a line was two words, the second one with an equals sign in it; since 0.8.0 a line has to
begin with a host and `slots=` and digits, and whatever follows is ignored. Numbers are what Python takes
for a number in both.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import clip
from envcheck.launch import hosts as hosts_
from envcheck.launch.instead import instead
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.launch.notes import Note, Release

_ENTRY: Final = re.compile(r"^(\S+)\s+slots=(\d+)")
_COUNTLESS: Final = 2**40
"No machine holds a list of so many numbers; Python refuses to make one."


class Host(NamedTuple):
    """
    One machine of a hostfile.
    """

    name: str
    slots: int
    line: int


class _Entry(NamedTuple):
    host: str
    slots: int
    rest: str


def decode(data: bytes, file: str) -> tuple[str, list[Note]]:
    """
    Return a file's text as DeepSpeed sees it: a byte order mark is a part of it.
    """
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            wide = note(
                "hostfile/utf-16",
                "error",
                "The file is UTF-16, which DeepSpeed doesn't read",
                "It opens the file as UTF-8 and stops with a UnicodeDecodeError. `>` of Windows "
                "PowerShell writes such files.",
                place=file,
            )
            return data.decode("utf-16", "replace").removeprefix("\ufeff"), [wide]
        broken = note(
            "hostfile/not-utf-8",
            "error",
            f"Line {line} is not UTF-8 text",
            "DeepSpeed stops with a UnicodeDecodeError, in a comment too.",
            place=f"{file}:{line}",
        )
        return data.decode("utf-8", "replace"), [broken]


def lines(text: str) -> list[str]:
    r"""
    Split text as Python does when it reads a file: at `\n`, `\r\n` and `\r`, and at nothing else.

    >>> lines("a\r\nb\x0bc\r")
    ['a', 'b\x0bc']
    """
    parts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return parts if parts[-1] else parts[:-1]


def parse(text: str, release: Release, file: str) -> tuple[dict[str, Host], list[Note]]:
    """
    Read a hostfile.

    Returns:
        The hosts of every line that can be read, in order, and what is wrong; an error means that
        DeepSpeed stops.
    """
    found: dict[str, Host] = {}
    notes: list[Note] = []
    for number, line in enumerate(lines(text), 1):
        place = f"{file}:{number}"
        if _skipped(line, release):
            continue
        entry = _entry(line.strip(), release)
        if entry is None:
            notes.append(_refused(line.strip(), number, release, place))
        elif entry.host in found:
            notes.append(_twice(entry.host, found[entry.host].line, number, release, place))
        else:
            found[entry.host] = Host(entry.host, entry.slots, number)
            notes += _traps(entry, line.strip(), number, release, place)
    notes += hosts_.alike(found, release, file)
    if not found and not notes:
        notes.append(_empty(release, file))
    return found, notes


def _skipped(line: str, release: Release) -> bool:
    if release.since("0.8.0") and line.strip().startswith("#"):
        return True
    return not line.strip() and release.since("0.3.11")


def _entry(line: str, release: Release) -> _Entry | None:
    try:
        if release.since("0.8.0"):
            match = _ENTRY.search(line)
            return _Entry(match[1], int(match[2]), line[match.end() :]) if match else None
        host, slots = line.split()
        _, count = slots.split("=")
        return _Entry(host, int(count), "")
    except ValueError:
        return None


def _refused(line: str, number: int, release: Release, place: str) -> Note:
    better = instead(line)
    if better and _entry(better.split("\n")[0], release) is None:
        better = ""
    if not release.since("0.8.0") and line.startswith("#"):
        title = f"Line {number} is a comment, which DeepSpeed reads since 0.8.0"
        why = f"The parser of {release} takes every line for a host."
        better = ""
    elif not line:
        title = f"Line {number} is blank, which DeepSpeed skips since 0.3.11"
        why = ""
    else:
        title = f"Line {number} is no entry of a hostfile"
        why = "DeepSpeed stops here."
    return note(
        "hostfile/bad-entry",
        "error",
        title,
        why,
        release=release,
        place=place,
        text=line,
        instead=better,
    )


def _twice(host: str, first: int, number: int, release: Release, place: str) -> Note:
    return note(
        "hostfile/duplicate-host",
        "error",
        f"Line {number} names {clip(host)} again; the first is line {first}",
        "DeepSpeed wants one line for each host and stops here.",
        release=release,
        place=place,
        text=host,
    )


def _empty(release: Release, file: str) -> Note:
    if release.since("0.8.0"):
        return note(
            "hostfile/empty",
            "error",
            "The hostfile names no host",
            "DeepSpeed stops.",
            release=release,
            place=file,
        )
    return note(
        "hostfile/empty",
        "warning",
        "The hostfile names no host: the run would use this machine alone",
        "Before 0.8.0 an empty hostfile counted as none.",
        release=release,
        place=file,
        silent=True,
    )


def _traps(entry: _Entry, line: str, number: int, release: Release, place: str) -> Iterator[Note]:
    where: dict[str, Any] = {"release": release, "place": place, "text": line}
    if entry.slots >= _COUNTLESS:
        yield note(
            "hostfile/countless-slots",
            "error",
            f"Line {number}: no machine has so many slots",
            "DeepSpeed makes a list of all slot numbers, and there is no memory for this one.",
            **where,
        )
    elif entry.slots > 64:
        yield note(
            "hostfile/many-slots",
            "warning",
            f"Line {number}: {entry.slots} slots, and no machine has so many GPUs",
            "DeepSpeed starts a process for each slot without looking whether there is a GPU for "
            "it.",
            certainty="needs-verification",
            verify="The number of GPUs that nvidia-smi -L lists on this host.",
            **where,
        )
    elif entry.slots <= 0:
        yield note(
            "hostfile/no-slots",
            "warning",
            f"Line {number}: no process is started on {clip(entry.host)}, which has {entry.slots} "
            "slots",
            "DeepSpeed keeps the host and trains without it.",
            silent=True,
            **where,
        )
    rest = entry.rest.strip()
    if rest and not entry.rest[0].isspace():
        yield note(
            "hostfile/text-after-number",
            "warning",
            f"Line {number}: {entry.slots} slots are read, and {clip(rest)!r} after them is "
            "ignored",
            "Whatever follows the digits is dropped without a message.",
            instead=f"{entry.host} slots={entry.slots}",
            silent=True,
            **where,
        )
    elif rest and not rest.startswith("#"):
        yield note(
            "hostfile/ignored-text",
            "info",
            f"Line {number}: {clip(rest)!r} is ignored",
            "DeepSpeed reads the host and its slots, and nothing else.",
            **where,
        )
    yield from hosts_.traps(entry.host, number, where)
