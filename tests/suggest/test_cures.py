from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envcheck.audit import audit
from envcheck.model import Options

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix

RELEASES = "deepspeed: [0.9.5, 0.12.3, 0.13.1, 0.14.5]"

CONDITIONAL = """
- id: deepspeed/slow
  title: Steps are slow
  severity: warning
  packages: ["deepspeed>=0.12.4,<0.14"]
  deepspeed-config: {zero_optimization.stage: "3"}
  fixes: [{packages: ["deepspeed==0.12.3"]}, {packages: ["deepspeed>=0.14"]}]
- id: deepspeed/hangs
  title: It hangs
  severity: warning
  packages: ["deepspeed>=0.12.4,<0.14"]
  deepspeed-config: {zero_optimization.stage: "3"}
  fixes: [{packages: ["deepspeed==0.12.3"]}]
"""

CERTAIN = """
- id: deepspeed/breaks
  title: It breaks
  packages: ["deepspeed==0.13.1"]
  fixes: [{packages: ["deepspeed==0.14.5"]}]
- id: deepspeed/warns
  title: It warns
  severity: warning
  packages: ["deepspeed==0.14.5"]
"""


def test_who_has_just_this_trouble_is_told_what_entries_recommend(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(CONDITIONAL, releases=RELEASES)
    report = audit(environment("deepspeed==0.13.1"), known)

    assert {each.severity for each in report.findings} == {"info"}
    assert [
        (str(each.changes[0].after), each.condition, each.advised_by) for each in report.suggestions
    ] == [
        ("0.12.3", "It hangs; or: Steps are slow", ("deepspeed/hangs", "deepspeed/slow")),
        ("0.14.5", "Steps are slow", ("deepspeed/slow",)),
    ]


def test_nobody_is_told_a_third_way(environment: MakeEnvironment, matrix: MakeMatrix) -> None:
    ways = ", ".join(
        f'{{packages: ["deepspeed=={each}"]}}' for each in ("0.12.3", "0.9.5", "0.14.5")
    )
    known = matrix(
        "- {id: deepspeed/notes, severity: info, packages: [deepspeed==0.13.1], "
        f"fixes: [{ways.replace(', ', ', {advice: Wait.}, ', 1)}]}}",
        releases=RELEASES,
    )
    found = audit(environment("deepspeed==0.13.1"), known).suggestions

    assert [str(each.changes[0].after) for each in found] == ["0.12.3", "0.9.5"]


def test_the_ways_that_change_least_here_go_first(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    both = (
        "{packages: [deepspeed==0.9.5, torch>=2.1]}, {packages: [deepspeed==0.12.3, peft==0.4.0]}"
    )
    known = matrix(
        "- {id: deepspeed/notes, severity: info, packages: [deepspeed==0.13.1], "
        f"fixes: [{both}, {{packages: [deepspeed==0.14.5, torch>=2.0]}}]}}",
        releases=f"{RELEASES}\ntorch: [2.0.1, 2.1.0]\npeft: [0.4.0]",
    )
    found = audit(environment("deepspeed==0.13.1", "torch==2.0.1"), known).suggestions

    assert [str(each.changes[0].after) for each in found] == ["0.14.5", "0.9.5"]


def test_where_a_setting_is_recommended_first_no_release_is(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    setting = "{deepspeed-config: {zero_optimization.stage: 2}}"
    known = matrix(CONDITIONAL.replace("fixes: [", f"fixes: [{setting}, "), releases=RELEASES)

    assert audit(environment("deepspeed==0.13.1"), known).suggestions == ()


def test_for_an_error_it_is_told_though_it_brings_in_a_warning_which_is_named(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(CERTAIN, releases=RELEASES)
    report = audit(environment("deepspeed==0.13.1"), known)

    first, *_, last = report.suggestions
    assert (str(first.changes[0].after), first.advised_by) == ("0.12.3", ())
    assert (str(last.changes[0].after), last.advised_by) == ("0.14.5", ("deepspeed/breaks",))
    assert (last.remaining, last.condition) == (("deepspeed/warns",), "")


@pytest.mark.parametrize("entries", [CONDITIONAL, CERTAIN])
def test_a_report_for_people_has_none_unless_asked(
    entries: str, environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    made, known = environment("deepspeed==0.13.1"), matrix(entries, releases=RELEASES)
    report = audit(made, known, Options(in_full=False))

    assert not any(each.advised_by for each in report.suggestions)


def test_of_very_many_notes_the_worst_and_the_certain_are_looked_at(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    setting = 'deepspeed-config: {fp16.enabled: "true"}, '
    notes = [
        f"- {{id: deepspeed/n{number:02}, title: N{number}, severity: info, "
        f'packages: ["deepspeed>=1.{number}"], {setting if number < 40 else ""}'
        f"fixes: [{{packages: [deepspeed==1.{number - 1}]}}]}}"
        for number in range(1, 61)
    ]
    listed = ", ".join(f"'1.{number}'" for number in range(61))
    known = matrix("\n".join(notes), releases=f"deepspeed: [{listed}]")

    found = audit(environment("deepspeed==1.60"), known).suggestions

    advised = [identifier for each in found for identifier in each.advised_by]
    assert advised[:21] == [f"deepspeed/n{number}" for number in range(40, 61)]
    assert 21 < len(advised) < 60


def test_where_advice_is_given_first_versions_come_after_the_first_ways_of_others(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    entry = "- {{id: deepspeed/{}, severity: info, packages: [deepspeed==0.13.1], fixes: [{}]}}\n"
    advice, *ways = (
        "{advice: Wait.}",
        *(f'{{packages: ["deepspeed=={each}"]}}' for each in ("0.9.5", "0.12.3", "0.14.5")),
    )
    known = matrix(
        entry.format("a", ", ".join((advice, ways[0], ways[2]))) + entry.format("b", ways[1]),
        releases=RELEASES,
    )
    found = audit(environment("deepspeed==0.13.1"), known).suggestions

    assert [(str(each.changes[0].after), *each.advised_by) for each in found] == [
        ("0.12.3", "deepspeed/b"),
        ("0.9.5", "deepspeed/a"),
    ]
