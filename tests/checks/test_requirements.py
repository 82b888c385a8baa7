"""
Declared requirements among tracked packages.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.checks import requirements

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix

    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding

RELEASES = """
transformers:
  - {version: 4.37.2, requires: ["tokenizers<0.19,>=0.14", "huggingface-hub<1.0,>=0.19.3", "leaf>=2"]}
  - {version: 4.40.0, requires: ["tokenizers<0.20,>=0.19"]}
  - {version: 4.41.0, requires: [], requires-unknown: It has no wheel.}
accelerate: [0.26.1, 1.0.1]
tokenizers: [0.15.2, 0.19.1, 0.20.0]
huggingface-hub: [0.20.3]
vllm:
  - {version: 0.6.0, requires: ["torch==2.4.0", "transformers<4.41"]}
trl:
  - {version: 0.24.0, requires: [transformers], extras: {vllm: ["vllm<0.11,>=0.10.2"]}}
  - {version: 0.25.0, extras: {vllm: ["vllm>=0.10.2; sys_platform != 'win32'"]}}
unsloth:
  - {version: 2025.9.9, requires: ["transformers<4.41"]}
torch: [2.4.0, 2.5.1]
"""

DEEP = "(" * 20_000 + 'python_version > "3"' + ")" * 20_000


def found(environment: Environment, matrix: Matrix) -> list[Finding]:
    hits = requirements.hits(environment, matrix)
    return [requirements.finding(hit, environment, matrix) for hit in hits]


@pytest.mark.parametrize(
    ("pins", "broken"),
    [
        pytest.param(["transformers==4.37.2", "tokenizers==0.15.2"], {}, id="holds"),
        pytest.param(
            ["transformers==4.40.0", "tokenizers==0.15.2"],
            {"requirement/transformers/tokenizers": "error"},
            id="below the floor",
        ),
        pytest.param(
            ["transformers==4.37.2", "tokenizers==0.20.0"],
            {"requirement/transformers/tokenizers": "warning"},
            id="only above the cap",
        ),
        pytest.param(["transformers==4.37.2"], {}, id="not in the list"),
        pytest.param(["transformers==4.37.2", "tokenizers"], {}, id="of unknown version"),
        pytest.param(["transformers", "tokenizers==0.1"], {}, id="declared by who knows what"),
        pytest.param(
            ["transformers==4.41.0", "tokenizers==0.1"],
            {},
            id="a release of which nothing is known",
        ),
        pytest.param(["transformers==4.38.0.dev0", "tokenizers==0.1"], {}, id="no release at all"),
        pytest.param(
            ["transformers==4.37.2+local", "tokenizers==0.13"],
            {"requirement/transformers/tokenizers": "error"},
            id="a label is the release",
        ),
        pytest.param(
            ["transformers==4.37.2", "tokenizers==0.14.0rc1"],
            {"requirement/transformers/tokenizers": "error"},
            id="a candidate of the floor is below it",
        ),
        pytest.param(
            ["vllm==0.6.0", "torch==2.5.1"],
            {"requirement/vllm/torch": "warning"},
            id="outside of the core of a stack",
        ),
        pytest.param(
            ["vllm==0.6.0", "transformers==4.41.0"],
            {"requirement/vllm/transformers": "info"},
            id="a cap outside of the core",
        ),
        pytest.param(
            ["unsloth==2025.9.9", "transformers==4.41.0"],
            {"requirement/unsloth/transformers": "warning"},
            id="a cap of what trains by the core",
        ),
        pytest.param(["vllm==0.6.0", "torch==2.4.0+cu121"], {}, id="a pin with a label"),
        pytest.param(
            ["trl==0.24.0", "vllm==0.6.0"],
            {"requirement/trl/vllm": "warning"},
            id="below what an extra asks for",
        ),
        pytest.param(
            ["trl==0.24.0", "vllm==0.12.0"],
            {"requirement/trl/vllm": "info"},
            id="newer than an extra asks for",
        ),
        pytest.param(["trl==0.24.0"], {}, id="what an extra asks for is not there"),
        pytest.param(
            ["trl==0.25.0", "vllm==0.6.0"],
            {"requirement/trl/vllm": "info"},
            id="an extra on another platform, perhaps",
        ),
    ],
)
def test_what_a_release_declares_must_hold(
    environment: MakeEnvironment, matrix: MakeMatrix, pins: list[str], broken: dict[str, str]
) -> None:
    findings = found(environment(*pins), matrix(releases=RELEASES))
    assert {each.id: each.severity for each in findings} == broken


def test_what_an_extra_asks_for_is_told_and_never_missing(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(releases=RELEASES)
    metadata = {"trl": ["transformers", 'vllm==0.1; extra == "vllm"']}
    facts: dict[str, Any] = {"requires": metadata, "complete": True}
    made = environment("trl==0.24.0", "vllm==0.5.0", "transformers", **facts)
    (finding,) = found(made, known)
    assert finding.title == (
        "trl 0.24.0 requires vllm<0.11,>=0.10.2 for its extra vllm, but 0.5.0 is installed"
    )
    assert found(environment("trl==0.24.0", "transformers", **facts), known) == []


def test_installed_metadata_counts_before_release_facts(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    made = environment(
        "transformers==4.37.2",
        "tokenizers==0.15.2",
        requires={"transformers": ["tokenizers>=0.19"]},
    )
    (finding,) = found(made, matrix(releases=RELEASES))
    assert finding.title == "transformers 4.37.2 requires tokenizers>=0.19, but 0.15.2 is installed"
    assert finding.why == "Declared in its metadata."
    assert finding.packages == {"transformers": "4.37.2", "tokenizers": "0.15.2"}


def test_metadata_that_declares_nothing_counts_too(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    made = environment("transformers==4.40.0", "tokenizers==0.15.2", requires={"transformers": []})
    assert found(made, matrix(releases=RELEASES)) == []


def test_a_package_of_unknown_version_can_still_declare(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    made = environment(
        "transformers", "tokenizers==0.1", requires={"transformers": ["tokenizers>=1"]}
    )
    (finding,) = found(made, matrix(releases=RELEASES))
    assert finding.title.startswith(
        "transformers (of unknown version) requires tokenizers>=1, but "
    )
    assert finding.packages == {"transformers": None, "tokenizers": "0.1"}


def test_a_package_is_missing_only_where_everything_is_listed(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(releases=RELEASES)
    pins = ("transformers==4.37.2", "tokenizers==0.15.2")
    assert found(environment(*pins), known) == []
    (finding,) = found(environment(*pins, complete=True), known)
    assert (finding.id, finding.severity) == ("requirement/transformers/huggingface-hub", "error")
    assert finding.title == (
        "transformers 4.37.2 requires huggingface-hub<1.0,>=0.19.3, but it is not installed"
    )
    assert finding.packages == {"transformers": "4.37.2", "huggingface-hub": None}


@pytest.mark.parametrize(
    ("requires", "facts", "severity"),
    [
        pytest.param(
            'tokenizers>=1; python_version < "3.10"', {"python": "3.9.2"}, "error", id="applies"
        ),
        pytest.param(
            'tokenizers>=1; python_version < "3.10"', {"python": "3.10"}, None, id="doesn't"
        ),
        pytest.param('tokenizers>=1; python_version < "3.10"', {}, "warning", id="who knows"),
        pytest.param(
            'tokenizers<0.1; python_version < "3.10"', {}, "info", id="who knows, and a cap"
        ),
        pytest.param(
            'tokenizers>=1; sys_platform == "win32"', {"platform": "win32"}, "error", id="here"
        ),
        pytest.param(
            'tokenizers>=1; sys_platform == "win32"', {"platform": "linux"}, None, id="elsewhere"
        ),
        pytest.param(
            'tokenizers>=1; platform_system == "Linux"', {"platform": "linux"}, "error", id="system"
        ),
        pytest.param('tokenizers>=1; extra == "torch"', {}, None, id="an extra"),
        pytest.param(
            "tokenizers>=1; extra == 'torch' and python_version > '3'", {}, None, id="an extra and"
        ),
        pytest.param("tokenizers[testing]>=1", {}, "error", id="an extra of the other one"),
        pytest.param("tokenizers @ https://example.org/t.whl", {}, None, id="by address"),
        pytest.param("tokenizers>=1.0.*", {}, None, id="no valid specifier"),
        pytest.param("tokenizers>=", {}, None, id="unreadable"),
        pytest.param("tokenizers>=1; nonsense", {}, "warning", id="an unreadable marker"),
        pytest.param(f"tokenizers>=1; {DEEP}", {}, "warning", id="a marker of brackets"),
        pytest.param("Tokenizers (>=1)", {}, "error", id="an old spelling"),
        pytest.param("leaf-package>=1", {}, None, id="not tracked"),
        pytest.param(
            "extra-tokenizers>=1; python_version > '3'",
            {"python": "3.10"},
            None,
            id="a name with extra",
        ),
        pytest.param("tokenizers===0.15.2", {}, None, id="arbitrary equality"),
        pytest.param("tokenizers", {}, None, id="any version"),
        pytest.param("tokenizers!=0.15.2", {}, "error", id="an exclusion"),
        pytest.param("tokenizers<0.15,>=0.14", {}, "warning", id="a cap"),
        pytest.param("tokenizers==0.14.0", {}, "error", id="a pin"),
    ],
)
def test_a_requirement_is_read_for_the_environment_that_is_checked(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    requires: str,
    facts: dict[str, str],
    severity: str | None,
) -> None:
    made = environment(
        "transformers==4.37.2", "tokenizers==0.15.2", requires={"transformers": [requires]}, **facts
    )
    findings = found(made, matrix(releases=RELEASES))
    assert [each.severity for each in findings] == ([severity] if severity else [])


def test_a_marker_that_cannot_be_judged_is_to_be_verified(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    declares = {"transformers": ['tokenizers>=1; python_version < "3.10"']}
    made = environment("transformers==4.37.2", "tokenizers==0.15.2", requires=declares)
    (finding,) = found(made, matrix(releases=RELEASES))
    assert finding.certainty == "needs-verification"
    assert finding.verify == 'It applies where: python_version < "3.10"'
    assert finding.why == "Declared in its metadata. It may work in spite of that."


@pytest.mark.parametrize(
    ("specifier", "floor"),
    [(">=0.14,<0.19", ">=0.14"), ("<2", ""), ("", ""), ("==1.0", "==1.0"), ("<=3,!=2", "!=2")],
)
def test_caps_are_the_upper_bounds(specifier: str, floor: str) -> None:
    assert requirements.without_caps(specifier) == floor


def test_it_is_known_what_a_package_requires_or_not(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    made = environment(
        "transformers==4.37.2", "tokenizers", "torch==9", "peft", requires={"peft": []}
    )
    known = matrix(releases=RELEASES)
    told = {name: requirements.known(package, known) for name, package in made.packages.items()}
    assert told == {"transformers": True, "tokenizers": False, "torch": False, "peft": True}


@given(st.integers(0, 1 << 40), st.sets(st.sampled_from(worlds.NAMES[:4]), min_size=1))
@settings(max_examples=60)
def test_looking_again_finds_what_looking_for_the_first_time_does(
    seed: int, about: set[str]
) -> None:
    known, made = worlds.world(Random(seed))
    everything = [hit for hit in requirements.hits(made, known) if about & {*hit.packages}]
    assert sorted(requirements.watch(known)(made, about)) == sorted(everything)  # type: ignore[arg-type]
