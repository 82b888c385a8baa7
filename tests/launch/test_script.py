from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from envcheck.launch import launches
from envcheck.launch.expand import UNKNOWN
from envcheck.launch.script import commands


def words(text: str) -> list[list[str]]:
    """
    Return the words of a script's commands, with a question mark for what isn't known.
    """
    return [
        [word.text.replace(UNKNOWN, "?") for word in command.words]
        for command in commands(text, "scripts")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a b  c", [["a", "b", "c"]], id="words"),
        pytest.param("a \\\n  b", [["a", "b"]], id="a line that goes on"),
        pytest.param("a b\\\nc", [["a", "bc"]], id="a word that goes on"),
        pytest.param("""a 'b "c' "d 'e" f\\ g""", [["a", 'b "c', "d 'e", "f g"]], id="quotes"),
        pytest.param("a # b\nc", [["a"], ["c"]], id="a comment"),
        pytest.param("a b#c", [["a", "b#c"]], id="no comment"),
        pytest.param("a; b && c | d &", [["a"], ["b"], ["c"], ["d"]], id="several commands"),
        pytest.param("cat <<EOF\nno $x 'words\nEOF\na", [["cat"], ["a"]], id="a here-document"),
        pytest.param("cat <<-'E'\n\tx\n\tE\na", [["cat"], ["a"]], id="one that is indented"),
        pytest.param("a 2>&1 > b c", [["a", "c"]], id="redirections"),
        pytest.param("N=8\na $N", [["a", "8"]], id="a variable"),
        pytest.param("N=8; a --n=$N'x'", [["a", "--n=8x"]], id="inside a word"),
        pytest.param("a '$N' \\$N", [["a", "$N", "$N"]], id="no variable"),
        pytest.param("a $N", [["a", "?"]], id="one that is set elsewhere"),
        pytest.param("a ${N:-4}", [["a", "4"]], id="one with a default"),
        pytest.param("N=8\na ${N:-4}", [["a", "8"]], id="a default that isn't needed"),
        pytest.param("a ${A:-${B:-4}}", [["a", "4"]], id="a default in a default"),
        pytest.param("N=${N:=2}; a $N", [["a", "2"]], id="one that is assigned by default"),
        pytest.param("A='b c'\na $A", [["a", "b", "c"]], id="one of several words"),
        pytest.param("A='b c'\na \"$A\"", [["a", "b c"]], id="quoted, one word"),
        pytest.param("A=''\na $A b \"$A\"", [["a", "b", ""]], id="an empty one"),
        pytest.param("A=(b 'c d')\na \"${A[@]}\"", [["a", "b", "c d"]], id="an array"),
        pytest.param("A=(\n b # don't\n)\nA+=(c)\na ${A[@]}", [["a", "b", "c"]], id="added to"),
        pytest.param("A=b; A+=c; a $A", [["a", "bc"]], id="text added to"),
        pytest.param("B=128 P=4\na $((B / P / 8))", [["a", "4"]], id="a sum"),
        pytest.param("a $((1 / 0)) $((N * 2))", [["a", "?", "?"]], id="a sum that isn't known"),
        pytest.param("a $(nproc) `x`", [["a", "?", "?"]], id="the output of a command"),
        pytest.param('D=$(dirname "$0"); a $D/z', [["a", "scripts/z"]], id="the script's folder"),
        pytest.param("if x; then N=1; else N=2; fi\na $N", [["x"], ["a", "?"]], id="two ways"),
        pytest.param("if x; then N=1; fi\na $N", [["x"], ["a", "1"]], id="perhaps"),
        pytest.param("if x; then N=1; a $N; fi", [["x"], ["a", "1"]], id="inside a branch"),
        pytest.param("for n in 1 2; do a $n; done", [["a", "?"]], id="a loop"),
        pytest.param("for n in 1; do a $n; done", [["a", "1"]], id="a loop over one"),
        pytest.param("N=1; (N=2); a $N", [["a", "1"]], id="a shell of its own"),
        pytest.param(
            "case $x in\n a) N=1;;\n b) N=2;;\nesac\na $N", [["a"], ["b"], ["a", "?"]], id="cases"
        ),
        pytest.param("unset N; a $N", [["a", "?"]], id="unset"),
        pytest.param("export N=3 M; a $N", [["a", "3"]], id="exported"),
        pytest.param('N=2; x bash -c "a $N"', [["x"], ["x", "a", "2"]], id="a shell's command"),
        pytest.param('eval "a b"', [["a", "b"]], id="eval"),
        pytest.param("a 'b", [["a", "b"]], id="a quote that stays open"),
        pytest.param("a ${b", [["a", "?"]], id="a brace that stays open"),
    ],
)
def test_words_become_what_the_script_alone_makes_of_them(
    text: str, expected: list[list[str]]
) -> None:
    assert words(text) == expected


def test_what_depends_on_where_it_is_started_is_not_sure() -> None:
    (command,) = commands("N=${N:-8}\nM=4\na $N $M", ".")

    assert [word.sure for word in command.words] == [True, False, True]


@given(st.text("ab $(){}[]'\"\\\n;|&<>=#`-:@0", max_size=120))
@example("a=" + "(b=" * 500)
@example("$((" * 300)
@example("${a:-" * 300)
@example("\x0b \x0c\xa0")
def test_any_text_is_read_to_its_end(text: str) -> None:
    launches.read(text, ".")


def test_a_script_that_grows_without_end_is_given_up() -> None:
    doubling = "\n".join(["A=xxxxxxxx", *["A=$A$A"] * 200, "torchrun $A train.py"])

    (launch,) = launches.read(doubling, ".").launches
    assert not launch.whole
