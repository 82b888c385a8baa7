from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from envcheck.trials.probe.isolate import Node, NotRun, Report, Wrong, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def ends(nodes: tuple[Node, ...], tmp_path: Path, work: Any = None) -> dict[str, dict[str, Any]]:
    """Run stages as the probe does; return what was reported of the end of each."""
    path = tmp_path / "report"
    with path.open("wb") as file:
        run(nodes, work, Report(file.fileno()), limit=1.0)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return {each["stage"]: each for each in entries if "outcome" in each}


def well(_: Any) -> None:
    pass


def crash(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(_: Any) -> None:
    os._exit(3)


def give_up(_: Any) -> None:
    sys.exit("no use")


def hang(_: Any) -> None:
    time.sleep(600)


def break_(_: Any) -> None:
    raise AttributeError("gone")


def differ(_: Any) -> None:
    raise Wrong("the loss does not fall", {"losses": [1.0, 2.0]})


def lack(_: Any) -> None:
    raise NotRun("needs a GPU")


def without_ninja(_: Any) -> None:
    raise RuntimeError("Unable to JIT load the x op due to ninja not being installed.")


ENDINGS = [
    pytest.param(crash, "failed", "ended by signal SIGKILL", id="crash"),
    pytest.param(leave, "failed", "the process ended without a word, exit code 3", id="exit"),
    pytest.param(give_up, "failed", "SystemExit: no use", id="SystemExit"),
    pytest.param(hang, "failed", "no end after 1 seconds", id="hang"),
    pytest.param(break_, "failed", "AttributeError: gone", id="exception"),
    pytest.param(differ, "wrong", "the loss does not fall", id="wrong numbers"),
    pytest.param(lack, "not-run", "", id="can't be run"),
    pytest.param(
        without_ninja,
        "not-run",
        "RuntimeError: Unable to JIT load the x op due to ninja not being installed.",
        id="lacks something",
    ),
]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("stage", "outcome", "line"), ENDINGS)
def test_a_stage_takes_only_those_along_that_need_it(
    stage: Any, outcome: str, line: str, tmp_path: Path
) -> None:
    nodes = (
        Node(
            "import", well, (Node("train", stage, (Node("save-load", well),)), Node("peft", well))
        ),
    )
    found = ends(nodes, tmp_path)

    assert (found["train"]["outcome"], found["train"]["line"]) == (outcome, line)
    assert (found["save-load"]["outcome"], found["save-load"]["reason"]) == (
        "not-run",
        "after train",
    )
    assert (found["import"]["outcome"], found["peft"]["outcome"]) == ("ok", "ok")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_stage_goes_on_from_where_the_one_before_it_ended(tmp_path: Path) -> None:
    def begin(work: dict[str, int]) -> None:
        work["loss"] = 4

    def go_on(work: dict[str, int]) -> dict[str, Any]:
        return {"losses": [work["loss"]], "about": {"engine": "x"}}

    work: dict[str, int] = {}
    found = ends((Node("trainer", begin, (Node("train", go_on),)),), tmp_path, work)

    assert (found["train"]["losses"], found["train"]["about"]) == ([4], {"engine": "x"})
    assert work == {}


def test_a_stage_that_cannot_be_is_skipped_with_its_reason(tmp_path: Path) -> None:
    node = Node("peft", well, (Node("trl", well),), lambda _work: "after import")
    found = ends((node,), tmp_path)

    assert [(each["outcome"], each["reason"]) for each in found.values()] == [
        ("not-run", "after import")
    ] * 2
