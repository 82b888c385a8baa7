"""
What is logged while a training goes on -> what it proves, and when that has lasted long enough.

The proofs are those of `envcheck diagnose`; here is only how long one must stand before it counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.diagnose.log import Log
from envcheck.diagnose.records import Record, understood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.diagnose.log import Said
    from envcheck.diagnose.proof import Proof

SEARCH: Final = 20
"""Records that a loss scaler may need to find its scale: until then norms are inf, steps are left out, and
the learning rate stands at 0 in sound runs too, as long as the loss is a number."""
_STOPS: Final = frozenset(
    {
        "nan-behind-zero",
        "nan-behind-constant-norm",
        "nan-loss",
        "zero-loss",
        "nothing-to-learn",
        "skipped-steps",
        "overflow-loop",
        "nan-gradients",
    }
)
"Proofs that nothing is learned any more; others are only told, since such a run may recover."
_NUMBERS: Final = frozenset(
    {
        "loss",
        "grad_norm",
        "learning_rate",
        "lr",
        "epoch",
        "eval_loss",
        "train_loss",
        "train_runtime",
    }
)


class Sign(NamedTuple):
    """
    A proof that has stood for long enough to do something about it.
    """

    proof: Proof
    stops: bool
    "False: it is worth a warning only."


class Watch:
    """
    Keeps up with a run, record by record.
    """

    def __init__(self, patience: int, start: int = 0) -> None:
        """
        Start with a run of which nothing is known.

        Args:
            patience: Records in a row that must be bad.
            start: The step after which it goes on, where it is resumed.
        """
        self._patience = patience
        self._log = Log(())
        self._told: set[tuple[str, int | None]] = set()
        self._scale: float | None = None
        self._step = start
        self.suspicious = False
        "The last record is bad; it takes more of them to prove something."
        self.good_step: int | None = start or None
        "The last step up to which every step is known to have had a sound loss."
        self.skipped = 0
        "Steps in a row, up to now, that the optimizer left out."

    def take(self, logs: Mapping[str, Any], step: int | None) -> tuple[Sign, ...]:
        """
        Take in what was logged after a step.

        Returns:
            What has to be told now and wasn't before, the most serious first.
        """
        known, exact = fields(logs, step)
        found = understood(known, exact=exact)
        if found is None:
            return ()
        self._log.take(found)
        if not isinstance(found, Record):
            return ()
        self._note(found, step)
        return tuple(self._signs())

    def _note(self, record: Record, step: int | None) -> None:
        self.suspicious = not record.reinforced and (
            not record.loss
            or not math.isfinite(record.loss)
            or (record.norm is not None and not math.isfinite(record.norm))
        )
        if not self.suspicious and step is not None:
            # The loss of several steps is a mean, in which a NaN may be hidden.
            self.good_step = (step if step - self._step <= 1 else self._step) or None
        self._step = self._step if step is None else step

    def _signs(self) -> list[Sign]:
        signs = []
        for proof in self.said().proofs:
            key = (proof.id, proof.place.record if proof.place else None)
            if proof.severity == "info" or key in self._told or proof.times < self._needed(proof):
                continue
            self._told.add(key)
            signs.append(Sign(proof, proof.id in _STOPS))
        return sorted(signs, key=lambda sign: not sign.stops)

    def _needed(self, proof: Proof) -> int:
        """Return how many records (or lines) a proof must rest on."""
        if proof.id == "overflow-loop":
            return 1
        waits = proof.id == "skipped-steps" and "nan" not in proof.symptoms
        if waits or proof.id == "nan-gradients":
            return max(self._patience, SEARCH)
        return self._patience

    def step(self, *, skipped: bool, scale: float | None = None) -> None:
        """
        Take in how a step ended.

        Args:
            skipped: The optimizer left it out.
            scale: The loss scale afterwards, where the scaler looks for one; `None`: not known, or fixed.
        """
        self.skipped = self.skipped + 1 if skipped else 0
        if not skipped or scale is None:
            self._scale = None
            return
        before, self._scale = self._scale, scale
        if before is None:
            before = scale
            following = None
        else:
            # The same scale twice is a scaler that waits before it lowers it, unless that is its lowest.
            following = scale if before <= 1 else None
        self._log.overflows.add(before, following)

    def said(self) -> Said:
        """
        Return what the run says so far.
        """
        return self._log.said()


def fields(logs: Mapping[str, Any], step: int | None) -> tuple[dict[bytes, bytes], bool]:
    """
    Return a record as it would stand in a log, and whether its numbers are given in full.

    >>> fields({"loss": "0", "grad_norm": "1.414"}, 7)
    ({b'loss': b'0', b'grad_norm': b'1.414', b'step': b'7'}, False)
    """
    found: dict[bytes, bytes] = {}
    exact = True
    for key, value in logs.items():
        text = ""
        if key in _NUMBERS:
            exact = exact and not isinstance(value, str)
            try:
                text = value if isinstance(value, str) else repr(float(value))
            except (TypeError, ValueError, OverflowError, RuntimeError):
                continue
        found[str(key).encode("utf-8", "replace")] = text.encode("utf-8", "replace")
    if step is not None:
        found[b"step"] = str(step).encode()
    return found, exact
