from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.diagnose import lines
from envcheck.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def read(path: Path) -> bytes:
    return b"".join(block.data for block in lines.read(str(path)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"one\ntwo\n", id="whole lines"),
        pytest.param(b"one\ntwo", id="no end"),
        pytest.param(b"\r 1%|\r 2%|", id="bars only"),
        pytest.param("dernière\n".encode(), id="not only ASCII"),
        pytest.param(b"a\xff\xfeb\n", id="not UTF-8"),
    ],
)
def test_what_is_in_a_file_comes_out_of_it(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "log").write_bytes(text)

    assert read(tmp_path / "log") == text


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 9))
def test_blocks_end_where_lines_end(parts: list[bytes], size: int) -> None:
    text = b"start of it" + b"".join(parts)
    cutter = lines._Cutter("made up")
    cutter._begun = True
    blocks = [cutter.cut(text[at : at + size]) for at in range(0, len(text), size)]

    assert all(block.endswith((b"\n", b"\r")) for block in blocks if block)
    assert b"".join(blocks) + cutter.rest() == text


def test_a_line_without_end_is_cut_where_no_record_is(tmp_path: Path) -> None:
    record = b"{'loss': 0.0}"
    (tmp_path / "log").write_bytes(record * (3 * lines.LONGEST // len(record)))
    blocks = [block.data for block in lines.read(str(tmp_path / "log")) if block.data]

    assert max(map(len, blocks)) <= 2 * lines.LONGEST
    assert all(block.rstrip(b"\r").endswith(record) for block in blocks)


def test_a_line_with_nowhere_to_cut_is_cut_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (2 * lines.LONGEST))

    assert read(tmp_path / "log").replace(b"\r", b"") == b"x" * (2 * lines.LONGEST)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_with_a_mark_is_read(tmp_path: Path, encoding: str) -> None:
    text = "\ufeffloss é\nend" if encoding.endswith("be") else "loss é\nend"
    (tmp_path / "log").write_bytes(text.encode(encoding))

    assert read(tmp_path / "log").decode().lstrip("\ufeff") == "loss é\nend"


@pytest.mark.parametrize(
    ("start", "message"),
    [
        pytest.param(b"\x1f\x8b\x08", "zcat", id="gzip"),
        pytest.param(b"PK\x03\x04", "zip archive", id="weights"),
        pytest.param(b"\x18\0\0\0brain.Event:2", "TensorBoard", id="events"),
        pytest.param(bytes(range(256)) * 40, "is not text", id="noise"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, start: bytes, message: str) -> None:
    (tmp_path / "log").write_bytes(start + b"\0" * 100)

    with pytest.raises(SourceError, match=message):
        read(tmp_path / "log")


def test_holes_of_zeros_make_a_log_no_binary(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"line\n" * 1000 + b"\0" * 100 + b"line\n")

    assert read(tmp_path / "log").count(b"line") == 1001


def test_a_folder_a_pipe_and_nothing_are_refused_in_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("", "it is a folder"), ("pipe", "use -"), ("none", "No such file")):
        with pytest.raises(SourceError, match=message):
            read(tmp_path / name)
    with pytest.raises(SourceError, match="cannot read the log"):
        list(lines.read("a\0b"))


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_text("x")

    def refuse(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", refuse)
    with pytest.raises(SourceError, match="Input/output error"):
        read(tmp_path / "log")


def test_standard_input_is_read_unless_a_person_sits_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_text("one\n")
    with (tmp_path / "log").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert b"".join(block.data for block in lines.read("-")) == b"one\n"
    with pytest.raises(SourceError, match="closed"):
        list(lines.read("-"))

    class Terminal:
        closed = False

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(UsageError, match="pipe a log in"):
        list(lines.read("-"))


def followed(path: Path, *steps: Callable[[], object]) -> bytes:
    """Follow a file; whenever it has ended do the next step, and stop after the last."""
    left = iter(steps)

    def pause() -> None:
        step = next(left, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    found = b""
    try:
        for block in lines.read(str(path), follow=True, pause=pause):
            found += block.data + (b"|" if block.ended else b"")
    except KeyboardInterrupt:
        return found
    raise AssertionError("it ended by itself")


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_what_is_added_is_followed_line_by_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\nt")

    found = followed(log, lambda: append(log, b"wo\n"), int, lambda: append(log, b"three\nf"))

    assert found == b"one\n|two\n||three\n|"


def test_a_file_that_was_cut_off_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"a long first line\nrest")

    found = followed(log, lambda: log.write_bytes(b"new\n"), int)

    assert found == b"a long first line\n|rest\nnew\n||"


def test_a_file_that_took_its_place_is_read_after_the_end_of_the_old(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"old\n")

    def rotate() -> None:
        log.rename(tmp_path / "log.1")
        append(tmp_path / "log.1", b"last of old\n")

    def begin() -> None:
        append(tmp_path / "log.1", b"more of old\n")
        log.write_bytes(b"new\n")

    found = followed(log, rotate, begin, int)

    assert found == b"old\n|last of old\n|more of old\n\nnew\n||"


def test_a_successor_that_cannot_be_opened_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"old\n")
    descriptor = os.open(log, os.O_RDONLY)
    log.rename(tmp_path / "log.1")
    log.write_bytes(b"new\n")

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert lines._successor(str(log), descriptor) is None
    os.close(descriptor)


def test_waiting_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)

    lines._sleep()

    assert waited == [lines.PAUSE]
