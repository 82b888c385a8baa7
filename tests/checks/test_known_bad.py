"""
Entries of the matrix against installed versions.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.checks import known_bad

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worlds import MakeEnvironment, MakeMatrix

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding

PAIR = """
- id: torch/pair
  packages: ["torch<2.3.0", "numpy>=2.0.0"]
"""
LIKELY = """
- id: deepspeed/nan
  likely: "true"
  silent: "true"
  severity: SEVERITY
  packages: ["deepspeed>=0.12.4,<0.14.3"]
  deepspeed-config:
    zero_optimization.stage: ["1", "2"]
    zero_optimization.overlap_comm: "true"
"""


def found(environment: Environment, matrix: Matrix) -> list[Finding]:
    return [
        known_bad.finding(hit, environment, matrix) for hit in known_bad.hits(environment, matrix)
    ]


def ids(hits: Iterable[Hit]) -> list[str]:
    return [hit.id for hit in hits]


@pytest.mark.parametrize(
    ("pins", "hit"),
    [
        pytest.param(["torch==2.0.1", "numpy==2.1.0"], True, id="both in range"),
        pytest.param(["torch==2.3.0", "numpy==2.1.0"], False, id="one out of range"),
        pytest.param(["torch==2.0.1", "numpy==1.26.4"], False, id="the other one out of range"),
        pytest.param(["torch==2.0.1"], False, id="one not installed"),
        pytest.param(["numpy==2.1.0"], False, id="the one to blame not installed"),
        pytest.param(
            ["torch==2.0.1+cu118", "numpy==2.1.0"], True, id="a local label decides nothing"
        ),
        pytest.param(["torch==2.3.0+cpu", "numpy==2.1.0"], False, id="a label past the edge"),
        pytest.param(
            ["torch==2.3.0rc1", "numpy==2.1.0"], False, id="a candidate of the edge is not below"
        ),
        pytest.param(
            ["torch==2.2.0.dev20231010+cu121", "numpy==2.1.0"], True, id="a nightly build"
        ),
        pytest.param(
            ["torch==2.0.1", "numpy==2.0.0rc1"], False, id="a candidate is before the release"
        ),
        pytest.param(["torch==2.0.1", "numpy==2.0.0.post1"], True, id="a post release"),
        pytest.param(
            ["torch==2.2.2.post1", "numpy==2.0.0"], True, id="a post release below the edge"
        ),
    ],
)
def test_every_package_of_an_entry_must_be_in_range(
    environment: MakeEnvironment, matrix: MakeMatrix, pins: list[str], hit: bool
) -> None:
    hits = [*known_bad.hits(environment(*pins), matrix(PAIR))]
    assert ids(hits) == ["torch/pair"] * hit
    assert all(each.certain and each.severity == "error" for each in hits)


@pytest.mark.parametrize(
    ("range_", "version", "hit"),
    [
        pytest.param(">=4.45.0.dev0,<4.46", "4.45.0.dev0", True, id="a range may begin before"),
        pytest.param(">=4.45.0", "4.45.0.dev0", False, id="or not"),
        pytest.param("<5.0", "5.0.0rc1", False, id="a candidate is past its release's lower edge"),
        pytest.param("<5.0.0.dev0", "5.0.0rc1", False, id="an edge may say so itself"),
        pytest.param("==4.46.*", "4.46.3", True, id="a series"),
        pytest.param("==4.46.*", "4.46.0rc1", True, id="with its candidates"),
        pytest.param("==4.46.*", "4.47.0", False, id="no other series"),
        pytest.param("", "0.0.1", True, id="a bare name is every version"),
        pytest.param("==2.9.1", "2.9.1+cu128", True, id="a pin with a label"),
        pytest.param("==2.9.1+cu128", "2.9.1+cu130", False, id="an entry may name a label"),
    ],
)
def test_ranges_mean_what_they_say_of_odd_versions(
    environment: MakeEnvironment, matrix: MakeMatrix, range_: str, version: str, hit: bool
) -> None:
    known = matrix(f"[{{id: transformers/x, packages: ['transformers{range_}']}}]")
    assert (
        ids(known_bad.hits(environment(f"transformers=={version}"), known))
        == ["transformers/x"] * hit
    )


@pytest.mark.parametrize(
    ("severity", "lowered"),
    [("error", "warning"), ("warning", "warning"), ("info", "info")],
)
@pytest.mark.parametrize(
    ("stage", "known", "certain"),
    [
        pytest.param(2, True, True, id="known"),
        pytest.param("auto", True, False, id="left to the trainer"),
        pytest.param(2, False, False, id="no configuration"),
    ],
)
def test_an_unknown_fact_lowers_the_severity(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    severity: str,
    lowered: str,
    stage: Any,
    known: bool,
    certain: bool,
) -> None:
    config = {"zero_optimization": {"stage": stage, "overlap_comm": True}} if known else None
    made = environment("deepspeed==0.13.1", deepspeed_config=config)
    (finding,) = found(made, matrix(LIKELY.replace("SEVERITY", severity)))
    assert finding.severity == (severity if certain else lowered)
    assert finding.certainty == ("certain" if certain else "needs-verification")
    assert bool(finding.verify) is not certain
    assert "\n" not in finding.verify


def test_what_most_people_have_not_is_only_worth_knowing(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix('[{id: torch/gpu, packages: ["torch<2.7"], gpu: ">=12.0"}]')
    (finding,) = found(environment("torch==2.6.0"), known)
    assert (finding.severity, finding.certainty) == ("info", "needs-verification")
    assert finding.verify == "Look at GPU compute capability: it matters if it is >=12.0."


def test_a_false_condition_is_no_finding(environment: MakeEnvironment, matrix: MakeMatrix) -> None:
    made = environment("deepspeed==0.13.1", deepspeed_config={"zero_optimization": {"stage": 3}})
    assert found(made, matrix(LIKELY.replace("SEVERITY", "error"))) == []


def test_a_finding_says_what_it_is_about(environment: MakeEnvironment, matrix: MakeMatrix) -> None:
    known = matrix(
        """
- id: deepspeed/nan
  title: The loss is zero
  severity: warning
  silent: "true"
  packages: ["deepspeed>=0.12.4", transformers]
  python: "<3.12"
  why: |
    Because
      of that.
  fixes:
    - packages: [deepspeed==0.12.3]
    - advice: |
        Wait
          for it.
  evidence:
    - https://example.org/one
    - {kind: run, url: "https://example.org/two"}
    - {kind: run, note: On a machine.}
"""
    )
    made = environment("deepspeed==0.13.1+local", "transformers==4.37.1", python="3.10")
    (finding,) = found(made, known)
    assert finding._asdict() == {
        "id": "deepspeed/nan",
        "kind": "known-bad",
        "severity": "warning",
        "certainty": "certain",
        "packages": {"deepspeed": "0.13.1+local", "transformers": "4.37.1"},
        "title": "The loss is zero",
        "why": "Because of that.",
        "because": ("Python is 3.10",),
        "verify": "",
        "silent": True,
        "evidence": ("https://example.org/one", "https://example.org/two"),
        "advice": ("Wait for it.",),
    }


def test_what_to_verify_names_the_options_that_tell(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- id: deepspeed/x
  packages: [deepspeed]
  deepspeed-config: {zero_optimization.stage: "3"}
  model: {moe: deepspeed}
  python: ">=3.12"
"""
    )
    (finding,) = found(environment("deepspeed==0.13.1"), known)
    assert finding.verify == (
        "Look at the DeepSpeed configuration: it matters if zero_optimization.stage is 3; "
        "the model: it matters if its kind of expert layers is deepspeed; "
        "Python: it matters if it is >=3.12. "
        "(Give --deepspeed-config FILE and --model-config FILE and --python-version X.Y.)"
    )


def test_an_entry_may_say_itself_what_to_verify(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- id: deepspeed/x
  packages: [deepspeed]
  deepspeed-config: {zero_optimization.stage: "3"}
  verify: "Whether ZeRO-3\\nis used."
"""
    )
    (finding,) = found(environment("deepspeed==0.13.1"), known)
    assert finding.verify == "Whether ZeRO-3 is used. (Give --deepspeed-config FILE.)"


def test_an_unknown_version_needs_verification_unless_any_version_hits(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- {id: peft/some, likely: "true", packages: ["peft<0.12"]}
- {id: peft/any, likely: "true", packages: [peft]}
- {id: peft/pair, likely: "true", packages: ["peft<0.12", "torch>=2"]}
"""
    )
    by_id = {each.id: each for each in found(environment("peft", "torch==2.0.1"), known)}
    assert (by_id["peft/any"].severity, by_id["peft/any"].certainty) == ("error", "certain")
    assert (by_id["peft/pair"].severity, by_id["peft/pair"].certainty) == (
        "warning",
        "needs-verification",
    )
    assert by_id["peft/some"].verify == "Look at the version of peft: it matters if it is <0.12."
    assert by_id["peft/some"].packages == {"peft": None}
    assert ids(known_bad.hits(environment("peft", "torch==1.13.1"), known)) == [
        "peft/any",
        "peft/some",
    ]


def test_looking_again_finds_what_the_changed_packages_take_part_in(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- {id: torch/a, packages: ["torch<2.3", "numpy>=2"]}
- {id: torch/b, packages: ["torch<2.3"]}
- {id: peft/c, packages: [peft]}
- {id: trl/d, packages: [trl, peft]}
"""
    )
    again = known_bad.watch(known)
    made = environment("torch==2.0.1", "numpy==2.1.0", "peft==0.4.0")
    assert ids(again(made, worlds.names("numpy"))) == ["torch/a"]
    assert sorted(ids(again(made, worlds.names("numpy", "torch")))) == ["torch/a", "torch/b"]
    assert ids(again(made, worlds.names("trl"))) == []
    assert ids(again(environment("peft==0.4.0", "trl==0.7.0"), worlds.names("trl"))) == ["trl/d"]


def test_a_package_that_must_be_missing_takes_part_and_is_looked_for_again(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix("- {id: trl/a, packages: [trl], absent: [tf-keras]}")
    made = environment("trl==0.7.0", complete=True)
    (hit,) = known_bad.hits(made, known)

    assert (hit.severity, hit.certain, hit.packages) == ("error", True, ("trl", "tf-keras"))
    assert known_bad.finding(hit, made, known).packages == {"trl": "0.7.0", "tf-keras": None}
    listed = made._replace(complete=False)
    (doubtful,) = known_bad.hits(listed, known)
    assert (doubtful.severity, doubtful.certain) == ("info", False)
    assert known_bad.finding(doubtful, listed, known).packages == {"trl": "0.7.0"}
    again = known_bad.watch(known)
    assert ids(again(made, worlds.names("tf-keras"))) == ["trl/a"]
    both = environment("trl==0.7.0", "tf-keras==2.16.0", complete=True)
    assert ids(again(both, worlds.names("tf-keras"))) == []


@given(st.integers(0, 1 << 40), st.sets(st.sampled_from(worlds.NAMES[:4]), min_size=1))
@settings(max_examples=60)
def test_looking_again_finds_what_looking_for_the_first_time_does(
    seed: int, about: set[str]
) -> None:
    known, made = worlds.world(Random(seed))
    everything = [hit for hit in known_bad.hits(made, known) if about & {*hit.packages}]
    assert sorted(known_bad.watch(known)(made, about)) == sorted(everything)  # type: ignore[arg-type]
