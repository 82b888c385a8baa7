"""
What there is to see while trials run: on standard error, moving only where that is a terminal.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from envcheck.clean import clip

if TYPE_CHECKING:
    from types import TracebackType

    from envcheck.trials.record import Record, Stage
    from envcheck.trials.run import Cell


class Progress:
    """
    A line for each stage of a single cell, or for each of many cells.
    """

    def __init__(self, cells: int, to: TextIO | None = None) -> None:
        self._cells, self._done = cells, 0
        self._to = to or sys.stderr
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Leave nothing that moves behind.
        """

    def kept(self, cell: Cell, record: Record) -> None:
        """
        Say that a cell has a record already.
        """
        self._cell(cell, f"{record.outcome}, as recorded on {record.date}")

    def ended(self, cell: Cell, record: Record) -> None:
        """
        Say how a cell ended.
        """
        broken = f" at {record.broken.stage}" if record.broken else ""
        self._cell(cell, f"{record.outcome}{broken} ({record.seconds:.1f} s)")

    def interrupted(self, folder: str) -> None:
        """
        Say what is left of it.
        """
        if self._cells == 1:
            self._write("interrupted: nothing is recorded of it")
        else:
            done = f"{self._done} of {self._cells} cells are recorded in {clip(folder, 200)}"
            self._write(f"interrupted: {done}; the same command goes on from there")

    def stage(self, cell: Cell, stage: str, ended: Stage | None) -> None:  # noqa: ARG002
        """
        Say that a stage of a cell begins, or how it ended.
        """
        if ended is not None and self._cells == 1 and not ended.reason.startswith("after "):
            self._write(f"{stage}: {ended.outcome} ({ended.seconds:.1f} s)")

    def _cell(self, cell: Cell, text: str) -> None:
        with self._lock:
            self._done += 1
        if self._cells > 1:
            self._write(f"[{self._done}/{self._cells}] {clip(cell.name, 60)}: {text}")

    def _write(self, text: str) -> None:
        with self._lock:
            self._to.write(f"{text}\n")
            self._to.flush()


class Moving(Progress):
    """
    The same on a terminal: what runs now, and how much of it is done.
    """

    def __init__(self, cells: int, to: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as Bars

        super().__init__(cells, to)
        columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
        if cells > 1:
            columns += [BarColumn(bar_width=20), MofNCompleteColumn()]
        self._bars = Bars(
            *columns,
            TimeElapsedColumn(),
            console=Console(file=self._to, markup=False),
            transient=True,
        )
        self._bar = self._bars.add_task("trials" if cells > 1 else "starting", total=cells)
        self._now: dict[str, str] = {}
        self._bars.start()

    def close(self) -> None:  # noqa: D102 - as in the class above
        self._bars.stop()

    def stage(self, cell: Cell, stage: str, ended: Stage | None) -> None:  # noqa: D102
        super().stage(cell, stage, ended)
        if ended is not None:
            return
        with self._lock:
            self._now[cell.name] = stage
        self._show()

    def _cell(self, cell: Cell, text: str) -> None:
        super()._cell(cell, text)
        with self._lock:
            self._now.pop(cell.name, None)
        self._bars.update(self._bar, completed=self._done)
        self._show()

    def _show(self) -> None:
        with self._lock:
            now = [
                stage if self._cells == 1 else f"{clip(name, 30)} {stage}"
                for name, stage in self._now.items()
            ]
        self._bars.update(self._bar, description=", ".join(now) or "trials")

    def _write(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)


def progress(cells: int) -> Progress:
    """
    Return the display that suits standard error.
    """
    return Moving(cells) if sys.stderr.isatty() else Progress(cells)
