"""
How many processes a command starts, on how many nodes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.launch import accelerate_run
from envcheck.launch.expand import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.launch.launches import Launch
    from envcheck.launch.plan import Plan
    from envcheck.matrix.strict_yaml import Node

_MOST: Final = 10_000_000


class Count(NamedTuple):
    """
    A number of something.
    """

    value: int | None = None
    "`None`: not known."
    sure: bool = True
    "False: that is what the script says unless it is started in another way."

    def times(self, other: Count) -> Count:
        """
        Return the product.
        """
        if self.value is None or other.value is None:
            return Count(None, False)
        return Count(self.value * other.value, self.sure and other.sure)


class Sizes(NamedTuple):
    """
    Nodes and processes of one launch.
    """

    nodes: Count
    each: Count
    "Processes on a node."
    total: Count


_ONE: Final = Count(1)
_UNKNOWN: Final = Count(None, False)


def count(text: Text | None) -> Count:
    """
    Return the number that a text says.

    >>> count(Text("8")), count(Text("gpu")), count(None)
    (Count(value=8, sure=True), Count(value=None, sure=False), Count(value=None, sure=False))
    """
    digits = text.known.strip() if text is not None and text.known is not None else ""
    if text is None or not re.fullmatch(r"\d{1,9}", digits) or int(digits) > _MOST:
        return _UNKNOWN
    return Count(int(digits), text.sure)


def sizes(launch: Launch, yaml: Mapping[str, Node] | None, plan: Plan | None) -> Sizes:
    """
    Count what a launch starts.

    Args:
        launch: A command.
        yaml: The accelerate configuration that it names, if it could be read.
        plan: What DeepSpeed makes of the hostfile, if there is one.
    """
    if launch.launcher == "torchrun":
        found = _torchrun(launch)
    elif launch.launcher == "deepspeed":
        found = _deepspeed(launch, plan)
    elif launch.launcher == "accelerate":
        found = accelerated(yaml, launch)
    elif launch.launcher == "srun":
        each = Count(launch.job.on_a_node)
        nodes = Count(launch.job.nodes or (1 if launch.job.line else None))
        found = Sizes(nodes, each, nodes.times(each))
    else:
        found = Sizes(_UNKNOWN, _UNKNOWN, _UNKNOWN)
    if launch.whole:
        return found
    return Sizes(*(each._replace(sure=False) for each in found))


def _option(launch: Launch, name: str, unset: Count) -> Count:
    text = launch.options.get(name)
    return count(text) if text is not None else unset


def _torchrun(launch: Launch) -> Sizes:
    nodes = launch.options.get("nnodes")
    low, colon, high = nodes.text.partition(":") if nodes is not None else ("", "", "")
    if nodes is not None and colon and low == high:
        nodes = Text(low, nodes.sure)
    on = count(nodes) if nodes is not None else _ONE
    each = _option(launch, "nproc_per_node", _ONE)
    return Sizes(on, each, on.times(each))


def _deepspeed(launch: Launch, plan: Plan | None) -> Sizes:
    if plan is not None and plan.hosts:
        lengths = {len(slots) for slots in plan.hosts.values()}
        each = Count(lengths.pop() if len(lengths) == 1 else None)
        return Sizes(Count(len(plan.hosts)), each, Count(plan.processes))
    nodes = _option(launch, "num_nodes", _ONE)
    if "hostfile" in launch.options:
        nodes = _option(launch, "num_nodes", _UNKNOWN)
    each = _option(launch, "num_gpus", _UNKNOWN)
    if each.value is None and "num_gpus" not in launch.options and "hostfile" not in launch.options:
        each = _of_include(launch)
        nodes = _ONE if each.value is not None else nodes
    return Sizes(nodes, each, nodes.times(each))


def _of_include(launch: Launch) -> Count:
    """Count what --include names of this machine, or what CUDA_VISIBLE_DEVICES leaves."""
    include = launch.options.get("include")
    if include is not None:
        host, colon, slots = (include.known or "").partition(":")
        plain = host == "localhost" and colon and re.fullmatch(r"\d+(,\d+)*", slots)
        return Count(len(set(slots.split(","))), include.sure) if plain else _UNKNOWN
    return _UNKNOWN if "exclude" in launch.options else visible(launch)


def visible(launch: Launch) -> Count:
    """
    Count the GPUs that CUDA_VISIBLE_DEVICES leaves.
    """
    devices = launch.variables.get("CUDA_VISIBLE_DEVICES")
    text = (devices.known or "").strip().strip(",") if devices is not None else ""
    if devices is None or not re.fullmatch(r"[\w-]+(\s*,\s*[\w-]+)*", text) or text == "-1":
        return _UNKNOWN
    return Count(len(text.split(",")), devices.sure)


def accelerated(yaml: Mapping[str, Node] | None, launch: Launch | None = None) -> Sizes:
    """
    Count what accelerate starts; what the command says comes before the file.
    """
    machines = accelerate_run.number(yaml, "num_machines") if yaml is not None else None
    processes = accelerate_run.number(yaml, "num_processes") if yaml is not None else None
    nodes = Count(machines) if machines else _ONE if yaml is not None else _UNKNOWN
    total = Count(processes) if processes and processes > 0 else _UNKNOWN
    if launch is not None:
        named = "config_file" in launch.options
        nodes = _option(launch, "num_machines", nodes if named else _ONE._replace(sure=False))
        total = _option(launch, "num_processes", total)
    even = nodes.value and total.value and not total.value % nodes.value
    each = Count(total.value // nodes.value, nodes.sure and total.sure) if even else _UNKNOWN  # type: ignore[operator]
    return Sizes(nodes, each, total)
