from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import write

from envcheck.sources import python

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("python3.10", "3.10"),
        ("python3.13t", "3.13"),
        ("pypy3.9", "3.9"),
        ("Python3.11.exe", "3.11"),
        ("python3", ""),
        ("python", ""),
        ("3.10", ""),
        ("python3.10-config", ""),
        ("pythonx.y", ""),
        ("ruby3.1", ""),
    ],
)
def test_a_name_tells_the_version(name: str, expected: str) -> None:
    assert expected == python.version_in(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("3.10.13", "3.10.13", id="venv"),
        pytest.param("3.10.13.final.0", "3.10.13", id="virtualenv"),
        pytest.param("3.10", "3.10", id="two parts"),
        pytest.param("3.13.0rc2", "3.13", id="pre-release"),
        pytest.param("3.10.13-h955ad1f_0.json", "3.10.13", id="conda"),
        pytest.param("20.24", "20.24", id="any numbers"),
        pytest.param("dateutil-2.8.2.json", "", id="a name"),
        pytest.param("3", "", id="one part"),
        pytest.param("", "", id="nothing"),
        pytest.param("³.¹", "", id="digits that aren't ASCII"),
    ],
)
def test_a_text_tells_the_version(text: str, expected: str) -> None:
    assert expected == python.version(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('#define PY_VERSION      \t"3.10.13"\n', "3.10.13", id="release"),
        pytest.param('#define PY_VERSION "3.11.0+"\n', "3.11.0", id="built from a checkout"),
        pytest.param("#define PY_MAJOR_VERSION 3\n", "", id="no such line"),
        pytest.param("", "", id="empty"),
    ],
)
def test_the_header_tells_the_version(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path / "patchlevel.h", text)

    assert expected == python.patchlevel(str(tmp_path))


def test_no_header_tells_nothing(tmp_path: Path) -> None:
    assert python.patchlevel(str(tmp_path)) == ""


def test_links_are_followed_one_step_at_a_time(tmp_path: Path) -> None:
    write(tmp_path / "real" / "python3.10")
    (tmp_path / "real" / "python").symlink_to("python3.10")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "python")

    assert [
        str(tmp_path / "link"),
        str(tmp_path / "folder" / "python"),
        str(tmp_path / "real" / "python3.10"),
    ] == list(python.links(str(tmp_path / "link")))


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    assert len(list(python.links(str(tmp_path / "loop")))) == 40
