"""
What is trained: a decoder of some thousand random weights, on tokens that follow a rule.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from .isolate import Wrong

VOCABULARY = 64
LENGTH = 16
STEPS = 10


def seed() -> None:
    """
    Make what is random the same in every run.
    """
    importlib.import_module("torch").manual_seed(0)


def model() -> Any:
    """
    A Llama with random weights, the same in every run.
    """
    transformers = importlib.import_module("transformers")
    seed()
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return transformers.LlamaForCausalLM(config)


def tokens(rows: int) -> list[list[int]]:
    """
    Sequences that count up from somewhere in strides of three, which is quickly learnt.
    """
    most = VOCABULARY - 3
    return [[3 + (row * 7 + 3 * place) % most for place in range(LENGTH)] for row in range(rows)]


class Sequences:
    """
    The data set of a trainer.
    """

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        torch = importlib.import_module("torch")
        ids = torch.tensor(tokens(len(self))[index], dtype=torch.long)
        return {"input_ids": ids, "labels": ids.clone(), "attention_mask": torch.ones_like(ids)}


def batch(size: int = 8) -> dict[str, Any]:
    """
    The first sequences, stacked.
    """
    torch = importlib.import_module("torch")
    rows = [Sequences()[index] for index in range(size)]
    return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}


def arguments(folder: str, **more: Any) -> Any:
    """
    `TrainingArguments` of our training.
    """
    transformers = importlib.import_module("transformers")
    return settings(transformers.TrainingArguments, folder, **more)


def settings(kind: Any, folder: str, **more: Any) -> Any:
    """
    Make arguments of this kind, with only those settings that the release knows.
    """
    known = kind.__dataclass_fields__
    wanted: dict[str, Any] = {
        "output_dir": folder,
        "max_steps": STEPS,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        # On, it shows a loss that is NaN as 0.0.
        "logging_nan_inf_filter": False,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "seed": 0,
        "dataloader_pin_memory": False,
        **more,
    }
    return kind(**{key: value for key, value in wanted.items() if key in known})


def logged(trainer: Any) -> list[float]:
    """
    The losses a trainer has logged, one a step.
    """
    return [
        round(float(entry["loss"]), 3) for entry in trainer.state.log_history if "loss" in entry
    ]


def judge(losses: list[float], *, steps: int = STEPS) -> None:
    """
    Finite, above zero, and falling; else it is wrong.
    """
    result = {"losses": losses}
    if len(losses) != steps:
        raise Wrong(f"{len(losses)} losses were logged for {steps} steps", result)
    for number, loss in enumerate(losses, 1):
        if not math.isfinite(loss):
            raise Wrong(f"the loss is {loss} in step {number}", result)
        if loss <= 0:
            raise Wrong(f"the loss is {loss:g} in step {number}", result)
    head, tail = losses[:3], losses[-3:]
    if steps > 5 and sum(tail) >= 0.97 * sum(head):
        raise Wrong(
            f"the loss does not fall: {losses[0]:.3f} at first, {losses[-1]:.3f} at last", result
        )
    begin = math.log(VOCABULARY)
    if not begin / 1.4 < losses[0] < begin * 1.4:
        # What a model that knows nothing yet has to show.
        raise Wrong(f"the first loss is {losses[0]:.3f}, not about {begin:.2f}", result)


def loss_of(trained: Any) -> float:
    """
    The loss on one fixed batch, without training.
    """
    torch = importlib.import_module("torch")
    trained.eval()
    with torch.no_grad():
        return float(trained(**batch()).loss)


def same(before: float, after: float) -> None:
    """
    What was loaded gives the loss of what was saved; else it is wrong.
    """
    if not abs(before - after) <= 1e-4:
        raise Wrong(f"the loss is {after:.4f} after loading, and was {before:.4f} before saving")
