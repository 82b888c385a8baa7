"""
A matrix compiled into one file from which a check reads only what is installed.

The second line is a JSON header: where each package's block lies, and what is in the matrix at all;
the first says how long it is.
A block holds the conditions of the entries about the package, not their texts, so that an entry
which doesn't hit costs a few bytes; records are read one by one, when they are shown. Cells of trials
are found through the version of their first package, and cost nothing otherwise. JSON rather
than marshal: the wheel serves every Python, and a cache file may be damaged by anyone.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from envcheck import versions
from envcheck.errors import MatrixError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.matrix.load import Content

FORMAT = 7
"""Raised whenever the layout changes: an index of another format is never read."""

_FIRST = 16
"Bytes of the first line."

_DERIVED: Final = ("outcome", "broken", "line")
"""What an index says of a cell beside what its file says."""

Place = tuple[int, int]
FACTS = ("deepspeed-config", "model", "python", "platform", "cuda", "gpu")
"""The conditions of an entry beside its packages."""


class Rule(NamedTuple):
    """
    What decides whether a known-bad entry hits; its texts are read from `place` when it does.
    """

    id: str
    severity: str
    doubtful: str
    "The severity where a fact it depends on isn't known; never error."
    packages: tuple[tuple[NormalizedName, str], ...]
    "(name, specifier): all must be installed in a version that the specifier admits."
    facts: Mapping[str, Any]
    "Conditions by the keys of FACTS."
    place: Place


class Release(NamedTuple):
    """
    One published version of a package; what it requires is read apart, by `Index.requires`.
    """

    version: Version
    date: str
    python: str
    "Specifier for Python; empty: none declared."
    yanked: bool


def build(content: Content) -> bytes:
    """
    Compile a matrix whose content is free of problems; the order of files and entries is no matter.
    """
    writer = _Writer()
    blocks: dict[str, dict[str, Any]] = {}

    def block(name: str) -> dict[str, Any]:
        return blocks.setdefault(name, {"rules": [], "pins": {}, "cells": {}, "known": ""})

    ids: dict[str, Place] = {}
    for identifier, entry in sorted(content.entries.items()):
        place = ids[identifier] = writer.add(entry)
        pins = [versions.requirement(text)[:2] for text in entry["packages"]]
        facts = {key: entry[key] for key in FACTS if key in entry}
        block(pins[0][0])["rules"].append(
            [identifier, entry["severity"], _doubtful(entry), pins, facts, *place]
        )
        for name, _ in pins[1:]:
            block(name)
    sets: list[Place] = []
    projects = {}
    for project, data in sorted(content.projects.items()):
        about = {key: value for key, value in data.items() if key != "sets"}
        numbers = []
        for record in data["sets"]:
            number = len(sets)
            numbers.append(number)
            sets.append(writer.add({**record, "project": project}))
            ids[record["id"]] = sets[number]
            if "withdrawn" in record:
                continue  # can be explained and listed, but never matches
            for text in record["packages"]:
                pin = versions.requirement(text)
                block(pin.name)["pins"].setdefault(pin.specifier, []).append(number)
        projects[project] = [*writer.add(about), numbers]
    trials = {}
    for trial, data in sorted(content.trials.items()):
        head = writer.add({key: value for key, value in data.items() if key != "cells"})
        cells = [writer.add({**cell, **_broken(data, cell)}) for cell in data["cells"]]
        trials[trial] = [*head, len(cells), *writer.add(cells)]
        for cell, at in zip(data["cells"], cells, strict=True):
            pins = _pinned(cell)
            if pins:
                (package, version), *others = pins
                block(package)["cells"].setdefault(version, []).append([others, [head, at]])
    for of, listed in content.releases.items():
        if listed:
            block(of)["known"] = f" {' '.join(each['version'] for each in listed)} "
    places: dict[str, list[int]] = {}
    for tracked in sorted({*blocks, *content.releases}):
        rows = content.releases.get(tracked)
        places[tracked] = [
            *(writer.add(blocks[tracked]) if tracked in blocks else (0, 0)),
            *(writer.add(_pack(rows, writer)) if rows else (0, 0)),
        ]
    header = {
        "format": FORMAT,
        "date": _newest_date(content),
        "entries": len(content.entries),
        "overrides": sorted(id_ for id_, entry in content.entries.items() if entry.get("override")),
        "packages": places,
        "sets": sets,
        "projects": projects,
        "distributions": {
            distribution: name
            for name, project in sorted(content.projects.items())
            for distribution in project.get("distributions", [])
        },
        "trials": trials,
        "ids": writer.add("\n".join(ids)),
        "places": writer.add(list(ids.values())),
        "lines": writer.add({id_: "{}:{}".format(*content.places[id_]) for id_ in ids}),
    }
    body = writer.data.getvalue()
    header["length"] = len(body)
    first = json.dumps(header, separators=(",", ":")).encode() + b"\n"
    return b"%*d\n" % (_FIRST - 1, len(first)) + first + body


def _broken(head: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, str]:
    """Return what a check tells of a cell and would have to work out."""
    from envcheck.trials import sheet

    record = sheet.record(head, cell)
    stage = record.broken
    found = {"outcome": record.outcome}
    return found if stage is None else {**found, "broken": stage.stage, "line": stage.line}


def _pinned(cell: Mapping[str, Any]) -> list[tuple[NormalizedName, str]]:
    """Return the versions that a cell is about, without local labels; empty: something isn't pinned."""
    found = []
    for text in cell["packages"]:
        pin = versions.requirement(text)
        parsed = versions.version(pin.specifier.removeprefix("=="))
        if parsed is None:
            return []
        found.append((pin.name, str(versions.public(parsed))))
    return sorted(found)


def _doubtful(entry: Mapping[str, Any]) -> str:
    """
    Return a warning at most where many people fulfil the conditions, else what is only worth knowing.

    A warning says that some people with these facts are hit. Where a good part of them fulfil what
    isn't known (a ZeRO stage that half of them use), that is still true without it.
    """
    if not entry.get("likely"):
        return "info"
    return "info" if entry["severity"] == "info" else "warning"


class _Writer:
    def __init__(self) -> None:
        self.data = io.BytesIO()

    def add(self, value: object) -> Place:
        start = self.data.tell()
        self.data.write(json.dumps(value, separators=(",", ":"), sort_keys=True).encode())
        return start, self.data.tell() - start


def _pack(releases: Iterable[Mapping[str, Any]], writer: _Writer) -> list[list[Any]]:
    """
    Return rows of (version, date, Python, place of the requirements or 0, yanked).

    Each distinct list of requirements is stored once: neighbouring releases mostly share theirs.
    """
    places: dict[tuple[str, ...], Place] = {}
    rows = []
    for release in releases:
        place: Place | int = 0
        if "requires" in release and "requires-unknown" not in release:
            requires = tuple(release["requires"])
            if requires not in places:
                places[requires] = writer.add(requires)
            place = places[requires]
        row = [release["version"], release.get("date", ""), release.get("python", ""), place]
        rows.append([*row, 1] if "yanked" in release else row)
    return rows


def _newest_date(content: Content) -> str:
    dates = [entry["checked"] for entry in content.entries.values()]
    for project in content.projects.values():
        dates += [item.get("date", "") for record in project["sets"] for item in record["evidence"]]
    for releases in content.releases.values():
        dates += [release.get("date", "") for release in releases]
    for trial in content.trials.values():
        dates += [cell.get("date", "") for cell in (trial, *trial["cells"])]
    return max(dates, default="")


class Held(io.FileIO):
    """
    A file that is open as long as it is used, and closes itself without a warning.
    """

    def __del__(self) -> None:
        self.close()


class Index:
    """
    One compiled matrix, read block by block, and nothing twice that is asked for often.
    """

    def __init__(self, data: BinaryIO, name: str) -> None:
        """
        Open a compiled matrix.

        Args:
            data: Seekable, where the index begins, which is the rest of it.
            name: How reports call this matrix.

        Raises:
            ValueError: It isn't a whole index of this format.
        """
        self._data = data
        self.name = name
        length = int(data.read(_FIRST))
        self._start = data.tell() + length
        header = json.loads(data.read(length))
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ValueError("not an index of this format")
        if data.seek(0, io.SEEK_END) != self._start + header["length"]:
            raise ValueError("not a whole index")
        self.date: str = header["date"]
        self.entries: int = header["entries"]
        self.overrides: frozenset[str] = frozenset(header["overrides"])
        self.packages: Mapping[NormalizedName, list[int]] = header["packages"]
        self.sets: list[Place] = header["sets"]
        self.projects: Mapping[str, list[Any]] = header["projects"]
        self.distributions: Mapping[str, str] = header["distributions"]
        self.trials: Mapping[str, list[int]] = header["trials"]
        "By name: place of what its cells have in common, their number, place of their places."
        self._ids: Place = header["ids"]
        self._places: Place = header["places"]
        self._lines: Place = header["lines"]
        self._rows: dict[NormalizedName, list[list[Any]]] = {}

    def read(self, place: Place) -> Any:
        """
        Return the record at a place.

        Raises:
            MatrixError: The index is damaged.
        """
        self._data.seek(self._start + place[0])
        try:
            return json.loads(self._data.read(place[1]).decode())
        except ValueError:
            raise MatrixError(
                (f"{self.name}: the index is damaged; install envcheck again",)
            ) from None

    def block(
        self, name: NormalizedName
    ) -> tuple[list[Rule], Mapping[str, list[int]], Mapping[str, list[list[Any]]], str]:
        """
        Return what is known of a package.

        Returns:
            Its rules; the sets that pin it (specifier -> numbers of sets); where the cells of trials are
            that name it first (version -> [[others], [head, cell]]); its known releases, with a space
            before and after each.
        """
        place = self.packages.get(name)
        if not place or not place[1]:
            return [], {}, {}, ""
        data = self.read((place[0], place[1]))
        rules = [
            Rule(
                identifier,
                severity,
                doubtful,
                tuple((pin[0], pin[1]) for pin in pins),
                facts,
                (start, length),
            )
            for identifier, severity, doubtful, pins, facts, start, length in data["rules"]
        ]
        return rules, data["pins"], data["cells"], data["known"]

    def _releases(self, name: NormalizedName) -> list[list[Any]]:
        if name not in self._rows:
            place = self.packages.get(name)
            self._rows[name] = self.read((place[2], place[3])) if place and place[3] else []
        return self._rows[name]

    def releases(self, name: NormalizedName) -> list[Release]:
        """
        Return what is known of a package's releases, in no order.
        """
        return [
            Release(version, date, python, bool(yanked))
            for text, date, python, _, *yanked in self._releases(name)
            if (version := versions.version(text)) is not None
        ]

    def requires(self, name: NormalizedName, version: Version) -> tuple[str, ...] | None:
        """
        Return what one release declares, without its extras; `None`: not known.
        """
        text = str(version)
        rows = self._releases(name)
        row = next((row for row in rows if row[0] == text), None)
        if row is None:  # 2.1 and 2.1.0 are the same version
            row = next((row for row in rows if versions.version(row[0]) == version), None)
        return tuple(self.read(row[3])) if row is not None and row[3] else None

    def trial(self, name: str) -> dict[str, Any]:
        """
        Return a trial with its cells.
        """
        start, length, _, *cells = self.trials[name]
        found = [self.read(place) for place in self.read((cells[0], cells[1]))]
        for cell in found:
            for key in _DERIVED:
                cell.pop(key, None)
        return {**self.read((start, length)), "cells": found}

    def ids(self) -> list[str]:
        """
        Return the ids of every entry and set.
        """
        ids: str = self.read(self._ids)
        return ids.split("\n") if ids else []

    def places(self) -> Mapping[str, Place]:
        """
        Return the place of every entry's and set's record.
        """
        return dict(zip(self.ids(), self.read(self._places), strict=True))

    def lines(self) -> Mapping[str, str]:
        """
        Return where every entry and set was written: `known-bad/torch.yaml:12`.
        """
        lines: Mapping[str, str] = self.read(self._lines)
        return lines
