from __future__ import annotations

from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck import run
from envcheck.commands import app
from envcheck.options import ABOUT, CheckOptions, default, flag, parse


def through_typer(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> CheckOptions | None:
    """
    Return what typer makes of arguments; `None`: it refuses them.
    """
    seen: list[CheckOptions] = []

    def remember(asked: CheckOptions) -> int:
        seen.append(asked)
        return 0

    monkeypatch.setattr(run, "check", remember)
    assert app.run(arguments) in {0, 2}
    return seen[0] if seen else None


def test_every_option_is_described_and_every_description_is_of_an_option() -> None:
    assert tuple(ABOUT) == CheckOptions._fields


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param(["check"], {}, id="the command alone"),
        pytest.param(["--from", "-"], {"from_": "-"}, id="standard input"),
        pytest.param(["check", "--from=a=b"], {"from_": "a=b"}, id="a value with an equals sign"),
        pytest.param(["--keep", "a", "--keep", "b"], {"keep": ("a", "b")}, id="a repeated option"),
        pytest.param(["-q", "-o", "f"], {"quiet": True, "output": "f"}, id="short options"),
        pytest.param(["--format", "json"], {"format": "json"}, id="a choice"),
        pytest.param(["--format="], None, id="an empty choice"),
        pytest.param(["--python="], {"python": ""}, id="an empty value"),
    ],
)
def test_well_formed_arguments_are_read_as_typer_reads_them(
    arguments: list[str], expected: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if expected is None:
        assert parse(arguments) is None
        return
    assert parse(arguments) == CheckOptions(**expected)
    assert through_typer(arguments or ["check"], monkeypatch) == CheckOptions(**expected)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["-h"], id="short help"),
        pytest.param(["explain", "x"], id="another command"),
        pytest.param(["--nonsense"], id="an unknown option"),
        pytest.param(["--from"], id="no value"),
        pytest.param(["--from", "--strict"], id="an option for a value"),
        pytest.param(["--strict=yes"], id="a value for a switch"),
        pytest.param(["-o=f"], id="an equals sign after a short option"),
        pytest.param(["-of"], id="a value glued to a short option"),
        pytest.param(["--format", "yaml"], id="a choice that isn't one"),
        pytest.param(["check", "check"], id="an argument too many"),
        pytest.param(["--fro", "f"], id="an abbreviated option"),
    ],
)
def test_everything_else_is_left_to_typer(arguments: list[str]) -> None:
    assert parse(arguments) is None


def _words(name: str) -> st.SearchStrategy[list[str]]:
    if default(name) is False:
        return st.just([flag(name)])
    values = (
        st.sampled_from(ABOUT[name].choices)
        if ABOUT[name].choices
        else st.text("ab./=", min_size=1)
    )
    return values.flatmap(
        lambda value: st.sampled_from([[flag(name), value], [f"{flag(name)}={value}"]])
    )


@settings(deadline=None)  # the first call imports typer
@given(st.lists(st.sampled_from(sorted(ABOUT)).flatmap(_words), max_size=5))
def test_the_quick_parser_and_typer_agree(chosen: list[list[str]]) -> None:
    arguments = ["check", *(word for words in chosen for word in words)]
    quick = parse(arguments)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert quick == through_typer(arguments, monkeypatch)


def test_the_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["check", "--help"]) == 0

    shown = capsys.readouterr().out
    assert [name for name in ABOUT if flag(name) not in shown] == []


def test_typer_is_a_version_that_leaves_pydantic_alone() -> None:
    assert tuple(map(int, typer.__version__.split(".")[:2])) < (0, 29)
