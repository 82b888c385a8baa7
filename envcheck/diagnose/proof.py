"""
One thing that a log proves, and what decides where it doesn't.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from envcheck.diagnose.patterns import Place, Streak

FEW: Final = 3
"Records in a row from which on chance is out of the question."

FILTER: Final = (
    "Run 10 steps with logging_steps 1 and logging_nan_inf_filter False: where 0.0 stood, nan "
    "proves it."
)
OVERLAP: Final = (
    "Run the first steps again with overlap_comm false, then with stage 3 (dense models only), then on a "
    "single GPU: the first that stays clean names the side."
)
LABELS: Final = (
    "Take the first batch from the data loader and count the labels that are not -100, row by row: a row "
    "with none makes the loss NaN (chat template, maximum length, completion-only masking)."
)
PRECISION: Final = (
    "Run the same steps in bf16, or in fp32 on a small model: fp16 can't hold the activations of models "
    "that were trained in bf16."
)
GRADIENTS: Final = (
    "Print which parameters have requires_grad, and one gradient after backward(); with gradient "
    "checkpointing and LoRA, call model.enable_input_require_grads() first."
)
OFFLOAD: Final = (
    "Move the optimizer to the CPU: envcheck config FILE --fix --offload writes such a DeepSpeed "
    "configuration; with --gpu-memory, --world-size and --model-config it says first whether it has to be."
)

TEMPLATE: Final = "Check that the conversation template (--version) is that of the base model."
RANKS: Final = "Run with TORCH_DISTRIBUTED_DEBUG=DETAIL; look which rank wrote its last line first."
HALVE: Final = "Halve the micro batch and double gradient_accumulation_steps."
KERNEL: Final = "Look at the kernel's messages of that minute: dmesg -T, or the job's accounting."
MOVED: Final = "Compare one parameter before and after a step, and the input of two batches."
ACCUMULATION: Final = (
    "Run the first steps with gradient_accumulation_steps 1: the loss must be the same."
)
CHECKPOINT: Final = (
    "Go back to the checkpoint before the rise and halve the learning rate; if it rises at the same step "
    "again, it is the data there, else the settings."
)

EXPERIMENTS: Final = {
    "filter": FILTER,
    "overlap": OVERLAP,
    "labels": LABELS,
    "precision": PRECISION,
    "gradients": GRADIENTS,
    "offload": OFFLOAD,
    "template": TEMPLATE,
    "ranks": RANKS,
    "halve": HALVE,
    "kernel": KERNEL,
    "moved": MOVED,
    "accumulation": ACCUMULATION,
    "checkpoint": CHECKPOINT,
}
"""By the names that the table of checks has for them."""


class Proof(NamedTuple):
    """
    One thing that a log proves, or nearly proves.
    """

    id: str
    certainty: str
    "certain | likely | note"
    severity: str
    "error | warning | info"
    title: str
    facts: tuple[str, ...]
    "Sentences: where, how often, why it follows."
    symptoms: tuple[str, ...] = ()
    "The matrix's words for it, the most specific first."
    experiments: tuple[str, ...] = ()
    "What decides, cheapest first."
    place: Place | None = None
    line: int = 0
    times: int = 0
    "Records, or lines."

    def at(self, streak: Streak) -> Proof:
        """
        Return it with the place where a streak begins, and its length.
        """
        return self._replace(place=streak.start, line=streak.start.line, times=streak.count)


def note(identifier: str, title: str, fact: str) -> Proof:
    """
    Return what is worth knowing and accuses nobody.
    """
    return Proof(identifier, "note", "info", title, (fact,))


def records(count: int) -> str:
    """
    Say how many.
    """
    return f"{count} record{'s' if count != 1 else ''}"


def since(streak: Streak) -> str:
    """
    Say from where on.
    """
    if streak.start.record == 1:
        return "from the first record on"
    return f"from {streak.start} on"


def before(streak: Streak) -> str:
    """
    Say what the loss was in front of a streak, as one more sentence.
    """
    loss = streak.before.loss if streak.before else None
    return "" if loss is None else f" The loss before was {loss:g}."


def first_or_later(streak: Streak) -> str:
    """
    Return the matrix's word for a loss of 0, by where it begins.
    """
    return "zero-from-first-step" if streak.start.record == 1 else "zero-after-first-step"
