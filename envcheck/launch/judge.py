"""
Everything there is to say of how a run is going to be started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.clean import clip
from envcheck.launch import accelerate as accelerate_
from envcheck.launch import accelerate_run, agrees, fits, hostfile_check, named_files, started
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.notes import Note, Release
    from envcheck.launch.planned import Planned, Start

_HERE: Final = "Whether the run is started by this (name it by --launch to be sure)."


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
    return _perhaps(each, release.doubt) if release.doubt else each


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
    if not planned.undecided:
        return
    places = {start.configuration: start.place for start in reversed(planned.starts)}
    shown = "; ".join(
        f"{clip(places[path], 60)} names {clip(path, 60)}" for path in planned.undecided[:4]
    )
    more = f"; and {len(planned.undecided) - 4} more" if len(planned.undecided) > 4 else ""
    yield note(
        "launch/several-configurations",
        "warning" if planned.asked else "info",
        f"{len(planned.undecided)} DeepSpeed configurations are named, and none of them was checked",
        f"{shown}{more}.",
        certainty="needs-verification",
        verify="Which of them is used?",
        place=places[planned.undecided[0]],
    )


def _of(start: Start, planned: Planned, hosts: Hosts | None, releases: Releases) -> Iterator[Note]:
    launch = start.launch
    yield from named_files.examine(start, hosts, asked=planned.asked)
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


def _accelerate(start: Start, given: Hosts | None, releases: Releases) -> Iterator[Note]:
    own, launch = start.accelerate, start.launch
    place = start.place
    hosts: Hosts | None = None
    if own is not None:
        yield from own.notes
        if own.config is None:
            return
        config = started.effective(own.config, launch)
        place = own.path
        yield from accelerate_.examine(config, releases.accelerate, place)
        hosts = given or start.hosts
    elif launch is not None and launch.launcher == "accelerate":
        config = started.effective({}, launch)
    else:
        return
    if not started.counted(launch):
        return
    plan = None
    if hosts is not None:
        asked = hosts.asked or accelerate_run.asked(config)
        judged = hostfile_check.examine(hosts, asked, releases.deepspeed)
        plan = judged.plan
        if given is None and accelerate_run.launcher(config):
            for each in judged.notes:
                yield _certain(each, releases.deepspeed)
    yield from accelerate_run.examine(
        config,
        plan,
        hostfile=hosts.path if hosts is not None else "",
        rules=releases.accelerate,
        deepspeed=releases.deepspeed,
        file=place,
    )
