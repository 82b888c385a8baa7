"""
What a published file says it requires, read from the file itself and never by building it.

- A wheel says it in METADATA. That is a few kilobytes at the end of the archive, so they are
  fetched by byte ranges and the wheel as such is never downloaded.
- An sdist says it in PKG-INFO, and where that lists no Requires-Dist, in setuptools'
  `*.egg-info/requires.txt`. Both hold what setup.py passed as install_requires on the machine that
  made the archive (DeepSpeed: requirements/requirements.txt). It is read as a stream that ends as
  soon as the requirements are known.
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

from packaging.metadata import parse_email
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from requests import Session

TIMEOUT = (10.0, 60.0)
# METADATA stands at the end of nearly every wheel: one request of this size reaches it.
_SPAN = 64 * 1024
_EGG_INFO = (
    r"(?P<root>[^/]+)/(?:[^/]+/){0,2}(?P<project>[^/]+)\.egg-info/(?P<file>requires|SOURCES)\.txt"
)


class NoRangesError(Exception):
    """
    Signal a server that sends nothing but whole files.
    """


@dataclass(frozen=True, slots=True)
class Declared:
    """
    Requirements of one file as Requires-Dist strings, or the reason why they can't be had.
    """

    requires: tuple[str, ...] = ()
    unknown: str = ""


def read_requirements(session: Session, url: str) -> Declared:
    """
    Read what the wheel or sdist at an address declares.

    Raises:
        NoRangesError: Only the whole archive could be fetched.
    """
    filename = urlsplit(url).path.rpartition("/")[2]
    try:
        if not filename.endswith((".whl", ".zip")):
            with session.get(url, stream=True, timeout=TIMEOUT) as response:
                response.raise_for_status()
                with tarfile.open(fileobj=response.raw, mode="r|*") as tar:
                    return _from_sdist((m.name, partial(_read_member, tar, m)) for m in tar)
        with zipfile.ZipFile(cast("IO[bytes]", _RemoteFile(session, url))) as archive:
            if filename.endswith(".whl"):
                return _from_wheel(archive)
            return _from_sdist((n, partial(archive.read, n)) for n in archive.namelist())
    except (tarfile.TarError, zipfile.BadZipFile, UnicodeDecodeError):
        return Declared(unknown=f"{filename} is damaged")


def requires_dist(metadata: bytes) -> tuple[str, ...]:
    """
    Return the requirements in a core metadata file.
    """
    requires = parse_email(metadata)[0].get("requires_dist", ())
    return tuple(" ".join(text.split()) for text in requires)  # long ones may be folded


def _from_wheel(archive: zipfile.ZipFile) -> Declared:
    for name in archive.namelist():
        if re.fullmatch(r"[^/]+\.dist-info/METADATA", name):
            return Declared(requires_dist(archive.read(name)))
    return Declared(unknown="the wheel has no METADATA")


def _from_sdist(members: Iterable[tuple[str, Callable[[], bytes]]]) -> Declared:
    by_setuptools = complete = False
    for name, read in members:
        if re.fullmatch(r"[^/]+/PKG-INFO", name):
            content = read()
            if requires := requires_dist(content):
                return Declared(requires)
            metadata, _ = parse_email(content)
            # From metadata 2.2 on, a field that is neither given nor called dynamic is empty.
            dynamic = [field.lower() for field in metadata.get("dynamic", ())]
            too_old = metadata.get("metadata_version", "1.0") in {"1.0", "1.1", "1.2", "2.0", "2.1"}
            complete = not too_old and "requires-dist" not in dynamic
        elif (found := re.fullmatch(_EGG_INFO, name)) and _is_of(found["root"], found["project"]):
            by_setuptools = True
            if found["file"] == "requires":
                return Declared(tuple(_from_requires_txt(read().decode())))
    # setuptools writes requires.txt whenever there is a requirement.
    if complete or by_setuptools:
        return Declared()
    return Declared(unknown="the sdist doesn't say what it requires")


def _is_of(root: str, project: str) -> bool:
    # An archive can hold the egg-info of others, as something bundled or as test data.
    return canonicalize_name(root).startswith(f"{canonicalize_name(project)}-")


def _from_requires_txt(text: str) -> Iterator[str]:
    """
    Turn setuptools' sections, `[extra:marker]`, into Requires-Dist strings.
    """
    conditions: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            extra, _, marker = line[1:-1].partition(":")
            conditions = [f"({marker})"] if marker else []
            conditions += [f'extra == "{extra}"'] if extra else []
        else:
            yield f"{line} ; {' and '.join(conditions)}" if conditions else line


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(member)
    return content.read() if content else b""


class _RemoteFile(io.RawIOBase):
    """
    A file behind an address, of which only the spans that are asked for are fetched.
    """

    def __init__(self, session: Session, url: str) -> None:
        self._session, self._url = session, url
        self._at = self._size = 0
        self._spans: list[tuple[int, bytes]] = []
        self._fetch(f"-{_SPAN}")

    def _fetch(self, span: str) -> None:
        headers = {"Range": f"bytes={span}", "Accept-Encoding": "identity"}
        with self._session.get(
            self._url, headers=headers, stream=True, timeout=TIMEOUT
        ) as response:
            response.raise_for_status()
            sent = response.headers.get("Content-Range", "")
            if not (numbers := re.fullmatch(r"bytes (\d+)-\d+/(\d+)", sent)):
                raise NoRangesError
            self._size = int(numbers[2])
            self._spans.append((int(numbers[1]), response.content))

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise OSError("negative seek position")  # as a file does; zipfile counts on it
        self._at = origin + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        if not (content := self._fetched(end)):
            last = min(max(end, self._at + _SPAN), self._size) - 1
            self._fetch(f"{self._at}-{last}")
            if not (content := self._fetched(end)):
                raise EOFError
        self._at = end
        return content

    def _fetched(self, end: int) -> bytes:
        for start, content in self._spans:
            if start <= self._at and end <= start + len(content):
                return content[self._at - start : end - start]
        return b""
