"""
Many cells: what has a record is not tried again, the rest is tried several at a time.
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

from envcheck.trials import journal, place, stages
from envcheck.trials.record import Record, Stage, key
from envcheck.trials.run import try_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envcheck.trials.progress import Progress
    from envcheck.trials.run import Cell
    from envcheck.trials.workshop import Workshop

_ROOM: Final = 3 * 1024
"MiB of memory that a cell is thought to need, where it is to be found out how many there can be."


def jobs(cells: int, available: int | None) -> int:
    """
    Return how many cells to try at the same time.

    Args:
        available: MiB of memory; `None`: unknown.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    room = available // _ROOM if available is not None else 1
    return max(1, min(cells, cores or 1, room))


def available_memory() -> int | None:
    """
    Return the MiB of memory that can be used; `None`: unknown.
    """
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) // 1024
    except (OSError, ValueError):
        pass
    return None


class Book:
    """
    The records of a folder, by cell.
    """

    def __init__(self, where: place.Place, *, again: bool = False) -> None:
        self._path = os.path.join(where.folder, place.RECORDS)
        self._kept = {} if again else {key(record): record for record in journal.read(self._path)}

    def find(self, cell: Cell, python: str) -> Record | None:
        """
        Return the record of a cell, if there is one of all its stages.
        """
        record = self._kept.get(
            (cell.asked, cell.base, ".".join(python.split(".")[:2]), cell.resolved)
        )
        if record is None:
            return None
        there = {*record.packages, *(each.partition("==")[0] for each in (*cell.asked, *cell.base))}
        needed = stages.applying(cell.stages, there)
        return record if set(needed) <= {each.stage for each in record.stages} else None

    def keep(self, record: Record) -> None:
        """
        Write a record down, unless it says nothing about the versions.

        Raises:
            DiskFullError: There is no space left.
        """
        first = [each for each in record.stages if each.stage in {"resolve", "install"}]
        if all(each.outcome != "not-run" for each in first if each.reason[:6] != "after "):
            journal.append(self._path, record)


def try_all(
    cells: Sequence[Cell], shop: Workshop, book: Book, progress: Progress, parallel: int
) -> Iterator[tuple[int, Record]]:
    """
    Yield (number of the cell, its record) as they come.

    Raises:
        DiskFullError: There is no space left; what was recorded is kept.
    """
    waiting = []
    for number, cell in enumerate(cells):
        record = book.find(cell, shop.python.version)
        if record is None:
            waiting.append(number)
        else:
            progress.kept(cell, record)
            yield number, record
    executor = ThreadPoolExecutor(parallel, thread_name_prefix="trial")
    running: dict[Future[Record], int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                number = waiting.pop(0)
                running[executor.submit(_tried, cells[number], shop, number, progress)] = number
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                number = running.pop(future)
                record = future.result()
                book.keep(record)
                progress.ended(cells[number], record)
                yield number, record
    except BaseException:  # an interrupt too, and a reader of these records that doesn't go on
        shop.supervisor.stop()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _tried(cell: Cell, shop: Workshop, number: int, progress: Progress) -> Record:
    def tell(stage: str, ended: Stage | None) -> None:
        progress.stage(cell, stage, ended)

    return try_cell(cell, shop, number, tell)
