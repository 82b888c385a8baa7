from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
import workplaces
from builders import write
from knowledge import directory, entry, known_good, project

from envcheck.errors import MatrixError, SourceError, UsageError
from envcheck.matrix.insert import InsertError
from envcheck.matrix.workbench import Addition, Workbench, chosen, read_entry, save

if TYPE_CHECKING:
    from pathlib import Path

BAD = ("known-bad", "torch")
MINE = entry("torch/mine")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplaces.enter(tmp_path, monkeypatch)


def test_a_directory_that_is_not_there_is_made_with_its_first_entry(workplace: Path) -> None:
    addition = Workbench("mine").add(BAD, MINE)
    assert not (workplace / "mine").exists()

    save(addition)

    assert addition.problems == ()
    assert (workplace / "mine/known-bad/torch.yaml").read_text() == addition.text
    assert addition.text.splitlines()[addition.line - 1] == "- id: torch/mine"
    assert Workbench("mine").matrix.record("torch/mine")


@pytest.mark.parametrize("folders", [[], ["known-bad"], ["known-bad", "known-good", "src"]])
def test_a_directory_in_which_nothing_is_yet_is_no_error(
    workplace: Path, folders: list[str]
) -> None:
    for folder in folders:
        (workplace / "mine" / folder).mkdir(parents=True)

    assert Workbench("mine").add(BAD, MINE).problems == ()


def test_comments_and_what_else_is_in_a_file_stay(workplace: Path) -> None:
    text = "# Mine.\n- " + as_item(entry("torch/other")) + "  # reviewed\n"
    file = write(workplace / "mine/known-bad/torch.yaml", text)

    addition = Workbench("mine").add(BAD, MINE)
    save(addition)

    assert file.read_text() == text + addition.text
    assert addition.line == text.count("\n") + 1


def as_item(record: dict[str, Any]) -> str:
    return re.sub(r"\n\s*", " ", str(record)).replace("'", '"').replace('""', '"')


def test_a_project_gets_its_set(workplace: Path) -> None:
    made = known_good("ours@2", "torch==2.1.0")
    addition = Workbench("mine").add(
        ("known-good", "ours"), made, key="sets", whole=project("ours", made)
    )
    save(addition)
    again = known_good("ours@3", "torch==2.1.0")
    second = Workbench("mine").add(("known-good", "ours"), again, key="sets")
    save(second)

    lines = (workplace / "mine/known-good/ours.yaml").read_text().splitlines()
    assert lines[addition.line - 1] == "  - id: ours@2"
    assert lines[second.line - 1] == "  - id: ours@3"
    assert Workbench("mine").matrix.record("ours@3")


PROBLEMS = [
    pytest.param(entry("torch/breaks"), "already used in built-in", id="an id of the matrix below"),
    pytest.param(entry("torch/mine", boundary=None), "'boundary' is missing", id="no boundary"),
    pytest.param(entry("torch/mine", packages=["peft"]), "the one to blame", id="another package"),
    pytest.param(
        entry("torch/mine", packages=["torch==2.0.9"]), "2.0.9 does not exist", id="no 2.0.9"
    ),
]


@pytest.mark.parametrize(("record", "message"), PROBLEMS)
@pytest.mark.usefixtures("workplace")
def test_what_validate_would_say_is_known_before_anything_is_written(
    record: dict[str, Any], message: str
) -> None:
    bench = Workbench("mine")

    assert message in bench.add(BAD, record).problems[0]
    assert message in bench.problems(record)[0]


def test_a_problem_that_was_there_before_is_nobodys_fault(workplace: Path) -> None:
    directory(
        workplace / "mine",
        {"known-bad/peft.yaml": [entry("peft/wrong", packages=["peft==9"], fixes=None)]},
    )

    assert Workbench("mine").add(BAD, MINE).problems == ()


def test_a_set_of_ones_own_that_the_entry_breaks_is_told_with_its_file(workplace: Path) -> None:
    directory(
        workplace / "mine",
        {"known-good/ours.yaml": project("ours", known_good("ours@1", "torch==2.1.0"))},
    )
    breaks = entry("torch/mine", packages=["torch==2.1.0"], fixes=None)

    (problem,) = Workbench("mine").add(BAD, breaks).problems

    assert problem.startswith("known-good/ours.yaml: torch/mine is known to break this set")


@pytest.mark.usefixtures("workplace")
def test_a_version_that_is_said_to_be_released_exists() -> None:
    made = known_good("ours@1", "torch==9.0", "unheard-of==1.0")
    place, whole = ("known-good", "ours"), project("ours", made)
    bench = Workbench("mine")

    assert bench.add(place, made, key="sets", whole=whole).problems == ("torch 9.0 does not exist",)
    released = {"torch": ["9.0"]}
    assert bench.add(place, made, key="sets", whole=whole, released=released).problems == ()


FORM = [
    pytest.param({"severity": "fatal"}, "'fatal' is none of", id="another word"),
    pytest.param({"title": "x" * 101}, "101 characters", id="too long"),
    pytest.param({"why": "\ud800"}, "can't be read as YAML", id="no character"),
]


@pytest.mark.parametrize(("changes", "message"), FORM)
@pytest.mark.usefixtures("workplace")
def test_a_wrong_form_is_told_and_nothing_of_it_written(
    changes: dict[str, Any], message: str
) -> None:
    bench = Workbench("mine")

    assert message in bench.problems(entry("torch/mine", **changes))[0]
    with pytest.raises(InsertError, match=message):
        bench.add(BAD, entry("torch/mine", **changes))


def test_what_would_be_read_as_something_else_is_refused() -> None:
    number = {**MINE, "title": 2}

    assert read_entry(number)[1] == ["it can't be written so that it is read as it was"]


BROKEN = [
    pytest.param({"known-bad/torch.yaml": "{"}, "torch.yaml:2: can't be read", id="no YAML"),
    pytest.param({"known-bad/torch.yaml": "# nothing\n"}, "holds nothing", id="only a comment"),
    pytest.param({"known-bad/peft.yaml": "- {}"}, "'id' is missing", id="another file"),
    pytest.param({"known-bad/a.yml": ""}, "must be named", id="a file of another name"),
]


@pytest.mark.parametrize(("files", "message"), BROKEN)
def test_a_directory_that_is_broken_has_to_be_mended_first(
    workplace: Path, files: dict[str, Any], message: str
) -> None:
    directory(workplace / "mine", files)

    with pytest.raises(MatrixError, match=message):
        Workbench("mine")


def test_the_built_in_matrix_of_a_checkout_can_be_added_to(workplace: Path) -> None:
    below = workplace.parent / "package" / "matrices"
    bench = Workbench(str(below))

    assert bench.built_in
    assert bench.layers == ()
    assert (
        bench.add(
            ("known-bad", "peft"), entry("peft/mine", packages=["peft==0.15.0"], fixes=None)
        ).problems
        == ()
    )
    write(below / "index.json")
    with pytest.raises(UsageError, match="an update of envcheck would remove"):
        Workbench(str(below))


def test_a_file_in_the_way_of_a_directory_is_told_before_anything_else(workplace: Path) -> None:
    write(workplace / "file")

    for path in ("file", "file/mine", "file/a/b"):
        with pytest.raises(SourceError, match=f"^{path}: can't be written: .*file is no folder"):
            Workbench(path)


def test_a_folder_that_must_not_be_written_to_is_told(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != str(workplace))  # root may do all

    with pytest.raises(SourceError, match="is not yours to write"):
        Workbench("mine")


def test_a_folder_that_can_not_be_read_is_no_empty_one(workplace: Path) -> None:
    write(workplace / "mine" / "known-good" / "x.txt")
    write(workplace / "mine" / "known-bad")
    (workplace / "mine" / "releases").mkdir()

    with pytest.raises(MatrixError):
        Workbench("mine")


UNREADABLE = [
    pytest.param("- a: ä\n".encode("latin-1"), "is not UTF-8 text", id="another encoding"),
    pytest.param(None, "can't be read", id="a folder"),
]


@pytest.mark.parametrize(("data", "message"), UNREADABLE)
def test_a_file_that_turns_out_unreadable_is_told(
    workplace: Path, data: bytes | None, message: str
) -> None:
    bench = Workbench("mine")
    file = workplace / "mine/known-bad/torch.yaml"
    file.mkdir(parents=True) if data is None else write(file, data)

    with pytest.raises(SourceError, match=f"^mine/known-bad/torch.yaml:? {message}"):
        bench.add(BAD, MINE)


def test_what_somebody_else_wrote_in_the_meantime_is_not_lost(workplace: Path) -> None:
    addition = Workbench("mine").add(BAD, MINE)
    file = write(workplace / "mine/known-bad/torch.yaml", "# theirs\n")

    with pytest.raises(SourceError, match="has changed in the meantime"):
        save(addition)
    assert file.read_text() == "# theirs\n"


def test_links_and_permissions_stay(workplace: Path) -> None:
    real = write(workplace / "real.yaml", "- " + as_item(entry("torch/other")) + "\n")
    real.chmod(0o640)
    link = workplace / "mine/known-bad/torch.yaml"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)

    save(Workbench("mine").add(BAD, MINE))

    assert link.is_symlink()
    assert "torch/mine" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_new_file_can_be_read_by_those_who_may(workplace: Path) -> None:
    before = os.umask(0o027)
    try:
        save(Workbench("mine").add(BAD, MINE))
    finally:
        os.umask(before)

    mode = (workplace / "mine/known-bad/torch.yaml").stat().st_mode
    assert stat.S_IMODE(mode) == 0o640


def test_what_can_not_be_written_leaves_nothing_behind(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addition = Workbench("mine").add(BAD, MINE)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))

    with pytest.raises(SourceError, match=r"torch\.yaml: can't be written: No space"):
        save(addition)
    assert list((workplace / "mine/known-bad").iterdir()) == []


def test_a_folder_that_can_not_be_made_is_told(workplace: Path) -> None:
    write(workplace / "mine")

    with pytest.raises(SourceError, match=r"mine/known-bad/torch\.yaml"):
        save(Addition("mine/known-bad/torch.yaml", 1, "", None, "", ()))


def test_the_directory_is_the_one_named_or_the_one_at_hand(workplace: Path) -> None:
    with pytest.raises(UsageError, match="--into DIR is needed"):
        chosen(None)
    (workplace / "matrices").mkdir()
    with pytest.raises(UsageError, match="--into DIR is needed"):
        chosen("")
    (workplace / "matrices/releases").mkdir()

    assert chosen(None) == "matrices"
    assert chosen("mine") == "mine"
