"""
From how a run is started to facts of its environment: configuration, reader, number of processes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.clean import clip
from envcheck.errors import SourceError
from envcheck.launch import arguments, hostfile_check, reading, started, summary
from envcheck.launch.notes import Release
from envcheck.model import SettingsFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.planned import Planned
    from envcheck.model import Environment
    from envcheck.options import CheckOptions

_LARGEST: Final = 1024 * 1024
"Bytes of a configuration that is read because a script names it."
_DEEPSPEED: Final = versions.normalize("deepspeed")
_SIZES: Final = frozenset([arguments.MICRO, arguments.STEPS, arguments.TRAIN])
NONE: Final = "none"
"""As the launch script: look for none."""


def given(environment: Environment, options: CheckOptions) -> Environment:
    """
    Add what the hostfile and the launch script tell that the options name.

    Raises:
        SourceError: The script can't be read.
    """
    planned = None
    if options.launch not in {None, NONE}:
        planned = reading.named(options.launch or "", options.deepspeed_config)
    return _with(environment, planned, options)


def discovered(
    environment: Environment, names: Iterable[str], options: CheckOptions
) -> Environment:
    """
    Add what files of the working directory tell, if they name a DeepSpeed configuration.
    """
    planned = reading.found(names)
    return environment if planned is None else _with(environment, planned, options)


def _with(environment: Environment, planned: Planned | None, options: CheckOptions) -> Environment:
    package = environment.packages.get(_DEEPSPEED)
    release = Release(package.version if package else None)
    if planned is None:
        sizes = {} if options.world_size else _of_hostfile(environment.hosts, release)
        return environment._replace(**sizes)
    facts: dict[str, Any] = {}
    if planned.chosen:
        facts, why = _configuration(planned)
        planned = planned._replace(unreadable=why)
    config = facts.get("deepspeed_config", environment.deepspeed_config)
    said, total, trainer = started.facts(planned, environment.hosts, release)
    if config is not None:
        facts["deepspeed_config"] = arguments.filled(config, said)
    reader = arguments.TRAINER if trainer else "accelerate" if _made(planned) else None
    if reader is not None and options.reader is None:
        facts["reader"] = reader
    if environment.model is None and (model := _model(planned)):
        facts["model"] = model
    told = any(fact.path in _SIZES for fact, _ in arguments.contradictions(config or {}, said))
    if options.world_size is None and not told:
        if total.value:
            facts.update(world_size=total.value, world_size_from=planned.starts[0].place)
        elif not planned.starts:
            facts.update(_of_hostfile(environment.hosts, release))
    planned = planned._replace(
        config=config,
        summary=summary.line(planned, environment.hosts, release),
        about=summary.data(planned, environment.hosts, release, total.value),
    )
    return environment._replace(**facts, planned=planned)


def _configuration(planned: Planned) -> tuple[dict[str, Any], str]:
    """Return the facts of the chosen configuration, or why it can't be read."""
    from envcheck.sources import deepspeed_config

    made = planned.starts[0].inline
    if made is not None:
        if any(
            each.inline is None or each.inline.settings != made.settings for each in planned.starts
        ):
            return {}, ""
        file = SettingsFile(planned.chosen, made.lines, named_by=_named_by(planned))
        return {"deepspeed_config": made.settings, "settings_file": file}, ""
    try:
        if os.path.getsize(planned.chosen) > _LARGEST:
            return {}, f"{clip(planned.chosen)} is larger than 1 MiB"
        facts = deepspeed_config.facts(planned.chosen)
    except SourceError as error:
        return {}, str(error)
    except OSError as error:
        return {}, f"{clip(planned.chosen)}: {error.strerror}"
    file = facts["settings_file"]._replace(named_by=_named_by(planned))
    return {**facts, "settings_file": file}, ""


def _made(planned: Planned) -> bool:
    """Tell whether accelerate makes the configuration."""
    return bool(planned.chosen and planned.starts and planned.starts[0].inline is not None)


def _model(planned: Planned) -> Mapping[str, Any]:
    """Return what all commands say of the model: that it has DeepSpeed's own expert layers."""
    from envcheck.sources import model_config

    said = [arguments.experts(start.launch) for start in planned.starts]
    if not said or any(each != said[0] for each in said) or not said[0]:
        return {}
    return model_config.facts({"moe": said[0]})


def _named_by(planned: Planned) -> str:
    starts = [each for each in planned.starts if each.file != planned.chosen]
    by = ", ".join(clip(start.place, 60) for start in starts[:2])
    return f"{by} and {len(starts) - 2} more" if len(starts) > 2 else by


def _of_hostfile(hosts: Hosts | None, release: Release) -> dict[str, Any]:
    """Return how many processes a hostfile alone starts, and that it tells that."""
    if hosts is None:
        return {}
    judged = hostfile_check.examine(hosts, started.asked_by(None, hosts), release)
    if not judged.sound or judged.plan.local or not judged.plan.processes:
        return {}
    return {"world_size": judged.plan.processes, "world_size_from": hosts.path}
