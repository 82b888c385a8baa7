"""
What a command starts, with its hostfile and its accelerate configuration: how many processes, and where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.launch import accelerate_run, arguments, hostfile_check
from envcheck.launch import plan as plan_
from envcheck.launch.sizes import Count, accelerated, count, sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.launches import Launch
    from envcheck.launch.notes import Note, Release
    from envcheck.launch.plan import Asked, Plan
    from envcheck.launch.planned import Planned, Start
    from envcheck.launch.sizes import Sizes

_OUTSIDE: Final = ("num_machines", "num_processes", "machine_rank", "main_process_ip")
_INSIDE: Final = (
    "deepspeed_config_file",
    "deepspeed_hostfile",
    "deepspeed_multinode_launcher",
    "deepspeed_inclusion_filter",
    "deepspeed_exclusion_filter",
)


class Placed(NamedTuple):
    """
    Where the `deepspeed` command starts processes.
    """

    plan: Plan | None
    "`None`: not known."
    notes: tuple[Note, ...] = ()
    "What is wrong with what it is told of that."
    read: bool = False
    "They are of a hostfile, not of the options alone."


def sized(start: Start, plan: Plan | None = None) -> Sizes:
    """
    Count what is started.
    """
    yaml = start.accelerate.config if start.accelerate is not None else None
    if start.launch is None:
        return accelerated(yaml)
    return sizes(start.launch, yaml, plan)


def asked_by(planned: Planned | None, hosts: Hosts) -> Asked:
    """
    Return the filter on a hostfile: the one beside it, else that of the one launch there is.
    """
    if hosts.asked is not None:
        return hosts.asked
    starts = planned.starts if planned is not None else ()
    started = [start.launch for start in starts if start.launch is not None]
    if len(started) == 1 and started[0].launcher == "deepspeed":
        return _asked(started[0]) or plan_.Asked()
    return plan_.Asked()


def _asked(launch: Launch) -> Asked | None:
    """Return the options that decide where DeepSpeed starts processes; `None`: they aren't all known."""
    options = launch.options
    given = [options[name] for name in ("include", "exclude", "launcher") if name in options]
    numbers = {name: count(options.get(name)) for name in ("num_nodes", "num_gpus")}
    if not launch.whole or any(each.known is None for each in given):
        return None
    if any(each.value is None and name in options for name, each in numbers.items()):
        return None
    return plan_.Asked(
        options["include"].text if "include" in options else "",
        options["exclude"].text if "exclude" in options else "",
        numbers["num_nodes"].value if numbers["num_nodes"].value is not None else -1,
        numbers["num_gpus"].value if numbers["num_gpus"].value is not None else -1,
        options["launcher"].text if "launcher" in options else "pdsh",
    )


def placed(start: Start, given: Hosts | None, release: Release) -> Placed:
    """
    Return where a `deepspeed` command starts processes.

    Args:
        start: The command.
        given: The hostfile that an option names, which comes before that of the command.
        release: DeepSpeed's.
    """
    launch = start.launch
    if launch is None or launch.launcher != "deepspeed":
        return Placed(None)
    hosts = given or start.hosts
    asked = hosts.asked if hosts is not None and hosts.asked is not None else _asked(launch)
    if asked is None:
        return Placed(None)
    if hosts is not None:
        judged = hostfile_check.examine(hosts, asked, release)
        told = () if given is not None else tuple(judged.notes)
        return Placed(judged.plan if judged.sound else None, told, read=True)
    if start.missing:
        return Placed(None)
    plan = plan_.plan({}, asked, release)
    return Placed(plan, tuple(plan.notes))


def counted(launch: Launch | None) -> bool:
    """
    Tell whether all that a command says beside its accelerate configuration is known.
    """
    if launch is None:
        return True
    given = [launch.options[name] for name in (*_OUTSIDE, *_INSIDE) if name in launch.options]
    return launch.whole and all(each.known is not None for each in given)


def effective(config: Mapping[str, Any], launch: Launch | None) -> Mapping[str, Any]:
    """
    Return an accelerate configuration with what the command says instead.
    """
    if launch is None:
        return config
    from envcheck.matrix.strict_yaml import Node

    merged = dict(config)
    inside = dict(accelerate_run.inside(config))
    for name in (*_OUTSIDE, *_INSIDE):
        text = launch.options.get(name)
        if text is not None and text.known:
            target = merged if name in _OUTSIDE else inside
            target[name] = Node(text.known, target[name].line if name in target else 0)
    if inside:
        line = config["deepspeed_config"].line if "deepspeed_config" in config else 0
        merged["deepspeed_config"] = Node(inside, line)
    return merged


def facts(
    planned: Planned, hosts: Hosts | None, release: Release
) -> tuple[list[arguments.Said], Count, bool]:
    """
    Return what all launches of the chosen configuration agree on.

    Returns:
        What is certain to be said of its settings, the number of processes that share the batch, and
        whether the Trainer reads it.
    """
    said: list[list[arguments.Said]] = []
    totals: list[Count] = []
    trainer = bool(planned.starts)
    for start in planned.starts:
        launch = start.launch
        total = sized(start, placed(start, hosts, release).plan).total
        if launch is not None and arguments.divided(launch):
            total = Count(None, False)
        totals.append(total)
        if launch is None or not start.checked or not arguments.is_trainer(launch):
            trainer = False
            said.append([])
        else:
            said.append([each for each in arguments.said(launch, total) if each.sure])
    agreed = [
        each
        for each in (said[0] if said else [])
        if all(any(each[:2] == other[:2] for other in one) for one in said)
    ]
    same = len(set(totals)) == 1 and totals[0].sure
    return agreed, totals[0] if same else Count(None, False), trainer
