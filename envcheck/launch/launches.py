"""
Commands that start a training: which launcher, with how many processes, for which program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.launch import slurm
from envcheck.launch.expand import UNKNOWN, Text
from envcheck.launch.given import arguments_of, options_of
from envcheck.launch.script import commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.launch.script import Command
    from envcheck.launch.slurm import Job

_WRAPPERS: Final = frozenset(
    [
        "srun",
        "env",
        "nohup",
        "exec",
        "time",
        "command",
        "sudo",
        "stdbuf",
        "timeout",
        "numactl",
        "nice",
        "setsid",
        "singularity",
        "apptainer",
        "docker",
        "podman",
        "mpirun",
        "mpiexec",
        "ssh",
        "pdsh",
        "conda",
        "mamba",
        "micromamba",
        "uv",
        "poetry",
        "pipenv",
        "xvfb-run",
        "nsys",
        "ncu",
        "py-spy",
        "parallel",
    ]
)
"What a launcher may stand behind; behind a -- it may be anything that hands a command on."
_ELSEWHERE: Final = ("srun", "mpirun", "mpiexec", "ssh", "pdsh", "parallel", "docker", "podman")
_PYTHON: Final = re.compile(r"(?:.*/)?python[0-9.]*")
_MODULES: Final = {
    "torch.distributed.run": "torchrun",
    "torch.distributed.launch": "torchrun",
    "accelerate.commands.launch": "accelerate",
    "accelerate.commands.accelerate_cli": "accelerate",
    "deepspeed.launcher.runner": "deepspeed",
}
_MOST: Final = 64
"Commands of a script that are looked at; nobody writes so many by hand."


class Launch(NamedTuple):
    """
    One command that starts a training.
    """

    line: int
    launcher: str
    "torchrun | deepspeed | accelerate | srun | python"
    options: Mapping[str, Text]
    "Those of the launcher, with _ for -; an empty text: a switch."
    program: str
    "May hold what isn't known."
    arguments: Mapping[str, Text]
    "Those of the program, in the same way."
    whole: bool
    "False: there are words that aren't known, so an option that isn't here may be given."
    folder: str
    variables: Mapping[str, Text]
    under: str
    "What the launcher stands behind, of what starts it more than once or elsewhere; mostly empty."
    job: Job
    own_job: frozenset[str]
    "Options given to `srun` itself."


class Script(NamedTuple):
    """
    What a script starts.
    """

    launches: tuple[Launch, ...]
    job: Job
    writes: frozenset[str]
    "Files that it writes itself."


def read(text: str, folder: str) -> Script:
    """
    Read a shell or Slurm script.

    Args:
        text: The script.
        folder: Where it is.
    """
    job = slurm.job(text)
    found: list[Launch] = []
    writes: set[str] = set()
    for command in commands(text, folder, job.variables()):
        writes.update(command.writes[:8])
        if len(found) < _MOST:
            found += _launches(command, job)
    return Script(tuple(found), job, frozenset(writes))


def _launches(command: Command, job: Job) -> Iterator[Launch]:
    words = command.words
    at = 0
    while at < len(words) and (_is_setting(words[at].text) or words[at].text == UNKNOWN):
        at += 1
    if at == len(words):
        return
    own = dict(command.variables)
    for word in words[:at]:
        if _is_setting(word.text):
            name, _, value = word.text.partition("=")
            own[name] = Text(value, word.sure)
    first = words[at].text.rpartition("/")[2]
    handed_on = next((place for place, word in enumerate(words) if word.text == "--"), len(words))
    for start in range(at, min(len(words), at + 80)):
        if start > at and first not in _WRAPPERS and start <= handed_on:
            continue
        if start > at and _is_setting(words[start].text):
            name, _, value = words[start].text.partition("=")
            own[name] = Text(value, words[start].sure)
        kind, after = _launcher(words, start)
        if not kind or (kind == "python" and start < handed_on < len(words)):
            continue
        before = [word.text.rpartition("/")[2] for word in words[:start]]
        under = next((each for each in before if each in _ELSEWHERE), "")
        own_job: Mapping[str, str] = {}
        if under == "srun":
            job, own_job = slurm.of_srun(job, [word.text for word in words[:start]])
        if kind in {"python", "srun"}:
            kind = "srun" if under == "srun" else "python"
        read_ = options_of(words[after:], kind)
        if read_ is None:
            return
        options, rest, whole = read_
        program = rest[0].text if rest else ""
        arguments, all_known = arguments_of(rest[1:])
        yield Launch(
            command.line,
            kind,
            options,
            program,
            arguments,
            whole and all_known,
            command.folder,
            own,
            under,
            job,
            frozenset(own_job),
        )
        return


def _is_setting(text: str) -> bool:
    name, equals, _ = text.partition("=")
    return bool(equals) and name.isidentifier()


def _launcher(words: Sequence[Text], at: int) -> tuple[str, int]:
    """Return which launcher a word names, and where its options begin; empty: none."""
    word = words[at].text
    name = word.rpartition("/")[2]
    if name in {"torchrun", "deepspeed"}:
        return name, at + 1
    following = words[at + 1].text if at + 1 < len(words) else ""
    if name == "accelerate" and following == "launch":
        return "accelerate", at + 2
    if not _PYTHON.fullmatch(word) and UNKNOWN not in word:
        return "", 0
    there = at + 1
    while there < len(words) and re.fullmatch(
        r"-[uBOsEIWX]+|-Xfrozen_modules=\w+", words[there].text
    ):
        there += 1
    option = words[there].text if there < len(words) else ""
    if option == "-m" and there + 1 < len(words):
        kind = _MODULES.get(words[there + 1].text, "")
        skip = 1 if words[there + 1].text.endswith("accelerate_cli") else 0
        return (kind, there + 2 + skip) if kind else ("", 0)
    if _PYTHON.fullmatch(word) and option.endswith(".py"):
        return "python", there
    return "", 0
