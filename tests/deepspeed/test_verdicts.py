"""
DeepSpeed itself as the judge: what releases accepted and refused, held against what is said of the same here.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import configurations as known
import pytest

from envcheck import versions
from envcheck.deepspeed.consumers import ALONE, Reader
from envcheck.deepspeed.document import parse
from envcheck.deepspeed.examine import whole
from envcheck.deepspeed.grammar import NEWEST, OLDEST, grammar
from envcheck.errors import SourceError
from envcheck.model import SettingsFile

if TYPE_CHECKING:
    from packaging.version import Version

    from envcheck.deepspeed.grammar import Grammar

SHARE = int(os.environ.get("ENVCHECK_SHARE", "12"))
"""One case in so many is tried with a release, always others; 1 tries all with all (some minutes)."""


@cache
def verdicts() -> dict[str, Any]:
    with open(os.path.join(known.HERE, "verdicts.json"), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


@cache
def cases() -> list[known.Case]:
    return list(known.cases(known.load()))


def says_error(case: known.Case, release: Grammar) -> bool:
    config, file = case.config, None
    if isinstance(config, str):
        try:
            document = parse(config, "config.json")
        except SourceError:
            return True
        repeated = tuple((each.path, each.line) for each in document.repeated)
        config, file = (
            document.data,
            SettingsFile("config.json", {}, repeated, document.beyond_json),
        )
    found = whole(config, release, Reader(ALONE, sure=True), file=file, world_size=case.world_size)
    return any(flaw.severity == "error" for flaw in found)


@pytest.mark.parametrize("release", verdicts())
def test_what_a_release_refuses_is_an_error_and_what_it_accepts_is_none(release: str) -> None:
    about = verdicts()[release]
    refused = known.unpacked(about["refused"], about["cases"])
    turn = list(verdicts()).index(release) % SHARE
    rules = grammar(cast("Version", versions.version(release)))

    missed: list[known.Case] = []
    false: list[known.Case] = []
    for number, (case, wrong) in enumerate(zip(cases(), refused, strict=True)):
        if number % SHARE == turn or case.kind.startswith(("real", "file")):
            error = says_error(case, rules)
            if error is not wrong:
                (missed if wrong else false).append(case)

    assert not missed, f"{release} refuses {len(missed)}, and nothing is said: {missed[:3]}"
    assert not false, f"{release} accepts {len(false)}, and an error is told: {false[:3]}"


def test_the_releases_reach_from_the_oldest_to_the_newest_that_are_known() -> None:
    releases = list(verdicts())

    assert (releases[0], releases[-1]) == (OLDEST, NEWEST)
    assert len(releases) >= 12


def test_both_verdicts_occur_often_enough_to_mean_something() -> None:
    for about in verdicts().values():
        refused = known.unpacked(about["refused"], about["cases"])
        assert about["cases"] > 20_000
        assert 0.3 < sum(refused) / len(refused) < 0.8


@pytest.mark.parametrize("bits", [[], [True], [False] * 9, [True, False] * 20])
def test_verdicts_survive_being_packed(bits: list[bool]) -> None:
    assert known.unpacked(known.packed(bits), len(bits)) == bits
