"""
What a job of Slurm is given: the `#SBATCH` lines of its script, and the options of `srun`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LETTERS: Final = {"N": "nodes", "n": "ntasks", "G": "gpus"}
_OPTION: Final = re.compile(r"--([a-z-]+)(?:[= ]\s*(\S+))?|-([NnG])[ =]?\s*(\S+)")
_GPUS: Final = re.compile(
    r"(?:gres/)?gpu(?:[:=][\w.-]*[A-Za-z][\w.-]*)?(?:[:=](\d{1,6}))?(?:\(.*\))?"
)


class Job(NamedTuple):
    """
    What is asked of Slurm; `None`: not asked, or not known.
    """

    nodes: int | None = None
    tasks: int | None = None
    tasks_each: int | None = None
    gpus: int | None = None
    gpus_each: int | None = None
    gpus_task: int | None = None
    line: int = 0
    "Of the first option; 0: there is none."

    @property
    def on_a_node(self) -> int | None:
        """
        Return how many processes `srun` starts on each node.
        """
        if self.tasks_each is not None:
            return self.tasks_each
        if self.tasks is None:
            return 1
        nodes = self.nodes or 1
        return None if self.tasks % nodes else self.tasks // nodes

    @property
    def gpus_of_a_node(self) -> int | None:
        """
        Return how many GPUs the job has on each node.
        """
        if self.gpus_each is not None:
            return self.gpus_each
        if self.gpus is not None and self.nodes and not self.gpus % self.nodes:
            return self.gpus // self.nodes
        if self.gpus_task is not None and self.on_a_node is not None:
            return self.gpus_task * self.on_a_node
        return None

    def variables(self) -> dict[str, str]:
        """
        Return what Slurm sets for the script.
        """
        tasks = self.tasks
        if tasks is None and self.tasks_each is not None and self.nodes is not None:
            tasks = self.tasks_each * self.nodes
        found = {
            "SLURM_NNODES": self.nodes,
            "SLURM_JOB_NUM_NODES": self.nodes,
            "SLURM_NTASKS": tasks,
            "SLURM_NPROCS": tasks,
            "SLURM_NTASKS_PER_NODE": self.tasks_each,
            "SLURM_GPUS_ON_NODE": self.gpus_of_a_node,
            "SLURM_GPUS_PER_NODE": self.gpus_each,
        }
        return {name: str(value) for name, value in found.items() if value is not None}


def job(text: str) -> Job:
    """
    Read the `#SBATCH` lines of a script; only those before its first command count.
    """
    found = Job()
    for number, line in enumerate(text.split("\n")[:2000], 1):
        if not line.strip():
            continue
        if not line.startswith("#"):
            break
        if line.startswith("#SBATCH"):
            options = line[7:].partition(" #")[0]
            found = given(found, options, found.line or number)
    return found


def given(before: Job, options: str, line: int = 0) -> Job:
    """
    Return a job with options on top of those it had.
    """
    fields: dict[str, int | None] = {}
    for match in _OPTION.finditer(options[:2000]):
        name = _LETTERS[match[3]] if match[3] else match[1]
        value = match[4] or match[2] or ""
        if name in _NUMBERS:
            fields[_NUMBERS[name]] = int(value) if re.fullmatch(r"\d{1,7}", value) else None
        elif name in {"gres", "gpus-per-node", "gpus", "gpus-per-task"}:
            field = {"gpus": "gpus", "gpus-per-task": "gpus_task"}.get(name, "gpus_each")
            fields[field] = _gpus(value, bare=name != "gres")
    changed = {key: value for key, value in fields.items() if line or value is not None}
    return before._replace(**changed, line=line or before.line) if fields else before


_NUMBERS: Final = {"nodes": "nodes", "ntasks": "tasks", "ntasks-per-node": "tasks_each"}


def _gpus(value: str, *, bare: bool) -> int | None:
    """
    Return a number of GPUs: `gpu:8`, `gpu:a100:8`, and where no kind is needed `8` and `a100:8`.

    >>> _gpus("gpu:8", bare=False), _gpus("gpu:a100:4", bare=False), _gpus("a100:2", bare=True)
    (8, 4, 2)
    """
    if bare:
        number = value.rpartition(":")[2]
        return int(number) if re.fullmatch(r"\d{1,6}", number) else None
    counts = [match for each in value.split(",") if (match := _GPUS.fullmatch(each))]
    return sum(int(match[1] or 1) for match in counts) if counts else None


def of_srun(before: Job, words: Iterable[str]) -> tuple[Job, Mapping[str, str]]:
    """
    Return the job as one `srun` uses it, and the options it was given.
    """
    text = " ".join(words)
    return given(before, text), {
        match[1] or match[3]: "" for match in _OPTION.finditer(text[:2000])
    }
