from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from builders import distribution, write

from envcheck.sources import metadata

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = [
    pytest.param(
        "Name: torch\nVersion: 2.0.1\nRequires-Dist: numpy\nRequires-Dist: sympy>=1\n\nRequires-Dist: x",
        ("torch", "2.0.1", ("numpy", "sympy>=1"), ""),
        id="requirements end with the header",
    ),
    pytest.param(
        "Name: torch\r\nVersion: 2.0.1\r\n\r\nName: other\r\n",
        ("torch", "2.0.1", (), ""),
        id="line ends of Windows",
    ),
    pytest.param(
        "\ufeffName: torch\nVersion: 2.0.1\n", ("torch", "2.0.1", (), ""), id="byte order mark"
    ),
    pytest.param(
        "Name: torch\nDescription: a\n\tVersion: 1\n        Name: b\nVersion: 2.0.1\n",
        ("torch", "2.0.1", (), ""),
        id="folded fields",
    ),
    pytest.param(
        "Name: torch\nVersion: 2.0.1\nRequires-Dist: numpy\n (>=1)\n",
        ("torch", "2.0.1", ("numpy (>=1)",), ""),
        id="folded requirement",
    ),
    pytest.param(
        "Name: a\nName: b\nVersion: 1\nVersion: 2\n",
        ("a", "1", (), ""),
        id="the first field counts",
    ),
    pytest.param(
        "Name: torch\n", ("torch", "", (), "its METADATA has no Version"), id="no version"
    ),
    pytest.param("Version: 1\n", ("", "1", (), "its METADATA has no Name"), id="no name"),
    pytest.param("", ("", "", None, "its METADATA is empty"), id="empty"),
    pytest.param(" \n\n", ("", "", None, "its METADATA is empty"), id="white space"),
    pytest.param(b"Name: \xe4\n", ("", "", None, "its METADATA is not UTF-8 text"), id="latin-1"),
    pytest.param(
        b"Name: torch\nVersion: 1\n\n\xe4\n", ("torch", "1", (), ""), id="latin-1 below the header"
    ),
    pytest.param(
        "Name: torch\nVersion: 1\n".encode("utf-16"),
        ("", "", None, "its METADATA is not UTF-8 text"),
        id="UTF-16",
    ),
]

DIRECT = [
    pytest.param(
        {"url": "file:///src", "dir_info": {"editable": True}}, ("editable", "file:///src"), id="-e"
    ),
    pytest.param({"url": "file:///src", "dir_info": {}}, ("file", "file:///src"), id="a folder"),
    pytest.param(
        {"url": "file:///src", "dir_info": {"editable": "yes"}},
        ("file", "file:///src"),
        id="no bool",
    ),
    pytest.param(
        {"url": "https://a/b.whl", "archive_info": {}}, ("file", "https://a/b.whl"), id="an archive"
    ),
    pytest.param(
        {"url": "https://a/b", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        ("vcs", "git+https://a/b@abc"),
        id="a repository",
    ),
    pytest.param({"url": "https://a", "vcs_info": {}}, ("vcs", "git+https://a"), id="no commit"),
    pytest.param({"url": "https://a:b@c/d"}, ("file", "https://****@c/d"), id="a password"),
    pytest.param({}, ("file", ""), id="nothing in it"),
    pytest.param([], ("file", ""), id="no object"),
    pytest.param("[" * 20_000, ("file", ""), id="too deep"),
    pytest.param("{", ("file", ""), id="no JSON"),
    pytest.param(b"\xff", ("file", ""), id="no text"),
]


def fields(found: metadata.Metadata) -> tuple[str, str, tuple[str, ...] | None, str]:
    return found.name, found.version, found.requires, found.problem


@pytest.mark.parametrize(("text", "expected"), HEADERS)
def test_the_header_is_read(
    tmp_path: Path, text: str | bytes, expected: tuple[str, str, tuple[str, ...] | None, str]
) -> None:
    write(tmp_path / "torch-2.0.1.dist-info" / "METADATA", text)

    assert expected == fields(metadata.read(str(tmp_path / "torch-2.0.1.dist-info")))


def test_a_long_header_is_read_to_its_end(tmp_path: Path) -> None:
    requires = [f"package-{number}>=1.0; extra == 'everything'" for number in range(3000)]
    info = distribution(tmp_path, "torch", "2.0.1", requires=requires)

    assert tuple(requires) == metadata.read(str(info)).requires


def test_a_header_without_an_end_is_bounded(tmp_path: Path) -> None:
    text = "Name: torch\nVersion: 1\n" + "Requires-Dist: numpy\n" * 200_000
    write(tmp_path / "torch-1.dist-info" / "METADATA", text)

    found = metadata.read(str(tmp_path / "torch-1.dist-info"))

    assert found.version == "1"
    assert len(found.requires or ()) < 60_000


def pipe_in(info: Path) -> None:
    info.mkdir()
    os.mkfifo(info / "METADATA")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda info: info.mkdir(), "it has no METADATA", id="no METADATA"),
        pytest.param(lambda info: info.write_text(""), "it is a file, not a folder", id="a file"),
        pytest.param(lambda info: info.symlink_to("x"), "it has no METADATA", id="broken link"),
        pytest.param(
            lambda info: (info / "METADATA").mkdir(parents=True),
            "its METADATA is a folder",
            id="folder",
        ),
        pytest.param(
            pipe_in,
            "its METADATA is a pipe",
            id="a pipe doesn't make it wait",
        ),
        pytest.param(
            lambda info: info.symlink_to(info.name), "its METADATA can't be read: ", id="loop"
        ),
    ],
)
def test_damaged_metadata_says_why(tmp_path: Path, make: Any, expected: str) -> None:
    info = tmp_path / "torch-2.0.1.dist-info"
    make(info)

    assert metadata.read(str(info)).problem.startswith(expected)


REQUIRES_TXT = """\
numpy>=1
sympy

[dev]
pytest

[:python_version < "3.8"]
typing

[dev:sys_platform == "linux"]
strace
"""


def test_requirements_of_an_egg_info_folder_are_in_a_file_of_their_own(tmp_path: Path) -> None:
    info = tmp_path / "torch.egg-info"
    write(info / "PKG-INFO", "Name: torch\nVersion: 2.0.1\n")
    write(info / "requires.txt", REQUIRES_TXT)

    assert metadata.read(str(info)).requires == (
        "numpy>=1",
        "sympy",
        'pytest; extra == "dev"',
        'typing; python_version < "3.8"',
        'strace; (sys_platform == "linux") and extra == "dev"',
    )


def test_an_egg_info_folder_may_declare_nothing(tmp_path: Path) -> None:
    write(tmp_path / "torch.egg-info" / "PKG-INFO", "Name: torch\nVersion: 2.0.1\n")

    assert metadata.read(str(tmp_path / "torch.egg-info")).requires == ()


def test_an_egg_info_file_cannot_declare_requirements(tmp_path: Path) -> None:
    info = write(tmp_path / "torch-2.0.1.egg-info", "Name: torch\nVersion: 2.0.1\n")

    assert fields(metadata.read(str(info))) == ("torch", "2.0.1", None, "")


def test_an_egg_info_that_is_neither_is_damaged(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "torch.egg-info")

    found = metadata.read(str(tmp_path / "torch.egg-info"))

    assert found.problem == "its egg-info file is a pipe"


@pytest.mark.parametrize(("record", "expected"), DIRECT)
def test_where_it_came_from_is_told(tmp_path: Path, record: Any, expected: tuple[str, str]) -> None:
    raw = isinstance(record, (str, bytes))
    write(tmp_path / "direct_url.json", record if raw else json.dumps(record))

    assert expected == metadata.direct(str(tmp_path))


def test_without_a_record_it_came_from_an_index(tmp_path: Path) -> None:
    assert metadata.direct(str(tmp_path)) == ("index", "")


def test_the_installer_is_a_word(tmp_path: Path) -> None:
    assert metadata.installer(str(tmp_path)) == ""

    write(tmp_path / "INSTALLER", "UV\n")

    assert metadata.installer(str(tmp_path)) == "uv"


def test_a_zipped_egg_is_read(tmp_path: Path) -> None:
    egg = tmp_path / "torch-2.0.1-py3.10.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Name: torch\r\nVersion: 2.0.1\r\n\r\nName: x\r\n")

    assert fields(metadata.egg(str(egg))) == ("torch", "2.0.1", None, "")


def test_an_egg_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path / "EGG-INFO" / "PKG-INFO", "Name: torch\nVersion: 2.0.1\n")

    assert fields(metadata.egg(str(tmp_path))) == ("torch", "2.0.1", None, "")


def test_a_broken_egg_says_why(tmp_path: Path) -> None:
    assert metadata.egg(str(tmp_path)).problem == "it has no PKG-INFO"
    assert (
        metadata.egg(str(write(tmp_path / "a.egg", "no archive"))).problem
        == "it is no zip archive with metadata"
    )
    with zipfile.ZipFile(tmp_path / "b.egg", "w") as archive:
        archive.writestr("other", "")
    assert metadata.egg(str(tmp_path / "b.egg")).problem == "it is no zip archive with metadata"
    os.mkfifo(tmp_path / "c.egg")
    assert metadata.egg(str(tmp_path / "c.egg")).problem == "it is neither a folder nor an archive"
