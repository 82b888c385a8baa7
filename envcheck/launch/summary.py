"""
What was read of how a run is started: in a line, and as plain data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clip
from envcheck.launch import arguments, started, trainer_yaml

if TYPE_CHECKING:
    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.notes import Release
    from envcheck.launch.planned import Planned, Start
    from envcheck.launch.sizes import Sizes

_MOST: Final = 100


def line(planned: Planned, hosts: Hosts | None, release: Release) -> str:
    """
    Say in a line what was read; empty: nothing.
    """
    if not planned.starts:
        return ""
    first = planned.starts[0]
    read = clip(first.place, 60) if planned.asked else f"read from {clip(first.place, 60)}"
    if len(planned.starts) > 1:
        read += f" and {len(planned.starts) - 1} more"
    if not planned.asked:
        read += ", found here"
    if planned.undecided:
        count = len(planned.undecided)
        return f"{read}: {count} DeepSpeed configurations are named, none was checked"
    parts = [f"{read}: {_started(first, _sizes(first, hosts, release))}"]
    if planned.chosen:
        what = "configuration" if first.inline is None else "settings of"
        parts.append(f"DeepSpeed {what} {clip(planned.chosen, 60)}")
    if arguments.experts(first.launch):
        parts.append("a model with DeepSpeed's own expert layers")
    used = hosts or first.hosts
    if used is not None and first.launch is not None and first.launch.launcher == "deepspeed":
        parts.append(f"hostfile {clip(used.path, 60)}")
    return ", ".join(parts)


def _sizes(start: Start, hosts: Hosts | None, release: Release) -> Sizes:
    return started.sized(start, started.placed(start, hosts, release).plan)


def _started(start: Start, size: Sizes) -> str:
    kind = start.launch.launcher if start.launch is not None else "accelerate configuration"
    if kind == trainer_yaml.KIND:
        return "a trainer's arguments"
    if size.nodes.value and size.each.value:
        on = f"{size.nodes.value} nodes × " if size.nodes.value > 1 else ""
        return f"{kind}, {on}{size.each.value} process{'es' * (size.each.value != 1)}"
    return f"{kind}, {size.total.value} processes" if size.total.value else kind


def data(
    planned: Planned, hosts: Hosts | None, release: Release, total: int | None
) -> dict[str, Any]:
    """
    Return the same as plain data, with every start.
    """
    return {
        "found": not planned.asked,
        "deepspeed_config": planned.chosen or None,
        "world_size": total,
        "starts": [
            {
                "file": start.file,
                "line": start.line or None,
                "launcher": start.launch.launcher if start.launch is not None else None,
                "nodes": size.nodes.value,
                "processes": size.total.value,
                "deepspeed_config": start.configuration or start.named or None,
                "hostfile": start.hosts.path if start.hosts is not None else None,
            }
            for start in (*planned.starts, *planned.others)[:_MOST]
            for size in [_sizes(start, hosts, release)]
        ],
    }
