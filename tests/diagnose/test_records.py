from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.diagnose.records import Evaluation, Record, Records, Summary
from envcheck.diagnose.shapes import Shapes

if TYPE_CHECKING:
    from envcheck.diagnose.shapes import Where

    Found = Record | Evaluation | Summary


def taken(text: str) -> tuple[list[Found], Records]:
    found: list[Found] = []

    def take(record: Found, _: Where) -> None:
        found.append(record)

    records = Records(take)
    Shapes(records.watched(), records.exact()).feed(text.encode())
    return found, records


def one(text: str) -> Record:
    found, _ = taken(text)
    (record,) = found
    assert isinstance(record, Record)
    return record


@pytest.mark.parametrize(
    ("text", "style", "record"),
    [
        pytest.param(
            "{'loss': 2.1559, 'learning_rate': 8.4e-08, 'epoch': 0.0}  ",
            "Hugging Face Trainer before 4.38, or without a gradient norm",
            Record(2.1559, None, 8.4e-08, 0.0),
            id="4.37",
        ),
        pytest.param(
            "{'loss': 1.5, 'grad_norm': 3.25, 'learning_rate': 1e-05, 'epoch': 0.5}",
            "Hugging Face Trainer 4.38 to 4.57",
            Record(1.5, 3.25, 1e-05, 0.5),
            id="4.57",
        ),
        pytest.param(
            "{'loss': '4.18', 'grad_norm': '1.554', 'learning_rate': '0.01', 'epoch': '0.0625'}",
            "Hugging Face Trainer 5",
            Record(4.18, 1.554, 0.01, 0.0625, exact=False),
            id="5.23",
        ),
        pytest.param(
            " 3%|# | 70/2724 [2:35<98:20, 133.39s/it]\r    \r"
            "{'loss': 1.0, 'learning_rate': 1e-5, 'epoch': 0.1}",
            "Hugging Face Trainer before 4.38, or without a gradient norm",
            Record(1.0, None, 1e-5, 0.1),
            id="glued to a bar",
        ),
        pytest.param(
            "{'loss': 1.0, 'grad_norm': tensor(2.5, device='cuda:0'), 'learning_rate': 1e-5, 'epoch': 0.1}",
            "Hugging Face Trainer 4.38 to 4.57",
            Record(1.0, 2.5, 1e-5, 0.1),
            id="a tensor",
        ),
        pytest.param(
            "{'loss': '1.0', 'learning_rate': '1e-5', 'reward': '0.5'}",
            "Hugging Face Trainer 5",
            Record(1.0, None, 1e-5, reinforced=True, exact=False),
            id="5.23 with more keys",
        ),
        pytest.param(
            "{'loss': 1.0, 'grad_norm': None, 'learning_rate': 1e-5, 'epoch': 0.1}",
            "Hugging Face Trainer 4.38 to 4.57",
            Record(1.0, None, 1e-5, 0.1),
            id="no norm known",
        ),
        pytest.param(
            "{'loss': 4.75, 'grad_norm': 98.5, 'learning_rate': 5e-6, 'memory/active(gib)': 2, 'epoch': 1.0}",
            "Hugging Face Trainer 4.38 to 4.57",
            Record(4.75, 98.5, 5e-06, 1.0),
            id="axolotl",
        ),
        pytest.param(
            '{"current_steps": 10, "total_steps": 90, "loss": 2.5, "lr": 5e-07, "epoch": 0.1}',
            "LLaMA-Factory trainer_log.jsonl",
            Record(2.5, None, 5e-07, 0.1, 10),
            id="LLaMA-Factory",
        ),
        pytest.param(
            '{"loss": 2.5, "grad_norm": 1.5, "learning_rate": 1e-05, "epoch": 0.1, '
            '"global_step/max_steps": "3/90"}',
            "ms-swift",
            Record(2.5, 1.5, 1e-05, 0.1, 3),
            id="ms-swift",
        ),
        pytest.param(
            '{"loss": NaN, "step": 7}', "JSON records", Record(math.nan, step=7), id="plain JSON"
        ),
        pytest.param(
            " iteration 5/ 9 | elapsed time per iteration (ms): 1.0 | learning rate: 1.0E-04 "
            "| lm loss: 7.5E-01 | loss scale: 1.0 | grad norm: 0.75 "
            "| number of skipped iterations:   0 | number of nan iterations: 0 |",
            "Megatron",
            Record(0.75, 0.75, 1e-4, step=5, exact=False),
            id="Megatron",
        ),
        pytest.param(
            " iteration 6/ 9 | elapsed time per iteration (ms): 1.0 | learning rate: 1.0E-04 "
            "| loss scale: 1.0 | number of skipped iterations:   0 | number of nan iterations:  1 |",
            "Megatron",
            Record(math.nan, None, 1e-4, step=6, exact=False),
            id="Megatron counts it as nan",
        ),
        pytest.param(
            "10/30 - mmengine - INFO - Iter(train) [  10/90]  base_lr: 2.0e-04 lr: 1.9e-04  "
            "eta: 1:0  data_time: 0.1  "
            "loss: 2.5  grad_norm: 3.5",
            "mmengine",
            Record(2.5, 3.5, 1.9e-4, exact=False),
            id="mmengine",
        ),
    ],
)
def test_a_record_is_read_as_its_program_writes_it(text: str, style: str, record: Record) -> None:
    found, records = taken(f"{text}\n")

    (got,) = found
    assert repr(got) == repr(record)  # nan is equal to nothing
    assert list(records.styles) == [style]


def test_a_checkpoint_is_read_object_by_object() -> None:
    found, records = taken(
        '{\n  "best_metric": null,\n  "epoch": 2.0,\n  "global_step": 3,\n  "log_history": [\n'
        '    {\n      "epoch": 0.5,\n      "grad_norm": NaN,\n      "learning_rate": 1e-05,\n'
        '      "loss": 0.0,\n      "step": 1\n    },\n'
        '    {\n      "epoch": 1.0,\n      "eval_loss": NaN,\n      "eval_runtime": 3.5,\n      '
        '"step": 2\n    },\n'
        '    {\n      "epoch": 2.0,\n      "step": 3,\n      "total_flos": 1.0,\n      "train_loss": 0.5,\n'
        '      "train_runtime": 7.5\n    }\n  ],\n  "max_steps": 3\n}\n'
    )

    assert repr(found[0]) == repr(Record(0.0, math.nan, 1e-05, 0.5, 1))
    assert repr(found[1]) == repr(Evaluation(math.nan))
    assert records.styles == {"trainer_state.json": 1}


def test_an_object_without_a_step_ends_where_a_key_is_there_again() -> None:
    objects = '{\n"loss": 1.5,\n"epoch": 1\n}\n{\n"loss": 2.5,\n"epoch": 2\n}\n{\n"loss": 3,\n"epoch": 3\n}\n'

    found, _ = taken(objects)

    assert [record.loss for record in found] == [1.5, 2.5]


def test_the_end_of_a_run_and_evaluations_are_told_from_records() -> None:
    found, _ = taken(
        "{'eval_loss': 1.25, 'eval_runtime': 2.0, 'epoch': 1.0}\n"
        "{'train_runtime': '7.5', 'train_loss': '0.5', 'epoch': '2'}\n"
    )

    assert found == [Evaluation(1.25), Summary(0.5)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{'loss': 0.5}", id="an argument"),
        pytest.param("loss_fn({'loss': x, 'epoch': y})", id="code"),
        pytest.param("{'loss': None, 'learning_rate': 1e-5}", id="no number"),
        pytest.param(
            "{'loss': nil, 'learning_rate': 1e-5, 'epoch': 0.1}", id="no number, the usual keys"
        ),
        pytest.param("{'loss': 1.0, 'learning_rate': 1e-5, 'epo", id="cut off"),
        pytest.param('"loss": some text,', id="a key without a number"),
        pytest.param("{'train_loss': 0.5}", id="a summary of something else"),
        pytest.param("| elapsed time per iteration", id="half of Megatron"),
        pytest.param("data_time: 0.1 loss", id="half of mmengine"),
        pytest.param(
            "Epoch(train) [1][2/3] lr: 1e-4 data_time: 0.1 loss_cls: 1", id="no sum of losses"
        ),
    ],
)
def test_what_is_no_record_is_left_alone(text: str) -> None:
    assert taken(f"{text}\n")[0] == []


@pytest.mark.parametrize(
    "prefix",
    ["[rank{}]:", "[default{}]:", "{}: ", "worker-{}: "],
)
def test_one_process_is_followed(prefix: str) -> None:
    line = "{'loss': 1.0, 'learning_rate': 1e-05, 'epoch': 0.1}"
    text = "".join(f"{prefix.format(rank)} {line}\n" for rank in (3, 0, 3, 1))

    found, records = taken(text)

    assert len(found) == 2
    assert len(records.ranks) == 3


@pytest.mark.parametrize(
    "key", ["reward", "kl", "completion_length", "rewards/accuracy/mean", "completions/mean_length"]
)
def test_a_policy_in_training_is_known_by_its_keys(key: str) -> None:
    assert one(f"{{'loss': 0.0, 'learning_rate': 1e-6, '{key}': 0.5, 'epoch': 0.1}}\n").reinforced


def test_records_that_are_repeated_in_one_line_at_the_end_count_once() -> None:
    record = '{"loss": 1.5, "learning_rate": 1e-5, "step": 1}'
    again = f'{{"best": 1, "log_history": [{record}]}}'

    assert len(taken(f"{record}\n{again}\n")[0]) == 1
    assert len(taken(f"{again}\n")[0]) == 1


@given(st.text(alphabet="{}'\",: 0.losgradn_epchti1e-\n", max_size=200))
def test_nothing_that_looks_like_a_record_breaks_the_reader(text: str) -> None:
    taken(text)
