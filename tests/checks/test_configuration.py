"""
The settings of a run among the other findings of a check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import worlds

from envcheck import versions
from envcheck.audit import audit
from envcheck.checks import configuration
from envcheck.deepspeed.grammar import NEWEST, OLDEST
from envcheck.model import Options, SettingsFile

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix

    from envcheck.model import Finding

GOOD = {"train_batch_size": 8, "zero_optimization": {"stage": 2}}
MISSPELT = {**GOOD, "zero_optimization": {"stage": 2, "overlap_com": True}}
OVERLAP = "configuration/unknown-key/zero_optimization.overlap_com"
BOTH = {**GOOD, "fp16": {"enabled": True}, "bf16": {"enabled": True}}
ENTRY = """
- id: deepspeed/both
  severity: SEVERITY
  packages: ["deepspeed"]
  deepspeed-config: {fp16.enabled: "true", bf16.enabled: "true"}
  fixes: FIXES
"""
FIX = '[{deepspeed-config: {fp16.enabled: "false"}}]'


@pytest.fixture
def found(environment: MakeEnvironment, matrix: MakeMatrix) -> Any:
    """
    Return what is found in a configuration, by id.
    """

    def find(
        config: dict[str, Any] | None, *pins: str, known_bad: str = "", **facts: Any
    ) -> dict[str, Finding]:
        of = environment(*(pins or ("deepspeed==0.14.2",)), deepspeed_config=config, **facts)
        known = matrix(known_bad) if known_bad else worlds.compiled()
        return {
            hit.id: configuration.finding(hit, of, known) for hit in configuration.hits(of, known)
        }

    return find


def test_without_a_configuration_nothing_is_said(found: Any) -> None:
    assert found(None) == found(GOOD) == {}


def test_a_flaw_is_a_finding_with_its_place(found: Any) -> None:
    file = SettingsFile("ds.json", {"zero_optimization.overlap_com": 4})

    finding = found(MISSPELT, "deepspeed==0.14.2", "torch==2.2.0", settings_file=file)[OVERLAP]

    assert finding.kind == "configuration"
    assert (finding.severity, finding.certainty) == ("error", "certain")
    assert finding.packages == {"deepspeed": "0.14.2"}
    assert finding.because == ("line 4 of ds.json",)
    assert not finding.silent
    assert found(MISSPELT)[OVERLAP].because == ()


def test_a_setting_that_nobody_reads_is_silent(found: Any) -> None:
    finding = found({**GOOD, "gradient_cliping": 1.0})["configuration/unknown-key/gradient_cliping"]

    assert (finding.severity, finding.silent) == ("warning", True)


def test_who_reads_the_file_first_takes_part_in_what_goes_wrong_there(found: Any) -> None:
    config = {
        "train_micro_batch_size_per_gpu": "auto",
        "zero_optimization": {"stage": 3, "sub_group_size": "auto"},
    }
    pins = ("deepspeed==0.14.2", "transformers==4.40.0", "accelerate==0.29.0")

    (finding,) = found(config, *pins).values()

    assert finding.id == "configuration/auto-not-filled/zero_optimization.sub_group_size"
    assert set(finding.packages) == {"deepspeed", "transformers", "accelerate"}


@pytest.mark.parametrize(
    ("version", "severity", "verify"),
    [
        pytest.param("0.7.7", "warning", f"begins with DeepSpeed {OLDEST}", id="older"),
        pytest.param("0.14.2", "error", "", id="known"),
        pytest.param("0.14.2+abc", "error", "", id="with a label"),
        pytest.param("0.19.9", "warning", f"ends with DeepSpeed {NEWEST}", id="newer"),
    ],
)
def test_beyond_the_releases_that_are_known_it_is_doubted(
    version: str, severity: str, verify: str, found: Any
) -> None:
    finding = found(MISSPELT, f"deepspeed=={version}")[OVERLAP]

    assert finding.severity == severity
    assert finding.certainty == ("needs-verification" if verify else "certain")
    assert verify in finding.verify


def test_rules_that_do_not_depend_on_keys_hold_for_newer_releases(found: Any) -> None:
    (finding,) = found(
        {"zero_optimization": {"stage": 2}}, "deepspeed==0.20.0", complete=True
    ).values()

    assert finding.id == "configuration/no-batch-size/train_micro_batch_size_per_gpu"
    assert (finding.severity, finding.certainty) == ("error", "certain")


@pytest.mark.parametrize("pins", [("torch==2.2.0",), ("torch==2.2.0", "deepspeed")])
def test_where_the_release_is_not_known_it_is_said_for_which_it_matters(
    pins: tuple[str, ...], found: Any
) -> None:
    everywhere = found(MISSPELT, *pins)[OVERLAP]
    newer = found({**GOOD, "zero_optimization": {"stage": 2, "zenflow": {}}}, *pins)
    between = found({**GOOD, "zero_optimization": {"stage": 2, "mics_shard_size": 4}}, *pins)

    assert (everywhere.severity, everywhere.certainty) == ("error", "certain")
    (zenflow,) = newer.values()
    assert (zenflow.severity, zenflow.certainty) == ("warning", "needs-verification")
    assert zenflow.verify == "Which DeepSpeed is it? It matters if it is <0.17.5."
    told = {finding.verify for finding in between.values()}
    assert "Which DeepSpeed is it? It matters if it is >=0.19.7." in told


def test_a_batch_size_that_a_program_may_put_in_is_doubted(found: Any) -> None:
    config = {"zero_optimization": {"stage": 2}}

    (doubted,) = found(config).values()
    (certain,) = found(config, reader="deepspeed").values()

    assert (doubted.severity, doubted.certainty) == ("warning", "needs-verification")
    assert "--reader" in doubted.verify
    assert (certain.severity, certain.certainty) == ("error", "certain")


@pytest.mark.parametrize(
    ("severity", "fixes", "covered"),
    [
        pytest.param("error", FIX, True, id="as much"),
        pytest.param("warning", FIX, False, id="less"),
    ],
)
def test_what_an_entry_says_is_not_said_again(
    severity: str, fixes: str, covered: bool, found: Any
) -> None:
    entry = ENTRY.replace("SEVERITY", severity).replace("FIXES", fixes)

    assert (found(BOTH, known_bad=entry) == {}) is covered
    assert found(BOTH) != {}


def test_what_an_entry_only_suspects_is_said(found: Any) -> None:
    entry = ENTRY.replace("SEVERITY", "error").replace("FIXES", FIX) + "  gpu: '>=9.0'\n"

    assert found(BOTH, known_bad=entry) != {}


@pytest.mark.parametrize(
    ("about", "again"),
    [
        pytest.param({"deepspeed"}, True, id="DeepSpeed"),
        pytest.param({"torch"}, False, id="another package"),
        pytest.param({"transformers"}, False, id="a reader that takes no part"),
    ],
)
def test_it_is_looked_at_again_when_deepspeed_changes(
    about: set[str], again: bool, environment: MakeEnvironment
) -> None:
    known = worlds.compiled()
    of = environment("deepspeed==0.14.2", "transformers==4.40.0", deepspeed_config=MISSPELT)
    names = {versions.normalize(name) for name in about}

    hits = list(configuration.watch(known)(of, names))

    assert [hit.id for hit in hits] == ([OVERLAP] if again else [])


def test_only_settings_count_where_that_is_asked(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        ENTRY.replace("SEVERITY", "error").replace("FIXES", FIX)
        + '- {id: torch/pair, packages: ["torch<2.3.0", "numpy>=2.0.0"]}\n'
    )
    of = environment("deepspeed==0.14.2", "torch==2.0.1", "numpy==2.1.0", deepspeed_config=BOTH)

    assert {each.id for each in audit(of, known).findings} == {"deepspeed/both", "torch/pair"}
    report = audit(of, known, Options(settings_only=True))
    assert {each.id for each in report.findings} == {"deepspeed/both"}
    assert dict(report.suggestions[0].settings) == {"fp16.enabled": "false"}
    assert report.suggestions[0].changes == ()
