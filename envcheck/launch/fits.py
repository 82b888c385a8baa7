"""
Whether the numbers of nodes, processes and GPUs of one launch fit together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clip
from envcheck.launch.notes import note
from envcheck.launch.sizes import Count, count, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.launch.launches import Launch
    from envcheck.launch.notes import Note, Release
    from envcheck.launch.sizes import Sizes

_NAMES: Final = {
    "torchrun": ("--nnodes", "--nproc_per_node"),
    "deepspeed": ("--num_nodes", "--num_gpus"),
    "accelerate": ("num_machines", "num_processes ÷ num_machines"),
    "srun": ("--nodes", "--ntasks-per-node"),
}


def examine(launch: Launch, sizes: Sizes, place: str, release: Release) -> Iterator[Note]:
    """
    Yield what doesn't fit.

    Args:
        launch: A command.
        sizes: What it starts.
        place: Where it is.
        release: DeepSpeed's.
    """
    if launch.launcher not in _NAMES:
        return
    where: dict[str, Any] = {"place": place}
    yield from _slurm(launch, sizes, where)
    yield from _devices(launch, sizes, where, release)
    if launch.launcher == "torchrun":
        yield from _meeting(launch, sizes, where)


def _doubt(*counts: Count) -> dict[str, Any]:
    if all(each.sure for each in counts):
        return {}
    return {
        "certainty": "needs-verification",
        "verify": "A variable set where the script is started, or a word that can't be read, may change it.",
    }


def _slurm(launch: Launch, sizes: Sizes, where: Mapping[str, Any]) -> Iterator[Note]:
    job = launch.job
    if not job.line or launch.under not in {"", "srun"}:
        return
    nodes, each = sizes.nodes, sizes.each
    on, per = _NAMES[launch.launcher]
    line = f"#SBATCH, from line {job.line} on"
    if launch.launcher != "srun" and job.nodes and nodes.value and nodes.value != job.nodes:
        more = nodes.value > job.nodes
        yield note(
            "launch/nodes-and-slurm",
            "warning",
            f"{on} is {nodes.value}, and the job has {job.nodes} node{'s' * (job.nodes != 1)}",
            "The processes that there are wait for those that aren't started."
            if more
            else "The other nodes are paid for, and do nothing or train each by itself.",
            silent=True,
            **where,
            text=line,
            **_doubt(nodes),
        )
    gpus = job.gpus_of_a_node
    if gpus and each.value and each.value > gpus:
        yield note(
            "launch/more-processes-than-gpus",
            "warning",
            f"{per} is {each.value}, and the job has {gpus} GPU{'s' * (gpus != 1)} on a node",
            "Each process takes the GPU with its own number: those that have none stop, and the others wait.",
            **where,
            text=line,
            **_doubt(each),
        )
    elif gpus and each.value and each.value < gpus and launch.launcher != "srun":
        yield note(
            "launch/fewer-processes-than-gpus",
            "info",
            f"{per} is {each.value}, and the job has {gpus} GPUs on a node",
            "The others do nothing.",
            **where,
            text=line,
            **_doubt(each),
        )
    starters = job.on_a_node
    if launch.under == "srun" and launch.launcher in {"torchrun", "accelerate"} and starters != 1:
        if starters and each.value and each.value > 1:
            yield note(
                "launch/started-twice",
                "warning",
                f"srun starts {launch.launcher} {starters} times on each node",
                f"Each one starts {each.value} processes, {starters * each.value} on a node, and they take "
                "the same ports.",
                **where,
                text=line,
                **_doubt(each),
            )
        return
    alone = not launch.under and launch.launcher in {"torchrun", "accelerate"}
    if alone and (nodes.value or 1) > 1 and (job.nodes or 1) > 1:
        yield note(
            "launch/first-node-only",
            "warning",
            f"{launch.launcher} for {nodes.value} nodes is started on the first one alone",
            "A Slurm script runs on one node, and the run waits for the others.",
            silent=True,
            certainty="needs-verification",
            verify="Whether something else starts this script on the other nodes.",
            **where,
        )


def _devices(
    launch: Launch, sizes: Sizes, where: Mapping[str, Any], release: Release
) -> Iterator[Note]:
    left = visible(launch)
    if left.value is None or launch.under in {"ssh", "pdsh"}:
        return
    devices = clip(launch.variables["CUDA_VISIBLE_DEVICES"].text, 40)
    if launch.launcher == "deepspeed":
        chosen = next(
            (each for each in ("include", "exclude", "num_gpus") if each in launch.options), ""
        )
        first = ",".join(map(str, range(left.value)))
        moved = devices.replace(" ", "") != first
        more = (count(launch.options.get("num_gpus")).value or 0) > left.value
        if (
            chosen
            and "hostfile" not in launch.options
            and release.since("0.5.7")
            and (moved or more)
        ):
            yield note(
                "launch/visible-devices-ignored",
                "warning",
                f"deepspeed ignores CUDA_VISIBLE_DEVICES={devices} because --{chosen} is given",
                f"It uses the GPUs that --{chosen} names, counted from 0. Give the GPUs by "
                f"--include localhost:{devices.replace(' ', '')} alone, or CUDA_VISIBLE_DEVICES alone.",
                release=release,
                do="",
                silent=True,
                **where,
                **_doubt(left),
            )
        return
    each = sizes.each
    if launch.launcher != "srun" and each.value and each.value > left.value:
        yield note(
            "launch/more-processes-than-gpus",
            "warning",
            f"{each.value} processes on a node, and CUDA_VISIBLE_DEVICES={devices} leaves {left.value} "
            f"GPU{'s' * (left.value != 1)}",
            "Each process takes the GPU with its own number: those that have none stop, and the others wait.",
            **where,
            **_doubt(each, left),
        )


def _meeting(launch: Launch, sizes: Sizes, where: Mapping[str, Any]) -> Iterator[Note]:
    """Yield what keeps the nodes of torchrun from finding each other."""
    options = launch.options
    if not sizes.nodes.value or sizes.nodes.value < 2 or not launch.whole:
        return
    meets = "rdzv_endpoint" in options or "rdzv_conf" in options
    if "standalone" in options:
        yield note(
            "launch/standalone",
            "warning",
            f"--standalone with --nnodes {sizes.nodes.value}: every node trains by itself",
            "--standalone is for one machine, and takes another meeting point on each.",
            silent=True,
            **where,
        )
    elif not meets and "master_addr" not in options:
        yield note(
            "launch/no-address",
            "warning",
            f"--nnodes {sizes.nodes.value} without --master_addr or --rdzv_endpoint: every node waits "
            "for itself",
            "Without an address the nodes look for each other on their own machine.",
            silent=True,
            certainty="needs-verification",
            verify="Whether PET_MASTER_ADDR or PET_RDZV_ENDPOINT is set on the nodes.",
            **where,
        )
    elif not meets and "node_rank" not in options:
        yield note(
            "launch/no-node-rank",
            "warning",
            f"--nnodes {sizes.nodes.value} without --node_rank: every node takes itself for the first",
            certainty="needs-verification",
            verify="Whether PET_NODE_RANK is set on the nodes.",
            **where,
        )
