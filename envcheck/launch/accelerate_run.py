"""
What accelerate makes of its configuration where it starts DeepSpeed on several machines.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clip
from envcheck.launch import accelerate_keys as keys
from envcheck.launch.notes import note
from envcheck.launch.plan import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.launch.notes import Note, Release
    from envcheck.launch.plan import Plan
    from envcheck.matrix.strict_yaml import Node

_NONE: Final = frozenset(["", "~", "null", "Null", "NULL"])


def text(config: Mapping[str, Node], name: str) -> str:
    """
    Return a key's value; empty where it isn't set, or null.
    """
    value = config[name].value if name in config else ""
    return value if isinstance(value, str) and value not in _NONE else ""


def number(config: Mapping[str, Node], name: str) -> int | None:
    """
    Return a key's number; `None`: there is none.
    """
    value = text(config, name)
    return int(value) if re.fullmatch(r"-?\d{1,9}", value) else None


def inside(config: Mapping[str, Node]) -> Mapping[str, Node]:
    """
    Return what is below `deepspeed_config`.
    """
    value = config["deepspeed_config"].value if "deepspeed_config" in config else {}
    return value if isinstance(value, dict) else {}


def launcher(config: Mapping[str, Node]) -> str:
    """
    Return what starts the processes; empty: not the `deepspeed` command, so that no hostfile is read.
    """
    several = (number(config, "num_machines") or 1) > 1
    if text(config, "distributed_type") != "DEEPSPEED" or not several:
        return ""
    name = text(inside(config), "deepspeed_multinode_launcher") or "pdsh"
    return "" if name == "standard" else name


def asked(config: Mapping[str, Node]) -> Asked:
    """
    Return the options that accelerate gives to `deepspeed`.
    """
    given = inside(config)
    exclude = text(given, "deepspeed_exclusion_filter")
    include = "" if exclude else text(given, "deepspeed_inclusion_filter")
    processes = number(config, "num_processes")
    machines = number(config, "num_machines") or 1
    each = processes // machines if processes and not (include or exclude) else -1
    name = launcher(config)
    return Asked(include, exclude, num_gpus=each, launcher="pdsh" if name == "nossh" else name)


def examine(
    config: Mapping[str, Node],
    plan: Plan | None,
    *,
    hostfile: str,
    rules: Release,
    deepspeed: Release,
    file: str,
) -> Iterator[Note]:
    """
    Yield what doesn't fit together when the run is started.

    Args:
        config: The configuration.
        plan: What the hostfile leaves; `None`: there is none.
        hostfile: Its name, empty then.
        rules: The release of accelerate.
        deepspeed: The release of DeepSpeed.
        file: The configuration's name.
    """
    where: dict[str, Any] = {"release": rules, "place": file}
    machines = number(config, "num_machines") or 1
    if machines > 1:
        yield from _address(config, where)
        rank = number(config, "machine_rank") or 0
        if not 0 <= rank < machines:
            yield note(
                "accelerate/machine-rank",
                "error",
                f"machine_rank is {rank}, but {machines} machines have the ranks 0 to "
                f"{machines - 1}",
                "A run waits for ranks that don't exist, or stops.",
                **where,
            )
        yield from _uneven(config, machines, where)
    if text(config, "distributed_type") != "DEEPSPEED":
        return
    name = launcher(config)
    if not name:
        if plan is not None:
            yield _unused(machines, plan, where)
        return
    yield from _named(config, name, where, hostfile=hostfile, rules=rules, deepspeed=deepspeed)
    yield from _filters(config, where)
    yield from _counts(config, machines, plan, where)


def _address(config: Mapping[str, Node], where: Mapping[str, Any]) -> Iterator[Note]:
    address = text(config, "main_process_ip")
    plain = address.rpartition("@")[2]
    host, colon, port = plain.partition(":")
    if colon and port.isdecimal():
        plain = host
    if plain != address:
        yield note(
            "accelerate/main-process-ip",
            "error",
            f"main_process_ip is {clip(address)}, which is no address",
            "Every process opens a connection to it: a user or port is no part of it.",
            instead=f"main_process_ip: {plain}",
            **where,
        )


def _unused(machines: int, plan: Plan, where: Mapping[str, Any]) -> Note:
    alone = machines <= 1
    several = alone and len(plan.hosts) > 1
    what = f"num_machines is {machines}" if alone else "the launcher is standard"
    return note(
        "accelerate/hostfile-unused",
        "warning" if several else "info",
        f"{what[0].upper()}{what[1:]}, so accelerate reads no hostfile",
        f"The hostfile has {len(plan.hosts)} hosts, and the run uses this machine alone. Set "
        "num_machines."
        if several
        else "It starts this machine's processes itself: give `accelerate launch` on every machine.",
        silent=several,
        do="",
        **where,
    )


def _named(
    config: Mapping[str, Node],
    name: str,
    where: Mapping[str, Any],
    *,
    hostfile: str,
    rules: Release,
    deepspeed: Release,
) -> Iterator[Note]:
    named = text(inside(config), "deepspeed_hostfile")
    if not named:
        yield note(
            "accelerate/no-hostfile",
            "warning",
            "deepspeed_hostfile is missing: the run uses this machine alone",
            "accelerate then calls `deepspeed --hostfile None`; there is no such file, and "
            "DeepSpeed goes on with "
            "the GPUs of one machine.",
            certainty="needs-verification",
            verify="Whether the command line has --deepspeed_hostfile, or the launcher standard.",
            instead=f"deepspeed_hostfile: {hostfile}" if hostfile.strip("-") else "",
            silent=True,
            **where,
        )
    elif hostfile and os.path.basename(named) != os.path.basename(hostfile):
        yield note(
            "accelerate/other-hostfile",
            "info",
            f"deepspeed_hostfile names another file: {clip(named)}",
            **where,
        )
    late = keys.LAUNCHERS.get(name)
    old_deepspeed = name == "nossh" and not deepspeed.since("0.14.5")
    if old_deepspeed or (late and rules.known and not rules.since(late)):
        needs = "deepspeed 0.14.5" if old_deepspeed else f"accelerate {late}"
        old = note(
            "accelerate/launcher-too-new",
            "error",
            f"The launcher {name} needs {needs} or newer",
            "Older releases stop, or hand it on to DeepSpeed, which has no such launcher.",
            **where,
        )
        yield old._replace(by_hand=False)


def _filters(config: Mapping[str, Node], where: Mapping[str, Any]) -> Iterator[Note]:
    given = inside(config)
    if text(given, "deepspeed_exclusion_filter") and text(given, "deepspeed_inclusion_filter"):
        yield note(
            "accelerate/both-filters",
            "warning",
            "Of the two filters accelerate takes the exclusion, and drops the inclusion",
            silent=True,
            **where,
        )


def _uneven(config: Mapping[str, Node], machines: int, where: Mapping[str, Any]) -> Iterator[Note]:
    processes = number(config, "num_processes")
    if processes is not None and processes > 0 and processes % machines:
        yield note(
            "accelerate/uneven",
            "warning",
            f"{processes} processes can't be spread evenly over {machines} machines",
            f"accelerate starts {processes // machines} on each and drops the rest.",
            silent=True,
            **where,
        )


def _counts(
    config: Mapping[str, Node], machines: int, plan: Plan | None, where: Mapping[str, Any]
) -> Iterator[Note]:
    processes = number(config, "num_processes")
    if processes is None or processes < 1:
        yield note(
            "accelerate/no-num-processes",
            "warning",
            "num_processes is missing: it has to be given to `accelerate launch`",
            **where,
        )
        return
    if plan is None or not plan.hosts:
        return
    if len(plan.hosts) != machines:
        yield note(
            "accelerate/machines-and-hosts",
            "warning",
            f"num_machines is {machines}, and the hostfile leaves {len(plan.hosts)} hosts: all of "
            "these are used",
            "accelerate doesn't hand the number on; DeepSpeed starts processes on every host of "
            "the hostfile.",
            instead=f"num_machines: {len(plan.hosts)}",
            silent=True,
            **where,
        )
    elif plan.processes != processes and not processes % machines:
        yield note(
            "accelerate/processes-and-slots",
            "warning",
            f"num_processes is {processes}, and DeepSpeed starts {plan.processes}",
            "With a filter DeepSpeed takes its slots, and accelerate's number counts for nothing.",
            instead=f"num_processes: {plan.processes}",
            silent=True,
            **where,
        )
