from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from trials.test_record import RECORD

from envcheck.errors import EnvcheckError, SourceError
from envcheck.trials import journal

if TYPE_CHECKING:
    from pathlib import Path


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = str(tmp_path / "trials.jsonl")
    journal.append(path, RECORD)
    journal.append(path, RECORD._replace(python="3.12.1"))

    assert list(journal.read(path)) == [RECORD, RECORD._replace(python="3.12.1")]


def test_no_file_is_no_records(tmp_path: Path) -> None:
    assert list(journal.read(str(tmp_path / "none"))) == []


def test_half_a_line_is_passed_over_and_not_written_onto(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    journal.append(str(path), RECORD)
    path.write_text(path.read_text() + '{"schema": "envcheck-trial/1", "ask')
    journal.append(str(path), RECORD)

    assert list(journal.read(str(path))) == [RECORD, RECORD]


def test_a_full_disk_is_said_and_leaves_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trials.jsonl"
    journal.append(str(path), RECORD)
    before = path.read_bytes()
    write = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        return write(descriptor, data[:100], offset)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(EnvcheckError, match="no space left"):
        journal.append(str(path), RECORD)
    assert path.read_bytes() == before


def test_what_cannot_be_written_or_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=os.strerror(errno.EISDIR)):
        journal.append(str(tmp_path), RECORD)
    with pytest.raises(SourceError, match=os.strerror(errno.EISDIR)):
        list(journal.read(str(tmp_path)))
