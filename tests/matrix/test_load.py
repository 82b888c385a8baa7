from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from knowledge import EVIDENCE, directory, entry, known_good, project, releases

from envcheck.errors import MatrixError
from envcheck.files import LIMIT
from envcheck.matrix.load import load
from envcheck.matrix.texts import read

if TYPE_CHECKING:
    from pathlib import Path

BAD = "known-bad/torch.yaml"
GOOD = "known-good/llava.yaml"
SOUND = {BAD: [entry()], GOOD: project(), "releases/torch.yaml": releases("2.0.0", "2.0.1")}

LINES = """\
- id: torch/breaks
  title: It breaks
  severity: error
  packages: [{package}]
  why: Because of a reason.{more}
  boundary: From the tags.
  evidence: [https://github.com/a/b/issues/1]
  checked: 2026-11-24
"""


def lines(package: str = '"torch>=2,<3"', more: str = "") -> str:
    """Return an entry as people write it, so that lines can be counted: `more` comes on line 6."""
    return LINES.format(package=package, more=f"\n{more}" if more else "")


def problems(path: Path) -> list[str]:
    return [str(problem).replace(f"{path}/", "") for problem in load(str(path))[1]]


def test_a_sound_directory_is_read(tmp_path: Path) -> None:
    content, found = load(str(directory(tmp_path / "mine", SOUND)))

    assert found == []
    assert content.entries == {"torch/breaks": entry()}
    assert content.projects == {"llava": project()}
    assert content.releases == {"torch": releases("2.0.0", "2.0.1")}
    assert content.places == {
        "torch/breaks": (BAD, 1),
        "llava": (GOOD, 1),
        "llava@1": (GOOD, 1),
        "releases/torch": ("releases/torch.yaml", 1),
    }


def test_places_are_lines_of_the_files(tmp_path: Path) -> None:
    content, _ = load(str(directory(tmp_path, {BAD: "# a comment\n\n" + lines()})))

    assert content.places["torch/breaks"] == (BAD, 3)


TWICE = "the id 'torch/breaks' is used twice; the first is at known-bad/torch.yaml:1"
BROKEN = [
    pytest.param(
        {BAD: lines("torch>=two")},
        ["known-bad/torch.yaml:4: 'torch>=two' is not a requirement (PEP 508)"],
        id="a bad specifier",
    ),
    pytest.param(
        {BAD: lines(more="  sevrity: error")},
        [
            "known-bad/torch.yaml:6: unknown key 'sevrity'; known: id, title, severity, packages, why, "
        ],
        id="an unknown key",
    ),
    pytest.param(
        {BAD: lines(more="  title: Again")},
        ["known-bad/torch.yaml:6: the key 'title' is repeated; the first is on line 2"],
        id="a repeated key",
    ),
    pytest.param(
        {BAD: lines(more="  verify: !!python/object:os.x {}")},
        [
            "known-bad/torch.yaml:6: a tag (tag:yaml.org,2002:python/object:os.x) is not allowed; ",
        ],
        id="a tag",
    ),
    pytest.param(
        {BAD: lines(more="  verify: &a [x]\n  model: *a")},
        [
            "known-bad/torch.yaml:6: an anchor (&a) is not allowed; write the value out",
            "known-bad/torch.yaml:7: an alias (*a) is not allowed; write the value out",
        ],
        id="an anchor and an alias",
    ),
    pytest.param(
        {BAD: lines(more="  why2: " + "[" * 40)},
        ["known-bad/torch.yaml:6: can't be read as YAML: nested too deeply"],
        id="deep nesting",
    ),
    pytest.param({BAD: ""}, ["known-bad/torch.yaml:1: the file holds nothing"], id="an empty file"),
    pytest.param(
        {BAD: "\n# soon\n"}, ["known-bad/torch.yaml:1: the file holds nothing"], id="a comment"
    ),
    pytest.param({BAD: "{ ]"}, ["known-bad/torch.yaml:1: can't be read as YAML: "], id="no YAML"),
    pytest.param(
        {BAD: lines() + "---\n" + lines()},
        ["known-bad/torch.yaml:9: a second document; one file holds one document"],
        id="two documents",
    ),
    pytest.param(
        {BAD: lines().encode() + b"# caf\xe9\n"},
        ["known-bad/torch.yaml:1: the file is not UTF-8 text (line 9); save it as UTF-8"],
        id="not UTF-8",
    ),
    pytest.param(
        {BAD: lines().encode() + b"\0"},
        ["known-bad/torch.yaml:1: the file is not text (a NUL in line 9); save it as UTF-8"],
        id="not text",
    ),
    pytest.param(
        {BAD: lines() * 2}, [f"known-bad/torch.yaml:9: {TWICE}"], id="an id twice in a file"
    ),
    pytest.param(
        {BAD: lines(), "known-bad/zlib.yaml": lines()},
        [
            f"known-bad/zlib.yaml:1: {TWICE}",
            "known-bad/zlib.yaml:1: the id 'torch/breaks' must start with 'zlib/', the file's name",
        ],
        id="an id in two files, one of which isn't its own",
    ),
    pytest.param(
        {GOOD: project("bakllava", known_good("bakllava@1"))},
        ["known-good/llava.yaml:1: the project 'bakllava' must be named like its file, 'llava'"],
        id="a project in another's file",
    ),
    pytest.param(
        {GOOD: project("llava", known_good("other@1"))},
        ["known-good/llava.yaml:1: the id 'other@1' must start with 'llava', the project's name"],
        id="a set of another project",
    ),
    pytest.param(
        {GOOD: project("llava", known_good("llava@1"), known_good("llava@1"))},
        [
            "known-good/llava.yaml:1: the id 'llava@1' is used twice; the first is at known-good/llava."
        ],
        id="a set twice",
    ),
    pytest.param(
        {"releases/torch.yaml": '- {version: 2.0}\n- {version: "2.0.0"}\n'},
        ["releases/torch.yaml:2: '2.0.0' is listed twice; the first is on line 1"],
        id="a release twice",
    ),
    pytest.param(
        {"releases/Flash_Attn.yaml": releases("2.0")},
        [
            "releases/Flash_Attn.yaml:1: the file must have a canonical name (PEP 503): flash-attn.yaml"
        ],
        id="releases under another name",
    ),
    pytest.param(
        {**SOUND, "known-bad/numpy.yml": "x"},
        ["known-bad/numpy.yml:1: a matrix file must be named *.yaml"],
        id="another suffix would pass in silence",
    ),
    pytest.param(
        {BAD: lines("torch>"), GOOD: "x", "releases/torch.yaml": "[{}]"},
        [
            "known-bad/torch.yaml:4: 'torch>' is not a requirement (PEP 508)",
            "known-good/llava.yaml:1: a mapping with project, title, sets, homepage, ",
            "releases/torch.yaml:1: the key 'version' is missing",
        ],
        id="all files are read",
    ),
]


@pytest.mark.parametrize(("files", "expected"), BROKEN)
def test_a_broken_file_is_told_by_file_and_line(
    tmp_path: Path, files: dict[str, Any], expected: list[str]
) -> None:
    found = problems(directory(tmp_path, files))

    assert len(found) == len(expected)
    assert [each[: len(start)] for each, start in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\xef\xbb\xbf" + lines().encode(), id="a byte order mark"),
        pytest.param(lines().replace("\n", "\r\n").encode(), id="line ends of Windows"),
        pytest.param(("---\n" + lines() + "...\n").encode(), id="the marks of a document"),
        pytest.param(lines().encode("utf-16"), id="UTF-16 with its mark"),
    ],
)
def test_forms_of_a_text_file_make_no_difference(tmp_path: Path, text: bytes) -> None:
    content, found = load(str(directory(tmp_path, {BAD: text})))

    assert found == []
    assert content.entries["torch/breaks"]["evidence"] == [
        EVIDENCE.replace("someone/something", "a/b")
    ]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    directory(tmp_path, {BAD: ""})
    os.truncate(tmp_path / BAD, 50_000_000)

    assert problems(tmp_path) == [
        f"known-bad/torch.yaml:1: the file is larger than {LIMIT >> 20} MiB; is it the right file?"
    ]


def test_a_folder_where_a_file_is_meant_is_told(tmp_path: Path) -> None:
    directory(tmp_path, {f"{BAD}/x.yaml": lines()})

    assert problems(tmp_path) == [
        "known-bad/torch.yaml:1: not a file (a folder, a pipe or a device)"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    directory(tmp_path, {GOOD: project()})
    (tmp_path / "known-bad").mkdir()
    os.mkfifo(tmp_path / BAD)

    assert problems(tmp_path) == [
        "known-bad/torch.yaml:1: not a file (a folder, a pipe or a device)"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a right there")
def test_links_are_followed_and_lead_somewhere(tmp_path: Path) -> None:
    directory(tmp_path / "elsewhere", {BAD: lines()})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "known-bad").symlink_to(tmp_path / "elsewhere" / "known-bad")
    assert load(str(tmp_path / "mine"))[1] == []

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

    assert load(str(directory(tmp_path, {**SOUND, **others})))[1] == []


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
        load(name)
    assert str(caught.value).startswith(expected)
    assert len(caught.value.problems) == 1
    assert caught.value.exit_code == 2


def test_a_hostile_path_is_shown_harmless(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31m\n::error::"

    with pytest.raises(MatrixError, match=r"x1b\[31m.x0a:.x3aerror:.x3a: is no directory"):
        read(str(path))
    directory(path, {BAD: "{"})
    ((problem,), (unread,)) = (
        load(str(path))[1],
        read(str(directory(path, {"releases/a.yml": ""})))[1],
    )
    assert str(problem).isprintable()
    assert str(unread).isprintable()


def test_the_order_of_problems_is_that_of_files_and_lines(tmp_path: Path) -> None:
    directory(tmp_path, {BAD: "- {}\n" * 12, "known-bad/numpy.yaml": "", "known-bad/a.yml": ""})

    found = load(str(tmp_path))[1]
    assert found == sorted(found)
    assert len(found) > 12
