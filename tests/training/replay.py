"""
The story on a small scale: Trainers whose loss turns NaN at a step, with a guard and without one.

    python tests/training/replay.py FOLDER '{"name": {"first_bad": 3, …}, …}'

To be run in an environment with transformers. Of each run it leaves in the folder what the Trainer printed
(`NAME.log`) and what became of it (`NAME.json`).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from typing import Any

from envcheck.training import LossGuard, TrainingError


def small(first_bad: int) -> Any:
    """
    Make a model whose loss is multiplied by NaN from a step on; 0: never.
    """
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")

    class Small(transformers.LlamaForCausalLM):  # type: ignore[misc]
        step = 0

        def forward(self, input_ids: Any = None, labels: Any = None) -> Any:
            out = super().forward(input_ids=input_ids, labels=labels)
            Small.step += 1
            if first_bad and Small.step >= first_bad:
                out.loss = out.loss * float("nan")
            return out

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32,
    )
    return Small(config)


def rows() -> list[dict[str, Any]]:
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(0)
    made = [torch.randint(0, 64, (8,)) for _ in range(64)]
    return [{"input_ids": row, "labels": row.clone()} for row in made]


def told(alert: Any) -> dict[str, Any]:
    """
    Return what an alert says, as plain data.
    """
    packages = alert.answer.environment.packages
    return {
        "proof": alert.proof.id,
        "certainty": alert.proof.certainty,
        "step": alert.step,
        "good_step": alert.good_step,
        "weights": alert.weights and [len(alert.weights.bad), alert.weights.checked],
        "checkpoint": os.path.basename(alert.checkpoint),
        "text": alert.text,
        "entries": {each.id: each.status for each in alert.answer.explanations},
        "packages": {str(name): str(package.version) for name, package in packages.items()},
        "deepspeed_config": alert.answer.environment.deepspeed_config,
    }


def replay(folder: str, asked: dict[str, Any]) -> dict[str, Any]:
    """
    Train once.
    """
    transformers: Any = importlib.import_module("transformers")
    arguments = {
        "output_dir": folder,
        "max_steps": 16,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "report_to": [],
        "seed": 0,
        "use_cpu": True,
        "logging_steps": 1,
        "save_strategy": "no",
        **asked.get("arguments", {}),
    }
    if "deepspeed" in arguments:
        # Nothing is compiled for a collective that a single process has no use for.
        communication: Any = importlib.import_module("deepspeed.comm.torch")
        communication.build_shm_op = lambda: None
    alerts: list[Any] = []
    wished = asked.get("guard")
    guards = [LossGuard(on_bad=alerts.append, **wished)] if wished is not None else []
    trainer = transformers.Trainer(
        model=small(asked.get("first_bad", 0)),
        args=transformers.TrainingArguments(**arguments),
        train_dataset=rows(),
        callbacks=guards,
    )
    raised = ""
    try:
        trainer.train()
    except TrainingError as error:
        raised = str(error)
    return {
        "callback": all(isinstance(each, transformers.TrainerCallback) for each in guards),
        "engine": type(trainer.model_wrapped).__name__,
        "config": trainer.args.deepspeed,
        "steps": trainer.state.global_step,
        "losses": [each["loss"] for each in trainer.state.log_history if "loss" in each],
        "raised": raised,
        "alerts": [told(each) for each in alerts],
        "saved": sorted(each for each in os.listdir(folder) if each.startswith("checkpoint-")),
    }


def main(folder: str, runs: dict[str, Any]) -> None:
    for name, asked in runs.items():
        own = os.path.join(folder, name)
        os.makedirs(own)
        with (
            open(f"{own}.log", "w", encoding="utf-8") as log,
            contextlib.redirect_stdout(log),
        ):
            found = replay(own, asked)
        with open(f"{own}.json", "w", encoding="utf-8") as file:
            json.dump(found, file)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
