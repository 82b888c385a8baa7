"""
The compiling of a matrix into its index: see `index` for how that is laid out, and read.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from envcheck import versions
from envcheck.matrix.index import FACTS, FIRST, FORMAT, Place
from envcheck.trials import sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName

    from envcheck.matrix.load import Content


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
        for name in (*(pin[0] for pin in pins[1:]), *entry.get("absent", ())):
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
    for trial, bundles in _bundles(content, writer).items():
        for first, bundle in bundles:
            if first is not None:
                block(first[0])["cells"][first[1]] = bundle
        tried = content.trials[trial]
        head = writer.add({key: value for key, value in tried.items() if key != "cells"})
        at = writer.add([bundle for _, bundle in bundles])
        trials[trial] = [*head, len(tried["cells"]), *at]
    for of, listed in content.releases.items():
        if listed:
            block(of)["known"] = f" {' '.join(each['version'] for each in listed)} "
            extras = _extras(listed)
            if extras:
                block(of)["extras"] = extras
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
        "lines": writer.add(_lines(content, ids)),
    }
    body = writer.data.getvalue()
    header["length"] = len(body)
    first = json.dumps(header, separators=(",", ":")).encode() + b"\n"
    return b"%*d\n" % (FIRST - 1, len(first)) + first + body


def _broken(head: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, str]:
    """Return what a check tells of a cell and would have to work out."""
    record = sheet.record(head, cell)
    stage = record.broken
    found = {"outcome": record.outcome}
    return found if stage is None else {**found, "broken": stage.stage, "line": stage.line}


def _bundles(content: Content, writer: _Writer) -> dict[str, list[tuple[Any, Place]]]:
    """
    Write the cells of all trials, bundled by the version of their first package.

    Returns:
        By trial, each bundle with cells of it (and of others): (name, version) or nothing, and place.
    """
    bundles: dict[tuple[NormalizedName, str] | None, list[tuple[Any, ...]]] = {}
    for trial, data in sorted(content.trials.items()):
        for number, cell in enumerate(data["cells"]):
            pins = _pinned(cell)
            about = (pins[1:], trial, number, {**cell, **_broken(data, cell)})
            bundles.setdefault(pins[0] if pins else None, []).append(about)
    found: dict[str, list[tuple[Any, Place]]] = {trial: [] for trial in sorted(content.trials)}
    for first, cells in bundles.items():
        place = writer.add([[*about, *writer.add(cell)] for *about, cell in cells])
        for trial in sorted({about[1] for about in cells}):
            found[trial].append((first, place))
    return found


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
    Return a warning at most if the entry is likely to matter, else what is only worth knowing.

    A warning says that some people with these facts are hit. That is still true without the facts
    that aren't known, so the entry says `likely: true`, where

    - a good part of the people with these versions fulfil them (a ZeRO stage that half of them use), or
    - the defect lived in at most three releases, and one next to them cures: to leave those costs less
      than to find out, if the unknown facts are a usual way to train (offload, a scheduler, experts,
      a Python that many had by then) rather than a key that hardly anybody sets.

    What is neither stays a note: a GPU that most don't have, a platform on which few train, a
    configuration key that DeepSpeed names at the first run anyway.
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


def _extras(releases: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """
    Return what releases require for an extra and not anyway: extra, requirement, and the releases.

    Where several extras name the same package, the first by name speaks for it.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for release in releases:
        named = {versions.requirement(text).name for text in release.get("requires", ())}
        for extra, texts in sorted(release.get("extras", {}).items()):
            bounds = [(versions.requirement(text), text) for text in texts]
            for required, text in bounds:
                if required.specifier and required.name not in named:
                    found.setdefault((extra, text), []).append(release["version"])
            named.update(required.name for required, _ in bounds)
    return [(*of, f" {' '.join(given)} ") for of, given in found.items()]


def _lines(content: Content, ids: Iterable[str]) -> tuple[list[str], list[tuple[int, int]]]:
    """Return files, and for each id the number of its file and its line."""
    places = [content.places[identifier] for identifier in ids]
    files = {file: number for number, file in enumerate(sorted({place.file for place in places}))}
    return list(files), [(files[place.file], place.line) for place in places]


def _newest_date(content: Content) -> str:
    dates = [entry["checked"] for entry in content.entries.values()]
    for project in content.projects.values():
        dates += [item.get("date", "") for record in project["sets"] for item in record["evidence"]]
    for releases in content.releases.values():
        dates += [release.get("date", "") for release in releases]
    for trial in content.trials.values():
        dates += [cell.get("date", "") for cell in (trial, *trial["cells"])]
    return max(dates, default="")
