"""
The audit: findings in order, the verdict, and what is ignored.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.audit import audit
from envcheck.known_good import OUTSIDE
from envcheck.model import Oddity, Options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worlds import MakeEnvironment, MakeMatrix

    from envcheck.model import Report

ENTRIES = """
- {id: peft/worth-knowing, severity: info, packages: [peft]}
- {id: peft/some, severity: warning, packages: [peft]}
- {id: peft/most, packages: ["peft<1"]}
- {id: trl/maybe, likely: "true", packages: [trl], python: ">=3.12"}
- {id: deepspeed/moe, packages: [deepspeed], model: {moe: deepspeed}}
- {id: deepspeed/other-moe, packages: [deepspeed], model: {moe: transformers}}
"""
SETS = """
- project: p
  moe: deepspeed
  sets:
    - id: p@1
      packages: [torch==2.0.1, transformers==4.37.0]
    - id: p@2
      packages: [torch==2.1.2, transformers==4.40.0]
      python: ">=3.10"
- project: q
  sets:
    - id: q@1
      packages: [torch==2.0.1, peft==0.4.0]
"""
EXACT = ("torch==2.0.1", "transformers==4.37.0")
NEAR = ("torch==2.0.1", "transformers==4.37.1")


def ids(report: Report) -> list[str]:
    return [finding.id for finding in report.findings]


def test_findings_are_sorted_by_severity_and_certainty(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    oddities = (
        Oddity("leftover", "~orch", "x"),
        Oddity("duplicate", "peft", "twice", worlds.names("peft")),
    )
    made = environment("peft==0.4.0", "trl==1.0", oddities=oddities)
    report = audit(made, matrix(ENTRIES))
    assert [(each.severity, each.certainty, each.id) for each in report.findings] == [
        ("error", "certain", "peft/most"),
        ("warning", "certain", "environment/duplicate"),
        ("warning", "certain", "peft/some"),
        ("warning", "needs-verification", "trl/maybe"),
        ("info", "certain", "environment/leftover"),
        ("info", "certain", "peft/worth-knowing"),
    ]


@pytest.mark.parametrize(
    ("pins", "facts", "options", "verdict"),
    [
        pytest.param(EXACT, {}, {}, "known-good", id="exactly a set"),
        pytest.param(NEAR, {}, {}, "unknown", id="near a set"),
        pytest.param(["numpy==1.0"], {}, {}, "unknown", id="nothing is known"),
        pytest.param(
            [*EXACT, "peft==2.0"], {}, {}, "unknown", id="a set that doesn't name everything"
        ),
        pytest.param(
            ["torch==2.0.1", "transformers"], {}, {}, "unknown", id="a version is unknown"
        ),
        pytest.param(
            ["torch==2.0.1", "peft==0.4.0"], {}, {}, "known-bad", id="a set that is known to fail"
        ),
        pytest.param(
            ["torch==2.0.1", "peft==0.4.0"],
            {},
            {"ignore": frozenset({"peft/most"})},
            "known-good",
            id="a set with an error that is ignored",
        ),
        pytest.param(["peft==2.0"], {}, {}, "unknown", id="warnings"),
        pytest.param(
            ["torch==2.1.2", "transformers==4.40.0"],
            {"python": "3.10"},
            {},
            "known-good",
            id="for its python",
        ),
        pytest.param(
            ["torch==2.1.2", "transformers==4.40.0"],
            {"python": "3.9"},
            {},
            "unknown",
            id="for another python",
        ),
        pytest.param(NEAR, {}, {"project": "p"}, "unknown", id="outside of a project's sets"),
        pytest.param(
            NEAR, {}, {"project": "p", "strict": True}, "known-bad", id="outside, strictly"
        ),
        pytest.param(
            EXACT, {}, {"project": "p", "strict": True}, "known-good", id="one of a project's sets"
        ),
        pytest.param(EXACT, {}, {"project": "q"}, "unknown", id="a set of another project"),
        pytest.param(
            NEAR,
            {},
            {"project": "p", "strict": True, "ignore": frozenset({OUTSIDE})},
            "unknown",
            id="outside is ignored",
        ),
    ],
)
def test_the_verdict_is_never_a_pass_by_ignorance(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    pins: list[str],
    facts: dict[str, Any],
    options: dict[str, Any],
    verdict: str,
) -> None:
    report = audit(environment(*pins, **facts), matrix(ENTRIES, SETS), Options(**options))
    assert report.verdict == verdict


def test_what_is_ignored_is_still_told_apart(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(ENTRIES, releases="peft: [0.4.0, 2.0]")
    made = environment("peft==0.4.0")
    report = audit(made, known, Options(ignore=frozenset({"peft/most", "peft/some", "no/such"})))
    assert [each.id for each in report.ignored] == ["peft/most", "peft/some"]
    assert ids(report) == ["peft/worth-knowing"]
    assert (report.verdict, report.suggestions, report.unresolved) == ("unknown", (), ())


def test_what_is_ignored_does_not_stand_in_the_way_of_a_suggestion(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        ENTRIES + '- {id: peft/new, packages: ["peft>=2"]}', releases="peft: [0.4.0, 2.0]"
    )
    made = environment("peft==0.4.0")
    assert audit(made, known).suggestions == ()
    (suggestion,) = audit(made, known, Options(ignore=frozenset({"peft/new"}))).suggestions
    assert str(suggestion.changes[0].after) == "2.0"


@pytest.mark.parametrize(
    ("strict", "severity"),
    [pytest.param(False, "warning", id="lax"), pytest.param(True, "error", id="strict")],
)
def test_outside_of_a_projects_sets_is_a_finding(
    environment: MakeEnvironment, matrix: MakeMatrix, *, strict: bool, severity: str
) -> None:
    made = environment(*NEAR, "accelerate==0.21.0", python="3.9")
    report = audit(made, matrix("", SETS), Options(project="p", strict=strict))
    (finding,) = report.findings
    assert finding._asdict() == {
        "id": OUTSIDE,
        "kind": "environment",
        "severity": severity,
        "certainty": "certain",
        "packages": {"transformers": "4.37.1"},
        "title": "These versions are none of p's known-good sets",
        "why": "The nearest is p@1; it says nothing of accelerate, which is installed.",
        "because": (),
        "verify": "",
        "silent": False,
        "evidence": (worlds.EVIDENCE,),
        "advice": (),
    }
    assert report.project == "p"


def test_a_project_without_any_set_near_is_said_to_be_far(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    report = audit(environment("numpy==1.0"), matrix("", SETS), Options(project="p"))
    (finding,) = report.findings
    assert (finding.why, finding.packages) == ("No set of the project is anywhere near.", {})
    assert report.known_good is None


def test_a_project_says_which_kind_of_model_it_trains(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(ENTRIES, SETS)
    made = environment("deepspeed==0.9.5")
    by_project = {
        project: [
            each.id
            for each in audit(made, known, Options(project=project)).findings
            if each.id != OUTSIDE
        ]
        for project in (None, "p", "q")
    }
    assert by_project == {
        None: ["deepspeed/moe", "deepspeed/other-moe"],
        "p": ["deepspeed/moe"],
        "q": ["deepspeed/moe", "deepspeed/other-moe"],
    }
    given = made._replace(model={"moe": "transformers"})
    assert "deepspeed/other-moe" in ids(audit(given, known, Options(project="p")))


def test_a_report_names_the_matrix_and_what_was_checked(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    report = audit(environment(*EXACT), matrix(ENTRIES, SETS))
    assert report.matrix == {
        "date": "2026-01-02",
        "sets": 3,
        "entries": 6,
        "trials": 0,
        "sources": ["made up"],
    }
    assert report.environment.origin == "made up"
    assert report.known_good is not None
    assert report.known_good.id == "p@1"
    assert report.to_dict()["schema"] == "envcheck-report/1"


DOUBTED = """
- {id: peft/loud, severity: warning, packages: [peft, torch]}
- {id: peft/silent, severity: warning, silent: "true", packages: [peft, torch]}
- {id: peft/noticed, severity: warning, silent: "true", noticed: "true", packages: [peft, torch]}
- {id: peft/ranged, severity: warning, packages: [peft, numpy]}
- {id: peft/unnamed, severity: warning, packages: [peft, protobuf]}
- {id: peft/certain, packages: ["peft<0.4"]}
"""
VOUCHING = """
- project: q
  sets:
    - id: q@1
      packages: [torch==2.0.1, transformers==4.37.0, peft==0.4.0, "numpy>=1.20", trl==0.8.1]
      python: ">=3.10"
"""
PUBLISHED = ("torch==2.0.1", "transformers==4.37.0", "peft==0.4.0", "numpy==1.26.4")
WARNED = ["peft/ranged", "peft/silent", "peft/unnamed"]


@pytest.mark.parametrize(
    ("pins", "facts", "warned"),
    [
        pytest.param(PUBLISHED, {}, WARNED, id="published, and somebody would have noticed"),
        pytest.param(
            [*PUBLISHED, "trl==0.8.2"],
            {},
            ["peft/loud", "peft/noticed", *WARNED],
            id="one package differs",
        ),
        pytest.param(
            PUBLISHED, {"python": "3.9"}, ["peft/loud", "peft/noticed", *WARNED], id="other Python"
        ),
    ],
)
def test_a_set_speaks_against_warnings_about_what_it_pins(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    pins: Iterable[str],
    facts: dict[str, Any],
    warned: list[str],
) -> None:
    made = environment(*pins, "protobuf==4.21.0", **facts)
    report = audit(made, matrix(DOUBTED, VOUCHING))
    assert sorted(each.id for each in report.findings if each.severity == "warning") == warned
    for finding in report.findings:
        told = any("known-good in q@1" in text for text in finding.because)
        assert told is (finding.severity == "info")


@given(st.integers(0, 1 << 40), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_report_never_contradicts_itself(seed: int, strict: bool) -> None:
    random = Random(seed)
    known, made = worlds.world(random, packages=random.randint(3, 6))
    everything = audit(made, known, Options(strict=strict))
    ignore = frozenset(random.sample(ids(everything), min(2, len(everything.findings))))
    report = audit(made, known, Options(strict=strict, ignore=ignore))
    errors = [each for each in report.findings if each.severity == "error"]
    assert all(each.certainty == "certain" for each in errors)
    assert (report.verdict == "known-bad") == bool(errors)
    assert {each.id for each in report.ignored} == ignore
    assert sorted(ids(report)) == sorted(set(ids(everything)) - ignore)
    assert bool(report.suggestions) + bool(report.unresolved) <= 1
    assert not errors or report.suggestions or report.unresolved
    assert all(why for _, why in report.unresolved)


def test_what_is_only_worth_knowing_is_counted_in_brief_unless_more_is_asked_for(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known, made = matrix(ENTRIES), environment("peft==0.5", "trl==1.0")
    brief, whole = (audit(made, known, Options(in_full=each)) for each in (False, True))

    assert ids(brief) == ids(whole)
    assert [each for each in brief.findings if each.severity != "info"] == [
        each for each in whole.findings if each.severity != "info"
    ]
    notes = [each for each in brief.findings if each.severity == "info"]
    assert notes
    assert not any(each.title for each in notes)
