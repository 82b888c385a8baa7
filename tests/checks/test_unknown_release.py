from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envcheck import versions
from envcheck.audit import audit
from envcheck.checks import unknown_release as check
from envcheck.formats import json, text
from envcheck.model import UNKNOWN_RELEASE, Options
from envcheck.run import exit_code

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix

RELEASES = """
torch: [2.4.1, 2.5.0rc1, 2.5.0, 2.5.1]
transformers: [4.37.0, "4.38.0", 5.0.0]
flash-attn: [2.4.0, 2.5.0.post1]
peft: [0.4.0]
"""
SETS = """
- project: p
  distributions: [p-project]
  sets:
    - id: p@1
      packages: [torch==2.5.1, "transformers>=4.37", "peft>=0.1", flash-attn==2.5.9, numpy==1.26.4]
"""
CORE = ("torch==2.5.1", "transformers==4.38.0", "peft==0.4.0")


@pytest.mark.parametrize(
    ("pin", "facts", "said"),
    [
        pytest.param("torch==2.5.1", {}, "", id="known"),
        pytest.param("torch==2.5", {}, "", id="known in another spelling"),
        pytest.param("torch==2.5.1+cu124", {}, "", id="a local build of a known one"),
        pytest.param("torch==2.5.1.dev20240901+cu124", {}, "", id="a development build of one"),
        pytest.param("transformers==4.38.0rc2", {}, "", id="before a known one"),
        pytest.param("torch==2.5.1.post303", {"installer": "conda"}, "", id="a build by conda"),
        pytest.param("torch", {}, "", id="of unknown version"),
        pytest.param("numpy==9.9", {}, "", id="of a package without known releases"),
        pytest.param("flash-attn==2.5.9", {}, "", id="what a known-good set pins"),
        pytest.param("torch==2.5.2", {}, "newer than this matrix (2026-01-02): torch 2.5.2"),
        pytest.param(
            "torch==2.5.1.post1", {}, "newer than this matrix (2026-01-02): torch 2.5.1.post1"
        ),
        pytest.param(
            "torch==2.6.0.dev1+cu124",
            {},
            "newer than this matrix (2026-01-02): torch 2.6.0.dev1+cu124",
        ),
        pytest.param("transformers==4.40.0", {}, "not among known releases: transformers 4.40.0"),
    ],
)
def test_a_release_that_is_not_known_is_told(
    environment: MakeEnvironment, matrix: MakeMatrix, pin: str, facts: dict[str, Any], said: str
) -> None:
    made, known = environment(pin), matrix("", SETS, RELEASES)
    packages = {name: each._replace(**facts) for name, each in made.packages.items()}
    made = made._replace(packages=packages)
    found = [check.finding(hit, made, known) for hit in check.hits(made, known)]

    assert [each.title for each in found] == ([said[0].upper() + said[1:]] if said else [])


def test_all_of_them_are_one_finding_and_one_line(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    made = environment("torch==2.5.1", "transformers==4.40.0", "flash-attn==2.8", "peft==0.9")
    report = audit(made, matrix("", SETS, RELEASES))

    (finding,) = report.findings
    assert (finding.id, finding.kind) == ("environment/unknown-release", "environment")
    assert (finding.severity, finding.certainty) == ("info", "needs-verification")
    assert dict(finding.packages) == {"flash-attn": "2.8", "peft": "0.9", "transformers": "4.40.0"}
    assert json.to_dict(report)["findings"][0]["packages"] == dict(finding.packages)
    shown = text.plain(text.rows(report))
    assert (
        "Unknown  Newer than this matrix (2026-01-02): flash-attn 2.8, peft 0.9; not\n"
        "         among known releases: transformers 4.40.0\n"
    ) in shown
    assert "more worth knowing" not in shown
    assert shown.endswith(
        "unknown: nothing known to fail, but 3 releases are unknown to this matrix; "
        "nearest known-good: p@1\n"
    )
    assert finding.verify in " ".join(text.plain(text.rows(report, verbose=True)).split())


@pytest.mark.parametrize(
    ("more", "ignore", "verdict"),
    [
        pytest.param((), (), "known-good", id="all is known"),
        pytest.param(("peft==0.9",), (), "unknown", id="something beside the set is not"),
        pytest.param(("transformers==5.9",), (), "unknown", id="a range does not vouch for it"),
        pytest.param(("peft==0.9",), (UNKNOWN_RELEASE,), "known-good", id="which one may ignore"),
    ],
)
def test_no_set_vouches_for_a_release_that_nobody_knows(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    more: tuple[str, ...],
    ignore: tuple[str, ...],
    verdict: str,
) -> None:
    pins = {pin.partition("==")[0]: pin for pin in (*CORE, *more)}
    known = matrix("", SETS, RELEASES)
    report = audit(environment(*pins.values()), known, Options(ignore=frozenset(ignore)))

    assert report.verdict == verdict
    assert report.known_good is not None
    assert report.known_good.exact is (verdict == "known-good")
    assert exit_code(report, "unknown") == (verdict == "unknown")
    assert exit_code(report, "warning") == 0


def test_an_error_stays_one(environment: MakeEnvironment, matrix: MakeMatrix) -> None:
    entries = '- {id: torch/breaks, packages: ["torch>=2.5"]}'
    report = audit(environment("torch==2.9"), matrix(entries, "", RELEASES))

    assert report.verdict == "known-bad"
    assert "1 error; 1 release is unknown to this matrix" in text.plain(text.rows(report))
    assert "environment/unknown-release" not in report.suggestions[0].resolves


def test_a_later_matrix_on_top_knows_more(environment: MakeEnvironment, matrix: MakeMatrix) -> None:
    below, above = matrix("", "", "torch: [2.5.1]"), matrix("", "", "torch: [2.6.0]")
    both = type(below)((*below.layers, *above.layers))

    assert list(check.hits(environment("torch==2.6.0"), below))
    assert not list(check.hits(environment("torch==2.6.0"), both))
    assert not list(check.hits(environment("torch==2.5.1"), both))


def test_it_is_looked_at_again_for_what_takes_part(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    again = check.watch(matrix("", "", RELEASES))
    made = environment("torch==2.9", "peft==0.4.0")

    assert [hit.id for hit in again(made, [versions.normalize("torch")])] == [UNKNOWN_RELEASE]
    assert not list(again(made, [versions.normalize("peft")]))
