"""
Single lines that say something about a run: skipped steps, versions, the DeepSpeed configuration, its end.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from envcheck.diagnose.records import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envcheck.diagnose.records import Record
    from envcheck.diagnose.shapes import Handler, Shapes, Where

_CONFIG: Final = 64 * 1024
"Bytes of a DeepSpeed configuration in a log."
_ATTEMPTED: Final = re.compile(
    rb"(?:Attempted loss scale: |reducing loss scale to )([\d.e+-]{1,40})(?:,? reducing to ([\d.e+-]{1,40}))?"
)
_STEPS: Final = re.compile(rb"\bstep=(\d{1,15}), skipped=(\d{1,15}), lr=")
_ACCUMULATION: Final = re.compile(
    rb"(?:Gradient Accumulation steps = |gradient_accumulation_steps \.+ )(\d{1,9})\b"
)
_DEEPSPEED: Final = re.compile(rb"DeepSpeed info: version=([\w.+-]{1,40})")
_TRANSFORMERS: Final = re.compile(rb'"transformers_version":\s*"([\w.+-]{1,40})"')
_LISTED: Final = re.compile(
    rb"^\s*-\s+`?([A-Za-z][\w-]{1,40})`?\s+version(?: \(GPU\?\))?:\s+v?(\d[\w.+!-]{0,40})"
)
_NAMES: Final = {"pytorch": "torch", "huggingface_hub": "huggingface-hub"}
_LISTABLE: Final = frozenset(
    [
        "accelerate",
        "bitsandbytes",
        "datasets",
        "deepspeed",
        "huggingface-hub",
        "llamafactory",
        "numpy",
        "peft",
        "safetensors",
        "tokenizers",
        "torch",
        "transformers",
        "triton",
        "trl",
        "vllm",
    ]
)
_INFINITE: Final = re.compile(rb"(:\s*-?)inf\b")
"As DeepSpeed's own encoder writes it; `steps_per_print` is that under a trainer."
_PYTHON: Final = re.compile(rb"/python(3\.\d{1,2})/(?:site|dist)-packages/")
_MEMORY: Final = re.compile(rb"\b(CUDA|HIP|NPU|XPU) out of memory\b")
_CAPACITY: Final = re.compile(
    rb"total capacity of ([\d.]{1,12} [GM]iB)|; ([\d.]{1,12} [GM]iB) total capacity"
)
_NAN: Final = re.compile(
    rb"(?<![\w/.-])['\"]?loss['\"]?\s?[:=]\s?(?:tensor\()?nan\b", re.IGNORECASE
)
"In a program's own words; not one of several losses."
_SIGNAL: Final = re.compile(
    rb"exits with return code = -(\d{1,3})\b|Signal (\d{1,3}) \(SIG[A-Z]{1,12}\) received"
    rb"|exitcode\s*: -(\d{1,3})\b"
)
SIGNALS: Final = {6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV"}
"Those that end a process against its will; SIGTERM is how launchers tidy up."


class Overflows:
    """
    Steps that a loss scaler left out because the gradients were no numbers in 16 bits.
    """

    def __init__(self) -> None:
        self.count = 0
        self.in_a_row = 0
        "Each with a lower scale than the one before, up to the last."
        self.scale: float | None = None
        "The last scale that was too large."
        self.line = 0
        self.bottom = False
        "It can't get lower."
        self.unscaled = 0
        "Left out where nothing is scaled (bf16, fp32), one after the other up to now."
        self._norm: float | None = None

    def take(self, text: bytes, where: Where) -> None:
        """
        Take an overflow.
        """
        for found in _ATTEMPTED.finditer(text):
            scale = number(found[1])
            if scale is not None:
                self.add(scale, number(found[2]), where.line())
                return
        if b"OVERFLOW! " in text and b"Skipping step." in text:
            self.count += 1
            self.unscaled += 1
            self.line = where.line()

    def after(self, record: Record) -> None:
        """
        Take a record: a sound one ends a row of steps that were left out.

        A norm that stands still is none: DeepSpeed shows one where gradients are not numbers.
        """
        norm, before = record.norm, self._norm
        self._norm = norm
        if not (self.unscaled and record.loss and math.isfinite(record.loss)):
            return
        if norm is None or (math.isfinite(norm) and norm != before):
            self.unscaled = 0

    def add(self, scale: float, following: float | None, line: int = 0) -> None:
        """
        Count one.

        Args:
            scale: The one that was too large.
            following: The one that takes its place; `None`: not known.
            line: Of the log; 0: seen in the run itself.
        """
        self.count += 1
        lower = self.scale is not None and scale < self.scale
        self.in_a_row = self.in_a_row + 1 if lower else 1
        self.bottom = self.bottom or following == scale or scale < 1
        self.scale, self.line = scale, line

    def minimum(self, text: bytes, where: Where) -> None:
        """
        Take the exception with which DeepSpeed gives up.
        """
        if b"Current loss scale already at minimum" in text:
            self.bottom = True
            self.line = self.line or where.line()


class Events:
    """
    What single lines tell.
    """

    def __init__(self, shapes: Callable[[], Shapes], begin: Callable[[], None]) -> None:
        """
        Start with nothing known.

        Args:
            shapes: What hands out the lines: a configuration takes all that follow.
            begin: Called when a run begins.
        """
        self._shapes, self._begin = shapes, begin
        self.overflows = Overflows()
        self.step = self.skipped = 0
        "As DeepSpeed counted them last."
        self.late_step = self.late_skipped = 0
        "How many were added between the last two counts."
        self.rate_unknown = 0
        "How often the learning rate couldn't be asked for, since no step had been made."
        self.mismatches = 0
        "Conversations whose labels were dropped."
        self.accumulation: int | None = None
        self.versions: dict[str, str] = {}
        self.python: str | None = None
        self.config: dict[str, Any] | None = None
        self.killed: tuple[str, int] | None = None
        "(by what, line)"
        self.nan_lines = 0
        "Lines that say in a program's own words that the loss is NaN."
        self.nan_first = self.nan_last = 0
        "The first of them, and the last."
        self.full: tuple[int, str] | None = None
        "(line, how much memory there is) where a GPU's was used up, after the last record."
        self.hung = 0
        "The line in which a collective operation is said to have timed out."
        self._model_config = False
        self._text = b""

    def watched(self) -> Iterator[tuple[bytes, Handler]]:
        """
        Yield the texts that these lines contain.
        """
        yield b"OVERFLOW", self.overflows.take
        yield b"Gradient overflow", self.overflows.take
        yield b"loss scale overflow", self.overflows.take
        yield b"Current loss scale already", self.overflows.minimum
        yield b"step=, skipped=, lr=", self._steps
        yield b"tried to get lr value", self._rate
        yield b"tokenization mismatch", self._mismatch
        yield b"Gradient Accumulation steps", self._accumulation
        yield b"gradient_accumulation_steps", self._accumulation
        yield b"Running training", lambda *_: self._begin()
        yield b"DeepSpeed info: version", self._deepspeed
        yield b"Model config", self._of_a_model
        yield b"transformers_version", self._transformers
        yield b"version", self._listed
        yield b"print] json", self._configuration
        yield b"print_user_config] json", self._configuration
        yield b"exits with return code", self._signal
        yield b"received", self._signal
        yield b"exitcode", self._signal
        yield b"out of memory", self._memory
        for text in (b"loss nan", b"loss NaN", b"Loss nan", b"Loss NaN", b"loss tensor nan"):
            yield text, self._nan
        yield b"Watchdog caught collective operation timeout", self._hang
        yield b"packages", self._package

    def after(self, record: Record) -> None:
        """
        Take a record: the training has gone on.
        """
        self.overflows.after(record)
        self.full = None

    def _nan(self, text: bytes, where: Where) -> None:
        if _NAN.search(text):
            self.nan_lines += 1
            self.nan_last = where.line()
            self.nan_first = self.nan_first or self.nan_last

    def _memory(self, text: bytes, where: Where) -> None:
        if self.full is None and _MEMORY.search(text):
            found = _CAPACITY.search(text)
            capacity = found and (found[1] or found[2])
            self.full = (where.line(), capacity.decode() if capacity else "")

    def _steps(self, text: bytes, _: Where) -> None:
        found = _STEPS.search(text)
        if found is not None:
            step, skipped = int(found[1]), int(found[2])
            again = step < self.step
            self.late_step = step if again else step - self.step
            self.late_skipped = skipped if again else skipped - self.skipped
            self.step, self.skipped = step, skipped

    def _rate(self, text: bytes, _: Where) -> None:
        self.rate_unknown += b"tried to get lr value before" in text

    def _mismatch(self, text: bytes, _: Where) -> None:
        self.mismatches += b"WARNING: tokenization mismatch" in text

    def _accumulation(self, text: bytes, _: Where) -> None:
        found = _ACCUMULATION.search(text)
        if found is not None:
            self.accumulation = int(found[1])

    def _deepspeed(self, text: bytes, _: Where) -> None:
        found = _DEEPSPEED.search(text)
        if found is not None:
            self.versions["deepspeed"] = found[1].decode()

    def _of_a_model(self, text: bytes, _: Where) -> None:
        self._model_config = self._model_config or b"Model config " in text

    def _transformers(self, text: bytes, _: Where) -> None:
        """Transformers prints a model's configuration with its own version; a file may hold another one."""
        found = _TRANSFORMERS.search(text)
        if found is not None and self._model_config:
            self._model_config = False
            self.versions["transformers"] = found[1].decode()

    def _listed(self, text: bytes, _: Where) -> None:
        found = _LISTED.match(text)
        if found is None:
            return
        name = found[1].decode().lower()
        name = _NAMES.get(name, name)
        if name == "python":
            self.python = found[2].decode()
        elif name in _LISTABLE:
            self.versions[name] = found[2].decode()

    def _package(self, text: bytes, _: Where) -> None:
        if self.python is None:
            found = _PYTHON.search(text)
            self.python = found[1].decode() if found else None

    def _configuration(self, text: bytes, _where: Where) -> None:
        """DeepSpeed prints what it was configured with, with the values that the trainer filled in."""
        _, begins, rest = text.partition(b"json = {")
        if begins:
            self._text = b"{" + rest + b"\n"
            self._shapes().grab = self._more_configuration

    def _more_configuration(self, text: bytes, _: Where) -> None:
        self._text += text + b"\n"
        done = text.rstrip() == b"}" or len(self._text) > _CONFIG
        if done:
            self._shapes().grab = None
            try:
                config = json.loads(_INFINITE.sub(rb"\1Infinity", self._text))
            except (ValueError, RecursionError):
                return
            self.config = config

    def _signal(self, text: bytes, where: Where) -> None:
        found = _SIGNAL.search(text)
        name = found and SIGNALS.get(int(found[1] or found[2] or found[3]))
        if name and self.killed is None:
            self.killed = (name, where.line())

    def _hang(self, text: bytes, where: Where) -> None:
        if b"Watchdog caught collective operation timeout" in text and not self.hung:
            self.hung = where.line()
