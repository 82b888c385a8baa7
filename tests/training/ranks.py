"""
Two processes, of which only the second sees NaN: a Trainer with a guard, and a loop with one.

    python -m torch.distributed.run --nproc_per_node 2 tests/training/ranks.py FOLDER '{"loop": false, …}'

To be run in an environment with transformers. Each process leaves `RANK.json` in the folder.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

from envcheck.training import LossGuard, TrainingError, check_param_groups

_RANK = int(os.environ.get("RANK", "0"))


def trained(folder: str, asked: dict[str, Any]) -> dict[str, Any]:
    """
    Let the Trainer train.
    """
    transformers: Any = importlib.import_module("transformers")
    replay: Any = importlib.import_module("replay")  # beside this script
    arguments = asked.get("arguments", {})
    if "deepspeed" in arguments:
        communication: Any = importlib.import_module("deepspeed.comm.torch")
        communication.build_shm_op = lambda: None  # compiling it takes a minute
    guard = LossGuard(**asked.get("guard", {}))
    trainer = transformers.Trainer(
        model=replay.small(asked["first_bad"] if _RANK == 1 else 0),
        args=transformers.TrainingArguments(
            **{
                "output_dir": folder,
                "max_steps": 8,
                "per_device_train_batch_size": 4,
                "learning_rate": 1e-2,
                "report_to": [],
                "use_cpu": "deepspeed" not in arguments,
                "ddp_backend": "gloo",
                "logging_steps": 1,
                "save_strategy": "no",
                **arguments,
            }
        ),
        train_dataset=replay.rows(),
        callbacks=[guard],
    )
    raised = False
    try:
        trainer.train()
    except TrainingError:
        raised = True
    return {
        "steps": trainer.state.global_step,
        "raised": raised,
        "alert": guard.alert and [guard.alert.proof.id, guard.alert.step, bool(guard.alert.text)],
        "engine": type(trainer.model_wrapped).__name__,
        "groups": str(check_param_groups(trainer.model_wrapped, trainer.optimizer)),
    }


def looped(asked: dict[str, Any]) -> dict[str, Any]:
    """
    Train in a loop whose processes wait for each other at every step.
    """
    torch: Any = importlib.import_module("torch")
    torch.distributed.init_process_group("gloo")
    guard = LossGuard(patience=2)
    for step in range(1, 9):
        torch.distributed.barrier()
        bad = _RANK == 1 and step >= asked["first_bad"]
        logs = {"loss": float("nan") if bad else 2.0 / step, "learning_rate": 1e-3}
        if guard.record(logs, step, main=_RANK == 0, together=True):
            break
    alert = guard.alert
    return {"steps": step, "alert": alert and [alert.proof.id, alert.step, bool(alert.text)]}


def main(folder: str, asked: dict[str, Any]) -> None:
    found = looped(asked) if asked.get("loop") else trained(folder, asked)
    with open(os.path.join(folder, f"{_RANK}.json"), "w", encoding="utf-8") as file:
        json.dump(found, file)
    torch: Any = importlib.import_module("torch")
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    # Now and then one of torch's threads outlives the interpreter's end and aborts the process
    # ("terminate called without an active exception"); what was to be shown is written by now.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
