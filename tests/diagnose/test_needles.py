from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.diagnose.needles import needles

ATOMS = st.sampled_from(
    ["ab", "c", r"\.", r"\d", r"\S*", ".", "[ab]+", "[^]x]", "d?", "e{0,2}", "f{2}", "g+?", "^"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(
            st.sampled_from(["(", "(?:", "(?P<x>", "(?=", "(?!"]),
            inner,
            st.sampled_from([")", ")?", ")*", ")+"]),
        ).map("".join),
    ),
    max_leaves=8,
)


@given(PATTERNS, st.text("abcdefgx.12", max_size=12))
def test_whatever_matches_contains_a_needle(pattern: str, text: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return
    if compiled.search(text):
        assert any(needle in text for needle in needles(pattern))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("(?i)Loss", ("",), id="letters of either case"),
        pytest.param("a|", ("",), id="an empty alternative"),
        pytest.param("(a|b)cdef", ("cdef",), id="the longest text wins"),
        pytest.param(
            "(long text|other text)c", ("long text", "other text"), id="unless a group is longer"
        ),
        pytest.param("(?<=abc)d", ("d",), id="what is looked at is not part of it"),
        pytest.param("ab{2}cd", ("cd",), id="a counted letter ends a text"),
        pytest.param("[", ("",), id="not even a regular expression"),
        pytest.param("a\\", ("a",), id="a lone backslash"),
    ],
)
def test_a_needle_is(pattern: str, expected: tuple[str, ...]) -> None:
    assert needles(pattern) == expected
