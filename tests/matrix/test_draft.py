from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.matrix import draft
from envcheck.matrix.draft import AnswerError
from envcheck.matrix.questions import QUESTIONS
from envcheck.matrix.workbench import read_entry

TODAY = "2026-11-24"
ALL = {
    "package": ["peft>=0.15.0,<0.16"],
    "with": ["accelerate<0.32.0"],
    "only-when": ["python >=3.12", "zero_optimization.stage 1 or 2", "moe any"],
    "title": ["It breaks"],
    "id": ["breaks"],
    "severity": ["warning"],
    "silent": ["yes"],
    "error": ["no attribute"],
    "loss": ["nan"],
    "why": ["Because."],
    "fix": ["peft==0.14.0 and accelerate<1", "accelerate>=0.32.0"],
    "fix-setting": ["zero_optimization.stage 3"],
    "remove": ["peft trl"],
    "advice": ["Do something."],
    "boundary": ["From the tags."],
    "evidence": ["https://a.b/c"],
}


def test_answers_become_an_entry_in_the_order_of_the_form() -> None:
    record = draft.entry(ALL, TODAY)

    assert list(record.items()) == [
        ("id", "peft/breaks"),
        ("title", "It breaks"),
        ("severity", "warning"),
        ("silent", True),
        ("packages", ["peft>=0.15.0,<0.16", "accelerate<0.32.0"]),
        ("deepspeed-config", {"zero_optimization.stage": ["1", "2"]}),
        ("model", {"moe": "any"}),
        ("python", ">=3.12"),
        ("symptoms", [{"error": "no attribute"}, {"loss": "nan"}]),
        ("why", "Because."),
        (
            "fixes",
            [
                {"deepspeed-config": {"zero_optimization.stage": "3"}},
                {"packages": ["peft==0.14.0", "accelerate<1"]},
                {"packages": ["accelerate>=0.32.0"]},
                {"remove": ["peft", "trl"]},
                {"advice": "Do something."},
            ],
        ),
        ("boundary", "From the tags."),
        ("evidence", ["https://a.b/c"]),
        ("checked", TODAY),
    ]
    assert read_entry(record)[1] == []


def test_every_question_has_its_answer_in_the_entry() -> None:
    assert ALL.keys() == {question.key for question in QUESTIONS}


@pytest.mark.parametrize("missing", sorted(ALL))
def test_what_is_not_answered_yet_is_made_up(missing: str) -> None:
    answers = {key: values for key, values in ALL.items() if key != missing}

    assert read_entry(draft.filled(draft.entry(answers, TODAY)))[1] == []


def test_nothing_answered_is_a_whole_entry_too() -> None:
    assert read_entry(draft.filled(draft.entry({}, TODAY)))[1] == []


CONDITIONS = [
    pytest.param("python >=3.12", {"python": ">=3.12"}, id="a fact"),
    pytest.param("python>=3.12", {"python": ">=3.12"}, id="without a space"),
    pytest.param("python==3.12.*", {"python": "==3.12.*"}, id="two equals signs"),
    pytest.param("python: <3.12", {"python": "<3.12"}, id="as in the file"),
    pytest.param("platform linux or darwin", {"platform": ["linux", "darwin"]}, id="either"),
    pytest.param("platform linux", {"platform": "linux"}, id="one"),
    pytest.param("cuda <12.8", {"cuda": "<12.8"}, id="cuda"),
    pytest.param("rocm >=6", {"rocm": ">=6"}, id="rocm"),
    pytest.param("absent tf-keras", {"absent": ["tf-keras"]}, id="a package that is missing"),
    pytest.param("absent a and b", {"absent": ["a", "b"]}, id="two packages that are missing"),
    pytest.param("model-type=mixtral", {"model": {"model-type": "mixtral"}}, id="model"),
    pytest.param("bf16.enabled: true", {"deepspeed-config": {"bf16.enabled": "true"}}, id="path"),
    pytest.param("a_b >=2", {"deepspeed-config": {"a_b": ">=2"}}, id="a key of one part"),
    pytest.param("a.b absent or !=x", {"deepspeed-config": {"a.b": ["absent", "!=x"]}}, id="words"),
]


@pytest.mark.parametrize(("text", "expected"), CONDITIONS)
def test_a_condition_is_a_key_and_a_value(text: str, expected: dict[str, Any]) -> None:
    record = draft.entry({"only-when": [text]}, TODAY)

    assert record == {**expected, "checked": TODAY}


NO_CONDITIONS = [
    pytest.param(["python"], "'python' is no key and value", id="no value"),
    pytest.param([">=3"], "'>=3' is no key and value", id="no key"),
    pytest.param(["stage2"], "'stage2' is no key and value", id="one word"),
    pytest.param(["pyhton >=3"], "'pyhton' is none of python, platform", id="misspelt"),
    pytest.param(["cuda 12", "cuda 11"], "'cuda' is given twice; join", id="twice"),
]


@pytest.mark.parametrize(("texts", "message"), NO_CONDITIONS)
def test_what_is_no_condition_is_told(texts: list[str], message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        draft.entry({"only-when": texts}, TODAY)


NAMES = [
    pytest.param("peft cannot be imported", "cannot-be-imported", id="without the package"),
    pytest.param("Überlauf: NaN!", "uberlauf-nan", id="letters"),
    pytest.param("損失", "", id="no letters"),
    pytest.param("taken", "taken-3", id="taken"),
    pytest.param("a" * 60, "a" * 50, id="one long word"),
    pytest.param(f"{'a' * 30} {'b' * 30}", "a" * 30, id="long"),
]


@pytest.mark.parametrize(("title", "name"), NAMES)
def test_a_name_is_made_of_the_title(title: str, name: str) -> None:
    taken = {"peft/taken", "peft/taken-2"}

    assert draft.proposed({"package": ["peft<1"], "title": [title]}, taken) == name


@given(st.text())
def test_a_name_that_is_made_is_an_id(title: str) -> None:
    answers = {"package": ["peft"], "title": [title]}
    name = draft.proposed(answers, ())

    if name:
        record = draft.filled(draft.entry({"package": ["peft"], "id": [name]}, TODAY))
        assert read_entry(record)[1] == []


def test_an_id_keeps_the_package_it_names() -> None:
    assert draft.identifier({"package": ["peft"], "id": ["breaks"]}) == "peft/breaks"
    assert draft.identifier({"package": ["peft"], "id": ["torch/breaks"]}) == "torch/breaks"
    assert draft.identifier({"id": ["breaks"]}) == ""


def test_edges_are_to_be_explained_where_there_are_some() -> None:
    assert not draft.bounded({"package": ["peft"], "with": ["torch"]})
    assert draft.bounded({"package": ["peft"], "with": ["torch<2"]})
    assert draft.blamed(["?"]) == "unknown"
