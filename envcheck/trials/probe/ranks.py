"""
The processes of one training, which end together.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from . import lines
from .isolate import NotRun, Wrong

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 20.0
"""Seconds for the others, after one has failed or ended."""


class Failed(RuntimeError):  # noqa: N818 - what happened, not an error of ours
    """
    What ended another process: its line is the message.
    """

    said = "there"


def run(train: Callable[[int], dict[str, Any]], processes: int, folder: str) -> dict[str, Any]:
    """
    Run it as so many processes; what the first reports is the result.

    Raises:
        Wrong, NotRun, RuntimeError: What one of them raised.
    """
    if processes == 1:
        return train(0)
    if not hasattr(os, "fork"):
        raise NotRun("needs a system that can fork")
    sys.stdout.flush()
    sys.stderr.flush()
    running = {_fork(train, rank, folder): rank for rank in range(processes)}
    order: list[int] = []
    deadline = 0.0
    while running:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            order.append(running.pop(pid))
            deadline = deadline or time.monotonic() + _PATIENCE
        elif deadline and time.monotonic() > deadline:
            for left in running:
                os.kill(left, signal.SIGKILL)
                os.waitpid(left, 0)
            order += sorted(running.values())
            break
        else:
            time.sleep(0.02)
    reports = {rank: _report(folder, rank) for rank in order}
    for report in reports.values():
        # The first to end is the one that failed: the others merely lost it.
        if report.get("kind") == "wrong":
            raise Wrong(report["line"], report["result"])
        if report.get("kind") == "not-run":
            raise NotRun(report["line"])
        if report.get("kind") != "ok":
            raise Failed(report["line"])
    return dict(reports[0]["result"])


def _fork(train: Callable[[int], dict[str, Any]], rank: int, folder: str) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _die_with_parent()
        report: dict[str, Any]
        try:
            report = {"kind": "ok", "result": train(rank)}
        except Wrong as error:
            report = {"kind": "wrong", "line": error.args[0], "result": error.args[1]}
        except NotRun as error:
            report = {"kind": "not-run", "line": str(error)}
        except BaseException as error:  # noqa: BLE001
            traceback.print_exc()
            reason = lines.reason(error)
            report = {"kind": "not-run" if reason else "failed", "line": reason or lines.of(error)}
        with open(_file(folder, rank), "w", encoding="utf-8") as file:
            json.dump(report, file, default=str)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


def _report(folder: str, rank: int) -> dict[str, Any]:
    try:
        with open(_file(folder, rank), encoding="utf-8") as file:
            report = json.load(file)
        os.unlink(_file(folder, rank))
    except (OSError, ValueError):
        return {"kind": "failed", "line": f"process {rank} ended without a word"}
    return dict(report)


def _file(folder: str, rank: int) -> str:
    return os.path.join(folder, f"rank-{rank}.json")


def _die_with_parent() -> None:
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        except (OSError, AttributeError):
            return
