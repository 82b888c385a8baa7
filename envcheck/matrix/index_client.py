"""
The package indexes of the user, and what they say about one project.

Files, upload times, Requires-Python and yanked come from the project page of the simple API in JSON
(PEP 691, 700, 592); requirements from the PEP 658 metadata file, and where the index offers none,
from the published file itself (`published_file`).

The pypi-simple library, which does the talking, comes with the extra `refresh` and is imported only
when a client is opened.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envcheck.errors import RefreshError, UsageError
from envcheck.matrix.index_settings import index_settings
from envcheck.matrix.published_file import (
    TIMEOUT,
    Declared,
    NoRangesError,
    read_requirements,
    requires_dist,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pypi_simple import DistributionPackage, PyPISimple


@contextmanager
def open_client(cache: Path | None, connections: int) -> Iterator[IndexClient]:
    """
    Open a client for the indexes that the user has set up.

    Raises:
        UsageError: The library that talks to the index isn't installed.
    """
    try:
        from pypi_simple import ACCEPT_JSON_PREFERRED, PyPISimple
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry
    except ImportError as error:
        message = f"{error.name} is missing: python -m pip install 'ml-envcheck[refresh]'"
        raise UsageError(message) from None

    settings = index_settings(os.environ)
    retries = Retry(5, backoff_factor=0.5, status_forcelist=[429, 500, 502, 503, 504])
    with PyPISimple(settings.address, accept=ACCEPT_JSON_PREFERRED) as simple:
        adapter = HTTPAdapter(pool_maxsize=connections, max_retries=retries)
        simple.s.mount("https://", adapter)
        simple.s.mount("http://", adapter)
        if settings.bundle:
            simple.s.verify = settings.bundle
        more = [
            PyPISimple(each, session=simple.s, accept=ACCEPT_JSON_PREFERRED)
            for each in settings.extra
        ]
        yield IndexClient([simple, *more], cache)


class IndexClient:
    """
    Reads project pages, and what files declare, which never changes and is kept on disk.
    """

    def __init__(self, indexes: Sequence[PyPISimple], cache: Path | None) -> None:
        self._indexes = indexes
        self._cache = cache

    def files(self, project: str) -> list[DistributionPackage]:
        """
        List every file of a project, in the first index that has it.

        Raises:
            RefreshError: There is no such project, or an index doesn't answer.
        """
        from pypi_simple import NoSuchProjectError

        for index in self._indexes:
            with suppress(NoSuchProjectError), _failures_of(project):
                return index.get_project_page(project, timeout=TIMEOUT).packages
        # An address may hold a password.
        hosts = " or ".join(
            dict.fromkeys(str(urlsplit(i.endpoint).hostname) for i in self._indexes)
        )
        raise RefreshError(f"{project}: no such project in the index at {hosts}")

    def declared(self, file: DistributionPackage) -> Declared:
        """
        Read the requirements that a file declares, from the cache if they were read before.

        Raises:
            RefreshError: The index doesn't answer, or offers no way to read a part of a file.
        """
        if self._cache is None:
            return self._read(file)
        key = file.digests.get("sha256") or hashlib.sha256(file.url.encode()).hexdigest()
        kept = self._cache / "requires" / f"{key}.txt"
        if kept.exists():
            return Declared(tuple(kept.read_text(encoding="utf-8").splitlines()))
        found = self._read(file)
        if not found.unknown:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, "".join(f"{text}\n" for text in found.requires))
        return found

    def _read(self, file: DistributionPackage) -> Declared:
        if file.package_type not in {"wheel", "sdist"}:
            return Declared(unknown=f"published only as {file.package_type}, which isn't read")
        with _failures_of(file.filename):
            if not file.has_metadata:
                return read_requirements(self._indexes[0].s, file.url)
            verify = bool(file.metadata_digests)
            content = self._indexes[0].get_package_metadata_bytes(file, verify, TIMEOUT)
            return Declared(requires_dist(content))


def write_atomically(path: Path, text: str) -> None:
    """
    Write a text so that a reader sees the old file or the new one, never a part.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)


@contextmanager
def _failures_of(subject: str) -> Iterator[None]:
    from pypi_simple import DigestMismatchError, NoMetadataError, UnsupportedContentTypeError
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except NoRangesError:
        # Nobody wants to wait for every wheel of torch, and nothing else is left.
        message = f"{subject}: the package index has neither a metadata file nor byte ranges for it"
        raise RefreshError(message) from None
    except (NoMetadataError, UnsupportedContentTypeError, DigestMismatchError) as error:
        raise RefreshError(f"{subject}: {error}") from error
    except (RequestException, HTTPError, OSError, EOFError) as error:
        status = getattr(getattr(error, "response", None), "status_code", type(error).__name__)
        raise RefreshError(f"{subject}: the package index failed ({status})") from error
