from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from knowledge import cell, entry, known_good, project, trial

from envcheck.matrix import schema, store

SCHEMAS = schema.json_schemas()


class _Editor(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """
    YAML as an editor reads it, which is YAML 1.2: dates are text.
    """


_Editor.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if not tag.endswith(":timestamp")]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
TYPES: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def wrong(value: Any, by: Any, at: str = "") -> list[str]:
    """
    Return what is wrong with a value by the keywords of JSON Schema that are used here.
    """
    unknown = by.keys() - {
        *(
            "$schema",
            "title",
            "type",
            "enum",
            "pattern",
            "format",
            "anyOf",
            "properties",
            "required",
        ),
        *("additionalProperties", "items", "minItems", "minLength", "maxLength"),
        *("minProperties", "maxProperties"),
    }
    assert not unknown, unknown
    found = []
    types = by.get("type", ())
    allowed = [types] if isinstance(types, str) else types
    if allowed and not any(
        isinstance(value, TYPES[each]) and isinstance(value, bool) == (each == "boolean")
        for each in allowed
    ):
        return [f"{at}: {value!r} is not {types}"]
    if "enum" in by and value not in by["enum"]:
        found.append(f"{at}: {value!r} is none of {by['enum']}")
    if "anyOf" in by and not any(not wrong(value, each, at) for each in by["anyOf"]):
        found.append(f"{at}: {value!r} is nothing of what it may be")
    if isinstance(value, str):
        if "pattern" in by and not re.search(by["pattern"], value):
            found.append(f"{at}: {value!r} does not match")
        if not by.get("minLength", 0) <= len(value) <= by.get("maxLength", len(value)):
            found.append(f"{at}: {len(value)} characters")
    if isinstance(value, list):
        if len(value) < by.get("minItems", 0):
            found.append(f"{at}: {len(value)} items")
        for number, item in enumerate(value):
            found += wrong(item, by.get("items", {}), f"{at}[{number}]")
    if isinstance(value, dict):
        if not by.get("minProperties", 0) <= len(value) <= by.get("maxProperties", len(value)):
            found.append(f"{at}: {len(value)} keys")
        found += [f"{at}: no {name}" for name in by.get("required", ()) if name not in value]
        for name, item in value.items():
            inner = by.get("properties", {}).get(name, by.get("additionalProperties", {}))
            found += (
                [f"{at}.{name} unknown"] if inner is False else wrong(item, inner, f"{at}.{name}")
            )
    return found


FILES = sorted(
    each
    for each in Path(store.directory()).glob("*/*.yaml")
    if each.parent.name != "releases" or each.stem in {"torch", "trl"}  # written by one program
)


@pytest.mark.parametrize("folder", sorted(SCHEMAS))
def test_an_editor_finds_nothing_wrong_with_the_shipped_matrix(folder: str) -> None:
    for file in (each for each in FILES if each.parent.name == folder):
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Editor)
        assert wrong(data, SCHEMAS[folder], file.name) == []


def test_the_schemas_are_json() -> None:
    assert json.loads(json.dumps(SCHEMAS)) == SCHEMAS
    assert SCHEMAS.keys() == {"known-bad", "known-good", "releases", "trials"}
    assert {each["$schema"] for each in SCHEMAS.values()} == {
        "http://json-schema.org/draft-07/schema#"
    }


MISTAKES = [
    pytest.param("known-bad", [entry(severity="fatal")], id="another word"),
    pytest.param("known-bad", [entry(sevrity="error")], id="unknown key"),
    pytest.param("known-bad", [entry(title=None)], id="missing key"),
    pytest.param("known-bad", [entry("Torch breaks")], id="no id"),
    pytest.param("known-bad", [entry(title="x" * 101)], id="too long"),
    pytest.param(
        "known-bad", [entry(fixes=[{"packages": ["a"], "advice": "b"}])], id="two in one fix"
    ),
    pytest.param("known-bad", [entry(model={})], id="an empty mapping"),
    pytest.param("known-bad", [entry(silent="yes")], id="text for a flag"),
    pytest.param("known-bad", {}, id="no list"),
    pytest.param("known-good", project("llava", known_good(packages=[])), id="an empty list"),
    pytest.param("releases", [{"date": "2024-01-01"}], id="no version"),
    pytest.param("trials", trial("a", cell("torch==2", losses={"train": "1.2"})), id="losses"),
    pytest.param("trials", trial("a", cell("torch==2", passed=["import"])), id="another outcome"),
]


@pytest.mark.parametrize(("folder", "data"), MISTAKES)
def test_an_editor_shows_a_mistake(folder: str, data: object) -> None:
    assert wrong(data, SCHEMAS[folder])


def test_an_editor_takes_what_has_numbers_and_booleans_in_it() -> None:
    conditions = {"zero_optimization.stage": [1, 2], "bf16.enabled": True, "a": ">=2"}
    fixes = [{"deepspeed-config": {"bf16.enabled": False, "b": 1e8, "c": "absent"}}]
    sets = project("llava", known_good(cuda=11.8))

    assert wrong([entry(deepspeed_config=conditions, fixes=fixes)], SCHEMAS["known-bad"]) == []
    assert wrong(sets, SCHEMAS["known-good"]) == []
    assert wrong([{"version": 4.4}], SCHEMAS["releases"]) == []
