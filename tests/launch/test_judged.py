"""
Where a release of DeepSpeed stops there is an error; where it goes on there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from launch import judged
from packaging.version import Version

from envcheck.launch import deepspeed_env, hostfile
from envcheck.launch.notes import Release
from envcheck.launch.plan import Asked, Plan, plan

if TYPE_CHECKING:
    from envcheck.launch.notes import Note

OUTCOMES, VERDICTS = judged.verdicts()
CASES = judged.cases()


def said(case: judged.Case, release: Release) -> tuple[bool, Plan]:
    """
    Return whether there is an error, and the plan.
    """
    notes: list[Note] = []
    pool: dict[str, hostfile.Host] = {}
    if case.hostfile is not None:
        data = case.hostfile.encode("utf-8", "surrogateescape")
        text, notes = hostfile.decode(data, "hosts")
        pool, more = hostfile.parse(text, release, "hosts")
        notes += more
    asked = Asked(case.include, case.exclude, case.num_nodes, case.num_gpus, case.launcher)
    result = plan(pool, asked, release)
    notes += result.notes
    if case.deepspeed_env is not None and len(result.hosts) > 1:
        data = case.deepspeed_env.encode("utf-8", "surrogateescape")
        notes += deepspeed_env.examine(data, release, "env")
    return any(each.finding.severity == "error" for each in notes), result


def known_gpus(case: judged.Case) -> bool:
    """
    Tell whether how many GPUs the machine of the command has doesn't matter; the judge had 8.
    """
    return case.hostfile is not None or "localhost:" not in case.include + case.exclude


@pytest.mark.parametrize("release", VERDICTS)
def test_errors_are_where_deepspeed_stops_and_nowhere_else(release: str) -> None:
    rules = Release(Version(release))
    wrong: list[Any] = []
    for case, number in zip(CASES, VERDICTS[release], strict=True):
        refused = isinstance(OUTCOMES[number], str)
        error, _ = said(case, rules)
        if error != refused and known_gpus(case):
            wrong.append((case, OUTCOMES[number]))

    assert wrong == []


@pytest.mark.parametrize("release", VERDICTS)
def test_processes_are_where_deepspeed_starts_them(release: str) -> None:
    rules = Release(Version(release))
    other: list[Any] = []
    for case, number in zip(CASES, VERDICTS[release], strict=True):
        outcome = OUTCOMES[number]
        if isinstance(outcome, str):
            continue
        _, result = said(case, rules)
        found = [result.local, {host: list(slots) for host, slots in result.hosts.items()}]
        if not result.hosts:  # without a hostfile: this machine, whatever it has
            found = [True, outcome[1]] if set(outcome[1]) <= {"localhost"} else []
        if found != outcome:
            other.append((case, outcome, found))

    assert other == []


def test_hundreds_of_cases_were_judged_by_releases_of_both_parsers() -> None:
    assert len(CASES) > 1000
    assert len({case.hostfile for case in CASES}) > 400
    assert {"0.3.0", "0.7.7", "0.8.0", "0.9.3", "0.9.4", "0.15.2", "0.19.8"} <= set(VERDICTS)
    for numbers in VERDICTS.values():
        refused = sum(1 for number in numbers if isinstance(OUTCOMES[number], str))
        assert 400 < refused < len(CASES) - 400


def test_making_the_cases_anew_gives_more_than_a_thousand() -> None:
    assert len(judged.generate()) > 1000
