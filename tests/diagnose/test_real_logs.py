"""
Logs of real runs, sound and unsound ones: what they prove, and that sound ones are left in peace.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from envcheck.diagnose import lines, place
from envcheck.diagnose.answer import Answer, answer
from envcheck.diagnose.log import Log
from envcheck.matrix.store import open_matrix

if TYPE_CHECKING:
    from envcheck.diagnose.log import Said

FOLDER = Path(__file__).parent / "logs"
SOURCES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "sources.yaml").read_text("utf-8"))
MATRIX = open_matrix()
ENTRIES = {key: record for key, record in MATRIX.records() if "@" not in key}


def said(file: str) -> Said:
    log = Log(ENTRIES.items())
    for block in lines.read(str(FOLDER / file)):
        log.feed(block.data)
    return log.said()


def diagnosed(file: str) -> Answer:
    found = said(file)
    environment, remarks = place.corrected(None, found, MATRIX)
    return answer(found, MATRIX, ENTRIES, environment=environment, remarks=remarks)


def test_every_log_has_a_source_and_every_source_a_log() -> None:
    assert [each["file"] for each in SOURCES] == sorted(
        path.name for path in FOLDER.iterdir() if path.name != "sources.yaml"
    )
    assert all(("url" in each) != ("run" in each) for each in SOURCES)
    assert sum("url" in each for each in SOURCES) >= 15


@pytest.mark.parametrize("source", [pytest.param(each, id=each["file"]) for each in SOURCES])
def test_a_log_proves_what_it_is_known_to_show(source: dict[str, Any]) -> None:
    found = diagnosed(source["file"])

    wrong = [proof.id for proof in found.said.proofs if proof.severity != "info"]
    assert sorted(wrong) == sorted(source["shows"])
    assert set(source.get("entries", ())) <= {each.id for each in found.explanations}
    assert (found.verdict == "found") is bool(source["shows"] or source.get("entries"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("replay-old-nan.log", "zero-loss", id="4.37 logs no norm"),
        pytest.param("replay-mid-nan.log", "nan-behind-zero", id="4.57"),
        pytest.param("replay-new-nan.log", "nan-behind-zero", id="5.23 logs text"),
    ],
)
def test_a_loss_that_turned_nan_is_named_at_its_step_from_the_log_alone(old: str, new: str) -> None:
    (proof,) = said(old).proofs

    assert proof.id == new
    assert proof.place is not None
    assert proof.place.record == 2
    assert proof.times == 11


def test_what_deepspeed_itself_prints_settles_versions_and_configuration() -> None:
    found = diagnosed("replay-deepspeed-nan.log")

    assert found.said.versions == {"deepspeed": "0.16.9"}
    assert found.said.deepspeed_config is not None
    assert found.said.deepspeed_config["zero_optimization"]["overlap_comm"] is True
    assert found.said.proofs[0].certainty == "certain"
    assert "at 1.414214" in found.said.proofs[0].title


def test_a_checkpoint_says_the_same_as_the_log_beside_it() -> None:
    for version in ("old", "new"):
        log, state = (
            said(f"replay-{version}-nan.{kind}") for kind in ("log", "trainer_state.json")
        )
        assert [proof.id for proof in log.proofs] == [proof.id for proof in state.proofs]
        assert state.styles == ("trainer_state.json",)
        assert state.proofs[0].place is not None
        assert state.proofs[0].place.step == 2


def test_the_records_are_counted_once_however_they_are_written() -> None:
    counts = {each["file"]: said(each["file"]).records for each in SOURCES}

    assert counts["replay-old-good.log"] == counts["replay-new-good.log"] == 12
    assert counts["deepclima-r1.history.jsonl"] == 44
    assert counts["h2ogpt-86.log"] == 5
    assert counts["llamafactory-774.jsonl"] == 4
