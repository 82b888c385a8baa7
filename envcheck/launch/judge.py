"""
Everything there is to say of how a run is going to be started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.clean import clip
from envcheck.launch import accelerate as accelerate_
from envcheck.launch import accelerate_run, agrees, fits, hostfile_check, started
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.notes import Note, Release
    from envcheck.launch.planned import Planned, Start

_HERE: Final = "Whether the run is started by this (name it by --launch to be sure)."
_ELSEWHERE: Final = "Is it written before the run, or is the run started from another folder?"


class Releases(NamedTuple):
    """
    Whose rules count.
    """

    deepspeed: Release
    accelerate: Release
    transformers: Release


def notes(planned: Planned | None, hosts: Hosts | None, releases: Releases) -> Iterator[Note]:
    """
    Yield what is wrong; what was found by itself, or depends on a release that isn't known, is no error.

    Args:
        planned: What was read of scripts.
        hosts: The hostfile that an option names.
        releases: Whose rules count.
    """
    if hosts is not None:
        asked = started.asked_by(planned, hosts)
        for each in hostfile_check.examine(hosts, asked, releases.deepspeed).notes:
            yield _certain(each, releases.deepspeed)
    if planned is None:
        return
    yield from _several(planned)
    if planned.unreadable:
        start = planned.starts[0]
        bad = note(
            "launch/unreadable-configuration",
            "error",
            f"The DeepSpeed configuration {clip(start.named, 60)} can't be read",
            f"{planned.unreadable}.",
            place=start.place,
            evidence=(),
        )
        yield bad if planned.asked else _perhaps(bad, _HERE)
    seen: set[tuple[str, str]] = set()
    for start in planned.starts:
        for each in _of(start, planned, hosts, releases):
            key = (each.finding.id, each.place)
            if key not in seen:
                seen.add(key)
                yield each if planned.asked else _perhaps(each, _HERE)


def _certain(each: Note, release: Release) -> Note:
    if release.known is not None:
        return each
    return _perhaps(each, f"Which DeepSpeed reads it? That is how {release} does.")


def _perhaps(each: Note, verify: str) -> Note:
    """Return a note as it counts where it may not apply."""
    found = each.finding
    if found.severity == "info":
        return each
    said = found.verify if verify in found.verify else f"{found.verify} {verify}".strip()
    return each._replace(
        finding=found._replace(severity="warning", certainty="needs-verification", verify=said)
    )


def _several(planned: Planned) -> Iterator[Note]:
    every = (*planned.starts, *planned.others)
    named = dict.fromkeys(start.path for start in every if start.path)
    if planned.chosen or len(named) < 2:
        return
    places: dict[str, str] = {}
    for start in every:
        places.setdefault(start.path, start.place)
    shown = "; ".join(
        f"{clip(places[path], 60)} names {clip(path, 60)}" for path in list(named)[:4]
    )
    more = f"; and {len(named) - 4} more" if len(named) > 4 else ""
    yield note(
        "launch/several-configurations",
        "warning" if planned.asked else "info",
        f"{len(named)} DeepSpeed configurations are named, and none of them was checked",
        f"{shown}{more}. Give one by --deepspeed-config.",
        certainty="needs-verification",
        verify="Which of them is used?",
        place=next(iter(places.values())),
        evidence=(),
    )


def _of(start: Start, planned: Planned, hosts: Hosts | None, releases: Releases) -> Iterator[Note]:
    launch = start.launch
    yield from _missing(start, asked=planned.asked)
    yield from _accelerate(start, hosts, releases)
    if launch is None:
        return
    placed = started.placed(start, hosts, releases.deepspeed)
    for each in placed.notes:
        if placed.read:
            yield _certain(each, releases.deepspeed)
        elif each.finding.id == "filter/with-numbers":  # whatever hosts there are
            yield each
        else:
            yield _perhaps(
                each, "Whether there is a /job/hostfile, which is read where none is named."
            )
    size = started.sized(start, placed.plan)
    yield from fits.examine(launch, size, start.place, releases.deepspeed)
    its_own = planned.config if start.checked else None
    yield from agrees.examine(
        start, its_own, size.total, releases.transformers, releases.accelerate
    )


def _missing(start: Start, *, asked: bool) -> Iterator[Note]:
    if start.named and not start.path and start.expected:
        yield note(
            "launch/no-configuration",
            "warning",
            f"The DeepSpeed configuration {clip(start.named, 60)} isn't there",
            "A relative name counts from where the command is given.",
            place=start.place,
            certainty="needs-verification",
            verify=_ELSEWHERE,
            evidence=(),
        )
    for name in start.missing:
        elsewhere = name.startswith("/") and not asked  # perhaps of another machine
        yield note(
            "launch/no-hostfile",
            "info" if elsewhere else "warning",
            f"The hostfile {clip(name, 60)} isn't there",
            "Where it isn't there when the run starts, DeepSpeed says so in one line of the log, and uses "
            "this machine alone.",
            place=start.place,
            silent=True,
            certainty="needs-verification",
            verify=_ELSEWHERE,
        )


def _accelerate(start: Start, given: Hosts | None, releases: Releases) -> Iterator[Note]:
    own = start.accelerate
    if own is None:
        return
    yield from own.notes
    if own.config is None:
        return
    config = started.effective(own.config, start.launch)
    yield from accelerate_.examine(config, releases.accelerate, own.path)
    hosts = given or start.hosts
    if hosts is None or not started.counted(start.launch):
        return
    judged = hostfile_check.examine(
        hosts, hosts.asked or accelerate_run.asked(config), releases.deepspeed
    )
    if given is None and accelerate_run.launcher(config):
        for each in judged.notes:
            yield _certain(each, releases.deepspeed)
    yield from accelerate_run.examine(
        config,
        judged.plan,
        hostfile=hosts.path,
        rules=releases.accelerate,
        deepspeed=releases.deepspeed,
        file=own.path,
    )
