from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import workplaces
from builders import write
from commands import envcheck
from knowledge import directory, entry

from envcheck.errors import SourceError, UsageError
from envcheck.matrix import command
from envcheck.matrix.schema import json_schemas, modeline
from envcheck.matrix.texts import FOLDERS

Told = pytest.CaptureFixture[str]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplaces.enter(tmp_path, monkeypatch)


def test_problems_are_written_for_people_or_for_machines(workplace: Path, capsys: Told) -> None:
    directory(workplace / "mine", {"known-bad/torch.yaml": [entry("torch/mine", boundary=None)]})

    assert command.validate(["mine"], "text") == 2
    text = capsys.readouterr().out
    assert command.validate(["mine"], "json") == 2
    found = json.loads(capsys.readouterr().out)

    (problem,) = found["problems"]
    assert found["schema"] == "envcheck-problems/1"
    assert text.startswith(f"{problem['file']}:{problem['line']}: {problem['message']}\n")
    assert command.validate([], "json") == command.validate([], "text") == 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_schema_is_json_and_says_how_it_is_found(folder: str, capsys: Told) -> None:
    assert command.schema(folder, None) == 0

    shown = json.loads(capsys.readouterr().out)
    assert modeline(f"PATH/TO/{folder}.json") in shown.pop("$comment")
    assert shown == json_schemas()[folder]


def test_without_a_name_all_schemas_are_shown(capsys: Told) -> None:
    command.schema(None, None)

    assert json.loads(capsys.readouterr().out).keys() == set(FOLDERS)


PLACES = [
    pytest.param("mine/schemas", "../schemas/known-bad.json", id="inside a matrix"),
    pytest.param("mine", "../known-bad.json", id="beside its folders"),
    pytest.param("elsewhere/a b", None, id="elsewhere"),
]


@pytest.mark.parametrize(("output", "seen"), PLACES)
def test_schemas_are_written_with_the_line_by_which_an_editor_finds_them(
    output: str, seen: str | None, workplace: Path, capsys: Told
) -> None:
    directory(workplace / "mine", {"known-bad/torch.yaml": [entry("torch/mine")]})

    assert command.schema(None, output) == 0

    whole = str(workplace / output / "known-bad.json")
    line = f"\nknown-bad/  {modeline(seen or whole)}\n"
    assert line in capsys.readouterr().out
    for folder in FOLDERS:
        written = json.loads((workplace / output / f"{folder}.json").read_text(encoding="utf-8"))
        assert written["title"] == json_schemas()[folder]["title"]
    if seen:
        assert (workplace / "mine/known-bad" / seen).resolve() == Path(whole)


def test_one_schema_is_written_alone(workplace: Path) -> None:
    command.schema("releases", "schemas")

    assert [each.name for each in (workplace / "schemas").iterdir()] == ["releases.json"]


def test_what_is_no_folder_of_a_matrix_has_no_schema(workplace: Path) -> None:
    with pytest.raises(UsageError, match=r"^known-worse: no folder of a matrix; one of known-bad"):
        command.schema("known-worse", None)
    write(workplace / "file")
    with pytest.raises(SourceError, match=r"^file/known-bad\.json: can't be written"):
        command.schema(None, "file")


@pytest.mark.parametrize("name", ["", "../torch", "torch==2.0", "torch[x]", "a b", "torch;x"])
@pytest.mark.usefixtures("workplace")
def test_what_is_no_name_of_a_package_is_not_asked_for(name: str) -> None:
    with pytest.raises(UsageError, match="not the name of a package"):
        command.refresh(["torch", name], "mine")


@pytest.mark.usefixtures("workplace")
def test_a_refresh_goes_into_a_matrix_that_is_named() -> None:
    with pytest.raises(UsageError, match="--into DIR is needed"):
        command.refresh(["torch"], None)


# The commands themselves.


def without_extra(folder: Path) -> dict[str, Any]:
    """
    Return variables with which Python finds no library that talks to an index.
    """
    write(folder / "broken" / "pypi_simple.py", "raise ImportError(name='pypi_simple')\n")
    return {"PYTHONPATH": str(folder / "broken")}


CLI = [
    pytest.param(["schema", "releases"], 0, "", id="schema"),
    pytest.param(["schema", "-o", "schemas"], 0, "", id="schemas"),
    pytest.param(["schema", "nothing"], 2, "no folder of a matrix", id="no schema"),
    pytest.param(["schema", "-o", "file"], 3, "can't be written", id="a file in the way"),
    pytest.param(["validate", "mine", "--format", "json"], 0, "", id="validate"),
    pytest.param(["validate", "--format", "xml"], 2, "is none of: text, json", id="no format"),
    pytest.param(["validate", "nowhere", "--format", "json"], 2, "is no directory", id="no matrix"),
    pytest.param(["refresh"], 2, "PACKAGE", id="no package"),
    pytest.param(["refresh", "torch"], 2, "--into DIR is needed", id="no directory"),
    pytest.param(["refresh", "a b", "--into", "m"], 2, "not the name of a package", id="no name"),
    pytest.param(
        ["refresh", "torch", "--into", "m"],
        2,
        "pypi_simple is missing: python -m pip install 'ml-envcheck[refresh]'\n",
        id="without the extra",
    ),
]


@pytest.mark.parametrize(("arguments", "code", "message"), CLI)
def test_each_command_ends_as_the_contract_says(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    write(tmp_path / "file")
    directory(
        tmp_path / "mine",
        {"known-bad/torch.yaml": [entry("torch/mine", packages=["torch==2.0.1"])]},
    )

    done = envcheck("matrix", *arguments, cwd=tmp_path, **without_extra(tmp_path))

    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert bool(done.stdout) is (code == 0)
    assert not (tmp_path / "m").exists()


def test_an_index_that_can_not_be_reached_is_no_traceback(tmp_path: Path) -> None:
    pytest.importorskip("pypi_simple")
    done = envcheck(
        *("matrix", "refresh", "torch", "--into", "mine"),
        cwd=tmp_path,
        PIP_INDEX_URL="file:///nowhere",
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("envcheck: torch: the package index failed (InvalidSchema)")
