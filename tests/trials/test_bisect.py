from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck import versions
from envcheck.errors import UsageError
from envcheck.matrix.store import open_matrix
from envcheck.trials import bisect

MATRIX = open_matrix()
ACCELERATE = versions.normalize("accelerate")


def search(truth: list[str], width: int) -> list[str | None]:
    """Bisect releases of which this is the truth."""
    known: list[str | None] = [None] * len(truth)
    while wanted := bisect.following(known, width):
        assert len(wanted) <= width
        for number in wanted:
            assert known[number] is None
            known[number] = truth[number]
    return known


COURSE = st.lists(st.sampled_from(["good", "bad", "unknown"]), max_size=80)


@given(COURSE, st.integers(1, 4))
def test_it_ends_at_an_edge_of_which_both_sides_were_tried(course: list[str], width: int) -> None:
    truth = ["good", *course, "bad"]
    known = search(truth, width)
    last, first = bisect.edge(known)

    assert (known[last], known[first]) == ("good", "bad")
    assert all(each == "unknown" for each in known[last + 1 : first])
    assert sum(each is not None for each in known) >= min(len(truth), bisect.MOST)


def test_where_there_are_many_the_nearest_to_the_edge_are_tried() -> None:
    truth = ["good"] * 300 + ["bad"] * 300
    known = search(truth, 2)

    assert bisect.edge(known) == (299, 300)
    assert sum(each is not None for each in known) == bisect.MOST
    assert all(known[290:310])


def test_a_fault_that_was_taken_out_and_came_back_is_found() -> None:
    known = search(["good", "bad", "good", "bad"], 1)

    assert bisect.runs({str(n): each or "" for n, each in enumerate(known)}) == [
        ("good", ["0"]),
        ("bad", ["1"]),
        ("good", ["2"]),
        ("bad", ["3"]),
    ]


def test_releases_between_are_those_that_the_matrix_knows() -> None:
    matrix = MATRIX
    found = bisect.between(ACCELERATE, "0.33.0", "1.0.1", matrix)

    assert found == ["0.33.0", "0.34.0", "0.34.1", "0.34.2", "1.0.0", "1.0.1"]
    assert bisect.between(ACCELERATE, "1.0.1", "0.34.2", matrix) == ["1.0.1", "1.0.0", "0.34.2"]


WRONG = [
    pytest.param("x", "1.0", "--good x: not a version", id="no version"),
    pytest.param("1.0", "1.0.0", "there is nothing between them", id="the same"),
]


@pytest.mark.parametrize(("good", "bad", "message"), WRONG)
def test_ends_that_are_none_are_refused(good: str, bad: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bisect.between(ACCELERATE, good, bad, MATRIX)
