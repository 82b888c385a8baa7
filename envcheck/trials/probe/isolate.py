"""
Stages that cannot take one another along: each runs in a process forked from the one it builds upon.

A stage that ends well goes on as the process its followers are forked from, so that what was imported
and built is there without being done again; a stage that crashes, exits or hangs loses only itself and
what needs it. Without `fork` (Windows) all run in one process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from . import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Wrong(Exception):  # noqa: N818 - a result, not an error
    """
    It ran, and the numbers (or what ran) are not what they have to be.
    """


class NotRun(Exception):  # noqa: N818
    """
    A stage that this machine cannot run, which says nothing about the versions.
    """


class Node(NamedTuple):
    """
    One stage, and the stages that go on from where it ended.
    """

    stage: str
    run: Callable[[Any], dict[str, Any] | None]
    "Gets the work; returns what is to be reported besides the outcome."
    then: tuple[Node, ...] = ()
    needs: Callable[[Any], str] = lambda _work: ""
    "Why it can't be run after all, when what it needs is looked at: empty if it can."
    patience: float = 1.0
    "How many times the usual limit it may take."


class Report:
    """
    Where outcomes go: one JSON object a line, each whole.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, entry: dict[str, Any]) -> None:
        """
        Write one object.
        """
        data = (json.dumps(entry, ensure_ascii=True, allow_nan=True) + "\n").encode("ascii")
        while data:
            data = data[os.write(self.descriptor, data) :]

    def begins(self, stage: str) -> None:
        """
        Say that a stage begins: what is heard of it last, if it never ends.
        """
        self.write({"stage": stage, "begins": True})

    def ends(
        self,
        stage: str,
        outcome: str,
        *,
        seconds: float = 0.0,
        line: str = "",
        reason: str = "",
        result: dict[str, Any] | None = None,
    ) -> None:
        """
        Say what became of a stage.
        """
        result = result or {}
        self.write(
            {
                "stage": stage,
                "outcome": outcome,
                "seconds": round(seconds, 2),
                "line": line,
                "reason": reason,
                "losses": result.get("losses", []),
                "about": {str(key): str(value) for key, value in result.get("about", {}).items()},
            }
        )


def run(nodes: tuple[Node, ...], work: Any, report: Report, *, limit: float = 0.0) -> None:
    """
    Run these stages and all that follow from them, in order.
    """
    for node in nodes:
        hindrance = node.needs(work)
        if hindrance:
            _skip(node, hindrance, report)
        elif hasattr(os, "fork"):
            _forked(node, work, report, limit)
        elif _stage(node, work, report):
            run(node.then, work, report, limit=limit)
        else:
            _skip_all(node.then, f"after {node.stage}", report)


def _forked(node: Node, work: Any, report: Report, limit: float) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    ready, done = os.pipe()
    report.begins(node.stage)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        # Whatever happens here, the code that called us must not go on in this process as well.
        try:
            os.close(ready)
            went_well = _stage(node, work, report, began=began)
            os.write(done, b"+" if went_well else b"-")
            os.close(done)
            if went_well:
                run(node.then, work, report, limit=limit)
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(done)
    limit_here = limit * node.patience
    verdict = _wait(ready, limit_here)
    os.close(ready)
    seconds = time.monotonic() - began
    if verdict is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if verdict is None:
        report.ends(
            node.stage, "failed", seconds=seconds, line=f"no end after {limit_here:g} seconds"
        )
    elif verdict == b"":
        report.ends(node.stage, "failed", seconds=seconds, line=_death(status))
    if verdict != b"+":
        _skip_all(node.then, f"after {node.stage}", report)


def _stage(node: Node, work: Any, report: Report, *, began: float | None = None) -> bool:
    # Runs one stage in this process and reports it; true: what follows can build upon it.
    if began is None:
        report.begins(node.stage)
        began = time.monotonic()
    try:
        result = node.run(work) or {}
    except NotRun as error:
        report.ends(node.stage, "not-run", seconds=time.monotonic() - began, reason=str(error))
        return False
    except Wrong as error:
        traceback.print_exc()
        report.ends(
            node.stage,
            "wrong",
            seconds=time.monotonic() - began,
            line=lines.clean(str(error.args[0])),
            result=error.args[1] if len(error.args) > 1 else None,
        )
        return False
    except BaseException as error:  # noqa: BLE001 - a SystemExit or a KeyboardInterrupt of a package, too
        traceback.print_exc()
        seconds = time.monotonic() - began
        line = lines.of(error)
        reason = lines.reason(error)
        if reason:
            report.ends(node.stage, "not-run", seconds=seconds, line=line, reason=reason)
        else:
            report.ends(node.stage, "failed", seconds=seconds, line=line)
        return False
    report.ends(
        node.stage,
        result.get("outcome", "ok"),
        seconds=time.monotonic() - began,
        line=result.get("line", ""),
        result=result,
    )
    return result.get("outcome", "ok") == "ok" or bool(result.get("go-on"))


def _wait(ready: int, limit: float) -> bytes | None:
    # The child's word: + or -, nothing if it died first, `None` if it is still at it.
    if limit and not select.select([ready], [], [], limit)[0]:
        return None
    return os.read(ready, 1)


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"ended by signal {signal.Signals(number).name}"
        except ValueError:
            return f"ended by signal {number}"
    return f"the process ended without a word, exit code {os.WEXITSTATUS(status)}"


def _descendants(nodes: tuple[Node, ...]) -> Iterator[str]:
    for node in nodes:
        yield node.stage
        yield from _descendants(node.then)


def _skip(node: Node, reason: str, report: Report) -> None:
    report.ends(node.stage, "not-run", reason=reason)
    _skip_all(node.then, reason, report)


def _skip_all(nodes: tuple[Node, ...], reason: str, report: Report) -> None:
    for stage in _descendants(nodes):
        report.ends(stage, "not-run", reason=reason)
