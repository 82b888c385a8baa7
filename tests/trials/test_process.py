from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from envcheck.trials.process import Ended, Limits, StoppedError, Supervisor, supervised

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

SAY = "import os; os.write(3, str(os.getpid()).encode() + b'\\n'); "
"""Tells the test which process it is."""

HANG = "import time; time.sleep(600)"


NO_LONGER = Limits(20)


def ended_by(code: str, tmp_path: Path, limits: Limits = NO_LONGER) -> tuple[Ended, list[int], str]:
    """Run a program; return how it ended, the processes that told of themselves, and its output."""
    told: list[int] = []
    with supervised() as supervisor:
        ended = supervisor.run(
            [sys.executable, "-c", code],
            environ={"PATH": os.environ["PATH"]},
            folder=str(tmp_path),
            log=str(tmp_path / "log"),
            limits=limits,
            tell=lambda line: told.append(int(line)),
        )
    return ended, told, (tmp_path / "log").read_text()


def alive(process: int) -> bool:
    """Tell whether a process is still there; one that has ended and isn't collected doesn't count."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


ENDS = [
    pytest.param(SAY + "print('said')", ("exit", 0), "said\n", id="by itself"),
    pytest.param(SAY + "raise SystemExit(5)", ("exit", 5), "", id="with a code"),
    pytest.param(SAY + "os.kill(os.getpid(), 11)", ("exit", -11), "", id="by a signal"),
    pytest.param(SAY + HANG, ("time", -9), "", id="after too long"),
    pytest.param(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SAY + HANG,
        ("time", -9),
        "",
        id="though it doesn't listen",
    ),
    pytest.param(
        f"import os\nfor _ in range(3):\n os.fork()\n{SAY}{HANG}".replace(
            "; import time", "; import time"
        ),
        ("time", -9),
        "",
        id="with all it has started",
    ),
    pytest.param(
        "import os\nread, write = os.pipe()\n"
        "if os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  "
        + SAY
        + "os.write(write, b'.'); "
        + HANG
        + "\n os._exit(0)\nos.wait()\nos.read(read, 1)",
        ("exit", 0),
        "",
        id="with what has left for another session",
    ),
]


@pytest.mark.parametrize(("code", "how", "output"), ENDS)
def test_nothing_is_left_of_a_program(
    code: str, how: tuple[str, int], output: str, tmp_path: Path
) -> None:
    ended, told, log = ended_by(code, tmp_path, Limits(1.5 if "600" in code else 20))

    assert ((ended.how, ended.code), log) == (how, output)
    assert told
    assert not any(map(alive, told))


def test_one_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    eat = SAY + "kept = []\nwhile True: kept.append(bytearray(b'x' * 10_000_000))"
    ended, told, _ = ended_by(eat, tmp_path, Limits(20, 200))

    assert (ended.how, ended.peak > 200) == ("memory", True)
    assert not any(map(alive, told))


def test_what_processes_share_counts_once(tmp_path: Path) -> None:
    share = (
        "import os, time; kept = bytearray(b'x' * 100_000_000)\n"
        "for _ in range(4):\n if os.fork() == 0:\n  time.sleep(0.6); os._exit(0)\n"
        "for _ in range(4): os.wait()"
    )
    ended, _, _ = ended_by(share, tmp_path, Limits(20, 300))

    assert (ended.how, ended.code) == ("exit", 0)


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    with supervised() as supervisor:
        ended = supervisor.run(
            ["/no/such/program"], environ={}, folder=str(tmp_path), log=str(tmp_path / "log")
        )

    assert (ended.how, ended.code) == ("exit", 127)
    assert (tmp_path / "log").read_text() == (
        "cannot start /no/such/program: No such file or directory\n"
    )


def test_all_are_ended_at_once_and_none_is_begun_afterwards(tmp_path: Path) -> None:
    supervisor = Supervisor()
    told: list[int] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            supervisor.run(
                [sys.executable, "-c", SAY + HANG],
                environ={},
                folder=str(tmp_path),
                log=str(tmp_path / "log"),
                tell=lambda line: told.append(int(line)),
            )
        except StoppedError as error:
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    while len(told) < 2:
        time.sleep(0.01)
    supervisor.stop()
    for each in threads:
        each.join(20)

    assert len(raised) == 2
    assert not any(map(alive, told))
    run()
    assert len(raised) == 3
