"""
`pip freeze`, `uv pip freeze` and requirements files with pinned versions.

Only what a line pins is a fact. A range, a file that is referred to and a line that means nothing
are oddities with their line number; the other lines count all the same.

Source:
    pip's `operations/freeze.py` (what it prints) and `req/req_file.py` (how lines are read).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from envcheck import markers, versions
from envcheck.clean import clip, without_secret
from envcheck.sources.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from packaging.utils import NormalizedName

    from envcheck.model import Environment

NAME: Final = "pip freeze, requirements with pinned versions"

_EDITABLE: Final = re.compile(
    r"# Editable [^()]*\((?P<name>[\w.-]+?)={2,3}(?P<version>[^()\s=]+)\)"
)
_EGG: Final = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]*)")
_PIN: Final = re.compile(r"={2,3}([^,]+)")
_VCS: Final = ("git+", "hg+", "svn+", "bzr+")
_PLACES: Final = (*_VCS, "https://", "http://", "file:", "./", "../", "/")
_ARCHIVES: Final = (".tar.gz", ".zip", ".tar.bz2")
_FILES: Final = (".whl", *_ARCHIVES)
_CONDA: Final = ("/feedstock_root/", "/croot/", "/tmp/build/", "/tmp/abs_")  # noqa: S108
_LONG: Final = 4096
"Characters; no requirement is longer once its hashes are gone, and regular expressions get slow."


def recognises(path: str, text: str) -> bool:  # noqa: ARG001
    """
    Take every text that isn't JSON.
    """
    return text.lstrip()[:1] not in {"{", "["}


def read(
    path: str, text: str, tracked: Container[NormalizedName], python: str | None = None
) -> Environment:
    """
    Return the packages that the lines pin; of a package that is listed twice, the last.

    Args:
        path: For messages, and the origin.
        text: Lines as pip reads them: comments, continuations, options.
        tracked: The packages to keep.
        python: Lines whose marker is false for this version are left out.

    Raises:
        SourceError: No line is a package with a version.
    """
    reader = _Reader(Listing(path, tracked), python)
    for number, line in _lines(text):
        reader.line(number, line)
    kind = "requirements" if reader.written else "freeze"
    return reader.listing.environment(kind, python, "lines such as name==1.0, as pip freeze prints")


class _Reader:
    """
    The state between lines: a comment of pip freeze belongs to the line after it.
    """

    def __init__(self, listing: Listing, python: str | None) -> None:
        self.listing = listing
        self.python = python
        self.written = False
        "Whether something stands there that pip freeze doesn't print."
        self.announced: tuple[str, str] | None = None
        "Name and version of the editable install in the next line."

    def line(self, number: int, raw: str) -> None:
        if raw.startswith("#"):
            found = _EDITABLE.match(raw[:_LONG])
            self.announced = (found["name"], found["version"]) if found else self.announced
            return
        text = _without(_without(f" {raw}".replace("\t", " "), " #"), " --", keep=True).strip()
        if not text:
            return
        announced, self.announced = self.announced, None
        where = f"line {number}"
        if len(text) > _LONG:
            self.listing.odd("unreadable", where, "it is too long for a requirement")
        elif text.startswith("-"):
            self._option(text, where, announced)
        else:
            self.written = self.written or " --" in raw
            self._requirement(text, where)

    def _option(self, text: str, where: str, announced: tuple[str, str] | None) -> None:
        option, value = _split(text)
        if option in {"-e", "--editable"}:
            self._editable(value, where, announced)
            return
        self.written = True
        if option in {"-r", "--requirement"}:
            detail = f"{clip(value)} is not followed; check what pip freeze prints instead"
            self.listing.odd("unreadable", where, detail)

    def _editable(self, value: str, where: str, announced: tuple[str, str] | None) -> None:
        if announced is not None:
            self.listing.add(*announced, where, "editable", value)
        elif egg := _EGG.search(value):
            self.listing.add(egg[1], "", where, "editable", value)
        else:
            shown = clip(without_secret(value))
            detail = f"an editable install whose name and version aren't stated: {shown}"
            self.listing.odd("unpinned", where, detail)

    def _requirement(self, line: str, where: str) -> None:
        if line.startswith(_PLACES) or (line.endswith(_FILES) and "@" not in line):
            self._place(line, where)
            return
        try:
            wanted = versions.requirement(line)
        except ValueError:
            self.listing.odd("unreadable", where, f"it is no requirement: {clip(line)}")
            return
        if wanted.marker:
            self.written = True
            if self._skips(wanted.marker):
                return
        if wanted.url:
            self._direct(wanted.name, wanted.url, where)
        elif pin := _pin(wanted.specifier):
            self.listing.add(wanted.name, pin, where)
        else:
            self.written = True
            detail = f"{clip(str(wanted))} does not say which version is installed"
            self.listing.odd("unpinned", where, detail, wanted.name)

    def _skips(self, marker: str) -> bool:
        return markers.holds(marker, self.python, None) is False

    def _place(self, text: str, where: str) -> None:
        """Read a line that isn't a requirement, but a URL or a path."""
        self.written = True
        url = without_secret(text)
        name, version = _file_name(text)
        if not name and (egg := _EGG.search(text)):
            name = egg[1]
        if name:
            self.listing.add(name, version, where, _origin(text), text)
        else:
            self.listing.odd("unpinned", where, f"it says neither name nor version: {clip(url)}")

    def _direct(self, name: NormalizedName, url: str, where: str) -> None:
        if url.startswith("file:") and any(part in url for part in _CONDA):
            # Where conda built the package; pip freeze takes it for where it came from.
            detail = "conda's build folder hides the version; give pip list --format=json instead"
            self.listing.odd("unpinned", where, detail, name)
            return
        own, version = _file_name(url)
        fits = versions.normalize(own) == name
        self.listing.add(name, version if fits else "", where, _origin(url), url)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their number; a backslash at the end joins the next one, as for pip."""
    parts: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        if not parts:
            start = number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        yield start, "".join((*parts, line))
        parts = []
    yield start, "".join(parts)


def _without(text: str, mark: str, *, keep: bool = False) -> str:
    """Cut a text at a mark; `keep` one that stands at the beginning (an option line)."""
    place = text.find(mark, len(text) - len(text.lstrip()) if keep else 0)
    return text if place < 0 else text[:place]


def _split(text: str) -> tuple[str, str]:
    """Split an option from its value: `-r x`, `-rx`, `--requirement x`, `--requirement=x`."""
    if not text.startswith("--"):
        return text[:2], text[2:].strip()
    option, _, value = text.replace("=", " ", 1).partition(" ")
    return option, value.strip()


def _pin(specifier: str) -> str:
    """Return the version of the one clause that leaves no choice; empty: there is none."""
    pins = (_PIN.fullmatch(clause) for clause in specifier.split(","))
    return next((pin[1] for pin in pins if pin and not pin[1].endswith(".*")), "")


def _file_name(url: str) -> tuple[str, str]:
    """Return name and version in a wheel's or a source archive's file name; empty: not there."""
    from urllib.parse import unquote

    name = unquote(url.partition("#")[0].partition("?")[0]).replace("\\", "/").rpartition("/")[2]
    if name.endswith(".whl"):
        parts = name[: -len(".whl")].split("-")
        return (parts[0], parts[1]) if len(parts) in {5, 6} else ("", "")
    for end in _ARCHIVES:
        if name.endswith(end):
            stem, dash, version = name[: -len(end)].rpartition("-")
            return (stem, version) if dash and version[:1].isdigit() else ("", "")
    return "", ""


def _origin(url: str) -> str:
    return "vcs" if url.startswith(_VCS) else "file"
