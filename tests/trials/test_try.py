"""
Sets that are really resolved, installed and run: made-up wheels from a folder, and real ones from the index.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from commands import COMMAND, environ
from wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

INDEX = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_", "SSL_"))}

INSTALLERS = [
    pytest.param("pip", id="pip"),
    pytest.param(
        "uv", id="uv", marks=pytest.mark.skipif(not shutil.which("uv"), reason="no uv here")
    ),
]

EAT = "kept = []\nwhile True: kept.append(bytearray(b'x' * 10_000_000))"
HANG = (
    "import os, time\nopen(os.path.join(os.environ['HOME'], 'hangs'), 'w').close()\ntime.sleep(600)"
)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables by which installers take made-up wheels from a folder, and nothing else."""
    folder = tmp_path_factory.mktemp("shelf")
    for version in ("1.0", "1.1", "1.2", "2.0"):
        wheel(folder, "steady", version)
    for version in ("1.0", "1.1", "1.2"):
        broken = "from steady import gone" if version == "1.2" else ""
        wheel(folder, "shaky", version, broken, ["steady<2"])
    wheel(folder, "eats", "1.0", EAT)
    wheel(folder, "hangs", "1.0", HANG)
    wheel(folder, "shouts", "1.0", r"raise ValueError('\x1b[31m::error::red [bold]')")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}  # uv is told what pip was


def tried(
    *arguments: str | Path, variables: Mapping[str, str], code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `envcheck try` to its end."""
    done = subprocess.run(
        [*COMMAND, "try", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environ(**variables),
        timeout=900,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done


def records(*arguments: str | Path, **about: Any) -> list[dict[str, Any]]:
    """Try something, and return what was recorded."""
    lines = tried(*arguments, "--format", "json", **about).stdout.splitlines()
    return [json.loads(line) for line in lines]


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    """Return the outcome of each stage."""
    return {each["stage"]: each["outcome"] for each in record["stages"]}


def line_of(record: dict[str, Any], stage: str) -> str:
    """Return the error line of a stage."""
    return str(next(each["line"] for each in record["stages"] if each["stage"] == stage))


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_set_is_installed_and_imported(
    installer: str, tmp_path: Path, shelf: dict[str, str]
) -> None:
    asked = ("shaky==1.1", "--installer", installer, "--dir", tmp_path / "d")
    (record,) = records(*asked, variables=shelf)

    assert outcomes(record) == dict.fromkeys(("resolve", "install", "metadata", "import"), "ok")
    assert record["packages"] == {"shaky": "1.1", "steady": "1.2"}
    assert record["installer"].startswith(f"{installer} ")
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


BROKEN = [
    pytest.param(
        ["shaky==1.2"], "import", "cannot import name 'gone' from 'steady'", id="at import"
    ),
    pytest.param(["shaky==1.1", "steady==2.0"], "resolve", "steady", id="at resolution"),
    pytest.param(["steady==9.0"], "resolve", "steady", id="no such version"),
    pytest.param(["eats==1.0", "--memory", "300"], "import", "memory", id="by eating memory"),
    pytest.param(["hangs==1.0", "--timeout", "3"], "import", "no end after 3 s", id="by hanging"),
    pytest.param(
        ["hangs==1.0", "--stage-timeout", "3"], "import", "no end after 3 s", id="in one stage"
    ),
    pytest.param(["shouts==1.0"], "import", "ValueError: ::error::red [bold]", id="and shouts"),
]


@pytest.mark.parametrize(("asked", "stage", "line"), BROKEN)
def test_a_set_that_breaks_says_where_and_how(
    asked: list[str], stage: str, line: str, tmp_path: Path, shelf: dict[str, str]
) -> None:
    (record,) = records(*asked, "--installer", "pip", "--dir", tmp_path, variables=shelf, code=1)

    assert outcomes(record)[stage] == "failed"
    assert line in line_of(record, stage)
    left = subprocess.run(
        ["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert left.stdout == ""


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_grid_is_resumed_where_it_was_left(
    installer: str, tmp_path: Path, shelf: dict[str, str]
) -> None:
    common = ("--with", "steady==1.2", "--installer", installer, "--dir", tmp_path)
    first = records("--grid", "shaky=1.0,1.1", *common, variables=shelf)
    more = records("--grid", "shaky=1.0,1.1,1.2", *common, variables=shelf, code=1)

    assert [each["asked"] for each in first] == [["shaky==1.0"], ["shaky==1.1"]]
    assert more[:2] == first
    assert outcomes(more[2])["import"] == "failed"
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 3


def test_the_release_that_broke_it_is_found(tmp_path: Path, shelf: dict[str, str]) -> None:
    (tmp_path / "mine" / "releases").mkdir(parents=True)
    (tmp_path / "mine" / "releases" / "shaky.yaml").write_text(
        "".join(
            f'- {{version: {version}, date: 2026-01-0{day}, python: ">=3.8", requires: []}}\n'
            for day, version in enumerate(("1.0", "1.1", "1.2"), 1)
        )
    )
    done = tried(
        *("--bisect", "shaky", "--good", "1.0", "--bad", "1.2", "--installer", "pip"),
        *("--dir", tmp_path / "d", "--matrix", tmp_path / "mine"),
        variables=shelf,
        code=1,
    )

    assert "first bad: shaky 1.2 (the last good one before it is 1.1)" in done.stdout


ENTRY = """\
- id: shaky/gone
  title: It wants what is gone
  severity: error
  packages: ["shaky==1.2"]
  why: It is gone.
  boundary: Run.
  evidence: [https://example.org/1]
  checked: 2026-11-24
"""
RELEASE = '- {version: "1.1", date: 2026-01-01, python: ">=3.8", requires: ["steady<2"]}\n'
STEADY = '- {version: "2.0", date: 2026-01-01, python: ">=3.8", requires: []}\n'

WHY = [
    pytest.param(
        ["shaky==1.2"], "this is known: It wants what is gone; `envcheck explain", id="known"
    ),
    pytest.param(["shouts==1.0"], "no entry explains it; `envcheck try --bisect", id="nothing"),
    pytest.param(["shaky==1.1", "steady==2.0"], "shaky declares steady<2: give", id="a clash"),
    pytest.param(["steady==9.0"], "another Python (--python) may do", id="no such version"),
]


@pytest.mark.parametrize(("asked", "told"), WHY)
def test_what_broke_is_told_with_what_is_known_of_it(
    asked: list[str], told: str, tmp_path: Path, shelf: dict[str, str]
) -> None:
    mine = {"known-bad/shaky": ENTRY, "releases/shaky": RELEASE, "releases/steady": STEADY}
    for name, text in mine.items():
        path = tmp_path / "mine" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    where = ("--installer", "pip", "--dir", tmp_path / "d", "--matrix", tmp_path / "mine")
    done = tried(*asked, *where, variables=shelf, code=1)

    assert told in " ".join(done.stdout.split())


def _pids(folder: Path) -> str:
    return subprocess.run(
        ["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False
    ).stdout


def _wait(until: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    while not until():
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupt_leaves_no_process_and_no_half_record(
    number: signal.Signals, tmp_path: Path, shelf: dict[str, str]
) -> None:
    running = subprocess.Popen(
        [*COMMAND, "try", "hangs==1.0", "--installer", "pip", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(**shelf),
    )
    _wait(lambda: "hangs" in {name for *_, names in os.walk(tmp_path) for name in names}, running)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)

    assert running.returncode == (130 if number == signal.SIGINT else -number), said
    assert b"Traceback" not in said
    assert (b"interrupted: nothing is recorded of it\n" in said) == (number == signal.SIGINT)
    assert not (tmp_path / "trials.jsonl").exists()
    until = time.monotonic() + 20
    while _pids(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert _pids(tmp_path) == ""


@pytest.mark.index
def test_a_tiny_model_is_trained(tmp_path: Path) -> None:
    asked = ("torch==2.13.0+cpu", "transformers==4.57.6", "accelerate==1.12.0")
    done = subprocess.run(
        [*COMMAND, "try", *asked, "--dir", str(tmp_path), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env=environ(**INDEX),
        timeout=900,
    )
    record = json.loads(done.stdout)
    if outcomes(record)["resolve"] != "ok":
        pytest.skip(f"no torch for the processor alone here: {line_of(record, 'resolve')}")

    training = ("arguments", "trainer", "train", "save-load")
    assert outcomes(record) == dict.fromkeys(
        ("resolve", "install", "metadata", "import", *training), "ok"
    )
    losses = record["stages"][6]["losses"]
    assert 0 < losses[-1] < losses[0]
