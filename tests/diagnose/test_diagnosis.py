"""
The diagnosis as text and as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from golden import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from worlds import compiled, entry, environment

from envcheck.audit import audit
from envcheck.diagnose import as_json, report
from envcheck.diagnose.answer import Answer, answer
from envcheck.diagnose.log import Log
from envcheck.formats.text import plain

LOGS = Path(__file__).parent / "logs"
CURVE = [{"loss": "zero-after-first-step"}, {"loss": "nan"}]
ENTRIES = [
    entry(
        "deepspeed/race",
        "deepspeed<0.17",
        title="overlap_comm can turn gradients into NaN",
        silent="true",
        symptoms=CURVE,
        deepspeed_config={"zero_optimization.overlap_comm": ["true"]},
        fixes=[{"deepspeed-config": {"zero_optimization.overlap_comm": "false"}}],
    ),
    entry(
        "deepspeed/elastic",
        "deepspeed<0.14.2",
        "torch>=2.4",
        title="import deepspeed fails: torch has moved what it imports",
        symptoms=[{"error": "cannot import name 'log'"}, {"error": "elastic.agent.server.api"}],
        fixes=[{"packages": ["deepspeed==0.14.4"]}],
    ),
    entry("torch/other", "torch<2", symptoms=CURVE, severity="warning"),
]


def diagnosed(text: bytes, *pins: str, origin: str = "train.log") -> Answer:
    matrix = compiled(ENTRIES, {"deepspeed": [{"version": "0.14.4", "requires": []}]})
    log = Log(matrix.records())
    log.feed(text)
    here = environment(*pins, python="3.10") if pins else None
    said = log.said()
    if here and said.deepspeed_config:
        here = here._replace(deepspeed_config=said.deepspeed_config)
    return answer(
        said,
        matrix,
        dict(matrix.records()),
        origin=origin,
        environment=here,
        remarks=("The log was written with torch 2.0; here is 2.4.",) if here else (),
        report=audit(here, matrix) if here else None,
    )


SURVIVED = b"Traceback (most recent call last):\nOSError: no disk\n"
GOOD = (LOGS / "replay-mid-good.log").read_bytes()
EARLIER = b"{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1e-5, 'epoch': 9.5}\n" * 2
RUN = b"{'loss': 2.0, 'learning_rate': 1e-5, 'epoch': 0.1}\n{'eval_loss': 1.5, 'epoch': 1}\n"
MANY = b"".join(b"%sError: x\n" % name for name in (b"A", b"B", b"C", b"D", b"E"))
REPORTS = {
    "possible": ((LOGS / "moe-llava-1.log").read_bytes(), ("deepspeed==0.13.1",)),
    "text": (RUN + b"cannot import name 'log'\n", ("deepspeed==0.12.6", "torch==2.5")),
    "many": (b"Traceback (most recent call last):\n" + MANY, ()),
    "deepspeed": ((LOGS / "replay-deepspeed-nan.log").read_bytes(), ("deepspeed==0.16.9",)),
    "nowhere": ((LOGS / "moe-llava-1.log").read_bytes(), ()),
    "traceback": (
        (LOGS / "llamafactory-5153.log").read_bytes(),
        ("deepspeed==0.12.6", "torch==2.0.1"),
    ),
    "unexplained": (
        b"Traceback (most recent call last):\n" + b"ValueError: x\nKeyError: y\n" * 2,
        (),
    ),
    "several": (
        EARLIER + SURVIVED + b"[rank1]: {'loss': 1.0, 'learning_rate': 1e-5}\n" + GOOD,
        ("torch==2.1",),
    ),
    "good": (GOOD, ("torch",)),
    "nothing": (b"nonsense\n", ()),
}


@pytest.mark.parametrize("key", REPORTS)
def test_the_text_is_as_kept(key: str) -> None:
    text, pins = REPORTS[key]

    assert_golden(f"diagnosis-{key}.txt", plain(report.rows(diagnosed(text, *pins))))


@pytest.mark.parametrize("key", REPORTS)
def test_the_first_line_names_the_log_and_the_last_is_the_verdict(key: str) -> None:
    text, pins = REPORTS[key]
    found = diagnosed(text, *pins)

    lines = plain(report.rows(found)).splitlines()
    assert lines[0] == "Checked  train.log"
    assert lines[-1].startswith(found.verdict.replace("-", " ") + ": ")
    assert all(len(line) <= 80 or "https://" in line for line in lines[:-1])


def test_the_json_is_as_kept() -> None:
    text, pins = REPORTS["deepspeed"]
    rendered = as_json.to_json(diagnosed(text, *pins))

    data = json.loads(rendered)
    assert data["schema"] == "envcheck-diagnosis/1"
    del data["envcheck"], data["matrix"]
    assert_golden("diagnosis.json", json.dumps(data, indent=1) + "\n")


@pytest.mark.parametrize("key", REPORTS)
def test_every_diagnosis_can_be_read_by_a_program(key: str) -> None:
    text, pins = REPORTS[key]
    found = diagnosed(text, *pins)

    assert as_json.to_json(found, indent=None).count("\n") == 1
    data = json.loads(as_json.to_json(found))
    assert data["verdict"] == found.verdict
    assert len(data["proofs"]) == len(found.said.proofs)
    assert (data["environment"] is None) is (not pins)


@given(st.text(min_size=1, max_size=60))
def test_hostile_text_never_reaches_the_page_raw(text: str) -> None:
    line = f"Traceback (most recent call last):\nValueError: {text}\n".encode("utf-8", "replace")
    found = diagnosed(line, "torch==2.1", origin=f"a{text}.log")

    shown = plain(report.rows(found))
    assert shown.replace("\n", "").isprintable()
    assert not any(row.lstrip().startswith("::") for row in shown.splitlines())
    assert "\\u" in as_json.to_json(found) or text.isascii()
