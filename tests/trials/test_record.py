from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.errors import EnvcheckError
from envcheck.trials.record import OUTCOMES, STAGES, Record, RecordError, Stage, key

RECORD = Record(
    asked=("accelerate==0.20.3", "transformers==4.41.2"),
    base=("torch==2.13.0+cpu",),
    packages={"accelerate": "0.20.3", "torch": "2.13.0+cpu", "transformers": "4.41.2"},
    python="3.11.9",
    platform="linux-x86_64-glibc2.36",
    date="2026-11-24",
    resolved="2026-11-24",
    installer="uv 0.9.1",
    stages=(
        Stage("resolve", "ok", 0.42),
        Stage("import", "ok", 3.1, about={"transformers": "4.41.2"}),
        Stage("arguments", "failed", 0.9, line="ImportError: it requires `accelerate>=0.21.0`"),
        Stage("trainer", "not-run", reason="after arguments"),
    ),
    seconds=4.42,
)


def test_a_record_says_how_far_it_got() -> None:
    assert (RECORD.outcome, RECORD.broken) == ("failed", RECORD.stages[2])


OUTCOME = [
    pytest.param({"resolve": "ok", "import": "ok"}, "ok", id="something ran"),
    pytest.param({"import": "ok", "train": "wrong", "peft": "failed"}, "wrong", id="the first"),
    pytest.param({"import": "ok", "moe-unsplit": "expected-failure"}, "ok", id="as expected"),
    pytest.param({"resolve": "ok", "install": "ok", "metadata": "ok"}, "not-run", id="no run"),
    pytest.param({"import": "not-run"}, "not-run", id="what was not run is no pass"),
    pytest.param({"resolve": "failed", "import": "not-run"}, "failed", id="nothing to install"),
    pytest.param({}, "not-run", id="nothing"),
]


@pytest.mark.parametrize(("stages", "outcome"), OUTCOME)
def test_an_outcome_is_that_of_the_first_break(stages: dict[str, str], outcome: str) -> None:
    record = RECORD._replace(stages=tuple(Stage(*each) for each in stages.items()))

    assert record.outcome == outcome


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=50)
STAGE = st.builds(
    Stage,
    st.sampled_from(STAGES),
    st.sampled_from(OUTCOMES),
    st.integers(0, 10**6).map(lambda n: n / 100),
    PRINTABLE,
    PRINTABLE,
    st.lists(
        st.integers(-(10**6), 10**6).map(lambda n: n / 1000) | st.just(math.inf), max_size=10
    ).map(tuple),
    st.dictionaries(st.text("abc", min_size=1), st.text("abc")),
)


@given(st.lists(STAGE, max_size=5, unique_by=lambda stage: stage.stage).map(tuple))
def test_a_record_comes_back_from_a_line_of_json(stages: tuple[Stage, ...]) -> None:
    record = RECORD._replace(stages=stages)
    line = json.dumps(record.to_dict(), allow_nan=False)

    assert "\n" not in line
    assert Record.from_dict(json.loads(line)) == record


def test_a_loss_that_is_no_number_is_kept_as_what_it_is() -> None:
    stage = Stage("train", "wrong", losses=(4.1841, math.nan))
    again = Stage.from_dict(json.loads(json.dumps(stage.to_dict(), allow_nan=False)))

    assert again.losses[0] == 4.184
    assert math.isnan(again.losses[1])


def test_what_a_run_says_is_made_fit_to_be_shown() -> None:
    stage = Stage.from_dict(
        {"stage": "import", "outcome": "failed", "line": "\x1b[31m\n" + "x" * 5000}
    )

    assert stage.line.startswith(r"\x1b[31m\x0axxx")
    assert len(stage.line) == 200


def changed(**fields: Any) -> dict[str, Any]:
    return {**RECORD.to_dict(), **fields}


WRONG = [
    pytest.param([], "a trial: not a mapping", id="no mapping"),
    pytest.param(changed(more=1), "a trial: unknown: more", id="an unknown field"),
    pytest.param({"schema": "envcheck-trial/1"}, "a trial: missing: asked, base", id="missing"),
    pytest.param(changed(schema="envcheck-trial/2"), "a trial: schema: none of", id="another form"),
    pytest.param(changed(asked=["a b"]), "asked: a b is no requirement", id="no requirement"),
    pytest.param(changed(asked=["a\n"]), "is no requirement", id="a line end"),
    pytest.param(changed(base=[["torch"]]), "is no requirement", id="a list in a list"),
    pytest.param(changed(packages={"Torch": "2"}), "no canonical name", id="a name"),
    pytest.param(changed(packages={"torch": 2}), "packages: text is expected", id="a number"),
    pytest.param(changed(packages=["torch"]), "packages: a dict is expected", id="a list"),
    pytest.param(changed(date="20261124"), "date: not a date", id="a date of another form"),
    pytest.param(changed(resolved="today"), "resolved: not a date", id="no date"),
    pytest.param(changed(python=3.11), "python: text is expected", id="no text"),
    pytest.param(changed(seconds=True), "seconds: a number is expected", id="a flag"),
    pytest.param(changed(seconds=math.nan), "a number of seconds", id="no seconds"),
    pytest.param(changed(seconds=10**400), "a number of seconds", id="too many seconds"),
    pytest.param(changed(stages={}), "stages: a list is expected", id="no list of stages"),
    pytest.param(changed(stages=[0] * 5001), "not too long", id="too much"),
    pytest.param(changed(stages=[{"stage": "import"}]), "a stage: missing: outcome", id="outcome"),
    pytest.param(
        changed(stages=[{"stage": "x", "outcome": "ok"}]), "stage: none of", id="a strange stage"
    ),
    pytest.param(
        changed(stages=[{"stage": "import", "outcome": "ok"}] * 2), "occurs twice", id="twice"
    ),
    pytest.param(
        changed(stages=[{"stage": "train", "outcome": "ok", "losses": ["1"]}]),
        "a loss is no number",
        id="a loss",
    ),
]


@pytest.mark.parametrize(("data", "message"), WRONG)
def test_what_is_no_record_is_refused(data: object, message: str) -> None:
    with pytest.raises(RecordError, match=message) as caught:
        Record.from_dict(data)

    assert isinstance(caught.value, EnvcheckError)


def test_a_cell_is_told_by_what_was_asked_for() -> None:
    assert key(RECORD) == key(RECORD._replace(python="3.11.2", date="2026-11-25", stages=()))
    assert key(RECORD) != key(RECORD._replace(resolved="2024-06-01"))
