from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.clean import clean, clip, without_secret

CASES = [
    pytest.param("torch 2.0.1+cu118", "torch 2.0.1+cu118", id="plain"),
    pytest.param("größe/名前 naïve", "größe/名前 naïve", id="letters of other languages stay"),
    pytest.param("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m", id="escape sequences"),
    pytest.param("a\nb\r\tc", r"a\x0ab\x0d\x09c", id="line ends and tabs"),
    pytest.param("\x9b31m", r"\x9b31m", id="the one-character form of an escape sequence"),
    pytest.param("a\u202eb", r"a\u202eb", id="right to left override"),
    pytest.param("a\u2066b\u2069", r"a\u2066b\u2069", id="isolates"),
    pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="zero width"),
    pytest.param("a\u2028b", r"a\u2028b", id="line separator"),
    pytest.param("a\u3164b\ufe0f", r"a\u3164b\ufe0f", id="letters that are drawn as nothing"),
    pytest.param("\U000e0041\U000e0101", r"\U000e0041\U000e0101", id="tags and selectors"),
    pytest.param("\udcff", r"\udcff", id="a byte of a path that is no character"),
    pytest.param("\x00\x7f", r"\x00\x7f", id="NUL and DEL"),
    pytest.param("::error::x", r":\x3aerror:\x3ax", id="workflow command"),
    pytest.param(":::", r":\x3a:", id="three colons"),
    pytest.param("##[error]x", r"#\x23[error]x", id="workflow command of the other system"),
    pytest.param("###[x", r"##\x23[x", id="three hashes"),
    pytest.param("[red]x[/]", "[red]x[/]", id="markup is the business of who renders it"),
    pytest.param("https://a/b#c:1", "https://a/b#c:1", id="a link stays"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_text_is_shown_harmless(text: str, expected: str) -> None:
    assert expected == clean(text)


@given(st.text(alphabet=st.characters(), max_size=40))
def test_clean_text_is_printable_and_comes_back_as_it_is(text: str) -> None:
    shown = clean(text)

    assert shown.isprintable()
    assert "::" not in shown
    assert "##[" not in shown
    assert shown == clean(shown)
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("short", "short", id="short"),
        pytest.param("12345678", "12345678", id="exactly as long"),
        pytest.param("123456789", "1234567…", id="longer"),
        pytest.param("\n\n\n\n\n", r"\x0a\x0a"[:7] + "…", id="longer once it is clean"),
    ],
)
def test_clipped_text_says_that_it_was_cut(text: str, expected: str) -> None:
    assert expected == clip(text, 8)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://token@host", "https://****@host", id="token"),
        pytest.param("https://a:b@c:d@host/x@y", "https://****@host/x@y", id="several"),
        pytest.param("ssh://git@host/x", "ssh://git@host/x", id="the usual user of git"),
        pytest.param("https://host/x@v1", "https://host/x@v1", id="no user"),
        pytest.param("/home/me@host/x", "/home/me@host/x", id="a path"),
        pytest.param("git@host:x/y.git", "git@host:x/y.git", id="as scp writes it"),
    ],
)
def test_a_secret_in_a_url_is_replaced(url: str, expected: str) -> None:
    assert expected == without_secret(url)
