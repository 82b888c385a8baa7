from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest
from knowledge import directory

from envcheck.errors import MatrixError
from envcheck.files import LIMIT
from envcheck.matrix.texts import File, read, signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BAD = "known-bad/torch.yaml"
TEXT = "- anything\n"
SOUND = {BAD: TEXT}


def problems(path: Path) -> list[str]:
    return [str(problem).replace(f"{path}/", "") for problem in read(str(path))[1]]


def test_files_are_read_in_order(tmp_path: Path) -> None:
    directory(
        tmp_path, {"releases/torch.yaml": "r", "known-good/b.yaml": "b", "known-good/a.yaml": "a"}
    )
    files, found = read(str(tmp_path))

    assert found == []
    assert files == [
        File("known-good", "a", "a"),
        File("known-good", "b", "b"),
        File("releases", "torch", "r"),
    ]
    assert files[2].place == "releases/torch.yaml"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    directory(tmp_path, {BAD: ""})
    os.truncate(tmp_path / BAD, 50_000_000)

    assert problems(tmp_path) == [
        f"known-bad/torch.yaml:1: the file is larger than {LIMIT >> 20} MiB; is it the right file?"
    ]


def test_a_folder_where_a_file_is_meant_is_told(tmp_path: Path) -> None:
    directory(tmp_path, {f"{BAD}/x.yaml": TEXT})

    assert problems(tmp_path) == [
        "known-bad/torch.yaml:1: not a file (a folder, a pipe or a device)"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    directory(tmp_path, {"known-bad/numpy.yaml": TEXT})
    os.mkfifo(tmp_path / BAD)

    assert problems(tmp_path) == [
        "known-bad/torch.yaml:1: not a file (a folder, a pipe or a device)"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a right there")
def test_links_are_followed_and_lead_somewhere(tmp_path: Path) -> None:
    directory(tmp_path / "elsewhere", {BAD: TEXT})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "known-bad").symlink_to(tmp_path / "elsewhere" / "known-bad")
    assert read(str(tmp_path / "mine"))[1] == []

    (tmp_path / "elsewhere" / "known-bad" / "numpy.yaml").symlink_to(tmp_path / "nowhere")
    assert problems(tmp_path / "mine") == [
        "known-bad/numpy.yaml:1: cannot read the file: no such file"
    ]


def test_what_is_no_part_of_a_matrix_is_left_alone(tmp_path: Path) -> None:
    others = {
        "README.md": "x",
        "known-bad/.torch.yaml": "{",
        "known-bad/torch.yaml~": "{",
        ".git/x": "",
    }

    assert [file.place for file in read(str(directory(tmp_path, {**SOUND, **others})))[0]] == [BAD]


ABSENT = [
    pytest.param("nowhere", "nowhere: is no directory", id="nothing there"),
    pytest.param("file.yaml", "file.yaml: is no directory", id="a file"),
    pytest.param("empty", "empty: holds no matrix", id="an empty directory"),
    pytest.param("other", "other: holds no matrix", id="another directory"),
    pytest.param("half", "half/known-bad: Not a directory", id="a file for a folder"),
]


@pytest.mark.parametrize(("name", "expected"), ABSENT)
def test_no_matrix_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    directory(tmp_path, {"file.yaml": "", "other/sub/x.yaml": "", "half/known-bad": ""})

    with pytest.raises(MatrixError) as caught:
        read(name)
    assert str(caught.value).startswith(expected)
    assert len(caught.value.problems) == 1
    assert caught.value.exit_code == 2


def test_a_hostile_path_is_shown_harmless(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31m\n::error::"
    with pytest.raises(MatrixError, match=r"x1b\[31m.x0a:.x3aerror:.x3a: is no directory"):
        read(str(path))
    _, (problem,) = read(str(directory(path, {"releases/a.yml": ""})))

    assert str(problem).isprintable()


def test_a_signature_stays_as_long_as_nothing_changes(tmp_path: Path) -> None:
    directory(tmp_path, {**SOUND, "README.md": "x"})
    before = signature(str(tmp_path))
    directory(tmp_path, {"README.md": "y", "known-bad/notes.txt": "z"})

    assert before is not None
    assert before[1] == max(
        (tmp_path / BAD).stat().st_mtime_ns, (tmp_path / BAD).stat().st_ctime_ns
    )
    assert signature(str(tmp_path)) == before


def _written(path: Path) -> None:
    (path / BAD).write_text(TEXT.upper())


def _written_in_secret(path: Path) -> None:
    before = (path / BAD).stat()
    _written(path)
    os.utime(path / BAD, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced(path: Path) -> None:
    directory(path, {"new": TEXT}).joinpath("new").replace(path / BAD)


def _renamed(path: Path) -> None:
    (path / BAD).rename(path / "known-bad" / "numpy.yaml")


def _added(path: Path) -> None:
    directory(path, {"releases/torch.yaml": ""})


def _removed(path: Path) -> None:
    (path / "known-bad" / "peft.yaml").unlink()


@pytest.mark.parametrize(
    "change", [_written, _written_in_secret, _replaced, _renamed, _added, _removed]
)
def test_a_signature_is_another_after_any_change(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    directory(tmp_path, {**SOUND, "known-bad/peft.yaml": TEXT})
    before = signature(str(tmp_path))
    time.sleep(0.05)  # the clock that files are stamped with has ticks
    change(tmp_path)

    assert signature(str(tmp_path)) not in {before, None}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_what_is_not_there_or_no_file_has_no_signature(tmp_path: Path) -> None:
    directory(tmp_path / "folder", {f"{BAD}/x": ""})
    for name in ("pipe", "link"):
        (tmp_path / name / "known-bad").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe" / BAD)
    (tmp_path / "link" / BAD).symlink_to("nowhere")

    assert [signature(str(tmp_path / each)) for each in ("folder", "pipe", "link")] == [None] * 3
    assert signature(str(tmp_path / "nowhere")) == ("[]", 0)
