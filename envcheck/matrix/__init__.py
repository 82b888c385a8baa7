"""
What is known: the built-in matrix, and a user's own on top of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from envcheck.errors import MatrixError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.matrix.index import Block, Cell, Index, Place, Release, Rule


def clashes(
    ids: Iterable[str], overrides: AbstractSet[str], known: Mapping[str, str]
) -> Mapping[str, str]:
    """
    Return what is wrong with the ids of a matrix that is put on top of others, by id.

    Args:
        known: The ids below it, with the name of the matrix that each is in.
    """
    wrong = {}
    # Few ids of many: the sets are compared as wholes.
    for identifier in sorted((known.keys() & ids) ^ overrides):
        if identifier in known:
            may = "" if "@" in identifier else ", or say `override: true`"  # sets only add
            wrong[identifier] = (
                f"the id {identifier!r} is already used in {known[identifier]}; "
                f"give it another id{may}"
            )
        else:
            wrong[identifier] = f"{identifier!r} overrides nothing"
    return wrong


class Matrix:
    """
    Several indexes as one; a later one may add to an earlier, or override its entries by id.

    Nothing is read before it is asked for, and nothing twice.
    """

    def __init__(self, layers: Sequence[Index]) -> None:
        """
        Stack indexes, the built-in one first.

        Raises:
            MatrixError: An id of one is used again in a later one that doesn't say `override: true`.
        """
        self.layers = tuple(layers)
        "The indexes, the built-in one first."
        self._hidden: list[frozenset[str]] = []
        hidden: frozenset[str] = frozenset()
        for layer in reversed(self.layers):
            self._hidden.insert(0, hidden)
            hidden |= layer.overrides
        if len(self.layers) > 1 or hidden:
            problems = tuple(self._clashes())
            if problems:
                raise MatrixError(problems)
        self.tracked: frozenset[NormalizedName] = frozenset().union(
            *(layer.packages for layer in self.layers)
        )
        self._rules: dict[NormalizedName, list[tuple[Index, Rule]]] = {}
        self._pins: dict[NormalizedName, list[tuple[str, list[tuple[int, int]]]]] = {}
        self._cells: dict[NormalizedName, list[tuple[Index, Mapping[str, Place]]]] = {}
        self._lists: dict[NormalizedName, list[Block]] = {}
        self._releases: dict[NormalizedName, list[Release]] = {}
        self._requires: dict[tuple[NormalizedName, Version], tuple[str, ...] | None] = {}

    def _clashes(self) -> Iterator[str]:
        known: dict[str, str] = {}
        for layer in self.layers:
            ids = layer.ids()
            for identifier, message in clashes(ids, layer.overrides, known).items():
                place = os.path.join(layer.name, layer.lines()[identifier])
                yield f"{place}: {message}"
            known = {**dict.fromkeys(ids, layer.name), **known}

    def about(self) -> Mapping[str, Any]:
        """
        Return what a report says of the matrix: date, numbers of sets, entries and cells of trials, sources.
        """
        return {
            "date": max((layer.date for layer in self.layers), default=""),
            "sets": sum(len(layer.sets) for layer in self.layers),
            "entries": sum(layer.entries - len(layer.overrides) for layer in self.layers),
            "trials": sum(each[2] for layer in self.layers for each in layer.trials.values()),
            "sources": [layer.name for layer in self.layers],
        }

    def _load(self, name: NormalizedName) -> None:
        rules = self._rules[name] = []
        pins = self._pins[name] = []
        lists = self._lists[name] = []
        bundles = self._cells[name] = []
        for number, layer in enumerate(self.layers):
            block = layer.block(name)
            lists += [block] if block.known else []
            bundles += [(layer, block.cells)] if block.cells else []
            rules += [(layer, rule) for rule in block.rules if rule.id not in self._hidden[number]]
            pins += [
                (specifier, [(number, at) for at in numbers])
                for specifier, numbers in block.pins.items()
            ]

    def rules(self, name: NormalizedName) -> list[tuple[Index, Rule]]:
        """
        Return the rules that name this package first; every rule is listed under one package.
        """
        if name not in self._rules:
            self._load(name)
        return self._rules[name]

    def pins(self, name: NormalizedName) -> list[tuple[str, list[tuple[int, int]]]]:
        """
        Return (specifier, sets that pin the package with it); a set is told by its number.
        """
        if name not in self._pins:
            self._load(name)
        return self._pins[name]

    def lists(self, name: NormalizedName) -> list[str]:
        """
        Return a package's known releases as texts, a space before and after each version.
        """
        if name not in self._lists:
            self._load(name)
        return [block.known for block in self._lists[name]]

    def cells(self, name: NormalizedName, version: str) -> list[tuple[Index, Cell]]:
        """
        Return the cells of trials that name this package first, in this version.
        """
        if name not in self._cells:
            self._load(name)
        return [
            (layer, cell)
            for layer, bundles in self._cells[name]
            if version in bundles
            for cell in layer.cells(bundles[version])
        ]

    def trials(self) -> Mapping[str, Mapping[str, Any]]:
        """
        Return all trials by name, with their cells; a later layer's win.
        """
        return {name: layer.trial(name) for layer in self.layers for name in sorted(layer.trials)}

    def releases(self, name: NormalizedName) -> list[Release]:
        """
        Return the known releases of a package, lowest version first; a later layer's win.
        """
        if name not in self._releases:
            merged = {}
            for layer in self.layers:
                merged.update({release.version: release for release in layer.releases(name)})
            self._releases[name] = [merged[version] for version in sorted(merged)]
        return self._releases[name]

    def requires(self, name: NormalizedName, version: Version) -> tuple[str, ...] | None:
        """
        Return what one release of a package declares; `None`: not known.
        """
        key = (name, version)
        if key not in self._requires:
            found = (layer.requires(name, version) for layer in reversed(self.layers))
            self._requires[key] = next((each for each in found if each is not None), None)
        return self._requires[key]

    def extras(self, name: NormalizedName, version: Version) -> list[tuple[str, str]]:
        """
        Return (extra, requirement) for what one release declares for extras and not anyway.

        Only extras count whose bounds tell which neighbours a release was made for (`refresh.EXTRAS`);
        the last layer that knows the release has the say.
        """
        if name not in self._lists:
            self._load(name)
        text = f" {version} "
        for block in reversed(self._lists[name]):
            if text in block.known:
                return [(extra, asked) for extra, asked, given in block.extras if text in given]
        return []

    def known_good(self, number: tuple[int, int]) -> Mapping[str, Any]:
        """
        Return a set's record, with the name of its project under `project`.
        """
        layer = self.layers[number[0]]
        record: Mapping[str, Any] = layer.read(layer.sets[number[1]])
        return record

    def project_of(self, distribution: str) -> str | None:
        """
        Return the project that a distribution name belongs to.
        """
        for layer in reversed(self.layers):
            if distribution in layer.distributions:
                return layer.distributions[distribution]
        return None

    def project(self, name: str) -> Mapping[str, Any] | None:
        """
        Return a project's record, with the numbers of its sets under `numbers`; `None`: unknown.
        """
        merged: dict[str, Any] = {}
        numbers: list[tuple[int, int]] = []
        for at, layer in enumerate(self.layers):
            if name in layer.projects:
                start, length, found = layer.projects[name]
                merged.update(layer.read((start, length)))
                numbers += [(at, number) for number in found]
        return {**merged, "numbers": numbers} if merged else None

    def projects(self) -> list[str]:
        """
        Return the names of all projects, sorted.
        """
        return sorted({name for layer in self.layers for name in layer.projects})

    def ids(self) -> Mapping[str, str]:
        """
        Return the ids of all entries and sets, with the name of the matrix that each is in first.
        """
        return {id_: layer.name for layer in reversed(self.layers) for id_ in layer.ids()}

    def records(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """
        Yield (id, record) of every entry and set that isn't overridden, by layer and id.
        """
        for number, layer in enumerate(self.layers):
            for identifier, place in sorted(layer.places().items()):
                if identifier not in self._hidden[number]:
                    yield identifier, layer.read(place)

    def record(self, identifier: str) -> Mapping[str, Any] | None:
        """
        Return an entry's or a set's record; `None`: no such id.
        """
        for layer in reversed(self.layers):
            place = layer.places().get(identifier)
            if place:
                record: Mapping[str, Any] = layer.read(place)
                return record
        return None
