"""
The records of a matrix, field by field; `matrix schema` and the validator both read these tables.
"""

from __future__ import annotations

from typing import Any, Final

from envcheck.matrix.kinds import (
    CONDITION,
    DATE,
    FLAG,
    PIN,
    PYTHON,
    REQUIREMENT,
    SETTING,
    SPECIFIER,
    URL,
    VERSION,
    Kind,
    either,
    list_of,
    mapping_of,
    matching,
    one_or_list,
    record,
    text,
    word,
)
from envcheck.trials.record import STAGES

LOSSES: Final = (
    "zero-after-first-step",
    "zero-from-first-step",
    "nan",
    "too-high",
    "does-not-fall",
    "scaled",
    "hang",
    "wrong-gradients",
    "slow",
    "memory",
)
"""What a run looks like that raises nothing."""

_NAME = matching(r"[a-z0-9]+(-[a-z0-9]+)*", "a canonical name (PEP 503)")
_PROJECT = matching(r"[a-z0-9]+([.-][a-z0-9]+)*", "a project name in lower case")
_TRIAL = matching(r"[a-z0-9]+([.-][a-z0-9]+)*", "the name of a trial in lower case")
_PATH = matching(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "a dotted path")
_WORD = matching(r"[A-Za-z0-9_.-]+", "a word of a config.json")
_EVIDENCE = record(
    {"kind": word("published", "run", "thread", "source", "release-notes")},
    {
        "url": URL,
        "date": DATE,
        "python": VERSION,
        "platform": text(60),
        "checks": list_of(text(40)),
        "trial": _TRIAL,
        "note": text(400),
    },
)

ENTRY: Final = record(
    {
        "id": matching(
            r"[a-z0-9-]+/[a-z0-9]+([.-][a-z0-9]+)*", "an id (<file stem>/<what-is-bad>)"
        ),
        "title": text(100),
        "severity": word("error", "warning", "info"),
        "packages": list_of(PIN),
        "why": text(1200),
        "evidence": list_of(either(URL, _EVIDENCE)),
        "checked": DATE,
    },
    {
        "silent": FLAG,
        "noticed": FLAG,
        "likely": FLAG,  # a warning where a fact isn't known: `index._doubtful` says for which entries
        "deepspeed-config": mapping_of(_PATH, CONDITION),
        "model": record(
            {},
            {
                "moe": one_or_list(word("deepspeed", "transformers", "any", "absent")),
                "model-type": one_or_list(_WORD),
                "expert-type": one_or_list(_WORD),
                "experts": one_or_list(word("skipped", "all", "fused")),
                "dtype": one_or_list(_WORD),
                "ep-size": CONDITION,
                "top-k": CONDITION,
            },
        ),
        "python": SPECIFIER,
        "platform": one_or_list(word("linux", "darwin", "win32")),
        "cuda": SPECIFIER,
        "rocm": SPECIFIER,
        "gpu": SPECIFIER,
        "absent": list_of(_NAME),
        "symptoms": list_of(record({}, {"error": text(400), "loss": word(*LOSSES)}, only_one=True)),
        "verify": text(300),
        "fixes": list_of(
            record(
                {},
                {
                    "packages": list_of(PIN),
                    "deepspeed-config": mapping_of(_PATH, SETTING),
                    "remove": list_of(_NAME),
                    "advice": text(400),
                },
                only_one=True,
            )
        ),
        "boundary": text(1200),
        "override": FLAG,
    },
)
"""One item of `known-bad/<package>.yaml`."""

SET: Final = record(
    {
        "id": matching(r"[a-z0-9.-]+@[A-Za-z0-9.-]+", "an id (<project>@<date or commit>)"),
        "packages": list_of(PIN),
        "evidence": list_of(_EVIDENCE),
    },
    {"python": SPECIFIER, "cuda": VERSION, "withdrawn": text(400), "note": text(600)},
)

PROJECT: Final = record(
    {"project": _PROJECT, "title": text(100), "sets": list_of(SET)},
    {
        "homepage": URL,
        "distributions": list_of(_NAME, least=0),
        "moe": word("deepspeed", "transformers", "absent"),
    },
)
"""The whole of `known-good/<project>.yaml`."""

RELEASE: Final = record(
    {"version": VERSION},
    {
        "date": DATE,
        "python": PYTHON,
        "requires": list_of(REQUIREMENT, least=0),
        "requires-unknown": text(200),
        "extras": mapping_of(text(60), list_of(REQUIREMENT, least=0)),
        "yanked": text(400),
    },
)
"""One item of `releases/<package>.yaml`."""

_STAGE = word(*STAGES)
_INSTALLED = matching(
    r"[a-z0-9]+(-[a-z0-9]+)*==[^\s,;]+", "a package in one version (name==version)"
)
_LOSS = r"(-?\d+\.\d{3}|nan|-?inf)"
_RAN: Final = {
    "python": VERSION,
    "platform": text(60),
    "installer": text(60),
    "date": DATE,
    "resolved": DATE,
    "with": list_of(PIN),
}
"""What is said of a cell, in it or for all cells."""

CELL: Final = record(
    {"packages": list_of(PIN)},
    {
        **_RAN,
        "also": list_of(_INSTALLED, least=0),
        "ok": list_of(_STAGE),
        "failed": mapping_of(_STAGE, text(200)),
        "wrong": mapping_of(_STAGE, text(200)),
        "expected-failure": mapping_of(_STAGE, text(200)),
        "not-run": mapping_of(text(200), list_of(_STAGE)),
        "losses": mapping_of(_STAGE, matching(rf"{_LOSS}( {_LOSS})*", "a line of losses")),
        "about": mapping_of(_STAGE, mapping_of(text(60), text(200))),
        "seconds": matching(r"\d+(\.\d+)?( \d+(\.\d+)?)*", "seconds of the stages that ran"),
    },
)
"""One cell of a trial."""

TRIAL: Final = record(
    {"trial": _TRIAL, "title": text(100), "cells": list_of(CELL)},
    {
        "command": text(2000),
        "note": text(1200),
        "url": URL,
        **_RAN,
        "environment": list_of(_INSTALLED),
    },
)
"""The whole of `trials/<trial>.yaml`."""

FILES: Final[dict[str, Kind]] = {
    "known-bad": list_of(ENTRY),
    "known-good": PROJECT,
    "releases": list_of(RELEASE),
    "trials": TRIAL,
}
"""What a file of each folder holds."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """
    Return a JSON Schema (draft 7) by folder, for editors: what a file of the folder holds.

    An editor sees numbers and booleans where a matrix has text, so the schemas admit them.
    """
    about = {
        "known-bad": "Known-bad entries of one package of an envcheck matrix",
        "known-good": "Known-good sets of one project of an envcheck matrix",
        "releases": "Releases of one package of an envcheck matrix",
        "trials": "Version sets that were run for real, of an envcheck matrix",
    }
    dialect = "http://json-schema.org/draft-07/schema#"
    return {
        folder: {"$schema": dialect, "title": about[folder], **kind.schema}
        for folder, kind in FILES.items()
    }


def modeline(path: str) -> str:
    """
    Return the first line by which an editor finds the schema of a YAML file.

    >>> modeline("../schemas/known-bad.json")
    '# yaml-language-server: $schema=../schemas/known-bad.json'
    """
    return f"# yaml-language-server: $schema={path}"
