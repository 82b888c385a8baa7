from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from envcheck.launch import hostfile
from envcheck.launch.instead import instead
from envcheck.launch.notes import Release

NEW = Release(Version("0.15.2"))
OLD = Release(Version("0.7.7"))
OLDEST = Release(Version("0.3.0"))


def ids(text: str, release: Release = NEW) -> dict[str, str]:
    """
    Return the severities of what is said of a hostfile, by id.
    """
    return {
        each.finding.id.partition("/")[2]: each.finding.severity
        for each in hostfile.parse(text, release, "hosts")[1]
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a slots=8\nb slots=8\n", {}, id="a sound file"),
        pytest.param("# c\n\n a  slots=8 # c\r\n", {}, id="comments, blank lines, spaces"),
        pytest.param("a slots = 8\n", {"bad-entry": "error"}, id="spaces around the equals sign"),
        pytest.param("a slots=1\na slots=2\n", {"duplicate-host": "error"}, id="a host twice"),
        pytest.param("# c\n", {"empty": "error"}, id="only comments"),
        pytest.param("a slots=8 max_slots=9\n", {"ignored-text": "info"}, id="a word after it"),
        pytest.param("a slots=8x\n", {"text-after-number": "warning"}, id="letters after it"),
        pytest.param("a slots=0\n", {"no-slots": "warning"}, id="no slots"),
        pytest.param("a slots=80\n", {"many-slots": "warning"}, id="many slots"),
        pytest.param(f"a slots={2**62}\n", {"countless-slots": "error"}, id="countless slots"),
        pytest.param(f"a slots={'9' * 5000}\n", {"bad-entry": "error"}, id="no number to Python"),
        pytest.param("\ufeffa slots=8\n", {"byte-order-mark": "warning"}, id="byte order mark"),
        pytest.param("\ufeff# c\n", {"bad-entry": "error"}, id="byte order mark and comment"),
        pytest.param("a\u200b slots=8\n", {"strange-host": "warning"}, id="no width"),
        pytest.param("me@a slots=8\n", {"user": "warning"}, id="a user"),
        pytest.param("a:22 slots=8\n", {"port": "warning"}, id="a port"),
        pytest.param("me@a:22 slots=8\n", {"user": "warning", "port": "warning"}, id="both"),
        pytest.param("fe80::1 slots=8\n", {"ipv6": "warning"}, id="IPv6"),
        pytest.param("a[1-4] slots=8\n", {"several-hosts": "warning"}, id="brackets"),
        pytest.param("a slots=8\nA slots=8\n", {"same-host": "warning"}, id="another case"),
        pytest.param(
            "localhost slots=8\n127.0.0.1 slots=8\n", {"same-host": "warning"}, id="this machine"
        ),
    ],
)
def test_the_parser_of_today_says(text: str, expected: dict[str, str]) -> None:
    assert ids(text) == expected


@pytest.mark.parametrize(
    ("release", "text", "expected"),
    [
        pytest.param(OLD, "a slots=8\n\nb gpus=4\n", {}, id="any word before the equals sign"),
        pytest.param(OLD, "# c\na slots=8\n", {"bad-entry": "error"}, id="a comment"),
        pytest.param(OLD, "a slots=8 x\n", {"bad-entry": "error"}, id="a third word"),
        pytest.param(OLD, "a slots=-1\n", {"no-slots": "warning"}, id="a negative number"),
        pytest.param(OLD, "", {"empty": "warning"}, id="an empty file"),
        pytest.param(OLDEST, "a slots=8\n\n", {"bad-entry": "error"}, id="a blank line"),
    ],
)
def test_the_parsers_before_say(release: Release, text: str, expected: dict[str, str]) -> None:
    assert ids(text, release) == expected


@pytest.mark.parametrize(
    ("line", "better"),
    [
        pytest.param("a slots = 8", "a slots=8", id="spaces"),
        pytest.param("a:8", "a slots=8", id="a colon"),
        pytest.param("a 8", "a slots=8", id="a number"),
        pytest.param("a gpus=4", "a slots=4", id="another word"),
        pytest.param("a", "a slots=8", id="a host alone"),
        pytest.param("a slots=", "a slots=8", id="no number"),
        pytest.param("a, b", "a slots=8\nb slots=8", id="a list"),
        pytest.param("a # b slots=2", "a slots=2", id="a comment before the slots"),
        pytest.param("// the big ones", "# the big ones", id="another comment sign"),
        pytest.param("\ufeff# c", "# c", id="a byte order mark"),
        pytest.param('"a": 8,', "a slots=8", id="JSON"),
        pytest.param("ä 8", "", id="no letter of a host"),
        pytest.param("{", "", id="nothing to guess"),
    ],
)
def test_what_to_write_instead(line: str, better: str) -> None:
    assert instead(line) == better


def test_a_finding_names_the_line_and_what_to_write() -> None:
    _, notes = hostfile.parse("# c\na slots=8\nb slots = 4\n", NEW, "hosts")

    (note,) = notes
    assert (note.place, note.text, note.instead) == ("hosts:3", "b slots = 4", "b slots=4")
    assert note.finding.packages == {"deepspeed": "0.15.2"}


@pytest.mark.parametrize(
    ("data", "identifier", "text"),
    [
        pytest.param("a slots=8\n".encode("utf-16"), "hostfile/utf-16", "a slots=8\n", id="UTF-16"),
        pytest.param(
            b"a slots=8\n\xff\n", "hostfile/not-utf-8", "a slots=8\n\ufffd\n", id="no text"
        ),
    ],
)
def test_what_python_cannot_decode_is_an_error(data: bytes, identifier: str, text: str) -> None:
    shown, notes = hostfile.decode(data, "hosts")

    assert shown == text
    assert [(each.finding.id, each.finding.severity) for each in notes] == [(identifier, "error")]


@given(st.text("ab =slots80#:,@\t\n\r\ufeff", max_size=40))
def test_whatever_it_holds_is_read_or_refused_with_its_line(text: str) -> None:
    for release in (NEW, OLD, OLDEST):
        hosts, notes = hostfile.parse(text, release, "hosts")
        errors = [each for each in notes if each.finding.severity == "error"]
        assert hosts or notes
        for each in errors:
            better = each.instead.split("\n")[0]
            if better and not better.startswith("#"):
                assert hostfile.parse(better, release, "x")[0]
