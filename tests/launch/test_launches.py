from __future__ import annotations

import pytest

from envcheck.launch import launches
from envcheck.launch.sizes import Sizes, sizes
from envcheck.launch.slurm import Job, job


def only(text: str) -> launches.Launch:
    """
    Return the one launch of a script.
    """
    (found,) = launches.read(text, ".").launches
    return found


@pytest.mark.parametrize(
    ("text", "launcher", "program"),
    [
        pytest.param("torchrun --standalone train.py --x 1", "torchrun", "train.py", id="torchrun"),
        pytest.param(
            "torchrun --nnodes 1 -m pkg.train --x", "torchrun", "pkg.train", id="a module"
        ),
        pytest.param("A=1 python3 -u -m torch.distributed.run a.py", "torchrun", "a.py", id="run"),
        pytest.param(
            "python -m torch.distributed.launch --use_env a.py", "torchrun", "a.py", id="launch"
        ),
        pytest.param(
            "deepspeed --num_gpus=8 a.py --deepspeed", "deepspeed", "a.py", id="deepspeed"
        ),
        pytest.param("nohup deepspeed -H hosts a.py", "deepspeed", "a.py", id="behind nohup"),
        pytest.param(
            "accelerate launch --use_deepspeed a.py", "accelerate", "a.py", id="accelerate"
        ),
        pytest.param("srun -N 2 torchrun a.py", "torchrun", "a.py", id="behind srun"),
        pytest.param("srun -n 8 python a.py", "srun", "a.py", id="srun"),
        pytest.param("srun bash -c 'torchrun a.py'", "torchrun", "a.py", id="a shell behind srun"),
        pytest.param("python submit.py -- torchrun a.py", "torchrun", "a.py", id="behind a --"),
        pytest.param("$RUN torchrun a.py", "torchrun", "a.py", id="behind what isn't known"),
        pytest.param("python a.py --deepspeed z.json", "python", "a.py", id="python alone"),
    ],
)
def test_a_command_that_starts_a_training_is_found(text: str, launcher: str, program: str) -> None:
    found = only(text)

    assert (found.launcher, found.program) == (launcher, program)


@pytest.mark.parametrize(
    "text",
    [
        "pip install deepspeed",
        "echo torchrun a.py",
        "which deepspeed",
        "# torchrun a.py",
        "deepspeed --help",
        "cat <<E\ntorchrun a.py\nE",
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert not launches.read(text, ".").launches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("torchrun --nnodes 2 --nproc_per_node 8 a.py", (2, 8, 16), id="torchrun"),
        pytest.param(
            "torchrun --nnodes=2:2 --nproc-per-node=4 a.py", (2, 4, 8), id="a range of one"
        ),
        pytest.param(
            "torchrun --nnodes=1:4 --nproc_per_node=4 a.py", (None, 4, None), id="elastic"
        ),
        pytest.param("torchrun --nproc_per_node gpu a.py", (1, None, None), id="all GPUs"),
        pytest.param("torchrun a.py", (1, 1, 1), id="nothing said"),
        pytest.param("torchrun --nproc_per_node 99999999 a.py", (1, None, None), id="too many"),
        pytest.param("deepspeed --num_gpus 4 a.py", (1, 4, 4), id="deepspeed"),
        pytest.param("deepspeed --include localhost:1,3 a.py", (1, 2, 2), id="include"),
        pytest.param("deepspeed --include worker-0:1,3 a.py", (1, None, None), id="another host"),
        pytest.param("CUDA_VISIBLE_DEVICES=0,1,2 deepspeed a.py", (1, 3, 3), id="visible"),
        pytest.param("deepspeed a.py", (1, None, None), id="all of this machine"),
        pytest.param(
            "accelerate launch --num_processes 16 --num_machines 2 a.py",
            (2, 8, 16),
            id="accelerate",
        ),
        pytest.param(
            "#SBATCH -N 2\n#SBATCH --ntasks-per-node=4\nsrun python a.py", (2, 4, 8), id="srun"
        ),
        pytest.param("#SBATCH -N 2\nsrun -n 6 python a.py", (2, 3, 6), id="srun's own number"),
        pytest.param(
            "#SBATCH -N4\ntorchrun --nnodes $SLURM_NNODES a.py", (4, 1, 4), id="Slurm's name"
        ),
    ],
)
def test_nodes_and_processes_are_counted(text: str, expected: tuple[int | None, ...]) -> None:
    found = sizes(only(text), None, None)

    assert tuple(each.value for each in found) == expected


def test_numbers_of_a_command_with_unknown_words_are_not_sure() -> None:
    found: Sizes = sizes(only("torchrun --nproc_per_node 8 $MORE a.py"), None, None)

    assert (found.total.value, found.total.sure) == (8, False)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("#SBATCH --nodes=2 --gres=gpu:a100:8", Job(2, gpus_each=8, line=2), id="gres"),
        pytest.param("#SBATCH -N 2\n#SBATCH -G 16", Job(2, gpus=16, line=2), id="letters"),
        pytest.param("#SBATCH --nodes=1-4", Job(line=2), id="a range"),
        pytest.param("#SBATCH -n 8\nls\n#SBATCH -N 2", Job(tasks=8, line=2), id="too late"),
        pytest.param("#SBATCH --gpus-per-node=h100:4", Job(gpus_each=4, line=2), id="a kind"),
        pytest.param("# SBATCH -N 2", Job(), id="a comment"),
    ],
)
def test_the_lines_for_slurm_are_read(lines: str, expected: Job) -> None:
    assert job(f"#!/bin/bash\n{lines}\n") == expected


def test_a_program_s_arguments_are_read_as_argparse_reads_them() -> None:
    found = only("torchrun a.py --bf16 True --x=1 --flag --lr -1 --x 2 --per-device 4 # c")

    assert {name: text.text for name, text in found.arguments.items()} == {
        "bf16": "True",
        "x": "2",
        "flag": "",
        "lr": "-1",
        "per_device": "4",
    }
    assert found.whole
