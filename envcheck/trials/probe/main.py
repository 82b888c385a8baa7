"""
The command of the probe: `PYTHON main.py --stages import,train --packages torch,transformers --work DIR`.

Writes one JSON object a line to a file descriptor (3): when a stage begins, and when it has ended.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

if not __package__:
    # Started as a script. The folder becomes a package under a name that nothing else has, and leaves
    # `sys.path`: a module called `lines` here must not stand in for one of the environment's.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    spec = importlib.util.spec_from_file_location(
        "envcheck_probe",
        os.path.join(here, "__init__.py"),
        submodule_search_locations=[here],
    )
    assert spec is not None  # noqa: S101 - for the type checker: a file with this ending has a loader
    sys.modules["envcheck_probe"] = importlib.util.module_from_spec(spec)
    __package__ = "envcheck_probe"

from . import isolate, plan
from .order import STAGES


def main(arguments: list[str] | None = None) -> int:
    """
    Run the stages that are asked for; what they came to is in the report, never in the exit code.
    """
    parser = argparse.ArgumentParser(prog="probe", allow_abbrev=False)
    parser.add_argument("--stages", required=True, help="comma-separated")
    parser.add_argument("--packages", required=True, help="comma-separated: what is imported")
    parser.add_argument("--work", required=True, help="a folder for what the stages write")
    parser.add_argument("--report-fd", type=int, default=3)
    parser.add_argument("--limit", type=float, default=0.0, help="seconds a stage may take; 0: any")
    asked = parser.parse_args(arguments)
    stages = [name for name in asked.stages.split(",") if name]
    packages = [name for name in asked.packages.split(",") if name]
    unknown = [name for name in stages if name not in STAGES]
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)}")
    try:
        os.set_inheritable(
            asked.report_fd, False
        )  # a program started by a stage must not hold it open
    except OSError:
        parser.error(f"file descriptor {asked.report_fd} is not open: the report goes there")
    os.makedirs(asked.work, exist_ok=True)
    os.chdir(asked.work)
    report = isolate.Report(asked.report_fd)
    work = plan.Work(os.path.abspath(asked.work), packages)
    isolate.run(plan.tree(stages, packages), work, report, limit=asked.limit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
