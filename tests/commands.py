"""
The command, run as users run it: a process of its own, with an environment of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "envcheck" / "examples" / "moe-llava"
COMMAND = (sys.executable, "-m", "envcheck")
_INHERITED = ("PATH", "HOME", "XDG_CACHE_HOME", "SYSTEMROOT")


def environ(**more: str) -> dict[str, str]:
    """
    Return environment variables without those that would steer a check.
    """
    # COV…: so that what runs in these processes counts as covered.
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in _INHERITED or key.startswith("COV")
    }
    return {**kept, "PYTHONPATH": "", **more}


def envcheck(
    *arguments: str | Path, stdin: str | None = None, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """
    Run the command to its end.

    Args:
        *arguments: After `envcheck`.
        stdin: What it reads; `None`: nothing.
        cwd: The working directory; `None`: one in which no project is developed.
        **variables: Set in its environment.
    """
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin or "",
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd or ROOT / "tests",
        env=environ(**variables),
        timeout=60,
    )
