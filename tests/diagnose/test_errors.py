from __future__ import annotations

import pytest

from envcheck.diagnose.errors import Seen, texts
from envcheck.diagnose.log import Log, Said

RECORD = "{'loss': 1.0, 'learning_rate': 1e-5, 'epoch': 0.1}"


def said(text: str, *symptoms: str) -> Said:
    entries = [(f"a/{at}", {"symptoms": [{"error": each}]}) for at, each in enumerate(symptoms)]
    log = Log(entries)
    log.feed(text.encode())
    return log.said()


@pytest.mark.parametrize(
    ("symptom", "line", "found"),
    [
        pytest.param(
            "cannot import name 'x'", "E: cannot import name 'x' from 'y'", True, id="literal"
        ),
        pytest.param("cannot import name 'x'", "cannot import name 'z'", False, id="other letters"),
        pytest.param("libcuda128.so", "libcuda118.so", False, id="the same letters, another digit"),
        pytest.param(
            "/cannot import name '(x|y)'/", "cannot import name 'y'", True, id="expression"
        ),
        pytest.param("/a+b|c d/", "ac d", True, id="alternatives"),
        pytest.param("/[0-9]+ [0-9]+/", "12 34", True, id="no letter in it"),
        pytest.param("/", "/", True, id="a slash is no expression"),
        pytest.param(
            "/x\\S*\\.so: undefined/", "x" + "y" * 9999 + ".so: undefined", False, id="too far away"
        ),
        pytest.param(
            "/x\\S*\\.so: undefined/", "y" * 9999 + " x.so: undefined", True, id="in a long line"
        ),
        pytest.param("::error::", "a ::error:: b", True, id="hostile"),
    ],
)
def test_an_error_text_is_found(symptom: str, line: str, found: bool) -> None:
    assert bool(said(f"first\n{line}\n{line}\n", symptom).texts) is found


def test_where_and_how_often_is_kept() -> None:
    found = said("x\nit broke\nit broke\n", "it broke", "nothing")

    assert found.texts == {"a/0": (Seen("it broke", 2, 2),)}


def test_texts_of_skipped_steps_count_only_where_that_is_the_trouble() -> None:
    line = "[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: {}, reducing to {}\n"

    assert said(line.format(65536, 32768), "OVERFLOW! Rank 0").texts == {}
    assert said(line.format(1, 1), "OVERFLOW! Rank 0").texts
    assert said(line.format(9, 8) + "OVERFLOW: Rank 0 Skipping\n", "Rank 0 Skipping").texts


def test_entries_without_an_error_text_are_no_trouble() -> None:
    entries = [("a/b", {}), ("a/c", {"symptoms": [{"loss": "nan"}]})]

    assert list(texts(entries)) == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param("ImportError: no", "ImportError: no", id="plain"),
        pytest.param(
            "[rank0]: torch.OutOfMemoryError: CUDA out",
            "OutOfMemoryError: CUDA out",
            id="of a rank",
        ),
        pytest.param("worker-1: ValueError: x", "ValueError: x", id="of a host"),
        pytest.param("AssertionError", "AssertionError", id="without a message"),
        pytest.param("Exception: it", "Exception: it", id="the bare one"),
        pytest.param(
            "RuntimeError: CUDA error: x ValueError: y",
            "RuntimeError: CUDA error: x ValueError: y",
            id="two",
        ),
        pytest.param("torch.distributed.elastic.ChildFailedError: ", None, id="of the launcher"),
        pytest.param("an Error in the middle of a line", None, id="prose"),
    ],
)
def test_the_exception_that_ended_a_traceback_is_named(line: str, text: str | None) -> None:
    found = said(f"Traceback (most recent call last):\n  File x\n{line}\n{line}\n")

    assert found.exceptions == (() if text is None else (Seen(text, 3, 2),))
    assert said(f"{line}\n").exceptions == ()


def test_what_the_training_survives_did_not_end_it() -> None:
    raised = "Traceback (most recent call last):\nValueError: x\n"

    assert said(f"{raised}{RECORD}\n").survived == (Seen("ValueError: x", 2, 1),)
    assert said(f"{raised}{RECORD}\n").exceptions == ()
    assert said(f"{raised}{RECORD}\n{raised}").exceptions == (Seen("ValueError: x", 2, 2),)


def test_only_so_many_exceptions_are_kept() -> None:
    lines = "".join(f"ValueError: {at}\n" for at in range(99))

    assert len(said(f"Traceback (most recent call last):\n{lines}").exceptions) == 20
