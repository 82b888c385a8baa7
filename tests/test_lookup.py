from __future__ import annotations

import pytest
from commands import envcheck

from envcheck import lookup
from envcheck.catalogue.known import every
from envcheck.errors import UsageError
from envcheck.matrix.store import open_matrix


def test_every_entry_set_and_project_can_be_explained() -> None:
    matrix = open_matrix()
    for identifier in [*(each for each, _ in matrix.records()), *matrix.projects()][::25]:
        shown = lookup.explain(identifier, [])

        assert shown.endswith("\n")
        assert all(line.isprintable() for line in shown.splitlines())


def test_an_entry_is_explained_with_all_there_is() -> None:
    shown = lookup.explain("deepspeed/overlap-comm-nan", [])

    for expected in (
        "deepspeed/overlap-comm-nan\n",
        "severity     error, silent",
        "versions     deepspeed>=0.12.4,<0.14.3",
        "config       zero_optimization.overlap_comm: true",
        "symptom      loss: zero-after-first-step",
        "fix          DeepSpeed configuration: zero_optimization.overlap_comm = false",
        "fix          deepspeed==0.12.3",
        "boundary     ",
        "evidence     https://github.com/deepspeedai/DeepSpeed/issues/5242",
        "checked      2026-",
    ):
        assert expected in shown


def test_what_is_to_be_uninstalled_is_explained() -> None:
    assert "fix          remove torchao\n" in lookup.explain("torchao/peft-needs-0.16", [])


def test_a_set_is_explained_with_its_evidence() -> None:
    shown = lookup.explain("moe-llava@2024-02-15", [])

    assert "package      deepspeed==0.9.5" in shown
    assert "run · 2026-11-24 · Python 3.10.13" in shown


def test_a_project_is_explained_with_its_sets() -> None:
    shown = lookup.explain("moe-llava", [])

    assert shown.startswith("MoE-LLaVA\n")
    assert "moe          deepspeed" in shown
    assert "set          moe-llava@2023-12-28 (withdrawn)" in shown


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        pytest.param(
            "configuration/unknown-key/zero_optimization.foo",
            (
                "here about   zero_optimization.foo",
                "severity     error or warning",
                "what to do   ",
                "source       https://",
            ),
            id="of a setting",
        ),
        pytest.param(
            "requirement/peft/torch",
            ("requirement\n", "here about   peft and torch"),
            id="of two packages",
        ),
        pytest.param(
            "nan-behind-zero",
            ("said by      envcheck diagnose", "experiment   Run 10 steps"),
            id="a proof",
        ),
        pytest.param("filter/both/\x1b[31m", (r"here about   \x1b[31m",), id="hostile"),
    ],
)
def test_a_check_is_explained(identifier: str, expected: tuple[str, ...]) -> None:
    shown = lookup.explain(identifier, [])
    for each in expected:
        assert each in shown


def test_checks_are_listed() -> None:
    lines = lookup.listing("checks", []).splitlines()

    assert lines == sorted(lines)
    assert len(lines) == len(every())
    assert (
        "hostfile/missing  [error]  The hostfile isn't there so that the run would use one machine"
        in lines
    )


@pytest.mark.parametrize(
    ("identifier", "hint"),
    [
        pytest.param("hostfile/bad-entr", "did you mean hostfile/bad-entry", id="near a check"),
        pytest.param(
            "deepspeed/overlap-com-nan", "did you mean deepspeed/overlap-comm-nan", id="near"
        ),
        pytest.param("\x1b[31m", r"\x1b[31m: no such entry", id="hostile"),
    ],
)
def test_an_id_that_is_none_is_told_with_what_is_near(identifier: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        lookup.explain(identifier, [])

    assert hint in str(raised.value)


def test_lists_can_be_narrowed_down() -> None:
    everything = lookup.listing("entries", []).splitlines()
    silent = lookup.listing("entries", [], silent=True).splitlines()
    about = lookup.listing("entries", [], package="DeepSpeed").splitlines()

    assert everything == sorted(everything)
    assert 40 <= len(silent) < len(everything)
    assert all("silent]" in line for line in silent)
    assert {line for line in everything if line.startswith("deepspeed/")} <= set(about)


def test_sets_can_be_listed_by_project() -> None:
    own = lookup.listing("sets", [], project="moe-llava").splitlines()

    assert own[-1] == "moe-llava@2024-02-15"
    assert "moe-llava@2023-12-28  (withdrawn)" in own
    assert set(own) < set(lookup.listing("sets", []).splitlines())


def test_projects_and_packages_can_be_listed() -> None:
    assert "moe-llava" in lookup.listing("projects", []).splitlines()
    assert {"torch", "deepspeed", "transformers"} <= set(
        lookup.listing("packages", []).splitlines()
    )


def test_what_cannot_be_listed_is_told() -> None:
    with pytest.raises(UsageError, match="one of entries, sets, projects, packages"):
        lookup.listing("nonsense", [])


def test_the_commands_show_the_same() -> None:
    assert envcheck("explain", "moe-llava").stdout == lookup.explain("moe-llava", [])
    assert envcheck("list", "projects").stdout == lookup.listing("projects", [])


def test_trials_are_listed_as_tables() -> None:
    shown = lookup.listing("trials", [])

    assert "transformers-accelerate  1181 cells\n" in shown
    assert "4.32.0 to 4.33.3  ok 0.20.3 to 0.34.2; 3 1.0.0 to 1.5.2" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "moe-llava@2024-02-11  Python 3.11.7, 2026-11-24: resolve, install" in shown
    assert lookup.listing("trials", [], package="flash-attn") == ""
    assert "trial deepspeed-import" in lookup.explain("pydantic/deepspeed-since-0.15.0", [])
    assert envcheck("list", "--trials").stdout == shown
