"""
From a hostfile and options to the processes that DeepSpeed starts, in the order of its launcher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import clip
from envcheck.launch import filters
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.launch.hostfile import Host
    from envcheck.launch.notes import Note, Release

LAUNCHERS: Final = {
    "pdsh": "0",
    "openmpi": "0",
    "mvapich": "0",
    "slurm": "0.7.4",
    "mpich": "0.8.2",
    "impi": "0.9.3",
}
"""And the release that has it first."""

_MOST: Final = 65536
"As many slots of a host are looked at."


class Asked(NamedTuple):
    """
    The options of `deepspeed` that decide where processes are started.
    """

    include: str = ""
    exclude: str = ""
    num_nodes: int = -1
    num_gpus: int = -1
    launcher: str = "pdsh"


class Plan(NamedTuple):
    """
    Where DeepSpeed starts processes.
    """

    hosts: dict[str, Sequence[int]]
    "Slots by host; empty: nowhere, or on this machine with all of its GPUs."
    local: bool
    "Everything runs on the machine where the command is given, whatever its name."
    notes: list[Note]

    @property
    def processes(self) -> int:
        """
        Return how many there are.
        """
        return sum(map(len, self.hosts.values()))


def plan(pool: Mapping[str, Host], asked: Asked, release: Release) -> Plan:
    """
    Decide where processes are started.

    Args:
        pool: The hosts of the hostfile; none: there is no hostfile that counts.
        asked: The options.
        release: Whose launcher it is.
    """
    notes: list[Note] = []
    limited = asked.num_nodes >= 0 or asked.num_gpus >= 0
    if limited and (asked.include or asked.exclude):
        notes.append(
            note(
                "filter/with-numbers",
                "error",
                "--num_nodes and --num_gpus can't be given with --include or --exclude",
                "DeepSpeed stops.",
                release=release,
            )
        )
    if not pool:
        if asked.num_nodes > 1:
            notes.append(_no_other_node(asked, release))
        here = {"localhost": range(_MOST)}  # how many GPUs this machine has isn't known
        notes += filters.apply(here, asked.include, asked.exclude, release).notes
        return Plan({}, local=True, notes=notes)
    slots = {host.name: range(max(0, min(host.slots, _MOST))) for host in pool.values()}
    active, found = filters.apply(slots, asked.include, asked.exclude, release)
    notes += found
    if any(each.finding.severity == "error" for each in notes):
        return Plan(active, local=False, notes=notes)
    if not active:
        notes.append(
            note(
                "filter/nothing-left",
                "error",
                "The filter leaves no slot of any host",
                "DeepSpeed takes the first of the hosts that are left and stops with an "
                "IndexError.",
                release=release,
            )
        )
        return Plan({}, local=False, notes=notes)
    notes += _numbers(active, asked, release)
    if asked.num_nodes > 0:
        active = dict(list(active.items())[: asked.num_nodes])
    if asked.num_gpus > 0:
        active = dict.fromkeys(active, range(min(asked.num_gpus, _MOST)))
    local = len(active) == 1
    notes += _launcher(active, pool, asked, release, local=local)
    if local:
        notes += _only(next(iter(active)), release)
    elif not any(active.values()):
        notes.append(
            note(
                "hostfile/no-process",
                "warning",
                "No host has a slot, so no process is started",
                "The launcher ends at once, without an error.",
                release=release,
                silent=True,
            )
        )
    return Plan(active, local=local, notes=notes)


def _no_other_node(asked: Asked, release: Release) -> Note:
    return note(
        "hostfile/no-other-node",
        "error",
        f"--num_nodes {asked.num_nodes} needs a hostfile with hosts in it",
        "DeepSpeed stops with `Num nodes is >1 but no extra nodes available via hostfile`.",
        release=release,
    )


def _numbers(active: Mapping[str, Sequence[int]], asked: Asked, release: Release) -> Iterator[Note]:
    if asked.num_nodes > len(active):
        yield note(
            "hostfile/fewer-hosts",
            "warning",
            f"--num_nodes {asked.num_nodes}, but there are {len(active)} hosts: the run uses those",
            "DeepSpeed takes as many hosts as there are and says nothing; the batch is smaller "
            "than planned.",
            release=release,
            silent=True,
        )
    used = list(active.items())[: asked.num_nodes if asked.num_nodes > 0 else None]
    small = [(host, len(slots)) for host, slots in used if len(slots) < asked.num_gpus]
    if small:
        hosts = ", ".join(f"{clip(host)} ({count})" for host, count in small[:4])
        yield note(
            "hostfile/more-gpus-than-slots",
            "warning",
            f"--num_gpus {asked.num_gpus} is more than the slots of {hosts}",
            "--num_gpus replaces the slots of every host without looking at them; on a GPU that "
            "isn't there "
            "a process fails, and the others wait for it.",
            release=release,
        )


def _launcher(
    active: Mapping[str, Sequence[int]],
    pool: Mapping[str, Host],
    asked: Asked,
    release: Release,
    *,
    local: bool,
) -> Iterator[Note]:
    name = asked.launcher.lower()
    where: dict[str, Any] = {"release": release, "place": "--launcher", "text": asked.launcher}
    if name == "slurm":
        yield from _slurm(active, asked, release, local=local)
    if local:
        return
    if name not in LAUNCHERS or not release.since(LAUNCHERS[name]):
        names = [each for each, since in LAUNCHERS.items() if release.since(since)]
        yield note(
            "launcher/unknown",
            "error",
            f"DeepSpeed {release} has no launcher {clip(asked.launcher)!r}",
            f"It has: {', '.join(sorted(names))}.",
            do="",
            **where,
        )
        return
    if name in {"openmpi", "mvapich", "mpich", "impi"}:
        given = [f"--{each}" for each in ("include", "exclude") if getattr(asked, each)]
        given += [f"--{each}" for each in ("num_nodes", "num_gpus") if getattr(asked, each) != -1]
        if given:
            yield note(
                "launcher/no-filters",
                "error",
                f"The launcher {name} takes no {' and no '.join(given)}",
                "It uses all slots of the hostfile.",
                **where,
            )
    unequal = len({host.slots for host in pool.values()}) > 1
    if unequal and (name in {"mvapich", "impi"} or (name == "mpich" and release.since("0.9.3"))):
        yield note(
            "launcher/unequal-slots",
            "error",
            f"The launcher {name} wants the same number of slots on every host",
            "It starts as many processes on each host as the first one has slots, and stops "
            "where they differ.",
            **where,
        )


def _slurm(
    active: Mapping[str, Sequence[int]], asked: Asked, release: Release, *, local: bool
) -> Iterator[Note]:
    where: dict[str, Any] = {"release": release, "place": "--launcher", "text": asked.launcher}
    if not release.since("0.19.7"):
        if asked.include and not local:
            yield note(
                "launcher/slurm-include",
                "warning",
                "srun has no --include",
                "Up to 0.19.6 the filter is handed on to srun as it is, and all slots of the "
                "hostfile are counted.",
                **where,
            )
        return
    odd = any(list(slots) != list(range(len(slots))) for slots in active.values())
    if odd or len({len(slots) for slots in active.values()}) > 1:
        yield note(
            "launcher/slurm-slots",
            "error",
            "The launcher slurm starts the first N slots, and the same N on every host",
            "srun places processes by their number and not by GPU, so since 0.19.7 DeepSpeed "
            "stops at anything else.",
            **where,
        )


def _only(host: str, release: Release) -> Iterator[Note]:
    here = host.lower() in {"localhost", "127.0.0.1", "::1"}
    yield note(
        "hostfile/one-host",
        "info" if here else "warning",
        f"One host alone: the run is started on this machine, whether or not it is {clip(host)}",
        "DeepSpeed starts other machines only where two or more hosts are left; --force_multi forces it.",
        release=release,
        certainty="certain" if here else "needs-verification",
        verify="" if here else f"Whether the command is given on {clip(host)} itself.",
        silent=not here,
    )
