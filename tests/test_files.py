from __future__ import annotations

import io
import os
import socket
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from builders import write

from envcheck import files
from envcheck.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    pytest.param(b"torch==2.0.1\n", "torch==2.0.1\n", id="UTF-8"),
    pytest.param(b"\xef\xbb\xbftorch\n", "torch\n", id="UTF-8 with a byte order mark"),
    pytest.param("\ufefftorch\r\nä\r\n".encode("utf-16-le"), "torch\nä\n", id="PowerShell's >"),
    pytest.param("\ufefftorch\n".encode("utf-16-be"), "torch\n", id="UTF-16, big end first"),
    pytest.param(b"a\r\nb\rc\n", "a\nb\nc\n", id="all kinds of line ends"),
    pytest.param(b"", "", id="empty"),
]

BAD_TEXTS = [
    pytest.param(b"a\nb\xe4\n", "is not UTF-8 text (line 2)", id="latin-1"),
    pytest.param("a\nb\n".encode("utf-16-le"), "is not text (a NUL in line 1)", id="no mark"),
    pytest.param(b"\xff\xfea", "is not UTF-8 text (line 1)", id="half a UTF-16 character"),
    pytest.param("a".encode("utf-32"), "is not text", id="UTF-32"),
]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(request.param)))


def refusal(path: Path | str, limit: int = files.LIMIT) -> str:
    with pytest.raises(SourceError) as caught:
        files.read_text(str(path), "package list", limit)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(("data", "expected"), TEXTS)
def test_text_is_read(tmp_path: Path, data: bytes, expected: str) -> None:
    assert expected == files.read_text(str(write(tmp_path / "f", data)), "package list")


@pytest.mark.parametrize(("stdin", "expected"), TEXTS, indirect=["stdin"])
@pytest.mark.usefixtures("stdin")
def test_standard_input_is_read_the_same_way(expected: str) -> None:
    assert expected == files.read_text("-", "package list")


@pytest.mark.parametrize(("data", "expected"), BAD_TEXTS)
def test_what_is_no_text_is_refused_with_its_line(
    tmp_path: Path, data: bytes, expected: str
) -> None:
    message = refusal(write(tmp_path / "f", data))

    assert f"the package list {tmp_path / 'f'} {expected}" in message
    assert "save it as UTF-8" in message


@pytest.mark.parametrize("stdin", [b"x" * 101], indirect=True)
@pytest.mark.usefixtures("stdin")
def test_standard_input_is_bounded() -> None:
    assert "standard input is larger than 100 bytes" in refusal("-", 100)


def test_closed_standard_input_is_said_to_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert "standard input: it is closed" in refusal("-")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        pytest.param(10, "larger than 10 bytes", id="bytes"),
        pytest.param(2048, "larger than 2 KiB", id="KiB"),
        pytest.param(files.LIMIT, "larger than 16 MiB", id="MiB"),
    ],
)
def test_a_big_file_is_refused_without_being_read(
    tmp_path: Path, limit: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    monkeypatch.setattr(os, "read", None)

    assert expected in refusal(path, limit)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "f", "x" * 100)

    assert files.read_text(str(path), "package list", 100) == "x" * 100
    assert "larger than 99 bytes" in refusal(path, 99)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    expected = f"cannot read the package list {tmp_path / 'f'}: no such file"

    assert expected == refusal(tmp_path / "f")


def test_a_path_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    assert r"a\x00b" in refusal(f"{tmp_path}/a\0b")
    assert "name too long" in refusal(tmp_path / ("x" * 300)).lower()
    assert "Not a directory" in refusal(write(tmp_path / "f") / "g")


def test_a_hostile_path_is_shown_harmless(tmp_path: Path) -> None:
    message = refusal(tmp_path / "\x1b[31m\n::error::\u202e")

    assert r"\x1b[31m\x0a:\x3aerror:\x3a\u202e" in message


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "it is a folder; give a file" in refusal(tmp_path)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert "it is a pipe; pipe it in and use -" in refusal(tmp_path / "pipe")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")

        assert "it is a socket; pipe it in and use -" in refusal("socket")


def test_a_device_is_refused() -> None:
    assert "it is a device; pipe it in and use -" in refusal("/dev/zero")


def test_a_link_to_a_file_is_followed_and_a_loop_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "f", "x")
    (tmp_path / "link").symlink_to("f")
    (tmp_path / "loop").symlink_to("loop")

    assert files.read_text(str(tmp_path / "link"), "package list") == "x"
    assert "symbolic links" in refusal(tmp_path / "loop")


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "f")

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)

    assert f"{path}: Permission denied" in refusal(path)


class Growing:
    """A file that somebody appends to while it is read, the first `times` times."""

    def __init__(self, path: Path, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.left, self.read = path, times, os.read
        monkeypatch.setattr(os, "read", self)

    def __call__(self, descriptor: int, size: int) -> bytes:
        data = self.read(descriptor, size)
        if self.left and data.startswith(b"x"):
            self.left -= 1
            with self.path.open("a") as file:
                file.write("more\n")
        return data


def test_a_file_that_changes_once_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "f", "x\n")
    Growing(path, 1, monkeypatch)

    assert files.read_text(str(path), "package list") == "x\nmore\n"


def test_a_file_that_keeps_changing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "f", "x\n")
    Growing(path, 9, monkeypatch)

    assert "changes while it is read; try again" in refusal(path)


def test_a_file_whose_size_is_not_known_beforehand_is_read() -> None:
    if not os.path.exists("/proc/self/status"):
        pytest.skip("no /proc here")

    assert files.read_text("/proc/self/status", "package list").startswith("Name:")


def test_a_head_is_what_there_is_of_it(tmp_path: Path) -> None:
    path = str(write(tmp_path / "f", "abcdef"))

    assert files.head(path, 3) == b"abc"
    assert files.head(path, 100) == b"abcdef"


def test_a_head_of_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(files.NotAFileError, match="a pipe"):
        files.head(str(tmp_path / "pipe"), 3)
    with pytest.raises(files.NotAFileError, match="a folder"):
        files.head(str(tmp_path), 3)
    with pytest.raises(FileNotFoundError):
        files.head("a\0b", 3)


def test_a_kind_of_file_that_has_no_name_is_refused() -> None:
    odd = os.stat_result([stat.S_IFMT(0), *([0] * 9)])

    with pytest.raises(files.NotAFileError, match="not a regular file"):
        files._regular(odd)


def test_files_here_that_hold_a_word_are_found_by_their_names_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.sh", "deepspeed")
    write(tmp_path / "b.sh", "ls")
    write(tmp_path / "c.txt", "deepspeed")
    write(tmp_path / ".d.sh", "deepspeed")
    write(tmp_path / "below" / "e.sh", "deepspeed")
    (tmp_path / "f.sh").mkdir()
    os.mkfifo(tmp_path / "g.sh")

    assert files.naming(b"deepspeed", (".sh",)) == ["a.sh"]
