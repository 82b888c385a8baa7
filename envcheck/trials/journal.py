"""
`trials.jsonl`: a record a line, each whole or not there.
"""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.trials.installer import FULL, disk_full
from envcheck.trials.record import Record, RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(path: str) -> Iterator[Record]:
    """
    Yield the records of a file that may not be there; a line that is none is passed over.

    Only the last line can be half written, by a machine that went down.

    Raises:
        SourceError: It can't be read.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    yield Record.from_dict(json.loads(line))
                except (ValueError, RecordError, RecursionError):  # noqa: PERF203
                    continue
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(f"cannot read {clean(path)}: {error.strerror}") from None


def append(path: str, record: Record) -> None:
    """
    Add a record as one line that is on the disk when this returns, or not at all.

    Raises:
        DiskFullError: There is no space left.
        SourceError: It can't be written.
    """
    data = json.dumps(record.to_dict(), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data
            try:
                written = os.pwrite(descriptor, data, size)
                if written < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
                os.fsync(descriptor)
            except BaseException:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(os.path.dirname(path)) from None
        raise SourceError(f"cannot write {clean(path)}: {error.strerror}") from None
