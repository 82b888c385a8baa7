from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from knowledge import (
    directory,
    entry,
    releases,
)

from envcheck.errors import MatrixError
from envcheck.matrix import store, validate
from envcheck.matrix.validate import listed

if TYPE_CHECKING:
    from pathlib import Path

BAD = "known-bad/torch.yaml"
RELEASES = {
    "torch": [
        *releases("1.13.0", "2.0.0", "2.0.1", "2.0.1.post1", "2.1.0"),
        *releases("2.2.0", yanked="Why."),
    ],
    "numpy": releases("1.26.4", "2.0.0"),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Work in a folder that holds a built-in matrix and two of a user's.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "_HERE", str(tmp_path / "package" / "matrix"))
    (tmp_path / "package" / "matrix").mkdir(parents=True)
    directory(
        tmp_path / "package" / "matrices",
        {BAD: [entry()], "releases/torch.yaml": RELEASES["torch"]},
    )
    directory(tmp_path / "sound", {BAD: [entry("torch/mine")]})
    wrong = [entry("torch/mine", packages=["torch==2.0.9"]), entry()]
    directory(
        tmp_path / "wrong", {BAD: f"# mine\n- {json.dumps(wrong[0])}\n- {json.dumps(wrong[1])}\n"}
    )
    return tmp_path


FIRST = "wrong/known-bad/torch.yaml:2: torch 2.0.9 does not exist\n"
SECOND = (
    "wrong/known-bad/torch.yaml:3: the id 'torch/breaks' is already used in built-in; "
    "give it another id, or say `override: true`\n"
)
COUNT = "{}: {} 0 known-good sets of 0 projects, {}: {}\n"


@pytest.mark.usefixtures("here")
def test_the_built_in_matrix_is_validated_unless_another_is_named() -> None:
    text, problems = validate.validate([])

    assert problems == 0
    assert text == COUNT.format(
        "package/matrices", "1 entries,", "6 releases of 1 packages", "no problems"
    )


@pytest.mark.usefixtures("here")
def test_directories_are_validated_each_on_top_of_the_built_in_one() -> None:
    text, problems = validate.validate(["sound", "wrong"])

    none = "0 releases of 0 packages"
    assert problems == 2
    assert text == (
        COUNT.format("sound", "1 entries,", none, "no problems")
        + FIRST
        + SECOND
        + COUNT.format("wrong", "2 entries,", none, "2 problems")
    )


@pytest.mark.usefixtures("here")
def test_problems_are_data_for_machines_too() -> None:
    found = listed(["sound", "wrong"])

    assert json.loads(json.dumps(found)) == found
    assert [f"{each['file']}:{each['line']}: {each['message']}\n" for each in found] == [
        FIRST,
        SECOND,
    ]
    assert listed([]) == []


def test_a_problem_of_form_comes_before_those_of_sense(here: Path) -> None:
    directory(here / "wrong", {"known-bad/numpy.yaml": "{"})
    text, problems = validate.validate(["wrong"])

    assert problems == 1
    assert text.startswith("wrong/known-bad/numpy.yaml:2: can't be read as YAML: ")
    assert text.endswith("1 problem\n")


@pytest.mark.usefixtures("here")
def test_a_directory_that_is_not_there_is_an_error() -> None:
    with pytest.raises(MatrixError, match=r"^nowhere: is no directory"):
        validate.validate(["nowhere"])
    with pytest.raises(MatrixError, match=r"^nowhere: is no directory"):
        listed(["nowhere"])


def test_a_matrix_far_away_is_shown_with_its_whole_path(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / "sound")

    assert validate.validate([])[0].startswith(str(here / "package" / "matrices"))
    assert validate.validate([str(here / "package" / "matrices")])[1] == 0


LINES = """\
- id: torch/mine
  title: It breaks
  severity: error
  python: ">=3.12,<3.11"
  packages:
    - torch<2.1
    - numpy>=2
  deepspeed-config: {a.b: 1, a: absent}
  symptoms:
    - loss: nan
    - error: /.*/
  why: Because.
  fixes:
    - advice: Do without.
    - packages:
        - torch==2.0.9
    - remove: [triton]
  boundary: From the wheels.
  evidence:
    - {kind: run, date: 2026-01-02}
  checked: 2026-01-02
- {id: torch/other, title: x, severity: info, packages: [torch<2.1], why: x,
   evidence: ["https://a.b/c"], checked: 2026-01-02}
"""
SET_LINES = """\
project: mine
title: Mine
sets:
  - id: mine@1
    evidence:
      - {kind: published}
    packages: [torch==2.0.9]
    python: ">3,<3"
"""


def test_what_makes_no_sense_is_told_with_its_own_line(here: Path) -> None:
    directory(here / "lines", {BAD: LINES, "known-good/mine.yaml": SET_LINES})

    assert [(each["file"], each["line"]) for each in listed(["lines"])] == [
        *((f"lines/{BAD}", line) for line in (4, 8, 11, 15, 15, 17, 19, 19, 22)),
        *(("lines/known-good/mine.yaml", line) for line in (5, 7, 7, 8)),
    ]
