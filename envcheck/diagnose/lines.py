"""
A log as blocks of whole lines: a file, standard input, or a file that grows, in constant memory.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck.clean import clean
from envcheck.errors import SourceError, UsageError
from envcheck.files import STDIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK: Final = 512 * 1024
"Bytes that are read at once."
LONGEST: Final = 1024 * 1024
"Bytes after which a line is cut: no record and no error text is that long."
PAUSE: Final = 0.5
"Seconds between two looks at a file that doesn't grow."

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_NAMES: Final = (
    (
        b"\x1f\x8b",
        "is compressed with gzip; unpack it into a pipe: zcat FILE | envcheck diagnose -",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "is compressed with zstd; unpack it into a pipe: zstdcat FILE | envcheck diagnose -",
    ),
    (b"BZh", "is compressed with bzip2; unpack it into a pipe: bzcat FILE | envcheck diagnose -"),
    (b"\xfd7zXZ", "is compressed with xz; unpack it into a pipe: xzcat FILE | envcheck diagnose -"),
    (
        b"PK\x03\x04",
        "is a zip archive (as torch saves weights); give the text log or trainer_state.json",
    ),
    (b"\x89PNG", "is a picture; give the log as text"),
)
_TENSORBOARD: Final = b"brain.Event:"
_NO_TEXT: Final = bytes(set(range(32)) - {*b"\t\n\r\x08\x0c\x1b"})


class Block(NamedTuple):
    """
    Some whole lines of a log.
    """

    data: bytes
    ended: bool
    "Nothing more is there now: what has been read is all that can be said."


def read(
    path: str, *, follow: bool = False, pause: Callable[[], None] | None = None
) -> Iterator[Block]:
    """
    Yield a log in blocks of whole lines; a line without an end is whole when the log ends.

    Args:
        path: `-` reads standard input.
        follow: Go on when a file ends, also after it was cut off or replaced, until interrupted.
        pause: Waits for a file to grow.

    Raises:
        UsageError: Standard input is a terminal.
        SourceError: It can't be read, or isn't text.
    """
    cutter = _Cutter(path)
    if path == STDIN:
        parts: Iterator[bytes | None] = _standard_input()
    elif follow:
        parts = _growing(path, pause or _sleep)
    else:
        parts = _file(path)
    for part in parts:
        if part is None:
            yield Block(b"", ended=True)
        elif whole := cutter.cut(part):
            yield Block(whole, ended=False)
    yield Block(cutter.rest(), ended=True)


def shown(path: str) -> str:
    """
    Return what a log is called in reports and messages.
    """
    return "standard input" if path == STDIN else clean(path)


def _sleep() -> None:
    time.sleep(PAUSE)


def _standard_input() -> Iterator[bytes]:
    stream = sys.stdin
    if stream is None or stream.closed:
        raise SourceError("cannot read the log from standard input: it is closed")
    if stream.isatty():
        raise UsageError("give a log file, or pipe a log in: train.sh 2>&1 | envcheck diagnose -")
    while part := os.read(stream.fileno(), BLOCK):
        yield part


def _open(path: str) -> int:
    """Open a regular file; anything else could make envcheck wait, or do things when it is opened."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(
                f"cannot read the log {shown(path)}: it is a folder; give a file in it"
            )
        if not stat.S_ISREG(mode):
            raise SourceError(
                f"cannot read the log {shown(path)}: it is not a file; pipe it in and use -"
            )
        return os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot read the log {shown(path)}: {clean(reason)}") from None


def _file(path: str) -> Iterator[bytes]:
    descriptor = _open(path)
    try:
        while part := os.read(descriptor, BLOCK):
            yield part
    except OSError as error:
        raise SourceError(f"cannot read the log {shown(path)}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _growing(path: str, pause: Callable[[], None]) -> Iterator[bytes | None]:
    """Yield what is added to a file; `None` whenever there is no more. It never ends by itself."""
    descriptor = _open(path)
    try:
        while True:
            while part := os.read(descriptor, BLOCK):
                yield part
            yield None
            pause()
            following = _successor(path, descriptor)
            if following is None:
                continue
            while part := os.read(
                descriptor, BLOCK
            ):  # what the writer added before it changed files
                yield part
            yield b"\n"  # an unfinished line of the old file has ended, whatever follows
            if following >= 0:
                os.close(descriptor)
                descriptor = following
            else:
                os.lseek(descriptor, 0, os.SEEK_SET)
    finally:
        os.close(descriptor)


def _successor(path: str, descriptor: int) -> int | None:
    """Return a descriptor of the file that took this one's place, -1 if it was cut off, `None`: neither."""
    here = os.fstat(descriptor)
    if here.st_size < os.lseek(descriptor, 0, os.SEEK_CUR):
        return -1
    try:
        there = os.stat(path)
    except OSError:
        return None  # between the two steps of a rotation
    if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino) or not stat.S_ISREG(
        there.st_mode
    ):
        return None
    try:
        return os.open(path, _FLAGS)
    except OSError:
        return None


class _Cutter:
    """
    Cuts what is read into whole lines of UTF-8.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rest = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = False

    def cut(self, data: bytes) -> bytes:
        """
        Return the whole lines so far; the rest is kept for the next call.
        """
        if not self._begun:
            self._begin(data)
        if self._decoder is not None:
            data = self._decoder.decode(data).encode("utf-8", "replace")
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if end:
            whole, self._rest = self._rest + data[:end], data[end:]
            return whole
        self._rest += data
        if len(self._rest) < LONGEST:
            return b""
        end = self._rest.rfind(b"}") + 1 or self._rest.rfind(b" ") + 1 or len(self._rest)
        whole, self._rest = self._rest[:end], self._rest[end:]
        return whole + b"\r"

    def rest(self) -> bytes:
        """
        Return the last line, which has no end.
        """
        whole, self._rest = self._rest, b""
        return whole

    def _begin(self, data: bytes) -> None:
        self._begun = True
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # what PowerShell writes with `>`
            self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
            return
        name = next((name for magic, name in _NAMES if data.startswith(magic)), None)
        if _TENSORBOARD in data[:64]:
            name = "is a TensorBoard event file; give the text log or trainer_state.json"
        head = data[: 64 * 1024]
        if name is None and len(head) - len(head.translate(None, _NO_TEXT)) > len(head) // 20:
            name = "is not text; give the text log, a traceback, or trainer_state.json"
        if name is not None:
            raise SourceError(f"the log {shown(self._path)} {name}")
