"""
The options of a launcher, and the arguments of the program that it starts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from envcheck.launch.expand import UNKNOWN, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_SWITCHES: Final = {
    "torchrun": "standalone no_python use_env run_path help h",
    "deepspeed": "no_python no_local_rank no_ssh no_ssh_check force_multi save_pid elastic_training "
    "bind_cores_to_rank quiet q help h",
    "accelerate": "quiet q cpu multi_gpu tpu ipex enable_cpu_affinity dynamo_use_fullgraph "
    "dynamo_use_dynamic dynamo_use_regional_compilation use_deepspeed use_fsdp "
    "use_megatron_lm use_xpu same_network no_python tpu_cluster no_tpu_cluster "
    "tpu_use_sudo downcast_bf16 fp8_use_autocast_during_eval debug help h",
}
"Options of the launchers that take no value."
_SHORT: Final = {"H": "hostfile", "i": "include", "e": "exclude", "num_accelerators": "num_gpus"}


def options_of(
    words: Sequence[Text], kind: str
) -> tuple[dict[str, Text], Sequence[Text], bool] | None:
    """
    Return a launcher's options, its program with arguments, and whether all is known; `None`: no program.
    """
    found: dict[str, Text] = {}
    if kind in {"python", "srun"}:
        return found, words, True
    switches = _SWITCHES[kind].split()
    whole, at = True, 0
    while at < len(words):
        word = words[at]
        if word.text == UNKNOWN:
            whole = False
            at += 1
            continue
        if not word.text.startswith("-") or word.text in {"-", "--"}:
            at += word.text == "--"
            return found, words[at:], whole
        name, equals, value = word.text.lstrip("-").partition("=")
        name = name.replace("-", "_")
        name = _SHORT.get(name, name)
        if name in {"m", "module"} and not equals:
            return found, words[at + 1 :], whole
        following = words[at + 1].text if at + 1 < len(words) else "-"
        at += 1
        if equals:
            found[name] = Text(value, word.sure)
        elif name in switches or following.startswith("-") or following.endswith(".py"):
            found[name] = Text("", word.sure)
        else:
            found[name] = words[at]
            at += 1
    return None if whole else (found, (), False)


def arguments_of(words: Sequence[Text]) -> tuple[dict[str, Text], bool]:
    """
    Return a program's arguments, the last one where one is given twice, and whether all are known.
    """
    found: dict[str, Text] = {}
    whole, at = True, 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.text == UNKNOWN:
            whole = False
            found = {name: value._replace(sure=False) for name, value in found.items()}
            continue
        if not re.match(r"--?[A-Za-z]", word.text):
            continue
        name, equals, value = word.text.lstrip("-").partition("=")
        name = name.replace("-", "_")
        following = words[at].text if at < len(words) else "--end"
        if equals:
            found[name] = Text(value, word.sure)
        elif following == UNKNOWN or re.match(r"--?[A-Za-z]", following):
            found[name] = Text("" if following != UNKNOWN else UNKNOWN, word.sure)
            at += following == UNKNOWN and at < len(words)
        else:
            found[name] = words[at]
            at += 1
    return found, whole
