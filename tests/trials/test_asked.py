from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envcheck import versions
from envcheck.errors import EnvcheckError, UsageError
from envcheck.matrix.store import open_matrix
from envcheck.trials import asked

if TYPE_CHECKING:
    from pathlib import Path

MATRIX = open_matrix()
NUMPY = versions.normalize("numpy")


def test_requirements_are_sorted_and_written_in_one_way() -> None:
    found = asked.read(["torch == 2.1.0", "Accelerate>=0.20"], MATRIX)

    assert found.requirements == ("accelerate>=0.20", "torch==2.1.0")
    assert (found.title, found.date) == ("", None)


def test_a_set_brings_its_day_and_what_is_named_beside_it_replaces_its_own() -> None:
    found = asked.read(["moe-llava@2024-02-15", "accelerate==1.0.1"], MATRIX)

    assert found.title == "moe-llava@2024-02-15"
    assert found.date == "2024-02-15"
    assert "accelerate==1.0.1" in found.requirements
    assert not any(each.startswith("accelerate==0") for each in found.requirements)
    assert found.named == {"accelerate"}


def test_a_project_is_its_newest_set_that_was_not_withdrawn() -> None:
    assert asked.read(["moe-llava"], MATRIX).title == "moe-llava@2024-02-15"


def test_a_file_is_read_with_those_it_refers_to(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("numpy<2 \\\n  --hash=sha256:ab\n")
    (tmp_path / "req.txt").write_text("# a\n-r more/base.txt\ntorch==2.1.0 # why\n\n")
    found = asked.read([str(tmp_path / "req.txt")], MATRIX)

    assert found.requirements == ("numpy<2", "torch==2.1.0")
    assert found.title == "req.txt"


FILES = [
    pytest.param("-e .\n", "line 1: -e . is not followed", id="what isn't a package"),
    pytest.param("a\n\n!!\n", "line 3: !!: not a set's id", id="what isn't anything"),
    pytest.param("-r req.txt\n", "lead in a circle", id="itself"),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_a_file_that_cannot_be_followed_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "req.txt").write_text(text)
    with pytest.raises(EnvcheckError, match=message):
        asked.read([str(tmp_path / "req.txt")], MATRIX)


WORDS = [
    pytest.param("moe-llava@2024-02-16", "did you mean", id="a set that isn't there"),
    pytest.param("x@1", "see `envcheck list sets`", id="nothing like it"),
    pytest.param("!", "not a set's id, a requirements file or a requirement", id="nothing"),
    pytest.param("none.txt", "none.txt", id="a file that isn't there"),
    pytest.param("\x1b[31m", r"\\x1b", id="an escape"),
]


@pytest.mark.parametrize(("word", "message"), WORDS)
def test_a_word_that_is_nothing_is_refused(word: str, message: str) -> None:
    with pytest.raises(EnvcheckError, match=message):
        asked.read([word], MATRIX)


def test_a_grid_is_every_version_with_every_other() -> None:
    axes = asked.grid(["a=1.0,2.0", "B==3.0"])
    cells = list(asked.product(asked.Asked(("numpy<2",)), axes))

    assert [chosen for chosen, _ in cells] == [("1.0", "3.0"), ("2.0", "3.0")]
    assert cells[1][1].requirements == ("a==2.0", "b==3.0", "numpy<2")


GRIDS = [
    pytest.param(["a"], "give a package and its versions", id="no versions"),
    pytest.param(["a="], "give a package and its versions", id="none given"),
    pytest.param(["a=x"], "x is not a version", id="no version"),
    pytest.param(["a=1", "A=2"], "a is given twice", id="twice"),
    pytest.param(
        [f"{name}={','.join(map(str, range(101)))}" for name in "ab"], "more than 10000", id="huge"
    ),
]


@pytest.mark.parametrize(("texts", "message"), GRIDS)
def test_a_grid_that_makes_no_sense_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        asked.grid(texts)


def test_a_version_replaces_what_was_asked_of_its_package() -> None:
    found = asked.with_versions(asked.Asked(("numpy<2", "torch==2.1.0")), {NUMPY: "2.2.6"})

    assert found.requirements == ("numpy==2.2.6", "torch==2.1.0")
    assert set(found.named) == {"numpy"}


@pytest.mark.parametrize("text", ["2024-2-1", "2024-02-30", "yesterday", "20240201"])
def test_a_day_is_an_iso_date(text: str) -> None:
    assert asked.day("2024-02-15") == "2024-02-15"
    with pytest.raises(UsageError, match="not a day"):
        asked.day(text)


def test_requirements_of_an_option_are_named_with_it() -> None:
    assert asked.requirements(["b>=1 ", "a"], "--with") == ("a", "b>=1")
    with pytest.raises(UsageError, match="--with !"):
        asked.requirements(["!"], "--with")
