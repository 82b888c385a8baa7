"""
Runs one command, and leaves nothing of it behind.

A script of its own, started by `process`: `python -I -S keeper.py SECONDS MIB VERDICT REPORT COMMAND...`.
It ends the command and everything that came of it when the command has ended, when it takes too long
or too much memory, and when standard input closes: that is how it learns that its own starter is gone,
were it by SIGKILL. On Linux a process that left its session or its parents is found too, since orphans
are handed to the keeper; elsewhere what left both the session and its parents is lost sight of.

The verdict is one line of JSON: how it ended, its exit code (negative: a signal), the most memory in MiB.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import Final

_LINUX: Final = sys.platform.startswith("linux")
_SET_DEATH_SIGNAL: Final = 1
_SET_SUBREAPER: Final = 36
_PAUSE: Final = 0.1
"Seconds between two looks at the memory."
_PATIENCE: Final = 20.0
"Seconds after which a process that can't be killed (it waits for a disk) is given up."
_MIB: Final = 1024 * 1024


def main(arguments: list[str]) -> int:
    """
    Run the command to its end, one way or the other.
    """
    seconds, memory, verdict, report = float(arguments[0]), *map(int, arguments[1:4])
    for descriptor in filter(lambda each: each >= 0, (verdict, report)):
        os.set_inheritable(descriptor, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # to be ended is told by standard input
    _prctl(_SET_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    command = _start(arguments[4:], report)
    if report >= 0:
        os.close(report)
    how, status, peak = _watch(command, woken, seconds, memory)
    ended = _end_all(command)
    if status is None:
        status = ended
    code = -signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
    with contextlib.suppress(OSError):  # nobody is there to read it
        os.write(verdict, json.dumps({"how": how, "code": code, "peak": peak}).encode() + b"\n")
    return 0


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(command: list[str], report: int) -> int:
    keeper = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(127)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if report >= 0:
            os.dup2(report, 3)
            os.set_inheritable(3, True)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # if the machine runs out of memory, this is what to end
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _watch(command: int, woken: int, seconds: float, memory: int) -> tuple[str, int | None, int]:
    began = time.monotonic()
    peak = 0
    while True:
        ready = select.select([0, woken], [], [], _PAUSE)[0]
        if woken in ready:
            os.read(woken, 4096)
        status = _reap(command)
        if status is not None:
            return "exit", status, peak // _MIB
        if 0 in ready and not os.read(0, 1):
            return "stopped", None, peak // _MIB
        if seconds and time.monotonic() - began > seconds:
            return "time", None, peak // _MIB
        if memory:
            used = _used()
            if used > memory * _MIB:  # counts what forked processes share once for each of them
                used = _used(exactly=True)
            peak = max(peak, used)
            if used > memory * _MIB:
                return "memory", None, peak // _MIB


def _reap(command: int) -> int | None:
    """Collect what has ended; return the command's status if it is among that."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            if child == command:
                found = status
    return found


def _end_all(command: int) -> int | None:
    """Kill whatever is left; return the command's status if it was."""
    found = None
    until = time.monotonic() + _PATIENCE
    stopped: set[int] = set()
    while time.monotonic() < until:
        left = _descendants()
        # What multiplies faster than it is killed is held still first.
        new = [each for each in left if each not in stopped]
        for each in new:
            _signal(each, signal.SIGSTOP)
        stopped.update(new)
        if not new or len(stopped) > 10_000:
            for each in left:
                _signal(each, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.killpg(command, signal.SIGKILL)
            stopped.clear()
        status = _reap(command)
        found = status if status is not None else found
        try:
            if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and not left:
                time.sleep(0.005)
        except ChildProcessError:
            return found
    return found


def _signal(process: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(process, number)


def _descendants() -> list[int]:
    """Return all processes that came of the command, and are still there."""
    children = _children_by_parent()
    found: list[int] = []
    unseen = [os.getpid()]
    while unseen:
        born = children.get(unseen.pop(), [])
        found += born
        unseen += born
    return found


def _children_by_parent() -> dict[int, list[int]]:
    pairs = []
    if _LINUX:
        for name in os.listdir("/proc"):
            if name.isdigit():
                with _unless_gone(), open(f"/proc/{name}/stat", "rb") as file:
                    # The name, in brackets, can hold anything: what follows the last bracket can't.
                    pairs.append((int(file.read().rpartition(b")")[2].split()[1]), int(name)))
    else:
        listed = os.popen("ps -A -o ppid=,pid=")  # noqa: S605, S607 - where there is no /proc
        for line in listed.read().splitlines():
            with _unless_gone():
                parent, child = map(int, line.split())
                pairs.append((parent, child))
    children: dict[int, list[int]] = {}
    for parent, child in pairs:
        children.setdefault(parent, []).append(child)
    return children


def _unless_gone() -> contextlib.suppress:
    return contextlib.suppress(OSError, ValueError, IndexError)


def _used(*, exactly: bool = False) -> int:
    """Return the bytes of memory that are in use and can't be read again from a file."""
    if not _LINUX:
        return 0
    total = 0
    name, keys = (
        ("smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:", b"Swap:"))
        if exactly
        else ("status", (b"RssAnon:", b"RssShmem:", b"VmSwap:"))
    )
    for process in _descendants():
        with _unless_gone(), open(f"/proc/{process}/{name}", "rb") as file:
            for line in file:
                if line.startswith(keys):
                    total += int(line.split()[1]) * 1024
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
