"""
The matrix that is shipped: every entry, set and release is held against every other.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envcheck import versions
from envcheck.audit import audit
from envcheck.checks import known_bad
from envcheck.checks.conditions import judge
from envcheck.experts import blocks
from envcheck.known_good import CORE
from envcheck.matrix import Matrix, store, validate, witness
from envcheck.matrix.compile import build
from envcheck.matrix.index import FACTS, Index
from envcheck.matrix.load import load
from envcheck.model import Options, Package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.version import Version

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


def test_nothing_is_left_out_of_these_tests() -> None:
    folder = Path(store.directory())
    texts = [path.read_text("utf-8") for path in (folder / "known-bad").glob("*.yaml")]

    assert sum(text.count("\n- id: ") + text.startswith("- id: ") for text in texts) == len(ENTRIES)
    assert len(SETS) > len(CONTENT.projects) > 50
    fixed = {entry["id"] for entry, _ in (each.values for each in FIXES)}  # type: ignore[index]
    advised = [
        each["id"]
        for each in CONTENT.entries.values()
        if any("advice" not in fix for fix in each.get("fixes", ()))
    ]
    assert sorted(fixed) == sorted(advised)


def _broken(identifier: str, **changes: Any) -> dict[str, Any]:
    return {**CONTENT.entries[identifier], **changes}


OVERLAP = "deepspeed/overlap-comm-nan"
LORA = "torchao/peft-needs-0.16"


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        pytest.param(_broken(OVERLAP), {"packages": ["deepspeed==0.13.1"]}, id="still bad"),
        pytest.param(_broken(OVERLAP), {"packages": ["deepspeed>=0.14"]}, id="partly bad"),
        pytest.param(_broken(OVERLAP), {"packages": ["torch==2.0.1"]}, id="something else"),
        pytest.param(
            _broken(OVERLAP), {"deepspeed-config": {"bf16.enabled": "true"}}, id="no such setting"
        ),
        pytest.param(_broken(LORA), {"remove": ["torch"]}, id="something else is removed"),
    ],
)
def test_a_fix_that_does_not_cure_is_seen(entry: Mapping[str, Any], fix: Mapping[str, Any]) -> None:
    with pytest.raises(AssertionError):
        test_a_fix_cures(entry, fix)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(_broken(OVERLAP, python=">=3.12"), id="Python"),
        pytest.param(_broken(OVERLAP, platform=["linux"]), id="platform"),
        pytest.param(_broken(OVERLAP, gpu=">=9.0"), id="GPU"),
        pytest.param(_broken(OVERLAP, packages=["deepspeed==0.13.1"]), id="versions"),
        pytest.param(_broken(OVERLAP, packages=["deepspeed==0.13.1", "torch"]), id="packages"),
        pytest.param(
            _broken(OVERLAP, **{"deepspeed-config": {"zero_optimization.stage": ["2"]}}),
            id="settings",
        ),
        pytest.param(_broken(LORA, model={"moe": ["any"]}), id="model"),
    ],
)
def test_an_entry_that_is_taken_for_another_is_seen(entry: Mapping[str, Any]) -> None:
    def tests() -> None:
        test_an_entry_hits_what_it_is_about(entry)
        test_an_entry_misses_whatever_differs_in_one_thing(entry)

    with pytest.raises((AssertionError, KeyError)):
        tests()


def test_a_set_that_is_known_to_fail_is_seen() -> None:
    record = {"id": "x@1", "packages": ["torchao==0.15.0", "peft==0.19.0"], "evidence": []}
    with pytest.raises(AssertionError):
        test_a_known_good_set_is_audited_without_error(record, None)


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
    assert {what.partition(" ")[0] for what, _ in missed} >= _conditions(entry)

    for what, environment in missed:
        assert entry["id"] not in hits(environment), what


def _conditions(entry: Mapping[str, Any]) -> set[str]:
    """Return everything of which an environment can differ from an entry."""
    pins = [versions.requirement(text) for text in entry["packages"]]
    return {
        "no",
        *(pin.name for pin in pins if pin.specifier),
        *(key for key in ("python", "platform", "cuda", "rocm", "gpu") if key in entry),
        *entry.get("absent", ()),
        *entry.get("model", {}),
        *entry.get("deepspeed-config", {}),
    }


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
        for other in _outside(pin.specifier, known):
            packages = {**hit.packages, pin.name: Package(pin.name, other)}
            yield f"{pin.name} {other}", hit._replace(packages=packages)
    for name in entry.get("absent", ()):
        yield f"{name} there", hit._replace(untracked={name: "1.0"})
    for key in ("python", "cuda", "rocm", "gpu"):
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
        yield f"platform {other_platform}", hit._replace(platform=other_platform)
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


def _outside(specifier: str, known: list[Version]) -> list[Version]:
    """Return the versions that a specifier doesn't admit next to those that it does, and the farthest."""
    inside = [versions.contains(specifier, each) for each in known]
    near = {
        at + step
        for at, is_in in enumerate(inside)
        for step in (-1, 1)
        if is_in and 0 <= at + step < len(known)
    }
    return [known[at] for at in sorted({*near, 0, len(known) - 1}) if not inside[at]]


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
