"""
A log, read once from its first line to its last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.diagnose import proofs
from envcheck.diagnose.errors import Errors
from envcheck.diagnose.events import Events
from envcheck.diagnose.patterns import Run
from envcheck.diagnose.records import Evaluation, Record, Records, Summary
from envcheck.diagnose.shapes import Shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envcheck.diagnose.errors import Seen
    from envcheck.diagnose.events import Overflows
    from envcheck.diagnose.patterns import Place
    from envcheck.diagnose.proof import Proof
    from envcheck.diagnose.shapes import Where

_KEPT: Final = 5
"Earlier runs with something wrong that are kept."


class Said(NamedTuple):
    """
    What a log says, as plain values.
    """

    lines: int
    bytes: int
    runs: int
    records: int
    evaluations: int
    ranks: int
    styles: tuple[str, ...]
    "Which programs wrote the records, the most frequent first."
    first: Place | None
    "Of the last run."
    proofs: tuple[Proof, ...]
    "Of the last run and of the log as a whole; errors first, in the order of the log."
    earlier: tuple[tuple[int, tuple[Proof, ...]], ...]
    "(number, proofs) of runs before the last one in which something was wrong."
    texts: Mapping[str, tuple[Seen, ...]]
    "Error texts of the matrix, by entry."
    exceptions: tuple[Seen, ...]
    "After the last record: those that ended the run."
    survived: tuple[Seen, ...]
    "Exceptions after which the training went on."
    versions: Mapping[str, str]
    python: str | None
    deepspeed_config: Mapping[str, Any] | None

    def recognised(self) -> bool:
        """
        Tell whether there was anything that could be judged.
        """
        return bool(
            self.records
            or self.evaluations
            or self.proofs
            or self.earlier
            or self.texts
            or self.exceptions
        )


class Log:
    """
    Takes a log in block by block.
    """

    def __init__(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """
        Start with an empty log.

        Args:
            records: The matrix's entries, for their error texts.
        """
        self._run = Run()
        self._runs = 1
        self._records = self._evaluations = self._bytes = 0
        self._earlier: list[tuple[int, tuple[Proof, ...]]] = []
        self._styles = Records(self._take)
        self._events = Events(lambda: self._shapes, self._begin)
        self._errors = Errors(records, lambda: self._records)
        self._shapes = Shapes(
            [*self._styles.watched(), *self._events.watched(), *self._errors.watched()],
            self._styles.exact(),
        )

    def feed(self, data: bytes) -> None:
        """
        Take in whole lines.
        """
        self._bytes += len(data)
        self._shapes.feed(data)

    def _begin(self) -> None:
        if not self._run.count:
            return
        found = tuple(each for each in self._proofs() if each.severity != "info")
        if found and len(self._earlier) < _KEPT:
            self._earlier.append((self._runs, found))
        self._run = Run()
        self._runs += 1

    def _take(self, found: Record | Evaluation | Summary, where: Where) -> None:
        self.take(found, where.line)

    def take(
        self, found: Record | Evaluation | Summary, line: Callable[[], int] = lambda: 0
    ) -> None:
        """
        Take in one record, also one that was never written to a log.
        """
        if isinstance(found, Record):
            if self._run.begins_anew(found):
                self._begin()
            self._records += 1
            self._run.add(found, line)
            self._events.after(found)
        elif isinstance(found, Evaluation):
            self._evaluations += 1
            self._run.evaluate(found, line)
        else:
            self._run.end(found)

    @property
    def overflows(self) -> Overflows:
        """
        The steps that a loss scaler left out, so far.
        """
        return self._events.overflows

    def _proofs(self) -> list[Proof]:
        return list(proofs.of_run(self._run, self._events))

    def said(self) -> Said:
        """
        Return what it says so far.
        """
        found = self._proofs()
        known = {each.id for each in found}
        found += [
            each
            for each in proofs.of_log(self._events, self._shapes.lines, known=bool(self._records))
            if each.id not in known
        ]
        found.sort(key=lambda each: (("error", "warning", "info").index(each.severity), each.line))
        skipping = not {each.id for each in found}.isdisjoint({"overflow-loop", "skipped-steps"})
        styles = sorted(self._styles.styles.items(), key=lambda pair: -pair[1])
        return Said(
            lines=self._shapes.lines,
            bytes=self._bytes,
            runs=self._runs if self._run.count else max(1, self._runs - 1),
            records=self._records,
            evaluations=self._evaluations,
            ranks=len(self._styles.ranks),
            styles=tuple(name for name, _ in styles),
            first=self._run.first,
            proofs=tuple(found),
            earlier=tuple(self._earlier),
            texts={
                entry: tuple(seen) for entry, seen in self._errors.seen(ordinary=skipping).items()
            },
            exceptions=tuple(self._errors.exceptions(survived=False)),
            survived=tuple(self._errors.exceptions(survived=True)),
            versions=dict(self._events.versions),
            python=self._events.python,
            deepspeed_config=self._events.config,
        )
