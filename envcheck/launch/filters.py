"""
`--include` and `--exclude`, as one release of DeepSpeed applies them.

Up to 0.15.1 each part between two @ counted on its own, since 0.15.2 the slots of a host that is named
twice are put together. From 0.15.2 to 0.19.6 what --include names was held against itself: a slot that
the host doesn't have passed, and a host without slots was left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import clip
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envcheck.launch.notes import Note, Release

_RANGE: Final = re.compile(r"\[?(\d{1,3})\s*-\s*(\d{1,3})\]?")


class Filtered(NamedTuple):
    """
    The hosts and slots that are left, and what is wrong with the filter.
    """

    hosts: dict[str, Sequence[int]]
    notes: list[Note]


class _Part(NamedTuple):
    host: str
    slots: list[int]
    text: str


def apply(
    hosts: Mapping[str, Sequence[int]], include: str, exclude: str, release: Release
) -> Filtered:
    """
    Filter hosts; both filters empty: all of them are left.
    """
    if not (include or exclude):
        return Filtered(dict(hosts), [])
    option = "--include" if include else "--exclude"
    if include and exclude:
        both = note(
            "filter/both",
            "error",
            "--include and --exclude can't be given together",
            "DeepSpeed stops.",
            release=release,
        )
        return Filtered(dict(hosts), [both])
    notes: list[Note] = []
    parts = list(_parts(include or exclude, option, hosts, release, notes))
    if notes:
        return Filtered(dict(hosts), notes)
    known = hosts
    if release.since("0.15.2"):
        parts = _together(parts)
        if include and not release.since("0.19.7"):
            named = {part.host: part.slots for part in parts}
            known = {host: named.get(host, slots) for host, slots in hosts.items()}
    else:
        notes += _repeated(parts, option, release)
    notes += _strangers(parts, hosts, known, option, release)
    if any(each.finding.severity == "error" for each in notes):
        return Filtered(dict(hosts), notes)
    left = _included(parts, known, release) if include else _excluded(parts, hosts)
    if left is None:
        notes.append(_removed_twice(exclude, release))
        return Filtered(dict(hosts), notes)
    if known is not hosts:
        notes += _left_out(parts, hosts, release)
    return Filtered({host: left[host] for host in hosts if left.get(host)}, notes)


def _parts(
    text: str,
    option: str,
    hosts: Mapping[str, Sequence[int]],
    release: Release,
    notes: list[Note],
) -> Iterator[_Part]:
    for part in text.split("@"):
        host, colon, numbers = part.partition(":")
        if not colon:
            yield _Part(part, [], part)
        elif ":" in numbers:
            whole = part if part in hosts else part.rpartition(":")[0]
            notes.append(
                note(
                    "filter/colons",
                    "error",
                    f"{option}: {clip(part)!r} has more than one colon",
                    f"The one colon separates a host from its slots, so {clip(whole)} can't be named here.",
                    release=release,
                    place=option,
                    text=text,
                )
            )
        else:
            try:
                yield _Part(host, [int(each) for each in numbers.split(",")], part)
            except ValueError:
                where = {"release": release, "place": option, "text": text}
                notes.append(_no_number(part, host, numbers, where))


def _no_number(part: str, host: str, numbers: str, where: Mapping[str, Any]) -> Note:
    written = []
    for each in filter(None, re.split(r"[,\s]+", numbers.strip("[]{} "))):
        span = _RANGE.fullmatch(each)
        if span:
            written += [str(number) for number in range(int(span[1]), int(span[2]) + 1)]
        elif each.isdecimal():
            written.append(each)
    spelled = f"{host}:{','.join(written)}" if written else host
    return note(
        "filter/slot-is-no-number",
        "error",
        f"{where['place']}: the slots of {clip(part)!r} are not numbers with commas between them",
        "Ranges, stars and empty places are no slots.",
        instead=where["text"].replace(part, spelled) if part != spelled else "",
        **where,
    )


def _together(parts: Iterable[_Part]) -> list[_Part]:
    found: dict[str, _Part] = {}
    for part in parts:
        before = found.get(part.host)
        slots = sorted({*(before.slots if before else ()), *part.slots})
        found[part.host] = _Part(part.host, slots, part.text)
    return list(found.values())


def _strangers(
    parts: Iterable[_Part],
    hosts: Mapping[str, Sequence[int]],
    known: Mapping[str, Sequence[int]],
    option: str,
    release: Release,
) -> Iterator[Note]:
    """Yield hosts and slots that the hostfile doesn't have."""
    for part in parts:
        where: dict[str, Any] = {"release": release, "place": option, "text": part.text}
        if part.host not in hosts:
            yield note(
                "filter/unknown-host",
                "error",
                f"{option}: the hostfile has no host {clip(part.host)!r}",
                _hint(part.host, hosts),
                do="",
                **where,
            )
            continue
        missing = [slot for slot in part.slots if slot not in hosts[part.host]]
        if not missing:
            continue
        count = len(hosts[part.host])
        has = f"slots 0 to {count - 1}" if count > 1 else "slot 0 alone" if count else "no slot"
        which = clip(", ".join(map(str, missing)), 40)
        refused = any(slot not in known[part.host] for slot in part.slots)
        yield note(
            "filter/unknown-slot",
            "error" if refused else "warning",
            f"{option}: {clip(part.host)} has {has}, so not {which}",
            "" if refused else "This release starts a process for it without looking.",
            **where,
        )


def _hint(host: str, hosts: Mapping[str, Sequence[int]]) -> str:
    from difflib import get_close_matches

    separated = re.split(r"[,;\s]+", host.strip())
    if len(separated) > 1 and all(each in hosts for each in separated):
        return f"Hosts are separated by @: {'@'.join(separated)}"
    if any(each.rpartition("@")[2] == host and each != host for each in hosts):
        return "In the hostfile it has a user before an @, and @ separates hosts here: it can't be named."
    if any(each.lstrip("\ufeff") == host for each in hosts):
        return "In the hostfile an invisible byte order mark is a part of its name: save that without one."
    near = get_close_matches(host.lower(), hosts, 2)
    names = clip(" or ".join(near or list(hosts)[:4]), 100)
    return f"Did you mean {names}?" if near else f"It has: {names or 'none'}."


def _repeated(parts: Iterable[_Part], option: str, release: Release) -> Iterator[Note]:
    seen: set[str] = set()
    for part in parts:
        if part.host in seen and option == "--include":
            yield note(
                "filter/repeated-host",
                "warning",
                f"--include names {clip(part.host)} more than once, and only the last time counts",
                "DeepSpeed puts the slots together since 0.15.2.",
                release=release,
                place=option,
                text=part.text,
                silent=True,
            )
        seen.add(part.host)


def _included(
    parts: Iterable[_Part], known: Mapping[str, Sequence[int]], release: Release
) -> dict[str, Sequence[int]]:
    left: dict[str, Sequence[int]] = {}
    for part in parts:
        slots = list(dict.fromkeys(part.slots))
        if not release.since("0.6.0"):
            slots.sort()
        left[part.host] = slots or known[part.host]
    return left


def _excluded(
    parts: Iterable[_Part], hosts: Mapping[str, Sequence[int]]
) -> dict[str, Sequence[int]] | None:
    """Return what is left; `None`: a slot is to be removed that is gone already."""
    left = {host: list(slots) for host, slots in hosts.items()}
    for part in parts:
        if not part.slots:
            left[part.host] = []
        for slot in part.slots:
            if slot not in left[part.host]:
                return None
            left[part.host].remove(slot)
    return dict(left)


def _removed_twice(text: str, release: Release) -> Note:
    return note(
        "filter/excluded-twice",
        "error",
        "--exclude removes a slot twice",
        "DeepSpeed stops with `list.remove(x): x not in list`, up to 0.15.1.",
        release=release,
        place="--exclude",
        text=text,
    )


def _left_out(
    parts: Iterable[_Part], hosts: Mapping[str, Sequence[int]], release: Release
) -> Iterator[Note]:
    for part in parts:
        if part.slots:
            continue
        slots = ",".join(map(str, hosts[part.host][:64]))
        yield note(
            "filter/whole-host-left-out",
            "warning",
            f"--include {clip(part.host)} leaves {clip(part.host)} out instead of using all of it",
            "From 0.15.2 to 0.19.6 a host that is included without its slots counts as one with none.",
            release=release,
            place="--include",
            text=part.text,
            instead=f"{part.host}:{slots}" if slots else "",
            silent=True,
        )
