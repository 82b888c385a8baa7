"""
Why nothing helps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import worlds
from searches import ERRORS, moved, search

from envcheck.suggest.goal import Goal
from envcheck.suggest.obstacles import why_not

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix


ONE = '- {id: trl/bad, packages: ["trl>=2,<4"]}'


@pytest.mark.parametrize(
    ("releases", "keep", "why"),
    [
        pytest.param("trl: [1.0, 2.0]", ["trl"], "trl is to be kept", id="kept"),
        pytest.param("peft: [1.0]", [], "no releases of trl are known", id="no releases"),
        pytest.param(
            "trl: [2.0, 3.0]",
            [],
            "no other release of trl for Python 3.10 is free of it",
            id="none is free",
        ),
        pytest.param("trl: [2.0, 5.0]", [], "with trl 5.0, trl/other hits", id="something else"),
    ],
)
def test_why_nothing_helps_is_said(
    environment: MakeEnvironment, matrix: MakeMatrix, releases: str, keep: list[str], why: str
) -> None:
    known = matrix(ONE + '\n- {id: trl/other, packages: ["trl>=5"]}', releases=releases)
    found = search(known, environment("trl==2.0", python="3.10"), keep=frozenset(keep))
    node, must = found.run(ERRORS)
    assert must
    (hit,) = node.hits
    assert why_not(found, hit, node) == why


def test_why_nothing_helps_names_the_requirement_and_what_else_is_advised(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        "- {id: peft/bad, packages: [peft], fixes: [{advice: Pass eager.}, {packages: [peft==0]}]}",
        releases="""
transformers:
  - {version: "1.0", requires: ["tokenizers>=2"]}
tokenizers: ["1.0"]
peft: ["1.0", "2.0"]
""",
    )
    found = search(known, environment("transformers==1.0", "tokenizers==1.0", "peft==1.0"))
    node, must = found.run(ERRORS)
    assert must == 2
    assert {hit.id: why_not(found, hit, node) for hit in node.hits} == {
        "peft/bad": "no other release of peft is free of it; the entry advises: Pass eager.",
        "requirement/transformers/tokenizers": "transformers 1.0 requires tokenizers>=2; "
        "no other release of transformers is free of it; no other release of tokenizers is free of it",
    }


def test_nothing_helps_against_what_is_odd(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    from envcheck.model import Oddity

    oddity = Oddity("duplicate", "trl", "twice", worlds.names("trl"))
    made = environment("trl==2.0", oddities=(oddity,))
    known = matrix(releases="trl: [1.0, 2.0]")
    ids = frozenset({"environment/duplicate"})
    found = search(known, made)
    assert moved(found.run(Goal(ids, ids, errors=False))[0]) == {}
    assert why_not(found, found.root.hits[0], found.root) == ""
