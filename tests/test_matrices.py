"""
The matrix that is shipped: every entry, set and release is held against every other.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from envcheck import versions
from envcheck.audit import audit
from envcheck.checks import known_bad
from envcheck.checks.conditions import judge
from envcheck.experts import blocks
from envcheck.known_good import CORE
from envcheck.matrix import Matrix, store, validate, witness
from envcheck.matrix.index import FACTS, Index, build
from envcheck.matrix.load import load
from envcheck.model import Options, Package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.checks import Hit
    from envcheck.model import Environment

CONTENT, PROBLEMS = load(store.directory())
MATRIX = Matrix([Index(io.BytesIO(build(CONTENT)), "built-in")])
ENTRIES = [pytest.param(each, id=id_) for id_, each in sorted(CONTENT.entries.items())]
SETS = [
    pytest.param(record, project.get("moe"), id=record["id"])
    for project in CONTENT.projects.values()
    for record in project["sets"]
    if "withdrawn" not in record
]


def test_the_matrix_is_valid() -> None:
    text, _ = validate.validate([])

    assert text.endswith("no problems\n"), text


def test_the_index_says_what_the_yaml_says() -> None:
    index = MATRIX.layers[0]
    sets = {
        record["id"]: {**record, "project": name}
        for name, project in CONTENT.projects.items()
        for record in project["sets"]
    }

    assert PROBLEMS == []
    assert {id_: index.read(place) for id_, place in index.places().items()} == {
        **CONTENT.entries,
        **sets,
    }
    for name, listed in CONTENT.releases.items():
        package = versions.normalize(name)
        assert [str(each.version) for each in index.releases(package)] == [
            each["version"] for each in listed
        ]
        for row, each in zip(index.releases(package), listed, strict=True):
            assert (row.date, row.python) == (each.get("date", ""), each.get("python", ""))
            assert row.yanked == ("yanked" in each)
            known = None if "requires-unknown" in each else each.get("requires")
            assert index.requires(package, row.version) == (None if known is None else tuple(known))
    for name, project in CONTENT.projects.items():
        found = MATRIX.project(name) or {}
        assert {**found, "sets": [MATRIX.known_good(each)["id"] for each in found["numbers"]]} == {
            **project,
            "numbers": found["numbers"],
            "sets": [record["id"] for record in project["sets"]],
        }
        for distribution in project.get("distributions", ()):
            assert MATRIX.project_of(distribution) == name
    rules = {rule.id: rule for name in index.packages for rule in index.block(name)[0]}
    assert rules.keys() == CONTENT.entries.keys()
    for id_, rule in rules.items():
        entry = CONTENT.entries[id_]
        assert rule.severity == entry["severity"]
        assert rule.facts == {key: entry[key] for key in FACTS if key in entry}
        pins = [versions.requirement(text) for text in entry["packages"]]
        assert rule.packages == tuple((pin.name, pin.specifier) for pin in pins)


def test_the_releases_that_suggestions_are_made_of_are_known() -> None:
    assert set(CORE) <= CONTENT.releases.keys()


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_has_evidence_that_can_be_opened(entry: Mapping[str, Any]) -> None:
    addresses = [
        each if isinstance(each, str) else each.get("url", "") for each in entry["evidence"]
    ]

    assert any(addresses)
    assert all(each.startswith("https://") for each in filter(None, addresses))


def hits(environment: Environment) -> dict[str, Hit]:
    return {hit.id: hit for hit in known_bad.hits(environment, MATRIX)}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_hits_what_it_is_about(entry: Mapping[str, Any]) -> None:
    environment = witness.environment(entry, MATRIX)
    assert environment is not None
    hit = hits(environment)[entry["id"]]

    assert (hit.severity, hit.certain) == (entry["severity"], True)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_misses_whatever_differs_in_one_thing(entry: Mapping[str, Any]) -> None:
    missed = list(_differing(entry))
    assert missed

    for what, environment in missed:
        assert entry["id"] not in hits(environment), what


def _differing(entry: Mapping[str, Any]) -> Iterator[tuple[str, Environment]]:
    """Yield environments that an entry must not hit, with what in each isn't as it says."""
    hit = witness.environment(entry, MATRIX)
    assert hit is not None
    for text in entry["packages"]:
        pin = versions.requirement(text)
        without = {name: each for name, each in hit.packages.items() if name != pin.name}
        yield f"no {pin.name}", hit._replace(packages=without)
        known = [release.version for release in MATRIX.releases(pin.name)]
        known = known or witness.around(pin.specifier)
        outside = [each for each in known if not versions.contains(pin.specifier, each)]
        for other in (*outside[:1], *outside[-1:]):
            packages = {**hit.packages, pin.name: Package(pin.name, other)}
            yield f"{pin.name} {other}", hit._replace(packages=packages)
    for key in ("python", "cuda", "gpu"):
        if key in entry:
            others = [
                each
                for each in witness.around(entry[key])
                if not versions.contains(entry[key], each)
            ]
            for other in (*others[:1], *others[-1:]):
                fact: dict[str, Any] = {key: str(other)}
                yield f"{key} {other}", hit._replace(**fact)
    for other_platform in {"linux", "darwin", "win32"} - {
        *entry.get("platform", ("linux", "darwin", "win32"))
    }:
        yield other_platform, hit._replace(platform=other_platform)
    for key, wanted in entry.get("model", {}).items():
        if key == "experts":
            yield from _otherwise_run(wanted, hit)
            continue
        for word in {"deepspeed", "transformers", "absent", "anything else"} - {*wanted}:
            if key != "moe" or "any" not in wanted or word == "absent":
                yield f"{key} {word}", hit._replace(model={**(hit.model or {}), key: word})
    conditions = entry.get("deepspeed-config", {})
    for path in conditions:
        for value in (None, True, False, -1, 7, 10**12, "anything else"):
            config = witness.changed(hit.deepspeed_config or {}, path, value)
            changed = hit._replace(deepspeed_config=config)
            if judge({"deepspeed-config": {path: conditions[path]}}, changed).holds is False:
                yield f"{path} {value}", changed
                break


def _otherwise_run(wanted: list[str], hit: Environment) -> Iterator[tuple[str, Environment]]:
    """Yield the environment with a model whose experts are run in another way."""
    version = hit.packages[versions.normalize("transformers")].version
    assert version is not None
    for run in {"skipped", "all", "fused"} - {*wanted}:
        for type_ in list(blocks.types(run, version))[:1]:
            yield f"experts {run}", hit._replace(model={**(hit.model or {}), "expert-type": type_})


FIXES = [
    pytest.param(entry.values[0], fix, id=f"{entry.id}-{number}")
    for entry in ENTRIES
    for number, fix in enumerate(entry.values[0].get("fixes", ()), 1)  # type: ignore[union-attr]
    if "advice" not in fix
]


@pytest.mark.parametrize(("entry", "fix"), FIXES)
def test_a_fix_cures(entry: Mapping[str, Any], fix: Mapping[str, Any]) -> None:
    environment = witness.environment(entry, MATRIX)
    assert environment is not None
    for path, value in fix.get("deepspeed-config", {}).items():
        config = witness.changed(environment.deepspeed_config or {}, path, witness.literal(value))
        environment = environment._replace(deepspeed_config=config)
    if "remove" in fix:
        left = {
            name: each for name, each in environment.packages.items() if name not in fix["remove"]
        }
        assert entry["id"] not in hits(environment._replace(packages=left))
        return
    pins = [versions.requirement(text) for text in fix.get("packages", ())]
    admitted = {pin.name: witness.admitted(pin.name, pin.specifier, MATRIX) for pin in pins}
    for at in (0, -1):  # the lowest and the highest of each range
        moved = {name: Package(name, found[at]) for name, found in admitted.items()}
        cured = environment._replace(packages={**environment.packages, **moved})

        assert entry["id"] not in hits(cured), moved


@pytest.mark.parametrize(("record", "moe"), SETS)
def test_a_known_good_set_is_audited_without_error(
    record: Mapping[str, Any], moe: str | None
) -> None:
    environment, ranges = witness.stands_for(record, moe, MATRIX)
    packages = {  # of a range, no one says which version it was
        name: package if len(ranges[name]) == 1 else package._replace(version=None)
        for name, package in environment.packages.items()
    }
    environment = environment._replace(packages=packages)
    report = audit(environment, MATRIX, Options())
    errors = {
        finding.id: (finding.title, dict(finding.packages))
        for finding in report.findings
        if finding.severity == "error"
    }

    assert errors == {}
    assert report.verdict in {"known-good", "unknown"}
