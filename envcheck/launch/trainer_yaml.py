"""
Arguments of a trainer that are kept as YAML and name a DeepSpeed configuration, as LLaMA-Factory's are.

Who starts it, and on how many processes, is said elsewhere; what it says of settings is TrainingArguments'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.launch.expand import Text
from envcheck.launch.launches import Launch
from envcheck.launch.located import is_file
from envcheck.launch.slurm import Job
from envcheck.matrix import strict_yaml

if TYPE_CHECKING:
    from envcheck.matrix.texts import Problem

KIND: Final = "yaml"
"""The launcher of such a file, which starts nothing by itself."""
_NAMES: Final = ("deepspeed", "deepspeed_config")


def read(text: str, file: str) -> Launch | None:
    """
    Return a file's arguments; `None`: it isn't one that names a DeepSpeed configuration.
    """
    if not any(f"{name}:" in text for name in _NAMES):
        return None
    problems: list[Problem] = []
    node = strict_yaml.parse(text, file, problems)
    if node is None or not isinstance(node.value, dict):
        return None
    given = {name: each for name, each in node.value.items() if isinstance(each.value, str)}
    named = next((name for name in _NAMES if name in given and is_file(given[name].value)), None)
    if named is None:
        return None
    return Launch(
        line=given[named].line,
        launcher=KIND,
        options={},
        program="",
        arguments={name.replace("-", "_"): Text(each.value) for name, each in given.items()},
        whole=True,
        folder=".",
        variables={},
        under="",
        job=Job(),
        own_job=frozenset(),
    )
