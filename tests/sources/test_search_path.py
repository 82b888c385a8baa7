from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from builders import write

from envcheck.sources import search_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages folder beside the folders `a`, `b` and `c`."""
    for name in ("a", "b", "c", "site"):
        (tmp_path / name).mkdir()
    return tmp_path / "site"


def walk(site: Iterable[Path], before: Iterable[str] = ()) -> list[search_path.Folder]:
    return list(search_path.walk(list(before), [str(each) for each in site]))


def names(site: Iterable[Path], before: Iterable[str] = ()) -> list[str]:
    return [os.path.basename(each.path) for each in walk(site, before)]


PTH = [
    pytest.param("../a\n../b\n", ["a", "b"], id="folders, in their order"),
    pytest.param("# ../a\n\n   \n../b  \n", ["b"], id="comments and empty lines"),
    pytest.param("import os; os.mkdir('x')\nimport\tos\n../b\n", ["b"], id="code is never run"),
    pytest.param("../nowhere\n../b\n", ["b"], id="what isn't there"),
    pytest.param("../a\n../site\n../a/../a\n", ["a"], id="what is on the path already"),
    pytest.param("\ufeff../a\r\n", ["a"], id="byte order mark"),
    pytest.param("../a\0\n../b\n", ["b"], id="what can't be a path"),
    pytest.param(b"../\xff\n../b\n", ["b"], id="no UTF-8"),
    pytest.param("", [], id="empty"),
]


@pytest.mark.parametrize(("text", "expected"), PTH)
def test_plain_lines_add_folders(site: Path, text: str | bytes, expected: list[str]) -> None:
    write(site / "x.pth", text)

    assert ["site", *expected] == names([site])


def test_a_path_of_another_encoding_is_found(site: Path) -> None:
    os.mkdir(os.fsencode(site.parent) + b"/\xff")
    write(site / "x.pth", b"../\xff\n")

    assert names([site]) == ["site", "\udcff"]


def test_absolute_lines_are_taken_as_they_are(site: Path) -> None:
    write(site / "x.pth", f"{site.parent}/c\n")

    assert names([site]) == ["site", "c"]


def test_files_are_read_in_the_order_of_their_names(site: Path) -> None:
    write(site / "z.pth", "../a\n")
    write(site / "easy-install.pth", "../c\n")
    write(site / "b.pth", "../b\n")

    assert names([site]) == ["site", "b", "c", "a"]


def test_hidden_files_and_pipes_are_passed_over(site: Path) -> None:
    write(site / ".x.pth", "../a\n")
    os.mkfifo(site / "y.pth")

    assert names([site]) == ["site"]


def test_only_site_folders_have_such_files(site: Path) -> None:
    write(site / "x.pth", "../a\n")
    write(site.parent / "a" / "x.pth", "../b\n")
    write(site.parent / "c" / "x.pth", "../b\n")

    assert names([site], ["/nowhere", str(site.parent / "c")]) == ["c", "site", "a"]


def test_what_a_folder_adds_comes_before_the_next_folder(site: Path) -> None:
    write(site / "x.pth", "../b\n")

    assert names([site, site.parent / "a"]) == ["site", "b", "a"]


def test_a_folder_under_two_names_is_searched_once(site: Path) -> None:
    (site.parent / "again").symlink_to("site")

    assert names([site, site.parent / "again", site.parent / "nowhere"]) == ["site"]


def test_an_egg_link_leads_to_a_working_copy(site: Path) -> None:
    write(site / "MoE_LLaVA.egg-link", f"{site.parent}/a\n../\n")
    write(site / "empty.egg-link", "")

    first, second = walk([site])

    assert first.links == {"moe-llava": f"{site.parent}/a"}
    assert (second.path, second.added) == (f"{site.parent}/a", True)


def test_folders_say_how_they_came_to_be_on_the_path(site: Path) -> None:
    write(site / "x.pth", "../a\n")

    found = walk([site], [str(site.parent / "b")])

    assert [(each.first, each.added) for each in found] == [
        (True, True),
        (False, False),
        (False, True),
    ]


def test_an_archive_has_no_listing(site: Path) -> None:
    write(site / "x.zip")

    (found,) = walk([site / "x.zip"])

    assert (found.children, found.problem) == ([], "")


def test_a_folder_that_may_not_be_read_has_a_problem(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", denied)

    (found,) = walk([site])

    assert found.problem == "the folder can't be read: Permission denied"
