from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.matrix import schema, strict_yaml
from envcheck.matrix.kinds import Problems
from envcheck.trials import sheet
from envcheck.trials.record import OUTCOMES, STAGES, Record, Stage

if TYPE_CHECKING:
    from envcheck.matrix.texts import Problem

ABOUT = {"trial": "a-b", "title": "How it went: well"}
RECORD = Record(
    asked=("accelerate==0.21.0", "transformers==4.37.2"),
    base=("torch==2.13.0+cpu",),
    packages={
        "accelerate": "0.21.0",
        "numpy": "1.26.4",
        "tokenizers": "0.15.2",
        "torch": "2.13.0+cpu",
        "transformers": "4.37.2",
    },
    python="3.11.9",
    platform="linux-x86_64-glibc2.36",
    date="2026-11-24",
    resolved="2026-11-24",
    installer="uv 0.9.1",
    stages=(
        Stage("resolve", "ok", 0.4),
        Stage("import", "ok", 2.0, about={"torch": "2.13.0+cpu"}),
        Stage("train", "ok", 0.3, losses=(4.184, 2.639)),
    ),
    seconds=2.7,
)
BROKEN = RECORD._replace(
    asked=("accelerate==0.20.3", "transformers==4.41.2"),
    packages={
        "accelerate": "0.20.3",
        "numpy": "1.26.4",
        "tokenizers": "0.19.1",
        "torch": "2.13.0+cpu",
        "transformers": "4.41.2",
    },
    stages=(
        Stage("import", "ok", 2.0),
        Stage("arguments", "failed", 0.1, line="ImportError: it wants `accelerate>=0.21.0`"),
        Stage("trainer", "not-run", reason="after arguments"),
        Stage("train", "not-run", reason="after arguments"),
    ),
    seconds=2.1,
)
UNRESOLVED = RECORD._replace(
    asked=("accelerate==0.20.3", "transformers==4.29.0", "tokenizers==0.14.0"),
    packages={},
    stages=(Stage("resolve", "failed", 0.5, line="no version fits"),),
    seconds=0.5,
)


def read(text: str) -> Any:
    problems: list[Problem] = []
    node = strict_yaml.parse(text, "a-b.yaml", problems)
    assert node is not None
    data = schema.FILES["trials"].read(node, Problems("a-b.yaml", problems))
    assert problems == []
    return data


def test_a_trial_is_written_a_line_a_cell() -> None:
    made = sheet.sheet(ABOUT, [BROKEN, UNRESOLVED, RECORD], ["transformers"])

    assert sheet.dump(made) == (
        "trial: a-b\n"
        'title: "How it went: well"\n'
        "python: 3.11.9\n"
        "platform: linux-x86_64-glibc2.36\n"
        "installer: uv 0.9.1\n"
        "date: 2026-11-24\n"
        "with: [torch==2.13.0+cpu]\n"
        "environment: [numpy==1.26.4]\n"
        "cells:\n"
        "- {packages: [accelerate==0.20.3, transformers==4.29.0, tokenizers==0.14.0], "
        'failed: {resolve: no version fits}, seconds: "0.5"}\n'
        "- {packages: [accelerate==0.21.0, transformers==4.37.2], also: [tokenizers==0.15.2], "
        'ok: [resolve, import, train], losses: {train: "4.184 2.639"}, seconds: "0.4 2 0.3"}\n'
        "- {packages: [accelerate==0.20.3, transformers==4.41.2], also: [tokenizers==0.19.1], "
        'ok: [import], failed: {arguments: "ImportError: it wants `accelerate>=0.21.0`"}, '
        'not-run: {after arguments: [trainer, train]}, seconds: "2 0.1"}\n'
    )


def test_what_is_written_is_read_back() -> None:
    records = [RECORD._replace(stages=(RECORD.stages[0], *BROKEN.stages)), BROKEN, UNRESOLVED]
    made = sheet.sheet(ABOUT, records)

    assert read(sheet.dump(made)) == made
    assert sorted(sheet.rows(made)) == sorted(
        each._replace(seconds=round(sum(stage.seconds for stage in each.stages), 2))
        for each in records
    )


def test_what_is_not_the_same_for_all_cells_stands_in_each() -> None:
    record = RECORD._replace(stages=(Stage("resolve", "ok", 0.7), Stage("train", "ok", 2.0)))
    other = record._replace(
        python="3.10.13", base=(), resolved="2024-02-01", date="2026-11-25", installer="pip 26"
    )
    made = sheet.sheet(ABOUT, [record, other])

    assert made.keys() == {"trial", "title", "platform", "environment", "cells"}
    assert [cell["python"] for cell in made["cells"]] == ["3.10.13", "3.11.9"]
    assert sheet.rows(read(sheet.dump(made))) == [other, record]


def test_losses_that_are_no_numbers_stay_so() -> None:
    lost = Stage("train", "wrong", line="loss is nan", losses=(4.1, math.nan, -math.inf))
    made = read(sheet.dump(sheet.sheet(ABOUT, [RECORD._replace(stages=(lost,))])))

    assert made["cells"][0]["losses"] == {"train": "4.100 nan -inf"}
    assert str(sheet.rows(made)[0].stages[0].losses) == "(4.1, nan, -inf)"


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30).filter(
    lambda text: text.strip() and text != "-"
)
STAGE = st.builds(
    lambda name, outcome, line, reason, about: Stage(
        name,
        outcome,
        line=line if outcome not in {"ok", "not-run"} else "",
        reason=reason if outcome == "not-run" else "",
        about=about if outcome != "not-run" else {},
    ),
    st.sampled_from(STAGES),
    st.sampled_from(OUTCOMES),
    TEXT,
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=2),
)


@given(st.lists(STAGE, min_size=1, unique_by=lambda stage: stage.stage))
def test_whatever_a_run_says_is_read_back(stages: list[Stage]) -> None:
    ordered = tuple(sorted(stages, key=lambda stage: STAGES.index(stage.stage)))
    record = RECORD._replace(stages=ordered, seconds=0.0)

    assert sheet.rows(read(sheet.dump(sheet.sheet(ABOUT, [record])))) == [record]


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        pytest.param("torch==2.13.0+cpu", ("torch", "2.13.0+cpu"), id="a build"),
        pytest.param("torch==2.*", None, id="a family"),
        pytest.param("torch>=2", None, id="a range"),
        pytest.param("torch==2.0,!=2.1", None, id="more than a version"),
        pytest.param("torch===2.0", None, id="a spelling"),
    ],
)
def test_only_one_version_is_a_pin(text: str, pin: tuple[str, str] | None) -> None:
    assert sheet.exact(text) == pin
