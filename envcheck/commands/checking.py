"""
The commands that judge: an environment, a log, a configuration, a hostfile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from envcheck.commands.declared import (
    ENVIRONMENT,
    FACTS,
    LAUNCH,
    REQUIRED,
    Action,
    argument,
    declare,
    given,
    of_check,
    option,
)
from envcheck.options import ABOUT

if TYPE_CHECKING:
    import inspect
    from collections.abc import Iterable

    import typer


def check(**values: Any) -> Action:
    """
    Check an environment (the default command). It is the active one, unless an option names another.
    """
    from envcheck import run

    return lambda: run.check(given(values))


def diagnose(*, file: str | None, follow: bool, **values: Any) -> Action:
    """
    Say what a log or a traceback proves, and what explains it. A trainer_state.json will do too.

    Exit codes: 0 nothing wrong; 1 something found; 3 nothing in it is known.
    """
    from envcheck.diagnose.command import diagnose as diagnose_

    return lambda: diagnose_(file or "-", given(values), follow=follow)


def config(
    *, file: str, fix: bool, offload: bool, gpu_memory: float | None, **values: Any
) -> Action:
    """
    Check one DeepSpeed configuration, before DeepSpeed reads it.

    Exit codes are those of check; with --fix, what is said of the new file counts.
    """
    from envcheck.deepspeed.command import config as config_

    options = given({**values, "deepspeed_config": file})
    return lambda: config_(options, fix=fix, offload=offload, gpu_memory=gpu_memory)


def hostfile(
    *,
    file: str,
    include: str,
    exclude: str,
    num_nodes: int,
    num_gpus: int,
    launcher: str,
    deepspeed_version: str | None,
    deepspeed_env: str | None,
    accelerate_config: str | None,
    **values: Any,
) -> Action:
    """
    Check one hostfile as the installed DeepSpeed reads it. Give the filters of the run, too.

    Exit codes: 0 no error; 1 DeepSpeed would stop, or the run would silently use one machine.
    """
    from envcheck.launch.command import Given, judge
    from envcheck.launch.plan import Asked

    asked = Asked(include, exclude, num_nodes, num_gpus, launcher)
    about = Given(file, asked, deepspeed_version, deepspeed_env, accelerate_config)
    return lambda: judge(about, given(values))


def _hostfile() -> Iterable[inspect.Parameter]:
    """Yield the options of `deepspeed` itself, and of what is beside a hostfile."""
    yield argument(
        "file", str, REQUIRED, metavar="FILE", help="The hostfile; - reads standard input."
    )
    for name, kind, unset, metavar, about in (
        ("include", str, "", "STR", "Hosts and slots to use: host[:slot,…][@host…]."),
        ("exclude", str, "", "STR", "Hosts and slots not to use."),
        ("num_nodes", int, -1, "N", "Use the first N hosts."),
        ("num_gpus", int, -1, "N", "Use N GPUs on every host."),
        ("launcher", str, "pdsh", "NAME", "pdsh, openmpi, mpich, impi, mvapich or slurm."),
        ("deepspeed_version", Optional[str], None, "X", "The DeepSpeed that reads it."),
        ("deepspeed_env", Optional[str], None, "FILE", "Where it isn't beside the hostfile."),
        ("accelerate_config", Optional[str], None, "FILE", "The YAML of `accelerate launch`."),
    ):
        yield option(name, kind, unset, metavar=metavar, help=about)


def add(app: typer.Typer) -> None:
    """
    Add these commands.
    """
    declare(app, check, of_check())
    declare(
        app,
        diagnose,
        (
            argument(
                "file",
                Optional[str],
                None,
                metavar="[FILE]",
                help="The log; - or none: standard input.",
            ),
            option(
                "follow",
                bool,
                False,
                "--follow",
                "-f",
                help="Go on with a file that grows, and report what is new, until interrupted.",
            ),
            *of_check((*FACTS, "format", "color")),
        ),
    )
    declare(
        app,
        config,
        (
            argument("file", str, REQUIRED, metavar="FILE", help="The configuration."),
            option(
                "fix",
                bool,
                False,
                help="Write the nearest good file beside it, never over anything.",
            ),
            option("offload", bool, False, "--offload", help="In it the optimizer is on the CPU."),
            option(
                "gpu_memory",
                Optional[float],
                None,
                metavar="GIB",
                help="The memory of one GPU: where it is too short, the optimizer goes to the CPU.",
            ),
            *of_check(
                name for name in ABOUT if name not in {"deepspeed_config", "strict", *LAUNCH}
            ),
        ),
    )
    declare(app, hostfile, (*_hostfile(), *of_check((*ENVIRONMENT, "matrix", "format", "color"))))
