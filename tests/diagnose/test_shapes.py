from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.diagnose import shapes
from envcheck.diagnose.shapes import Shapes, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

LINES = st.lists(
    st.text("ab \r{'1.é", max_size=12).map(lambda text: text.encode()), min_size=1, max_size=30
)


def watch(*texts: bytes, exact: Iterable[bytes] = ()) -> tuple[Shapes, list[tuple[bytes, int]]]:
    seen: list[tuple[bytes, int]] = []

    def take(line: bytes, where: Where) -> None:
        seen.append((line, where.line()))

    return Shapes([(text, take) for text in texts], [(key, take) for key in exact]), seen


@given(LINES, st.integers(1, 4))
def test_no_line_with_a_watched_text_is_missed(lines: list[bytes], size: int) -> None:
    watched, seen = watch(b"a'b")
    for at in range(0, len(lines), size):
        watched.feed(b"".join(line + b"\n" for line in lines[at : at + size]))

    pieces = [
        (piece, number)
        for number, line in enumerate(lines, 1)
        for piece in line.split(b"\r")
        if b"ab" in shapes.shape(piece)
    ]
    assert seen == pieces


def test_digits_and_bars_make_no_new_shape() -> None:
    watched, seen = watch(b"loss")
    watched.feed(b"".join(b" %d%%|#| %d/90 [00:01]\n" % (each, each) for each in range(90)))

    assert watched._quiet == {b"", shapes.shape(b"[]")}
    assert not seen
    assert watched.lines == 90


def test_the_order_is_that_of_the_log() -> None:
    watched, seen = watch(b"one", b"two")
    watched.feed(b"two\nx\none\ntwo one\n")

    assert seen == [(b"two", 1), (b"one", 3), (b"two one", 4), (b"two one", 4)]


def test_an_exact_shape_is_no_part_of_one() -> None:
    watched, seen = watch(exact=[b"loss"])
    watched.feed(b'"loss": 1,\n"train_loss": 2,\n')

    assert seen == [(b'"loss": 1,', 1)]


def test_a_text_without_letters_is_watched_for_in_every_line() -> None:
    watched, seen = watch(b"42", b"a")
    watched.feed(b"a\nb\n")

    assert [line for line, _ in seen] == [b"a", b"a", b"b", b""]


def test_colours_do_not_hide_a_text() -> None:
    watched, seen = watch(b"Import Error")
    watched.feed(b"\x1b[31mImport \x1b[0m\x1b]0;title\x07Error\n")

    assert seen == [(b"Import Error", 1)]


def test_carriage_returns_end_pieces_and_no_lines() -> None:
    watched, seen = watch(b"x")
    watched.feed(b"\r 1%\rx 1\n\rx 2\r\nx 3\n")
    watched.feed(b"x 4\n")

    assert [(line.strip(), number) for line, number in seen] == [
        (b"x 1", 1),
        (b"x 2", 2),
        (b"x 3", 3),
        (b"x 4", 4),
    ]


def test_what_grabs_gets_every_line_until_it_lets_go() -> None:
    grabbed: list[bytes] = []

    def start(*_: object) -> None:
        watched.grab = more

    def more(line: bytes, _: Where) -> None:
        grabbed.append(line)
        if line == b"}":
            watched.grab = None

    watched = Shapes([(b"begin", start)], [])
    watched.feed(b"begin\n{\n")
    watched.feed(b"1\n}\nafter\n")

    assert grabbed == [b"{", b"", b"1", b"}"]


def test_only_so_many_shapes_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_REMEMBERED", 10)
    watched, seen = watch(b"needle")
    for each in range(200):
        name = bytes([97 + each % 26, 97 + each // 26])
        watched.feed(name + b"\n" + name * 600 + b"\n" + name + b" needle\n")

    assert len(watched._quiet) + len(watched._plans) < 20
    assert len(seen) == 200


def test_text_that_never_repeats_itself_is_searched_by_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shapes, "_MANY", 10)
    watched, seen = watch(b"cannot import name 'log'", b"OVERFLOW", b"not here at all")
    watched.feed(b"a long line of nothing\nE: cannot import name 'log' from x\nxOVERFLOWy\n")

    assert [line for _, line in seen] == [2, 3]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param(b"cannot import name 'log'", b"import", id="inside"),
        pytest.param(b"next_power_of_2", b"power", id="after a name"),
        pytest.param(b"OVERFLOW", b"", id="one word may be part of a longer one"),
        pytest.param(b"42", b"", id="no letter"),
    ],
)
def test_a_word_is_whole_wherever_the_text_stands(text: bytes, word: bytes) -> None:
    assert shapes._whole_word(text) == word
