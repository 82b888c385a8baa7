"""
Whether a command line, the accelerate configuration and the DeepSpeed configuration say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from packaging.version import Version

from envcheck.clean import clip
from envcheck.deepspeed.flaws import quoted
from envcheck.launch import accelerate_keys, accelerate_run, arguments
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.launch.arguments import Said
    from envcheck.launch.launches import Launch
    from envcheck.launch.notes import Note, Release
    from envcheck.launch.planned import Start
    from envcheck.launch.sizes import Count
    from envcheck.matrix.strict_yaml import Node

NEWEST: Final = Version("5.23.0")
"""The newest transformers whose Trainer was read."""

_PERHAPS: Final = (
    "A variable set where the script is started, or a word that can't be read, may change it."
)


def examine(
    start: Start,
    config: Mapping[str, Any] | None,
    total: Count,
    transformers: Release,
    accelerate: Release,
) -> Iterator[Note]:
    """
    Yield contradictions.

    Args:
        start: A command with the files it names.
        config: The DeepSpeed configuration that it names; `None`: none, or it isn't the one that is checked.
        total: Processes.
        transformers: Whose Trainer it is.
        accelerate: Whose launcher it is.
    """
    launch = start.launch
    if launch is None:
        return
    trainer = arguments.is_trainer(launch)
    if trainer:
        yield from _both(launch, start, transformers)
        if config is not None:
            facts = list(arguments.said(launch, total))
            yield from _trainer(config, facts, start, transformers)
            yield from _optimizer(config, launch, start, transformers)
    yaml = start.accelerate.config if start.accelerate is not None else None
    if launch.launcher != "accelerate":
        return
    if trainer and yaml is not None:
        yield from _two(yaml, start, accelerate)
    elif yaml is not None and not start.named:
        yield from _inline(yaml, launch, total, start, transformers)
    if config is not None and not trainer:
        yield from _precision(config, launch, start, accelerate)


def _trainer(
    config: Mapping[str, Any], facts: list[Said], start: Start, release: Release
) -> Iterator[Note]:
    found = list(arguments.contradictions(config, facts))
    parts = {arguments.MICRO, arguments.STEPS}
    if any(fact.path in parts for fact, _ in found):
        found = [each for each in found if each[0].path != arguments.TRAIN]  # it follows
    for fact, value in found:
        yield note(
            f"launch/contradiction/{fact.path}",
            "error" if fact.sure else "warning",
            f"{clip(start.named, 40)} has {fact.path} {quoted(value)}, {_shown(fact)}",
            'Trainer stops: "Please correct the following DeepSpeed config values".',
            release=release,
            place=start.place,
            text=fact.argument,
            instead=f'"{fact.path.rpartition(".")[2]}": "auto"',
            certainty="certain" if fact.sure else "needs-verification",
            verify="" if fact.sure else _PERHAPS,
        )


def _shown(fact: Said) -> str:
    """Say what arguments say, in their own words where a value would be more than it says."""
    if fact.path.endswith(".enabled"):
        return f"the arguments have {clip(fact.argument, 40)}"
    value = quoted(fact.value)
    if isinstance(fact.value, list):
        value = " and ".join(map(str, fact.value))
    more = f" ({clip(fact.argument, 80)})" if fact.path == arguments.TRAIN else ""
    return f"the arguments say {value}{more}"


def _both(launch: Launch, start: Start, release: Release) -> Iterator[Note]:
    if all(arguments.switch(launch.arguments.get(name)) for name in ("fp16", "bf16")):
        sure = launch.whole and launch.arguments["fp16"].sure and launch.arguments["bf16"].sure
        yield note(
            "launch/fp16-and-bf16",
            "error" if sure else "warning",
            "--fp16 and --bf16 are both given",
            "TrainingArguments takes one of them at most.",
            release=release,
            place=start.place,
            certainty="certain" if sure else "needs-verification",
            verify="" if sure else _PERHAPS,
        )


def _optimizer(
    config: Mapping[str, Any], launch: Launch, start: Start, release: Release
) -> Iterator[Note]:
    if not isinstance(config.get("optimizer"), dict):
        return
    optim = launch.arguments.get("optim")
    wanted = (optim.known or "") if optim is not None else ""
    switched = arguments.switch(launch.arguments.get("adafactor")) and not release.since("5.0.0rc0")
    refused = release.since("4.57.0") and not release.since("5.0.0rc0")
    if switched or (wanted == "adafactor" and refused):
        yield note(
            "launch/two-optimizers",
            "error",
            f"{'--adafactor' if switched else '--optim adafactor'} is given, and "
            f"{clip(start.named, 40)} has an optimizer",
            "Trainer stops.",
            release=release,
            place=start.place,
        )
    elif wanted and wanted not in {"adamw_torch", "adamw_hf", "adamw_torch_fused"}:
        yield note(
            "launch/optimizer-unused",
            "warning",
            f"--optim {clip(wanted, 40)} counts for nothing: {clip(start.named, 40)} has an optimizer",
            "With an optimizer section Trainer leaves the optimizer to DeepSpeed.",
            release=release,
            place=start.place,
            silent=True,
        )


def _two(yaml: Mapping[str, Node], start: Start, release: Release) -> Iterator[Note]:
    """Yield keys that accelerate's configuration must not have where the program names a DeepSpeed one."""
    if accelerate_run.text(yaml, "distributed_type") != "DEEPSPEED" or not release.since("0.16.0"):
        return
    keys = [name for name in accelerate_keys.INLINE if name in accelerate_run.inside(yaml)]
    launch = start.launch
    given = launch is not None and "mixed_precision" in launch.options
    if accelerate_run.text(yaml, "mixed_precision") and not given:
        keys.append("mixed_precision")
    if keys and start.accelerate is not None:
        yield note(
            "launch/two-configurations",
            "error",
            f"{clip(start.accelerate.path, 40)} says {', '.join(keys)}, and the program is given "
            f"{clip(start.named, 40)}",
            "accelerate takes DeepSpeed's settings from one of the two, and stops where both have some.",
            release=release,
            place=start.place,
        )


def _inline(
    yaml: Mapping[str, Node], launch: Launch, total: Count, start: Start, release: Release
) -> Iterator[Note]:
    """Yield numbers of accelerate's configuration that the program's arguments contradict."""
    if accelerate_run.text(yaml, "distributed_type") != "DEEPSPEED" or start.accelerate is None:
        return
    inside = accelerate_run.inside(yaml)
    config: dict[str, Any] = {}
    for name in (arguments.STEPS, "gradient_clipping"):
        text = accelerate_run.text(inside, name)
        try:
            config[name] = float(text)
        except ValueError:
            continue
    for fact, value in arguments.contradictions(config, list(arguments.said(launch, total))):
        yield note(
            f"launch/contradiction/{fact.path}",
            "warning",
            f"{clip(start.accelerate.path, 40)} has {fact.path} {value:g}, {_shown(fact)}",
            "transformers' Trainer stops where the two differ; a program with an Accelerator of its own "
            f"takes the number of the file. Remove {fact.path} there, or write auto.",
            do="",
            release=release,
            place=start.place,
            text=fact.argument,
            certainty="needs-verification",
            verify="Which of the two is meant?",
        )


def _precision(
    config: Mapping[str, Any], launch: Launch, start: Start, release: Release
) -> Iterator[Note]:
    text = launch.options.get("mixed_precision")
    wanted = (text.known or "") if text is not None else ""
    other = {"fp16": "bf16", "bf16": "fp16", "fp8": "fp16"}.get(wanted)
    if other and arguments.look_up(config, f"{other}.enabled") is True:
        yield note(
            "launch/mixed-precision",
            "warning",
            f"--mixed_precision {wanted} is given, and {clip(start.named, 40)} enables {other}",
            "accelerate stops, unless the program chooses the precision itself.",
            release=release,
            place=start.place,
            certainty="needs-verification",
            verify="Whether the program gives Accelerator a mixed_precision.",
        )
