"""
What a check costs, as ratios in one run: CPU (user and system) of whole processes, in pairs.

    python tests/benchmarks/run.py [--pairs 15] [--enforce]

Every figure is the median of pairs against `python -c pass` of the same virtual environment, with
bytecode compiled, on 200 real distributions (their names, versions, requirements and sizes) and the
whole matrix. Absolute times say nothing on a shared machine, so none is printed. The bars are those
the project promises; with `--enforce` a missed one is exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = Path(__file__).with_name("distributions.json")


class Bar(NamedTuple):
    """
    One promise: this figure is at most (or, for `at_least`, at least) so much.
    """

    what: str
    value: float
    bar: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{self.what:<58} {self.value:7.2f}  {sign} {self.bar:<5g} {'' if self.kept else 'MISSED'}"


class Bench:
    """
    A virtual environment with envcheck built from this checkout, and environments to check.
    """

    def __init__(self, folder: Path, pairs: int) -> None:
        self.folder = folder
        self.pairs = pairs
        self.environ = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA", "COVERAGE", "COV_"))
        }
        venv = folder / "tool"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        self.python = str(venv / "bin" / "python")
        self.envcheck = str(venv / "bin" / "envcheck")
        subprocess.run(
            [self.python, "-m", "pip", "install", "--quiet", ROOT], check=True, env=self.environ
        )

    def environment(self, name: str, rows: Sequence[dict[str, object]]) -> str:
        """Make a virtual environment, with pip, that holds these distributions' metadata."""
        prefix = self.folder / name
        subprocess.run([sys.executable, "-m", "venv", prefix], check=True)
        site = next((prefix / "lib").glob("python*")) / "site-packages"
        for own in site.glob("setuptools-*.dist-info"):
            shutil.rmtree(own)  # brought along up to Python 3.11; the rows have their own
        for row in rows:
            info = site / f"{row['name']}-{row['version']}.dist-info"
            info.mkdir()
            requires = "".join(f"Requires-Dist: {each}\n" for each in row["requires"])  # type: ignore[attr-defined]
            head = f"Metadata-Version: 2.1\nName: {row['name']}\nVersion: {row['version']}\n{requires}\n"
            filler = "x" * 79 + "\n"
            size = int(str(row["size"]))
            (info / "METADATA").write_text(head + filler * max(0, (size - len(head)) // 80))
            (info / "INSTALLER").write_text("pip\n")
            (info / "RECORD").write_text("")
        return str(prefix)

    def cpu(self, command: Sequence[str], *, active: str = "", terminal: bool = False) -> float:
        """Run a command to its end; return its user and system seconds."""
        environ = {**self.environ, "VIRTUAL_ENV": active} if active else self.environ
        if terminal:
            environ = {**environ, "TERM": "xterm-256color", "COLUMNS": "100"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        if terminal:
            leader, follower = pty.openpty()
            process = subprocess.Popen(command, stdout=follower, stderr=follower, env=environ)
            os.close(follower)
            try:
                while os.read(leader, 65536):
                    pass
            except OSError:  # the other side is closed
                pass
            process.wait()
            os.close(leader)
            code = process.returncode
        else:
            code = subprocess.run(command, capture_output=True, check=False, env=environ).returncode
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if code not in (0, 1):
            raise SystemExit(f"{command}: exit {code}")  # a figure of a failure proves nothing
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def ratio(self, one: Callable[[], float], other: Callable[[], float]) -> float:
        """Return the median of one over the other, in turn, after a warm-up."""
        one(), other()
        return statistics.median(one() / other() for _ in range(self.pairs))

    def peak(self, command: Sequence[str], active: str) -> float:
        """Return the peak resident memory of a command in MiB."""
        script = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        # Started from a small process: a child is charged with its parent's size until it is itself.
        done = subprocess.run(
            [self.python, "-c", script, *command],
            capture_output=True,
            text=True,
            check=True,
            env={**self.environ, "VIRTUAL_ENV": active},
        )
        return int(done.stdout) / 1024


def synthetic(count: int) -> list[dict[str, object]]:
    """Return that many made-up distributions beside the real core of a stack."""
    core = [
        row
        for row in json.loads(DISTRIBUTIONS.read_text())
        if row["name"] in {"torch", "transformers"}
    ]
    made = [
        {"name": f"made_up_{number}", "version": f"1.{number}", "requires": [], "size": 2000}
        for number in range(count - len(core))
    ]
    return [*core, *made]


def other_entries(count: int, folder: Path) -> str:
    """Write a matrix of so many entries about packages that nobody has."""
    directory = folder / f"matrix-{count}" / "known-bad"
    directory.mkdir(parents=True)
    for number in range(count):
        name = f"other-{number % (count // 5)}"
        with (directory / f"{name}.yaml").open("a") as file:
            file.write(
                f"- id: {name}/bad-{number}\n  title: Something fails\n  severity: error\n"
                f'  packages: ["{name}>=1.0,<1.{number + 1}", "torch>=1.0"]\n'
                "  why: A reason of the usual length, which nobody reads before the entry hits.\n"
                '  boundary: Made up.\n  evidence: ["https://example.org/1"]\n  checked: 2026-11-24\n'
            )
    return str(directory.parent)


def measure(bench: Bench) -> list[Bar]:
    """Take every figure."""
    real = bench.environment("real", json.loads(DISTRIBUTIONS.read_text()))
    small = bench.environment("small", synthetic(100))
    large = bench.environment("large", synthetic(5000))
    few, many = (other_entries(count, bench.folder) for count in (100, 10_000))
    check = [bench.envcheck]

    def floor() -> float:
        return bench.cpu([bench.python, "-c", "pass"])

    def cpu(*arguments: str, active: str = real, terminal: bool = False) -> Callable[[], float]:
        return lambda: bench.cpu([*check, *arguments], active=active, terminal=terminal)

    pip_check = [f"{real}/bin/python", "-m", "pip", "--disable-pip-version-check", "check"]
    return [
        Bar("envcheck, 200 distributions, piped / python -c pass", bench.ratio(cpu(), floor), 5),
        Bar(
            "envcheck --format json / python -c pass",
            bench.ratio(cpu("--format", "json"), floor),
            8,
        ),
        Bar(
            "envcheck on a terminal, with rich / python -c pass",
            bench.ratio(cpu(terminal=True), floor),
            12,
        ),
        Bar("envcheck --version / python -c pass", bench.ratio(cpu("--version"), floor), 2),
        Bar(
            "python -m pip check / envcheck",
            bench.ratio(lambda: bench.cpu(pip_check), cpu()),
            8,
            at_least=True,
        ),
        Bar("5,000 distributions / 100", bench.ratio(cpu(active=large), cpu(active=small)), 2.5),
        Bar(
            "10,000 entries about other packages / 100",
            bench.ratio(cpu("--matrix", many), cpu("--matrix", few)),
            1.3,
        ),
        Bar("peak memory of envcheck, MiB", bench.peak(check, real), 30),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--enforce", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        bars = measure(Bench(Path(folder), options.pairs))
    for bar in bars:
        print(bar)
    return int(options.enforce and not all(bar.kept for bar in bars))


if __name__ == "__main__":
    sys.exit(main())
