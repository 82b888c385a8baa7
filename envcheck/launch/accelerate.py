"""
The YAML by which accelerate starts DeepSpeed: what it refuses, and how it fits to the hostfile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from packaging.version import Version

from envcheck.clean import clip
from envcheck.launch import accelerate_keys as keys
from envcheck.launch import accelerate_run
from envcheck.launch.notes import Release, note
from envcheck.matrix import strict_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.launch.notes import Note
    from envcheck.matrix.strict_yaml import Node, Problem

NEWEST: Final = Version("1.15.0")


def release(version: Version | None) -> Release:
    """
    Return the rules of a release of accelerate; `None`: those of the newest.
    """
    return Release(version, NEWEST, "accelerate")


def read(text: str, file: str) -> tuple[dict[str, Node] | None, list[Note]]:
    """
    Return the file's keys, and what is wrong with it as YAML; `None`: it holds none.
    """
    problems: list[Problem] = []
    node = strict_yaml.parse(text, file, problems)
    if node is None or not isinstance(node.value, dict):
        why = problems[0].message if problems else "it holds no keys"
        line = problems[0].line if problems else 1
        bad = note(
            "accelerate/unreadable",
            "error",
            "The file is no accelerate configuration",
            f"Line {line}: {why}.",
            place=f"{file}:{line}",
        )
        return None, [bad]
    odd = [
        note(
            "accelerate/yaml",
            "warning",
            f"Line {each.line}: {each.message}",
            "accelerate may read something else here than is meant.",
            place=f"{file}:{each.line}",
        )
        for each in problems
    ]
    return node.value, odd


def examine(config: Mapping[str, Node], rules: Release, file: str) -> Iterator[Note]:
    """
    Yield what is wrong with a configuration in itself; an error means that accelerate stops.
    """
    if "SAGEMAKER" in accelerate_run.text(config, "compute_environment").upper():
        return
    yield from _unknown(config, rules, file)
    yield from _type(config, rules, file)
    yield from _deepspeed(config, rules, file)


def _where(rules: Release, file: str, node: Node | None, text: str = "") -> dict[str, Any]:
    place = f"{file}:{node.line}" if node else file
    return {"release": rules, "place": place, "text": text}


def _unknown(config: Mapping[str, Node], rules: Release, file: str) -> Iterator[Note]:
    from difflib import get_close_matches

    for name, node in config.items():
        if keys.known(name, rules):
            continue
        near = get_close_matches(name, keys.FIRST, 1)
        if name in keys.FIRST:
            hint = f"Other releases have it, from {keys.FIRST[name]} on; remove it, or install one of those."
        elif name in keys.DEEPSPEED:
            hint = "It belongs below deepspeed_config."
        elif name.startswith("fsdp_"):
            hint = "It belongs below fsdp_config."
        else:
            hint = f"Did you mean {near[0]}?" if near else "Remove it."
        newer = rules.newer and name not in keys.FIRST
        wrong = note(
            "accelerate/unknown-key",
            "warning" if newer else "error",
            f"{clip(name)} is no key of an accelerate configuration",
            f"accelerate stops at a key on the outermost level that it doesn't know. {hint}",
            instead=f"{near[0]}:" if near and name not in keys.FIRST else "",
            do="",
            certainty="needs-verification" if newer else "certain",
            verify=rules.doubt if newer else "",
            **_where(rules, file, node, name),
        )
        yield wrong._replace(by_hand=name not in keys.FIRST)


def _type(config: Mapping[str, Node], rules: Release, file: str) -> Iterator[Note]:
    kind = accelerate_run.text(config, "distributed_type")  # a bare NO is false to YAML, and passes
    if "distributed_type" not in config:
        yield note(
            "accelerate/no-distributed-type",
            "error",
            "distributed_type is missing",
            "accelerate stops without it.",
            instead="distributed_type: DEEPSPEED" if "deepspeed_config" in config else "",
            **_where(rules, file, None),
        )
    elif kind not in keys.TYPES and kind.lower() not in {"no", "off", "false"}:
        upper = kind.upper()
        yield note(
            "accelerate/wrong-distributed-type",
            "error",
            f"distributed_type can't be {clip(kind)!r}",
            f"One of: {', '.join(sorted(keys.TYPES))}.",
            instead=f"distributed_type: {upper}" if upper in keys.TYPES else "",
            do="",
            **_where(rules, file, config["distributed_type"], kind),
        )
    elif kind != "DEEPSPEED" and accelerate_run.inside(config):
        yield note(
            "accelerate/deepspeed-unused",
            "warning",
            f"distributed_type is {kind}, so deepspeed_config is not looked at",
            instead="distributed_type: DEEPSPEED",
            silent=True,
            **_where(rules, file, config["distributed_type"]),
        )


def _deepspeed(config: Mapping[str, Node], rules: Release, file: str) -> Iterator[Note]:
    from difflib import get_close_matches

    inside = accelerate_run.inside(config)
    for name, node in inside.items():
        near = get_close_matches(name, keys.DEEPSPEED, 1)
        if name not in keys.DEEPSPEED and near:
            yield note(
                "accelerate/unused-key",
                "warning",
                f"{clip(name)} below deepspeed_config has no effect",
                f"accelerate doesn't check these keys. Did you mean {near[0]}?",
                instead=f"{near[0]}:",
                do="",
                silent=True,
                **_where(rules, file, node, name),
            )
    if not accelerate_run.text(inside, "deepspeed_config_file") or not rules.since("0.16.0"):
        return
    both = [name for name in keys.INLINE if name in inside]
    if accelerate_run.text(config, "mixed_precision"):
        both.append("mixed_precision")
    if both:
        yield note(
            "accelerate/file-and-keys",
            "error",
            f"deepspeed_config_file is given, and also {', '.join(both)}",
            "The DeepSpeed configuration file has to say these itself: accelerate stops where both do.",
            **_where(rules, file, inside["deepspeed_config_file"]),
        )
