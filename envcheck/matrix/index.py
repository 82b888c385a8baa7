"""
A matrix compiled into one file (`compile`), from which a check reads only what is installed.

The second line is a JSON header: where each package's block lies, and what is in the matrix at all;
the first says how long it is.
A block holds the conditions of the entries about the package, not their texts, so that an entry
which doesn't hit costs a few bytes; records are read one by one, when they are shown. Cells of trials
lie in bundles, one for each version of their first package, and cost nothing otherwise. JSON rather
than marshal: the wheel serves every Python, and a cache file may be damaged by anyone.
"""

from __future__ import annotations

import io
import json
import operator
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from envcheck import versions
from envcheck.errors import MatrixError
from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName
    from packaging.version import Version

FORMAT = 10
"""Raised whenever the layout changes: an index of another format is never read."""

FIRST = 16
"Bytes of the first line."

DERIVED: Final = ("outcome", "broken", "line")
"""What an index says of a cell beside what its file says."""

Place = tuple[int, int]
FACTS = ("deepspeed-config", "model", "python", "platform", "cuda", "rocm", "gpu", "absent")
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


class Cell(NamedTuple):
    """
    Where a cell of a trial lies, and for which versions it speaks.
    """

    others: tuple[tuple[str, str], ...]
    "(name, version) of its packages but the first."
    trial: str
    number: int
    "Which of the trial's cells it is."
    place: Place


class Block(NamedTuple):
    """
    What is known of one package.
    """

    rules: list[Rule]
    pins: Mapping[str, list[int]]
    "The sets that pin it: specifier -> numbers of sets."
    cells: Mapping[str, Place]
    "Where the bundles of cells are that name it first, by version (for `Index.cells`)."
    known: str
    "Its known releases, with a space before and after each."
    extras: list[tuple[str, str, str]]
    "What its releases require for an extra and not anyway: extra, requirement, those releases, spaced alike."


class Release(NamedTuple):
    """
    One published version of a package; what it requires is read apart, by `Index.requires`.
    """

    version: Version
    date: str
    python: str
    "Specifier for Python; empty: none declared."
    yanked: bool


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
        length = int(data.read(FIRST))
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
        "By name: place of what its cells have in common, their number, place of the places of bundles."
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

    def block(self, name: NormalizedName) -> Block:
        """
        Return what is known of a package.
        """
        place = self.packages.get(name)
        if not place or not place[1]:
            return Block([], {}, {}, "", [])
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
        extras = [(extra, text, given) for extra, text, given in data.get("extras", ())]
        return Block(rules, data["pins"], data["cells"], data["known"], extras)

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

    def listed(self, name: NormalizedName) -> list[dict[str, Any]]:
        """
        Return a package's releases as its file lists them, but for extras and the reasons of yanking.
        """
        return [
            {
                "version": version,
                **({"date": date} if date else {}),
                **({"python": python} if python else {}),
                **({"requires": self.read(place)} if place else {}),
                **({"yanked": ""} if yanked else {}),
            }
            for version, date, python, place, *yanked in self._releases(name)
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

    def cells(self, bundle: Place) -> list[Cell]:
        """
        Return the cells of a bundle.
        """
        return [
            Cell(tuple((name, version) for name, version in others), trial, number, (start, length))
            for others, trial, number, start, length in self.read(bundle)
        ]

    def head(self, trial: str) -> dict[str, Any]:
        """
        Return what the cells of a trial have in common.
        """
        start, length, *_ = self.trials[trial]
        head: dict[str, Any] = self.read((start, length))
        return head

    def trial(self, name: str) -> dict[str, Any]:
        """
        Return a trial with its cells.
        """
        _, _, _, *bundles = self.trials[name]
        listed = [
            (cell.number, self.read(cell.place))
            for bundle in self.read((bundles[0], bundles[1]))
            for cell in self.cells(bundle)
            if cell.trial == name
        ]
        found = [cell for _, cell in sorted(listed, key=operator.itemgetter(0))]
        for cell in found:
            for key in DERIVED:
                cell.pop(key, None)
        return {**self.head(name), "cells": found}

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
        files, places = self.read(self._lines)
        return {
            identifier: f"{files[file]}:{line}"
            for identifier, (file, line) in zip(self.ids(), places, strict=True)
        }
