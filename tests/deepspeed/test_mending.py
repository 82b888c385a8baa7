"""
Settings that mend a configuration, as a part of what a check suggests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import worlds

from envcheck.audit import audit

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix

GOOD = {"train_batch_size": 8, "zero_optimization": {"stage": 2}}
MISSPELT = {**GOOD, "zero_optimization": {"stage": 2, "overlap_com": True}}
RENAMED = {"zero_optimization.overlap_com": None, "zero_optimization.overlap_comm": "true"}
OVERLAP = "configuration/unknown-key/zero_optimization.overlap_com"
PAIR = '- {id: torch/pair, packages: ["torch<2.3.0", "numpy>=2.0.0"], fixes: [{packages: ["numpy==1.26.4"]}]}'
NAN = """
- id: deepspeed/nan
  packages: ["deepspeed>=0.12.4,<0.14.3"]
  deepspeed-config: {zero_optimization.overlap_comm: "true"}
  fixes: [{packages: ["deepspeed==0.14.3"]}, {deepspeed-config: {zero_optimization.overlap_comm: "false"}}]
"""


def test_settings_alone_are_a_way_out(environment: MakeEnvironment) -> None:
    known, of = worlds.compiled(), environment("deepspeed==0.14.2", deepspeed_config=MISSPELT)

    (suggestion,) = audit(of, known).suggestions

    assert (suggestion.direction, suggestion.changes, suggestion.command) == ("settings", (), "")
    assert dict(suggestion.settings) == RENAMED
    assert suggestion.resolves == (OVERLAP,)
    assert audit(worlds.changed(of, suggestion), known).findings == ()


def test_settings_are_told_with_every_change_of_versions(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(PAIR, releases="{numpy: [1.26.4, 2.1.0], torch: [2.0.1, 2.3.0]}")
    of = environment("deepspeed==0.14.2", "torch==2.0.1", "numpy==2.1.0", deepspeed_config=MISSPELT)

    suggestions = audit(of, known).suggestions

    assert suggestions
    for suggestion in suggestions:
        assert suggestion.changes
        assert dict(suggestion.settings) == RENAMED
        assert {OVERLAP, "torch/pair"} <= set(suggestion.resolves)
        after = audit(worlds.changed(of, suggestion), known)
        assert not [each for each in after.findings if each.severity == "error"]


def test_what_mending_brings_up_is_mended_too(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(NAN, releases="{deepspeed: [0.14.2, 0.14.3]}")
    of = environment("deepspeed==0.14.2", deepspeed_config=MISSPELT)

    suggestions = audit(of, known).suggestions

    assert {bool(each.changes) for each in suggestions} == {True, False}
    for suggestion in suggestions:
        after = audit(worlds.changed(of, suggestion), known)
        assert not [each for each in after.findings if each.severity == "error"]


def test_warnings_are_mended_where_there_is_nothing_worse(environment: MakeEnvironment) -> None:
    config = {**GOOD, "gradient_cliping": 1.0}
    of = environment("deepspeed==0.14.2", deepspeed_config=config)

    (suggestion,) = audit(of, worlds.compiled()).suggestions

    assert dict(suggestion.settings) == {"gradient_cliping": None, "gradient_clipping": "1.0"}


def test_warnings_stay_where_there_are_errors(environment: MakeEnvironment) -> None:
    of = environment("deepspeed==0.14.2", deepspeed_config={**MISSPELT, "gradient_cliping": 1.0})

    (suggestion,) = audit(of, worlds.compiled()).suggestions

    assert dict(suggestion.settings) == RENAMED
    assert suggestion.remaining == ("configuration/unknown-key/gradient_cliping",)


STUCK: dict[str, Any] = {**GOOD, "gradient_clipping": 1.0, "zero_optimization": {"stage": 7}}
STAGE = "configuration/wrong-value/zero_optimization.stage"


def test_what_only_a_person_can_mend_is_told(environment: MakeEnvironment) -> None:
    report = audit(environment("deepspeed==0.14.2", deepspeed_config=STUCK), worlds.compiled())

    assert report.suggestions == ()
    assert [identifier for identifier, _ in report.unresolved] == [STAGE]
    assert "envcheck config" in dict(report.unresolved)[STAGE]


def test_what_only_a_person_can_mend_keeps_nothing_else_from_being_mended(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(PAIR, releases="{numpy: [1.26.4, 2.1.0], torch: [2.0.1, 2.3.0]}")
    pins = ("deepspeed==0.14.2", "torch==2.0.1", "numpy==2.1.0")

    report = audit(environment(*pins, deepspeed_config=STUCK), known)

    assert report.suggestions
    assert [identifier for identifier, _ in report.unresolved] == [STAGE]


def test_no_path_leads_to_a_key_with_a_dot(environment: MakeEnvironment) -> None:
    config = {**GOOD, "zero_optimization": {"stage": 2, "a.b": 1}}

    report = audit(environment("deepspeed==0.14.2", deepspeed_config=config), worlds.compiled())

    assert report.suggestions == ()
    assert dict(report.unresolved).keys() == {"configuration/unknown-key/zero_optimization.a.b"}


def test_a_doubt_changes_nothing(environment: MakeEnvironment) -> None:
    of = environment("deepspeed==0.14.2", deepspeed_config={"zero_optimization": {"stage": 2}})

    report = audit(of, worlds.compiled())

    assert [finding.severity for finding in report.findings] == ["warning"]
    assert report.suggestions == ()
    assert report.unresolved == ()


def test_what_cannot_be_mended_otherwise_leaves_no_half_way_out(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(PAIR.partition(", fixes")[0] + "}")
    pins = ("deepspeed==0.14.2", "torch==2.0.1", "numpy==2.1.0")

    report = audit(environment(*pins, deepspeed_config=MISSPELT), known)

    assert report.suggestions == ()
    assert "torch/pair" in dict(report.unresolved)


@pytest.mark.parametrize("seed", range(40))
def test_every_suggestion_leaves_no_error(seed: int) -> None:
    from random import Random

    known, of = worlds.world(Random(seed))
    config = {**worlds.CONFIG, "bf16": {"enabled": "yes please"}, "fp16": {"enabled": None}}
    of = of._replace(deepspeed_config=config)
    report = audit(of, known)

    stuck = {identifier for identifier, _ in report.unresolved}
    for suggestion in report.suggestions:
        after = audit(worlds.changed(of, suggestion), known)
        assert {each.id for each in after.findings if each.severity == "error"} <= stuck


SLOW = """
- id: deepspeed/slow
  severity: warning
  packages: ["deepspeed==0.14.2"]
  deepspeed-config: {zero_optimization.stage: "3"}
  model: {moe: any}
  fixes: [{packages: ["deepspeed==0.14.3"]}]
"""


def test_what_helps_under_a_condition_does_not_stand_for_the_settings(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(SLOW, releases="{deepspeed: [0.14.2, 0.14.3]}")
    config = {**MISSPELT, "zero_optimization": {"stage": 3, "overlap_com": True}}
    of = environment("deepspeed==0.14.2", deepspeed_config=config)

    first, *others = audit(of, known).suggestions

    assert (first.direction, dict(first.settings), first.condition) == ("settings", RENAMED, "")
    assert all(each.condition for each in others)
    assert others
