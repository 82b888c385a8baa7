"""
What a guard tells when a training has gone wrong.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import visible
from envcheck.diagnose.proof import FILTER, LABELS, OVERLAP, PRECISION, Proof
from envcheck.training.weights import Weights, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envcheck.diagnose.answer import Answer
    from envcheck.diagnose.log import Said
    from envcheck.training.watch import Sign, Watch

_CHECKPOINT: Final = re.compile(r"checkpoint-(\d{1,15})")
_CERTAIN: Final = frozenset({"nan-behind-zero", "nan-loss"})
"Proofs that need no look at the weights."


class Alert(NamedTuple):
    """
    A proof that a training goes wrong, and what there is to know about it.
    """

    proof: Proof
    "The most serious of `proofs`: `id`, `certainty`, `title`, `facts`."
    stops: bool
    "Nothing is learned any more; False: such a run may recover."
    main: bool
    "This is the process that tells it (rank 0): only there are `answer` and `text` filled in."
    step: int | None
    good_step: int | None
    "The last step up to which every step is known to have had a sound loss; `None`: there is none."
    skipped: int
    "Steps in a row, up to this one, that the optimizer left out: they changed no weight."
    weights: Weights | None
    "`None`: nobody looked."
    checkpoint: str
    "The newest checkpoint folder from before `good_step`; empty: there is none."
    answer: Answer | None
    "Which entries of the matrix explain it here, and what to do; `None`: that couldn't be found out."
    text: str
    "All of it, as `envcheck diagnose` shows it."

    def __str__(self) -> str:
        """
        Say all of it, or the proof alone where no more is known.
        """
        return self.text or self.proof.title


def alert(
    sign: Sign,
    watch: Watch,
    *,
    step: int | None,
    main: bool,
    look: bool,
    args: Any = None,
    model: Any = None,
    optimizer: Any = None,
    matrix: Sequence[str] = (),
) -> Alert:
    """
    Put together what there is to know.

    Args:
        sign: What has been proven.
        watch: What has been seen of the run.
        step: The last one.
        main: This process tells it.
        look: Look at the weights.
        args: transformers' TrainingArguments, or nothing.
        model: What is trained, or nothing.
        optimizer: With what, or nothing.
        matrix: Directories on top of the built-in matrix.
    """
    seen = weights(model) if look and model is not None else None
    proof = with_weights(sign.proof, seen)
    found = Alert(
        proof=proof,
        stops=sign.stops,
        main=main,
        step=step,
        good_step=watch.good_step,
        skipped=watch.skipped,
        weights=seen,
        checkpoint=_checkpoint(getattr(args, "output_dir", None), watch.good_step),
        answer=None,
        text="",
    )
    if not main:
        return found
    others = [each for each in watch.said().proofs if each.id != sign.proof.id]
    said = watch.said()._replace(proofs=(proof, *others))
    origin = "the running training" + ("" if step is None else f", step {step}")
    try:
        answer = explained(said, origin, matrix, args=args, model=model, optimizer=optimizer)
    except Exception as error:  # noqa: BLE001 # whatever is wrong with the diagnosis, the training counts
        lines = [proof.title, *proof.facts, f"No entry could be looked up: {visible(str(error))}"]
        return found._replace(text=_text(found, "\n".join(lines)))
    return found._replace(answer=answer, text=_text(found, _rows(answer)))


def with_weights(proof: Proof, seen: Weights | None) -> Proof:
    """
    Add to a proof what a look at the weights says: it may settle what a log alone can't.
    """
    if seen is None or not seen.checked:
        return proof
    facts = (*proof.facts, str(seen))
    if not seen.bad or proof.id in _CERTAIN:
        return proof._replace(facts=facts)
    return proof._replace(
        certainty="certain",
        severity="error",
        experiments=tuple(each for each in proof.experiments if each != FILTER),
        title=proof.title.replace("almost certainly NaN", "it is NaN"),
        facts=facts,
        symptoms=tuple(dict.fromkeys((*proof.symptoms, "nan"))),
    )


def of_weights(seen: Weights, symptom: str) -> Proof:
    """
    Make a proof of weights that are no numbers, before the log shows it.
    """
    return Proof(
        "nan-weights",
        "certain",
        "error",
        f"{len(seen.bad)} of {seen.checked} parameters are no numbers any more",
        ("Weights that have become NaN don't recover: go back to a checkpoint from before it.",),
        (symptom, "nan"),
    )


def explained(
    said: Said,
    origin: str,
    matrix: Sequence[str] = (),
    *,
    args: Any = None,
    model: Any = None,
    optimizer: Any = None,
) -> Answer:
    """
    Put what a run says beside the matrix, as `envcheck diagnose` does, for the environment of this process.

    Raises:
        EnvcheckError: The matrix or the environment can't be read.
    """
    from envcheck.diagnose.answer import answer
    from envcheck.diagnose.command import entries, judged
    from envcheck.matrix.store import open_matrix
    from envcheck.options import CheckOptions
    from envcheck.training import here

    known = open_matrix(tuple(matrix))
    environment = here.environment(known, args=args, model=model, optimizer=optimizer)
    if here.DEEPSPEED not in environment.packages:
        said = said._replace(proofs=tuple(map(_without_deepspeed, said.proofs)))
    return answer(
        said,
        known,
        entries(known),
        origin=origin,
        environment=environment,
        report=judged(environment, known, CheckOptions()),
    )


def _without_deepspeed(proof: Proof) -> Proof:
    """Suggest what can be tried where DeepSpeed takes no part."""
    if OVERLAP not in proof.experiments:
        return proof
    others = [each for each in proof.experiments if each != OVERLAP]
    return proof._replace(experiments=tuple(dict.fromkeys((PRECISION, LABELS, *others))))


def _rows(answer: Answer) -> str:
    from envcheck.diagnose import report
    from envcheck.formats.text import plain

    return plain(report.rows(answer))


def _text(found: Alert, diagnosis: str) -> str:
    lines = [diagnosis.rstrip(), ""]
    if found.skipped:
        lines.append(f"The optimizer left out the last {found.skipped} steps.")
    if found.good_step is not None:
        lines.append(f"The loss is known to have been sound up to step {found.good_step}.")
    if found.checkpoint:
        lines.append(f"The newest checkpoint from before it: {visible(found.checkpoint)}")
    return "\n".join(lines).rstrip()


def _checkpoint(folder: Any, good: int | None) -> str:
    """Return the newest of transformers' checkpoints that is not newer than a step."""
    if not isinstance(folder, (str, os.PathLike)) or good is None:
        return ""
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    steps = [int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name))]
    newest = max((step for step in steps if step <= good), default=None)
    return "" if newest is None else os.path.join(folder, f"checkpoint-{newest}")
