"""
Training records: one line, or one JSON object, with a loss.

Read as the programs write them: Hugging Face Trainer (a printed dict: numbers; from 5.0 on numbers as
text), trainer_state.json (NaN as a bare word), LLaMA-Factory's trainer_log.jsonl, ms-swift's
logging.jsonl, Megatron-LM and Megatron-DeepSpeed, and the mmengine loggers of xtuner.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envcheck.diagnose.shapes import Handler, Where

TRAINER: Final = "Hugging Face Trainer before 4.38, or without a gradient norm"
TRAINER_NORM: Final = "Hugging Face Trainer 4.38 to 4.57"
TRAINER_5: Final = "Hugging Face Trainer 5"
JSON: Final = "JSON records"
STATE: Final = "trainer_state.json"
FACTORY: Final = "LLaMA-Factory trainer_log.jsonl"
SWIFT: Final = "ms-swift"
MEGATRON: Final = "Megatron"
MMENGINE: Final = "mmengine"

_RANKS: Final = 4096
_FIELDS: Final = 400
"Fields of one JSON object over several lines; more than any record has."

_KEYS: Final = (
    b"loss",
    b"gradnorm",
    b"learningrate",
    b"lr",
    b"epoch",
    b"step",
    b"evalloss",
    b"trainloss",
    b"trainruntime",
    b"reward",
)
_VALUES: Final = (b"", b"e", b"NaN", b"nan", b"Infinity", b"inf")
"The letters of a number: none, those of an exponent, or what is no number."

_OBJECT: Final = re.compile(rb"\{[^{}]*\}")
_PAIR: Final = re.compile(
    rb"""['"]([^'"{}:,]{1,80})['"]\s*:\s*(?:(['"])([^'"]*)\2|tensor\(\s*([^,)\s]+)[^)]*\)|([^\s,}\]]+))"""
)
_USUAL: Final = re.compile(
    rb"\{'loss': ('?)([\w.+-]+)\1, (?:'grad_norm': '?([\w.+-]+)'?, )?'learning_rate': '?([\w.+-]+)'?, "
    rb"'epoch': '?([\w.+-]+)'?\}"
)
"Nearly every record of Hugging Face Trainer; read without taking it apart."
_PREFIX: Final = re.compile(rb"^\s*(?:\[(?:rank|default)?\d+\]:|[\w.-]{1,64}:)\s")
_LINE_OF_JSON: Final = re.compile(rb"""^\s*"([^"]{1,80})"\s*:\s*("?)([\w.+-]+)"?\s*,?\s*$""")
_MEGATRON: Final = re.compile(rb"iteration\s+(\d+)\s*/\s*\d+\s*\|(.{0,4000})", re.DOTALL)
_MMENGINE: Final = re.compile(
    rb"\b(?:Epoch|Iter)\s?(?:\(train\))?\s+\[[\d\]\[/\s]{1,60}\]\s+(?:base_lr: \S+\s+)?"
    rb"lr: ([\w.+-]+)(.{0,8000})",
    re.DOTALL,
)
_MMENGINE_LOSS: Final = re.compile(rb"[\s,]loss: ([\w.+-]+)")
_MMENGINE_NORM: Final = re.compile(rb"[\s,]grad_norm: ([\w.+-]+)")
_REINFORCED: Final = re.compile(
    rb"^(?:reward|kl$|completion|rewards/|objective/|policy/|frac_reward)"
)
_LIKELIHOODS: Final = (b"logps/", b"logits/")
"What preferences are trained on is counted by."


class Record(NamedTuple):
    """
    What a program logged of one step, or of a few.
    """

    loss: float | None
    "`None`: none was printed (Megatron prints none where it isn't a number)."
    norm: float | None = None
    rate: float | None = None
    epoch: float | None = None
    step: int | None = None
    reinforced: bool = False
    "A policy is trained, or preferences are: a loss near 0 says nothing."
    skipped: int = 0
    "Steps that were left out, as Megatron counts them."
    exact: bool = True
    "The norm is printed in full, not in four digits."
    hollow: bool = False
    "The log probabilities beside it are NaN."


class Evaluation(NamedTuple):
    """
    The loss on data that isn't trained on.
    """

    loss: float


class Summary(NamedTuple):
    """
    What Hugging Face Trainer prints when a run has ended.
    """

    loss: float


class Records:
    """
    Finds records in lines and hands them on.
    """

    def __init__(self, take: Callable[[Record | Evaluation | Summary, Where], object]) -> None:
        self._take = take
        self._open: dict[bytes, bytes] = {}
        self._rank: bytes | None = None
        self.ranks: set[bytes] = set()
        "What marks the lines of a process, for each that wrote a record."
        self.styles: dict[str, int] = {}
        "How many records were written in which style."

    def watched(self) -> list[tuple[bytes, Handler]]:
        """
        Return the texts that a line with a record contains.
        """
        return [
            (b"loss", self.line),
            (b"elapsed time per iteration", self.megatron),
            (b"data_time", self.mmengine),
        ]

    def exact(self) -> list[tuple[bytes, Handler]]:
        """
        Return the letters of the lines over which a JSON object is spread.
        """
        return [(key + value, self.spread) for key in _KEYS for value in _VALUES]

    def line(self, text: bytes, where: Where) -> None:
        """
        Take the records that stand in one line as a dict or a JSON object.
        """
        if b'"log_history"' in text and self.styles:
            return  # ms-swift ends with all records once more
        usual = _USUAL.search(text)
        if usual is not None and text.count(b"{") == 1 and self._plain(usual, text, where):
            return
        for found in _OBJECT.finditer(text):
            whole = found[0]
            if b"loss" not in whole:
                continue
            fields: dict[bytes, bytes] = {}
            quoted = False
            for key, quote, inside, tensor, bare in _PAIR.findall(whole):
                fields[key] = inside if quote else tensor or bare
                quoted = quoted or (key == b"loss" and quote != b"")
            if self._followed(text[: found.start()]):
                self._use(fields, where, style(fields, whole, quoted=quoted))

    def _plain(self, usual: re.Match[bytes], text: bytes, where: Where) -> bool:
        """Take a record of the usual kind, the quick way; False: its numbers are none."""
        quote, loss, norm, rate, epoch = usual.groups()
        try:
            record = Record(
                float(loss),
                None if norm is None else float(norm),
                float(rate),
                float(epoch),
                None,
                False,
                0,
                not quote,
            )
        except ValueError:
            return False
        start = usual.start()
        if (start or self._rank != b"") and not self._followed(text[:start]):
            return True
        written = TRAINER_5 if quote else TRAINER if norm is None else TRAINER_NORM
        self.styles[written] = self.styles.get(written, 0) + 1
        self._take(record, where)
        return True

    def spread(self, text: bytes, where: Where) -> None:
        """
        Take one field of a JSON object that is spread over lines; its last one is `step`.
        """
        found = _LINE_OF_JSON.match(text)
        if found is None:
            return
        key, _, value = found.groups()
        if key in self._open or len(self._open) > _FIELDS:
            self._close(where)
        self._open[key] = value
        if key == b"step":
            self._close(where)

    def _close(self, where: Where) -> None:
        fields, self._open = self._open, {}
        self._use(fields, where, STATE)

    def megatron(self, text: bytes, where: Where) -> None:
        """
        Take a line of Megatron's.
        """
        found = _MEGATRON.search(text)
        if found is None or b"number of skipped iterations:" not in found[2]:
            return  # a line that was cut off
        fields = {}
        for part in found[2].split(b"|"):
            key, _, value = part.partition(b":")
            fields[key.strip()] = value.strip()
        skipped = int(number(fields.get(b"number of skipped iterations")) or 0)
        nans = number(fields.get(b"number of nan iterations")) or 0
        loss = number(fields.get(b"lm loss", fields.get(b"lm_loss")))
        if nans > 0 and loss is None:
            loss = float("nan")
        self._emit(
            Record(
                loss,
                number(fields.get(b"grad norm")),
                number(fields.get(b"learning rate")),
                step=int(found[1]),
                skipped=skipped,
                exact=False,
            ),
            where,
            MEGATRON,
        )

    def mmengine(self, text: bytes, where: Where) -> None:
        """
        Take a line of mmengine's or mmcv's logger.
        """
        found = _MMENGINE.search(text)
        loss = found and _MMENGINE_LOSS.search(found[2])
        if found is None or loss is None:
            return
        norm = _MMENGINE_NORM.search(found[2])
        record = Record(
            number(loss[1]), number(norm[1]) if norm else None, number(found[1]), exact=False
        )
        self._emit(record, where, MMENGINE)

    def _followed(self, before: bytes) -> bool:
        """Follow one process only: with all of them, every step would count several times."""
        mark = b""
        if before:
            found = _PREFIX.match(before)
            mark = found[0].strip() if found else b""
        if len(self.ranks) < _RANKS:
            self.ranks.add(mark)
        if self._rank is None:
            self._rank = mark
        return mark == self._rank

    def _use(self, fields: Mapping[bytes, bytes], where: Where, written: str) -> None:
        found = understood(fields, exact=written != TRAINER_5)
        if isinstance(found, Record):
            self._emit(found, where, written)
        elif found is not None:
            self._take(found, where)

    def _emit(self, record: Record, where: Where, written: str) -> None:
        self.styles[written] = self.styles.get(written, 0) + 1
        self._take(record, where)


def understood(
    fields: Mapping[bytes, bytes], *, exact: bool = True
) -> Record | Evaluation | Summary | None:
    """
    Return what the fields of a record say; `None`: they are something else.

    Args:
        exact: The numbers are printed in full, not in four digits.
    """
    loss = number(fields.get(b"loss"))
    if loss is not None:
        rate = number(fields.get(b"learning_rate", fields.get(b"lr")))
        norm = number(fields.get(b"grad_norm"))
        epoch = number(fields.get(b"epoch"))
        step = _step(fields)
        if rate is None and norm is None and epoch is None and step is None:
            return None
        reinforced = any(map(_REINFORCED.match, fields))
        hollow = reinforced and any(
            value == b"nan" for key, value in fields.items() if key.startswith(_LIKELIHOODS)
        )
        return Record(loss, norm, rate, epoch, step, reinforced, 0, exact, hollow)
    other = number(fields.get(b"eval_loss"))
    if other is not None:
        return Evaluation(other)
    other = number(fields.get(b"train_loss"))
    return Summary(other) if other is not None and b"train_runtime" in fields else None


def style(fields: Mapping[bytes, bytes], whole: bytes, *, quoted: bool) -> str:
    """
    Tell which program writes a record like this one.
    """
    if b"current_steps" in fields:
        return FACTORY
    if b"global_step/max_steps" in fields:
        return SWIFT
    if whole[1:].lstrip().startswith(b'"'):
        return JSON
    if quoted:
        return TRAINER_5
    return TRAINER_NORM if b"grad_norm" in fields else TRAINER


def number(text: bytes | None) -> float | None:
    """
    Read a number as these programs print it; `None`: it is none.

    >>> number(b"nan"), number(b"Infinity"), number(b"2.999E-04"), number(b"None")
    (nan, inf, 0.0002999, None)
    """
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _step(fields: Mapping[bytes, bytes]) -> int | None:
    for key in (b"step", b"current_steps", b"global_step/max_steps", b"global_step"):
        digits = fields.get(key, b"").partition(b"/")[0]
        if digits.isdigit() and len(digits) < 16:
            return int(digits)
    return None
