"""
Everything that is wrong with one hostfile, for one release of DeepSpeed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.launch import deepspeed_env, hostfile
from envcheck.launch import plan as plan_
from envcheck.launch.notes import note
from envcheck.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envcheck.launch.hostfile import Host
    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.notes import Note, Release
    from envcheck.launch.plan import Asked, Plan

_OF_THE_WHOLE: Final = frozenset(
    ["hostfile/one-host", "hostfile/no-process", "hostfile/fewer-hosts", "hostfile/no-other-node"]
)
"What can't be said of a file of which lines couldn't be read."


class Judged(NamedTuple):
    """
    A hostfile, as a release reads it.
    """

    pool: Mapping[str, Host]
    plan: Plan
    notes: list[Note]
    "The worst first."

    @property
    def sound(self) -> bool:
        """
        Tell whether the plan is what is started: lines and filters could be read.
        """
        return not any(
            each.finding.severity == "error" and not each.finding.id.startswith("deepspeed-env/")
            for each in self.notes
        )


def examine(
    hosts: Hosts,
    asked: Asked,
    release: Release,
    more: Callable[[Plan], Iterable[Note]] = lambda _: (),
) -> Judged:
    """
    Judge a hostfile, the filters on it, and the `.deepspeed_env` beside it.

    Args:
        hosts: The files.
        asked: Options of `deepspeed`.
        release: Whose launcher it is.
        more: What else there is to say of what is started.
    """
    pool: dict[str, Host] = {}
    if hosts.data is None:
        notes = [missing(hosts.path, hosts.why, release)]
    else:
        text, notes = hostfile.decode(hosts.data, hosts.path)
        pool, found = hostfile.parse(text, release, hosts.path)
        notes += found
    unsound = hosts.data is not None and any(each.finding.severity == "error" for each in notes)
    plan = plan_.plan(pool, asked, release)
    for each in (*plan.notes, *more(plan)):
        if not (unsound and each.finding.id in _OF_THE_WHOLE):
            notes.append(each)
    notes += _environment(hosts, plan, release)
    notes.sort(
        key=lambda each: (
            -SEVERITIES.index(each.finding.severity),
            each.finding.id != "hostfile/missing",
        )
    )
    return Judged(pool, plan, notes)


def missing(path: str, why: str, release: Release) -> Note:
    """
    Say that a hostfile isn't there, which DeepSpeed takes for a run on one machine.
    """
    return note(
        "hostfile/missing",
        "error",
        "The hostfile isn't there: the run would use this machine alone",
        f"{why[0].upper()}{why[1:]}. DeepSpeed says so in one line of the log, `Unable to find "
        "hostfile, will proceed with training with local resources only.`, and goes on.",
        release=release,
        place=path,
        silent=True,
    )


def _environment(hosts: Hosts, plan: Plan, release: Release) -> list[Note]:
    notes = [
        found
        for each in hosts.variables
        for found in deepspeed_env.examine(each.data, release, each.path)
    ]
    notes += deepspeed_env.replaced([(each.data, each.path) for each in hosts.variables], release)
    if len(plan.hosts) > 1 or not notes:
        return notes
    return [
        note(
            "deepspeed-env/unread",
            "info",
            f"{len(notes)} lines of it would stop or mislead DeepSpeed if it were read",
            "It is read only where processes are started on several machines.",
            release=release,
            place=" and ".join(each.path for each in hosts.variables),
        )
    ]
