from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from knowledge import content, entry, known_good, matrix, releases
from packaging.version import Version

from envcheck import versions
from envcheck.checks import known_bad
from envcheck.matrix import witness

TORCH = versions.normalize("torch")
NOTHING = matrix(content())
KNOWN = matrix(
    content(releases={"torch": releases("2.0.0", "2.0.1", "2.1.0rc1", "2.1.0", "2.1.0.post1")})
)

part = st.builds(
    "{}{}".format, st.sampled_from(["", "1!"]), st.from_regex(r"\A[0-3](\.[0-3]){0,2}\Z")
)
named = st.builds(
    "{}{}".format, part, st.sampled_from(["", "", "rc1", ".post1", ".dev1", "rc1.post1.dev0"])
)
clause = st.builds(
    "{}{}".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), named
) | st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), part)
specifier = st.lists(clause, max_size=4).map(",".join)


@given(specifier, named)
def test_a_range_that_admits_anything_admits_a_made_up_version(
    specifier: str, any_other: str
) -> None:
    assume(versions.contains(specifier, Version(any_other)))

    assert any(versions.contains(specifier, each) for each in witness.around(specifier))


@pytest.mark.parametrize(
    "specifier",
    [
        pytest.param(">=3,<2", id="crossed"),
        pytest.param(">2,<=2", id="nothing between"),
        pytest.param(">=2,<3,!=2.*", id="excluded as a whole"),
        pytest.param("==2.0,!=2.0", id="in and out"),
        pytest.param("==2.0.*,==2.1.*", id="two families"),
        pytest.param("<0.dev0", id="below everything"),
    ],
)
def test_a_range_that_admits_nothing_admits_no_made_up_version(specifier: str) -> None:
    assert not any(versions.contains(specifier, each) for each in witness.around(specifier))
    assert witness.value("cuda", specifier) is None


ADMITTED = [
    pytest.param(KNOWN, "<2.1", ["2.0.0", "2.0.1"], id="known releases"),
    pytest.param(KNOWN, ">=2.1.0rc1", ["2.1.0rc1", "2.1.0", "2.1.0.post1"], id="with pre-releases"),
    pytest.param(
        KNOWN, "", ["2.0.0", "2.0.1", "2.1.0rc1", "2.1.0", "2.1.0.post1"], id="all of them"
    ),
    pytest.param(
        KNOWN, "==2.2.0.dev0", ["2.2.0.dev0"], id="a working copy, which is never released"
    ),
    pytest.param(KNOWN, "==2.0.1+cu118", ["2.0.1+cu118"], id="a build"),
    pytest.param(KNOWN, ">=2.2,<2.3", ["2.2"], id="what the range itself names"),
    pytest.param(KNOWN, ">2.2,<2.3", [], id="a range in which nothing is known"),
    pytest.param(NOTHING, ">2.2,<2.3", ["2.2.0.0.1"], id="of an unknown package something made up"),
    pytest.param(NOTHING, "", ["0"], id="anything"),
]


@pytest.mark.parametrize(("known", "specifier", "expected"), ADMITTED)
def test_what_a_range_admits(known: Any, specifier: str, expected: list[str]) -> None:
    assert [str(each) for each in witness.admitted(TORCH, specifier, known)] == expected


@pytest.mark.parametrize(
    ("key", "specifier", "expected"),
    [
        pytest.param("python", ">=3.12", "3.12", id="a usual Python"),
        pytest.param("cuda", "<12.8,>=12", "12.4", id="a usual CUDA"),
        pytest.param("gpu", ">=9.0", "9.0", id="a usual GPU"),
        pytest.param("python", ">=3.12.4,<3.13", "3.12.4", id="the edge"),
        pytest.param("gpu", "==12.*", "12", id="nothing usual"),
    ],
)
def test_a_value_is_one_that_people_have(key: str, specifier: str, expected: str) -> None:
    assert witness.value(key, specifier) == expected


SETTINGS = [
    pytest.param({"a.b": ["true"]}, {"a": {"b": True}}, id="a flag"),
    pytest.param(
        {"a.b": ["2"], "a.c": ["cpu"]}, {"a": {"b": 2, "c": "cpu"}}, id="a number and a word"
    ),
    pytest.param(
        {"a": [">=2"], "b": [">2"], "c": ["<=2"], "d": ["<2"]},
        {"a": 2, "b": 3, "c": 2, "d": 1},
        id="o",
    ),
    pytest.param({"a": ["!=true"]}, {"a": False}, id="not a flag"),
    pytest.param({"a": ["!=2"]}, {"a": 3}, id="not a number"),
    pytest.param({"a": ["!=cpu"]}, {"a": "anything else"}, id="not a word"),
    pytest.param({"a": ["auto"]}, {"a": "auto"}, id="left to the trainer"),
    pytest.param({"a.b": ["absent"]}, {}, id="absent"),
    pytest.param({"a": ["present"]}, {"a": {}}, id="present"),
    pytest.param(
        {"a": ["present"], "a.b": ["1"]}, {"a": {"b": 1}}, id="present with something in it"
    ),
    pytest.param({"a.b": ["absent"], "a.c": ["1"]}, {"a": {"c": 1}}, id="absent beside something"),
    pytest.param({"a": ["absent", "2"], "a.b": ["1"]}, None, id="nothing in a number"),
    pytest.param({"a": ["absent"], "a.b": ["1"]}, None, id="nothing in nothing"),
    pytest.param(
        {"a": ["absent", "present"], "a.b": ["1"]}, {"a": {"b": 1}}, id="the other of two"
    ),
]


@pytest.mark.parametrize(("conditions", "expected"), SETTINGS)
def test_settings_fulfil_conditions(conditions: dict[str, list[str]], expected: object) -> None:
    assert witness.settings(conditions) == expected


@pytest.mark.parametrize(
    ("path", "wanted", "expected"),
    [
        pytest.param("a.b", 2, {"a": {"b": 2, "c": 3}}, id="set"),
        pytest.param("a.b", None, {"a": {"c": 3}}, id="removed"),
        pytest.param("a", None, {}, id="a section removed"),
        pytest.param("a", {}, {"a": {"b": 1, "c": 3}}, id="a section is there"),
        pytest.param("a.b.d", 4, {"a": {"b": {"d": 4}, "c": 3}}, id="a section for a number"),
        pytest.param("x.y", None, {"a": {"b": 1, "c": 3}}, id="what isn't there removed"),
        pytest.param("x.y", 1, {"a": {"b": 1, "c": 3}, "x": {"y": 1}}, id="a new section"),
    ],
)
def test_a_configuration_is_changed(path: str, wanted: object, expected: dict[str, Any]) -> None:
    config = {"a": {"b": 1, "c": 3}}

    assert witness.changed(config, path, wanted) == expected
    assert config == {"a": {"b": 1, "c": 3}}


CONDITIONS: dict[str, Any] = {
    "deepspeed_config": {"zero_optimization.stage": ["1", "2"]},
    "model": {"moe": ["any"], "model-type": ["mixtral"]},
    "python": ">=3.12",
    "platform": ["win32"],
    "cuda": "<12.8",
    "rocm": ">=6",
    "gpu": ">=12.0",
    "absent": ["tf-keras"],
}


def test_an_entry_hits_its_own_environment_for_certain() -> None:
    bad = entry(packages=["torch>=2.0,<2.1", "numpy"], **CONDITIONS)
    known = matrix(content(bad, releases={"torch": releases("2.0.1", "2.1.0")}))
    found = witness.environment(bad, known)

    assert found is not None
    assert {name: str(each.version) for name, each in found.packages.items()} == {
        "torch": "2.0.1",
        "numpy": "0",
    }
    assert (found.python, found.platform, found.cuda, found.rocm, found.gpu, found.complete) == (
        "3.12",
        "win32",
        "12.4",
        "6.2",
        "12.0",
        True,
    )
    assert found.model == {"moe": "deepspeed", "model-type": "mixtral"}
    assert found.deepspeed_config == {"zero_optimization": {"stage": 1}}
    assert [(hit.id, hit.certain) for hit in known_bad.hits(found, known)] == [
        ("torch/breaks", True)
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"packages": ["torch>=3,<2"]}, id="no version"),
        pytest.param({"python": ">=3.12,<3.12"}, id="no Python"),
        pytest.param({"deepspeed_config": {"a": ["absent"], "a.b": ["1"]}}, id="no configuration"),
    ],
)
def test_what_nothing_fulfils_has_no_environment(changes: dict[str, Any]) -> None:
    assert witness.environment(entry(**changes), NOTHING) is None


def test_a_set_stands_for_an_environment() -> None:
    pins = ("torch==2.0.1+cu118", "numpy<2", "peft==0.4.0", "trl>=9,<8")
    record = known_good("llava@1", *pins, python=">=3.10,<3.11", cuda="11.8")
    known = matrix(content(releases={"numpy": releases("1.26.4", "2.0.0", "1.9")}))
    environment, ranges = witness.stands_for(record, "deepspeed", known)

    assert {name: str(each.version) for name, each in environment.packages.items()} == {
        "torch": "2.0.1+cu118",
        "numpy": "1.26.4",
        "peft": "0.4.0",
    }
    assert {name: list(map(str, each)) for name, each in ranges.items()} == {
        "torch": ["2.0.1+cu118"],
        "numpy": ["1.9", "1.26.4"],
        "peft": ["0.4.0"],
        "trl": [],
    }
    assert (environment.python, environment.cuda) == ("3.10", "11.8")
    assert environment.model == {"moe": "deepspeed"}


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        pytest.param(None, None, id="any"),
        pytest.param(">=3.10", None, id="several"),
        pytest.param("==3.10.*", "3.10", id="a family"),
        pytest.param("==3.10.4", None, id="a micro release"),
        pytest.param(">=3.10.4,<3.11", "3.10", id="part of a family"),
    ],
)
def test_the_python_of_a_set_is_known_where_there_is_only_one(
    python: str | None, expected: str | None
) -> None:
    environment, _ = witness.stands_for(known_good(python=python), None, NOTHING)

    assert environment.python == expected
    assert environment.model is None
