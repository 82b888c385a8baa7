from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from knowledge import EVIDENCE, cell, directory, entry, known_good, project, releases, trial

from envcheck.matrix.load import load

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
    }


def test_places_are_lines_of_the_files(tmp_path: Path) -> None:
    content, _ = load(str(directory(tmp_path, {BAD: "# a comment\n\n" + lines()})))

    assert content.places["torch/breaks"] == (BAD, 3)


def test_a_trial_is_read_and_each_of_its_cells_has_a_line(tmp_path: Path) -> None:
    text = (
        "trial: torch-numpy\ntitle: How it went\npython: 3.11.9\nplatform: linux-x86_64\n"
        "cells:\n"
        "- {date: 2026-11-24, packages: [torch==2.0.1], also: [numpy==1.26.4], ok: [import]}\n"
        "- {date: 2026-11-24, packages: [torch==2.0.0], failed: {resolve: No.}, seconds: 0.5}\n"
    )
    content, found = load(str(directory(tmp_path, {"trials/torch-numpy.yaml": text})))

    assert found == []
    assert content.trials["torch-numpy"]["cells"][1] == {
        "date": "2026-11-24",
        "packages": ["torch==2.0.0"],
        "failed": {"resolve": "No."},
        "seconds": "0.5",
    }
    assert content.places == {
        "torch-numpy": ("trials/torch-numpy.yaml", 1),
        "torch-numpy 0": ("trials/torch-numpy.yaml", 6),
        "torch-numpy 1": ("trials/torch-numpy.yaml", 7),
    }


TRIAL = "trials/torch-numpy.yaml"
TWICE = "the id 'torch/breaks' is used twice; the first is at known-bad/torch.yaml:1"
BROKEN = [
    pytest.param(
        {TRIAL: trial("numpy")},
        [f"{TRIAL}:1: the trial 'numpy' must be named like its file, 'torch-numpy'"],
        id="a trial of another name",
    ),
    pytest.param(
        {TRIAL: trial("torch-numpy", cell("torch==2.0"), cell("torch==2.0", ok=["import"]))},
        [f"{TRIAL}:1: the same cell as on line 1"],
        id="a cell twice",
    ),
    pytest.param(
        {TRIAL: {key: each for key, each in trial().items() if key not in {"date", "python"}}},
        [f"{TRIAL}:1: neither the cell nor the trial says its python, date"],
        id="a cell of no day",
    ),
    pytest.param(
        {TRIAL: trial("torch-numpy", cell("Torch==2.0"))},
        [f"{TRIAL}:1: 'Torch==2.0': the canonical name is 'torch' (PEP 503)"],
        id="a name in a cell",
    ),
    pytest.param(
        {TRIAL: trial("torch-numpy", cell("torch==2.0", also=["numpy>=1"]))},
        [f"{TRIAL}:1: 'numpy>=1' is not a package in one version (name==version)"],
        id="a range that was installed",
    ),
    pytest.param(
        {TRIAL: trial("torch-numpy", cell("torch==2.0", ok=["running"]))},
        [f"{TRIAL}:1: 'running' is none of: resolve, install, "],
        id="a strange stage",
    ),
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


def test_the_order_of_problems_is_that_of_files_and_lines(tmp_path: Path) -> None:
    directory(tmp_path, {BAD: "- {}\n" * 12, "known-bad/numpy.yaml": "", "known-bad/a.yml": ""})

    found = load(str(tmp_path))[1]
    assert found == sorted(found)
    assert len(found) > 12
