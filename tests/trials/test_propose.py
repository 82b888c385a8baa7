from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from commands import envcheck
from trials.test_record import RECORD

from envcheck.matrix.store import open_matrix
from envcheck.trials import journal, propose
from envcheck.trials.record import Record, Stage

if TYPE_CHECKING:
    from pathlib import Path

MATRIX = open_matrix()
GONE = Stage(
    "import", "failed", line="ImportError: cannot import name 'made_up' from 'transformers'"
)
KNOWN = Stage("trainer", "failed", line="TypeError: unexpected keyword argument 'dispatch_batches'")
OK = Stage("train", "ok", losses=(4.0, 3.0))


def cell(transformers: str, accelerate: str, stage: Stage = OK) -> Record:
    """Return what became of two versions."""
    packages = {"accelerate": accelerate, "torch": "2.13.0+cpu", "transformers": transformers}
    asked = (f"accelerate=={accelerate}", f"transformers=={transformers}")
    return RECORD._replace(asked=asked, packages=packages, stages=(stage,))


GRID = [
    *(cell(each, "1.12.0") for each in ("4.55.4", "4.56.2", "5.1.0", "5.2.0")),
    *(cell(each, "1.12.0", GONE) for each in ("4.57.3", "5.0.0")),
    *(cell(each, "1.10.1") for each in ("4.55.4", "4.57.3", "5.0.0")),
    cell("4.37.2", "1.1.1", KNOWN),
    cell("4.34.1", "0.34.2", Stage("resolve", "failed", line="Because a depends on b")),
]


def test_each_break_is_explained_or_new() -> None:
    told, new = propose.breaks(GRID, MATRIX)

    assert [(each.stage, len(each.cells), each.ids) for each in told] == [
        ("trainer", 1, ("accelerate/dispatch-batches-removed",))
    ]
    assert [(each.stage, len(each.cells), each.ids) for each in new] == [("import", 2, ())]


def test_an_entry_has_the_edges_that_were_measured_and_says_what_was_not() -> None:
    _, (new,) = propose.breaks(GRID, MATRIX)
    entry = propose.entry(new, GRID, MATRIX, "https://example.org/1", "2026-11-24")

    assert entry["packages"] == ["accelerate>=1.12.0", "transformers>=4.57.3,<5.1.0"]
    assert entry["fixes"] == [
        {"packages": ["accelerate==1.10.1"]},
        {"packages": ["transformers==4.56.2"]},
        {"packages": ["transformers==5.1.0"]},
    ]
    assert entry["symptoms"] == [{"error": "cannot import name 'made_up' from 'transformers'"}]
    assert "4.57.3 is the first bad one and 4.56.2 ran well, " in entry["boundary"]
    assert "releases between them were not tried" in entry["boundary"]
    assert "1.12.0 is the last one that was tried" in entry["boundary"]
    assert entry["why"] == propose.UNKNOWN


def test_what_ran_well_inside_is_told() -> None:
    grid = [*GRID, cell("4.57.6", "1.12.0")]
    _, (new,) = propose.breaks(grid, MATRIX)
    entry = propose.entry(new, grid, MATRIX, "https://example.org/1", "2026-11-24")

    assert (
        "accelerate==1.12.0 with transformers==4.57.6: the entry is too wide" in entry["boundary"]
    )


def test_two_entries_of_one_package_have_names_of_their_own() -> None:
    other = GONE._replace(line="ImportError: cannot import name 'another' from 'transformers'")
    grid = [*GRID, cell("4.57.6", "1.12.0", other), cell("4.57.6", "1.10.1")]
    _, new = propose.breaks(grid, MATRIX)
    made = propose.entries(new, grid, MATRIX, "https://example.org/1", "2026-11-24")

    assert len({entry["id"] for entry in made}) == len(new) > 1


def test_a_staircase_has_an_entry_for_each_step() -> None:
    grid = [
        cell("4.40.2", "1.10.1", GONE),
        cell("4.40.2", "1.11.0"),
        cell("4.40.2", "1.12.0"),
        cell("4.41.2", "1.10.1", GONE),
        cell("4.41.2", "1.11.0", GONE),
        cell("4.41.2", "1.12.0"),
        cell("4.42.4", "1.11.0", GONE),
        cell("4.42.4", "1.12.0"),
    ]
    _, new = propose.breaks(grid, MATRIX)
    first, second = propose.entries(new, grid, MATRIX, "https://example.org/1", "2026-11-24")

    assert first["packages"] == ["accelerate<1.11.0", "transformers"]
    assert second["packages"] == ["transformers>=4.41.2", "accelerate<1.12.0"]
    for entry in (first, second):
        assert "the entry is too wide" not in entry["boundary"]
        assert " of 2: together the bad versions are no rectangle." in entry["boundary"]


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    path = tmp_path / "trials.jsonl"
    for record in GRID:
        journal.append(str(path), record)
    return path


def test_without_a_directory_nothing_is_written(trials: Path) -> None:
    done = envcheck("matrix", "propose", trials, cwd=trials.parent)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("11 cells: 7 ran well, 4 broke\n1 cell at trainer, ")
    assert "accelerate/dispatch-batches-removed" in done.stdout
    assert "- id: accelerate/import-fails" in done.stdout
    assert [path.name for path in trials.parent.iterdir()] == ["trials.jsonl"]


def test_what_is_written_is_a_sound_matrix(trials: Path) -> None:
    mine = trials.parent / "mine"
    words = ("--into", mine, "--trial", "made-up", "--url", "https://example.org/1")
    done = envcheck("matrix", "propose", trials, *words)
    assert done.returncode == 0, done.stderr
    assert "review each entry" in done.stdout

    assert envcheck("matrix", "validate", mine).stdout.endswith("no problems\n")
    again = envcheck("matrix", "propose", trials, *words)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


def test_no_records_are_said(tmp_path: Path) -> None:
    done = envcheck("matrix", "propose", tmp_path / "none.jsonl")

    assert (done.returncode, "no record in" in done.stderr) == (3, True)
