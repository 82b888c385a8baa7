"""
Made-up matrices for tests: data in the shape of a matrix, as YAML files or as an index.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from builders import write

from envcheck.matrix import Matrix
from envcheck.matrix.compile import build
from envcheck.matrix.index import Index
from envcheck.matrix.load import Content, Place, cell_id

if TYPE_CHECKING:
    from pathlib import Path

EVIDENCE = "https://github.com/someone/something/issues/1"


def entry(identifier: str = "torch/breaks", **changes: Any) -> dict[str, Any]:
    """
    Return a known-bad entry; a change to `None` leaves the key out, and `_` stands for `-`.
    """
    stem = identifier.partition("/")[0]
    record: dict[str, Any] = {
        "id": identifier,
        "title": "It breaks",
        "severity": "error",
        "packages": [f"{stem}>=2.0,<2.1"],
        "why": "Because of a reason.",
        "fixes": [{"packages": [f"{stem}<2.0"]}],
        "boundary": "From the tags.",
        "evidence": [EVIDENCE],
        "checked": "2026-11-24",
    }
    record.update({key.replace("_", "-"): value for key, value in changes.items()})
    return {key: value for key, value in record.items() if value is not None}


def known_good(
    identifier: str = "llava@2024-01-30", *packages: str, **changes: Any
) -> dict[str, Any]:
    """
    Return a known-good set.
    """
    record: dict[str, Any] = {
        "id": identifier,
        "packages": list(packages) or ["torch==2.0.1", "transformers==4.37.2"],
        "evidence": [{"kind": "published", "url": EVIDENCE, "date": "2024-01-30"}],
        **changes,
    }
    return {key: value for key, value in record.items() if value is not None}


def project(name: str = "llava", *sets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """
    Return a project with its sets.
    """
    record = {
        "project": name,
        "title": name.upper(),
        "sets": list(sets) or [known_good(f"{name}@1")],
    }
    return {**record, **changes}


def cell(*packages: str, **changes: Any) -> dict[str, Any]:
    """
    Return a cell of a trial, that trained unless it is said to have failed.
    """
    stages = ["import", "train"] if not {"failed", "wrong"} & changes.keys() else ["import"]
    return {"packages": sorted(packages), "also": [], "ok": stages, **changes}


def trial(name: str = "torch-numpy", *cells: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """
    Return a trial with its cells.
    """
    return {
        "trial": name,
        "title": "How it went",
        "python": "3.11.9",
        "platform": "linux-x86_64-glibc2.36",
        "date": "2026-11-24",
        "cells": list(cells) or [cell("torch==2.0.1", "numpy==1.26.4")],
        **changes,
    }


def releases(*versions: str, **of_all: Any) -> list[dict[str, Any]]:
    """
    Return releases that differ in nothing but their version.
    """
    return [{"version": version, "date": "2024-01-01", **of_all} for version in versions]


def directory(path: Path, files: dict[str, Any]) -> Path:
    """
    Write a matrix directory: texts as they are, data as the JSON that YAML is a superset of.
    """
    for name, data in files.items():
        text = data if isinstance(data, (str, bytes)) else json.dumps(data)
        write(path / name, text)
    return path


def content(
    *entries: dict[str, Any],
    projects: tuple[dict[str, Any], ...] = (),
    releases: dict[str, list[dict[str, Any]]] | None = None,
    trials: tuple[dict[str, Any], ...] = (),
) -> Content:
    """
    Return the content of a matrix as it would have been loaded.
    """
    made = Content(
        {each["id"]: each for each in entries}, {each["project"]: each for each in projects}
    )
    made.releases.update(releases or {})
    for identifier in made.entries:
        made.places[identifier] = Place(
            f"known-bad/{identifier.split('/')[0]}.yaml", len(made.places) + 1
        )
    for name, each in made.projects.items():
        file = f"known-good/{name}.yaml"
        made.places[name] = Place(file, 1)
        made.places.update({record["id"]: Place(file, 2) for record in each["sets"]})
    for each in trials:
        file = f"trials/{each['trial']}.yaml"
        made.trials[each["trial"]] = each
        made.places[each["trial"]] = Place(file, 1)
        for number in range(len(each["cells"])):
            made.places[cell_id(each["trial"], number)] = Place(file, 2 + number)
    return made


def matrix(*contents: Content) -> Matrix:
    """
    Return a matrix of one layer for each content.
    """
    return Matrix(
        [Index(io.BytesIO(build(each)), f"layer {at}") for at, each in enumerate(contents, 1)]
    )
