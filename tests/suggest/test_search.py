"""
The search for the smallest change, on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from searches import ERRORS, moved, search

from envcheck.suggest.goal import MAY, MUST, SHOULD, Goal
from envcheck.suggest.limits import Limit

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix

    from envcheck.matrix import Matrix
    from envcheck.model import Environment


def solve(
    matrix: Matrix, environment: Environment, directions: str = "down up", **more: Any
) -> dict[str, str] | None:
    """Return what moves where; `None`: errors stay."""
    node, must = search(matrix, environment, directions, **more).run(ERRORS)
    return None if must else moved(node)


ONE = '- {id: trl/bad, packages: ["trl>=2,<4"]}'


@pytest.mark.parametrize(
    ("releases", "pin", "directions", "target"),
    [
        pytest.param("[1.0, 1.1, 2.0, 4.0]", "2.0", "down", "1.1", id="the nearest below"),
        pytest.param(
            "[1.0, 2.0, 3.0, 4.0, 4.0.1, 5.0]", "2.0", "up", "4.0.1", id="the last patch above"
        ),
        pytest.param("[1.0, 2.0, 4.0]", "2.0", "down up", "1.0", id="down first"),
        pytest.param("[1.0, 2.0, 4.0]", "2.0", "up down", "4.0", id="up first"),
        pytest.param("[1.0, 2.0, 3.0, 3.1, 4.0]", "2.0", "up down", "1.0", id="nearer counts more"),
        pytest.param("[1.0, 2.0]", "2.0", "up", None, id="nothing above"),
        pytest.param("[2.0, 4.0]", "2.0", "down", None, id="nothing below"),
        pytest.param(
            "[1.0, {version: '1.1', yanked: broken}, 2.0]",
            "2.0",
            "down",
            "1.0",
            id="not a yanked one",
        ),
        pytest.param("[1.0, 1.1rc1, 2.0]", "2.0", "down", "1.0", id="not a candidate"),
        pytest.param(
            "[1.0, 1.1rc1, 3.0rc1]", "3.0rc1", "down", "1.1rc1", id="a candidate after a candidate"
        ),
        pytest.param("[1.0, 1.1.post1, 2.0]", "2.0", "down", "1.1.post1", id="a post release"),
        pytest.param(
            "[1.0, {version: '1.1', python: '>=3.12'}, 2.0]",
            "2.0",
            "down",
            "1.0",
            id="for this python",
        ),
        pytest.param(
            "[1.0, {version: '1.1', python: ''}, 2.0]", "2.0", "down", "1.1", id="for any python"
        ),
        pytest.param(
            "[1.0, 2.0, 2.1, 4.0]",
            "2.0+cu118",
            "down",
            "1.0",
            id="a local label is no release below",
        ),
        pytest.param("[1.0, 2.0, 4.0]", "2.0+cu118", "up", "4.0", id="nor one above"),
        pytest.param("[1.0, 2.0, 4.0]", "3.0.dev0", "up", "4.0", id="from a working copy"),
        pytest.param("[]", "2.0", "down up", None, id="no known releases"),
    ],
)
def test_a_package_moves_to_the_nearest_release_that_helps(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    releases: str,
    pin: str,
    directions: str,
    target: str | None,
) -> None:
    known = matrix(ONE, releases=f"trl: {releases}" if releases != "[]" else "")
    made = environment(f"trl=={pin}", python="3.10")
    assert solve(known, made, directions) == (None if target is None else {"trl": target})


PAIR = """
- id: transformers/pair
  packages: ["transformers>=4.45", "accelerate<0.34"]
"""
STACK = """
transformers:
  - {version: 4.44.2, requires: ["tokenizers<0.20,>=0.19"]}
  - {version: 4.45.2, requires: ["tokenizers<0.21,>=0.20"]}
  - {version: 4.46.3, requires: ["tokenizers<0.21,>=0.20"]}
accelerate: [0.33.0, 0.34.2]
tokenizers: [0.19.1, 0.20.3]
"""


@pytest.mark.parametrize(
    ("directions", "keep", "moves"),
    [
        pytest.param("up", [], {"accelerate": "0.34.2"}, id="up"),
        pytest.param(
            "down",
            [],
            {"transformers": "4.44.2", "tokenizers": "0.19.1"},
            id="down, with what it needs",
        ),
        pytest.param("down up", [], {"accelerate": "0.34.2"}, id="one package is less than two"),
        pytest.param(
            "down up",
            ["accelerate"],
            {"transformers": "4.44.2", "tokenizers": "0.19.1"},
            id="one is kept",
        ),
        pytest.param("down up", ["accelerate", "transformers"], None, id="both are kept"),
        pytest.param(
            "down up",
            ["accelerate", "tokenizers"],
            {"transformers": "4.44.2"},
            id="a cap has to give way",
        ),
    ],
)
def test_what_a_release_requires_comes_along(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    directions: str,
    keep: list[str],
    moves: dict[str, str] | None,
) -> None:
    made = environment("transformers==4.46.3", "accelerate==0.33.0", "tokenizers==0.20.3")
    known = matrix(PAIR, releases=STACK)
    assert solve(known, made, directions, keep=frozenset(keep)) == moves


def test_a_requirement_is_met_by_either_side_or_by_both(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- {id: tokenizers/bad, packages: [tokenizers==1.0]}
- {id: transformers/bad, packages: [transformers==2.0]}
""",
        releases="""
transformers:
  - {version: "1.0", requires: [tokenizers==1.0]}
  - {version: "2.0", requires: [tokenizers==2.0]}
  - {version: "3.0", requires: [tokenizers==3.0]}
tokenizers: ["1.0", "2.0", "3.0"]
""",
    )
    made = environment("transformers==1.0", "tokenizers==2.0")
    assert solve(known, made) == {"transformers": "3.0", "tokenizers": "3.0"}


def test_what_is_missing_is_installed_whatever_the_direction(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        ONE,
        releases="""
trl:
  - {version: "1.0", requires: ["peft>=0.5,<0.7"]}
  - {version: "2.0"}
peft: [0.4.0, 0.5.0, 0.6.0, 0.7.0]
""",
    )
    assert solve(known, environment("trl==2.0"), "down") == {"trl": "1.0"}
    made = environment("trl==2.0", complete=True)
    assert solve(known, made, "down") == {"trl": "1.0", "peft": "0.6.0"}
    assert solve(known, made, "down", keep=frozenset({"peft"})) is None


def test_what_an_entry_says_of_a_package_that_is_installed_counts_too(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        ONE
        + """
- {id: peft/bad, packages: ["peft>=0.6", trl]}
- {id: numpy/bad, packages: ["numpy<2", "peft<0.6"]}
""",
        releases="""
trl:
  - {version: "1.0", requires: [peft]}
  - {version: "2.0"}
peft: [0.4.0, 0.5.0, 0.6.0, 0.7.0]
numpy: [1.0, 2.0]
""",
    )
    made = environment("trl==2.0", "numpy==1.0", complete=True)
    assert solve(known, made) == {"trl": "1.0", "peft": "0.5.0", "numpy": "2.0"}


def test_a_package_of_unknown_version_moves_to_the_newest_release_that_helps(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        '- {id: trl/bad, packages: ["peft>=0.5", trl]}\n',
        releases="peft: [0.3.0, 0.4.0, 0.5.0, 0.6.0]",
    )
    goal = Goal(frozenset({"trl/bad"}), frozenset({"trl/bad"}), errors=True)
    for directions in ("down", "up"):
        node, _ = search(known, environment("peft", "trl==1.0"), directions).run(goal)
        assert moved(node) == {}  # may be wrong, is worth knowing only
    node, must = search(known, environment("peft==0.6.0", "trl"), "down").run(goal)
    assert (moved(node), must) == ({"peft": "0.4.0"}, 0)


def test_a_release_of_which_nothing_is_known_is_no_way_out_of_a_requirement(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        releases="""
transformers:
  - {version: "1.0", requires: ["tokenizers<0.5,>=0.4"]}
  - {version: "2.0", requires: [], requires-unknown: It has no wheel.}
  - {version: "3.0", requires: ["tokenizers>=0.6"]}
tokenizers: ["0.6"]
"""
    )
    made = environment("transformers==1.0", "tokenizers==0.3")
    assert solve(known, made) == {"transformers": "3.0", "tokenizers": "0.6"}


CAPPED = """
deepspeed:
  - {version: 0.9.0, requires: [pydantic]}
  - {version: 0.9.5, requires: ["pydantic<2.0.0"]}
  - {version: 0.11.2, requires: [pydantic]}
pydantic: [1.10.13, 2.5.3]
"""


def test_nobody_goes_back_to_a_release_that_could_not_know_better(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(releases=CAPPED)
    made = environment("deepspeed==0.9.5", "pydantic==2.5.3")
    goal = Goal(frozenset({"requirement/deepspeed/pydantic"}), frozenset(), errors=True)
    down, _ = search(known, made, "down").run(goal)
    assert moved(down) == {"pydantic": "1.10.13"}
    up, _ = search(known, made, "up").run(goal)
    assert moved(up) == {"deepspeed": "0.11.2"}
    last, _ = search(known, made, "down", keep=frozenset({"pydantic"})).run(goal)
    assert moved(last) == {"deepspeed": "0.9.0"}


PINNED = """
xformers:
  - {version: 0.0.13, requires: ["torch>=1.12"]}
  - {version: 0.0.23, requires: ["torch==2.1.2"]}
  - {version: 0.0.24, requires: ["torch==2.2.0"]}
torch: [2.1.2, 2.2.0]
"""


def test_nor_to_one_from_before_its_pins(environment: MakeEnvironment, matrix: MakeMatrix) -> None:
    known = matrix(releases=PINNED)
    made = environment("xformers==0.0.23", "torch==2.2.0")
    goal = Goal(frozenset({"requirement/xformers/torch"}), frozenset(), errors=True)
    down, _ = search(known, made, "down").run(goal)
    assert moved(down) == {"torch": "2.1.2"}
    up, _ = search(known, made, "up").run(goal)
    assert moved(up) == {"xformers": "0.0.24"}


OLD = """
trl:
  - {version: "1.0", date: 2020-05-01}
  - {version: "1.1", date: 2022-04-30}
  - {version: "1.2", date: 2022-05-01}
  - {version: "2.0", date: 2024-05-01}
  - {version: "3.0", date: 2026-01-01}
  - {version: "3.1"}
"""


@pytest.mark.parametrize(
    ("bad", "pin", "far", "target"),
    [
        pytest.param(">=2,<4", "2.0", False, "1.2", id="two years at most"),
        pytest.param(">=1.2,<4", "2.0", False, None, id="not a day more"),
        pytest.param(">=1.2,<4", "2.0", True, "1.1", id="unless it must be"),
        pytest.param(
            ">=2,<4",
            "2.5",
            False,
            "1.2",
            id="a release that isn't listed is as old as the one before",
        ),
        pytest.param(">=1.1,<4", "3.1", False, "1.0", id="of unknown date"),
    ],
)
def test_nobody_goes_back_for_more_than_two_years(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    bad: str,
    pin: str,
    far: bool,
    target: str | None,
) -> None:
    known = matrix(f'- {{id: trl/bad, packages: ["trl{bad}"]}}', releases=OLD)
    found = solve(known, environment(f"trl=={pin}"), "down", far=far)
    assert found == (None if target is None else {"trl": target})


def test_what_an_entry_recommends_is_worth_a_longer_way(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- id: trl/bad
  packages: ["trl>=2,<4"]
  fixes:
    - advice: Do without.
    - packages: ["trl<1.1"]
    - packages: ["trl>=5", "peft>=2"]
""",
        releases="trl: [1.0, 1.1, 1.2, 2.0, 4.0, 5.0]\npeft: [1.0, 2.0]",
    )
    made = environment("trl==2.0", "peft==1.0")
    assert solve(known, made, "down") == {"trl": "1.0"}
    assert solve(known, made, "up") == {"trl": "5.0", "peft": "2.0"}
    assert solve(known, made, "up", keep=frozenset({"peft"})) == {"trl": "4.0"}


@pytest.mark.parametrize(
    ("fixes", "moves"),
    [
        pytest.param("[torch<2], [trl<2]", {"torch": "1.0"}, id="the first one, dear as it is"),
        pytest.param("[trl<2], [torch<2]", {"trl": "1.0"}, id="the first one"),
        pytest.param("[trl<2], [trl<2]", {"trl": "1.0"}, id="the same one twice"),
        pytest.param("[torch<2, peft<2], [trl<2]", {"trl": "1.0"}, id="unless it moves more"),
        pytest.param("[torch<1], [torch<2]", {"torch": "1.0"}, id="or can't be had"),
        pytest.param("[torch<2]", {"torch": "1.0"}, id="rather than what nobody recommends"),
    ],
)
def test_the_first_of_several_ways_that_an_entry_recommends_is_taken(
    environment: MakeEnvironment, matrix: MakeMatrix, fixes: str, moves: dict[str, str]
) -> None:
    text = fixes.replace("[", "{packages: [").replace("]", "]}")
    known = matrix(
        f"- {{id: trl/bad, packages: [trl==2.0, torch==2.0, peft==2.0], fixes: [{text}]}}",
        releases="trl: [1.0, 2.0]\ntorch: [1.0, 2.0]\npeft: [1.0, 2.0]",
    )
    assert solve(known, environment("trl==2.0", "torch==2.0", "peft==2.0")) == moves


def test_what_a_package_that_moves_requires_should_hold_though_it_did_not_before(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        "- {id: torch/bad, packages: [torch==2.2.1]}",
        releases="""
vllm: [{version: 0.3.2, requires: [torch==2.1.0]}]
torch: [2.1.0, 2.1.2, 2.2.1]
""",
    )
    made = environment("torch==2.2.1", "vllm==0.3.2")
    ids = frozenset({"requirement/vllm/torch"})
    node, must = search(known, made).run(Goal(frozenset({"torch/bad"}), ids, errors=True))
    assert (moved(node), must) == ({"torch": "2.1.0"}, 0)


def test_the_package_that_an_entry_recommends_moves_further_before_another_one_does(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- {id: trl/bad, packages: ["trl>=2", "peft>=2"], fixes: [{packages: [trl==1.5]}]}
- {id: trl/other, packages: [trl==1.5]}
""",
        releases="trl: [1.0, 1.5, 2.0]\npeft: [1.0, 2.0]",
    )
    assert solve(known, environment("trl==2.0", "peft==2.0")) == {"trl": "1.0"}


def test_a_package_on_which_much_was_built_moves_last(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        '- {id: trl/pair, packages: ["trl<2", "torch<2", "peft<2"]}',
        releases="trl: [1.0, 2.0]\ntorch: [1.0, 2.0]\npeft: [1.0, 2.0]",
    )
    made = environment("torch==1.0", "trl==1.0", "peft==1.0")
    assert solve(known, made) == {"trl": "2.0"}
    trl = made.packages["trl"]._replace(origin="editable")  # type: ignore[index]
    edited = made._replace(packages={**made.packages, "trl": trl})  # type: ignore[dict-item]
    assert solve(known, edited) == {"peft": "2.0"}
    assert solve(known, edited, keep=frozenset({"peft"})) == {"trl": "2.0"}


def test_no_more_packages_move_than_may(environment: MakeEnvironment, matrix: MakeMatrix) -> None:
    known = matrix(
        '- {id: trl/bad, packages: ["trl>=2"]}\n- {id: peft/bad, packages: ["peft>=2"]}',
        releases="trl: [1.0, 2.0]\npeft: [1.0, 2.0]",
    )
    made = environment("trl==2.0", "peft==2.0")
    assert solve(known, made, most=2) == {"trl": "1.0", "peft": "1.0"}
    assert solve(known, made, most=1) is None


def test_what_must_hold_beside_is_where_the_search_begins(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(PAIR, releases=STACK)
    made = environment(
        "transformers==4.46.3", "accelerate==0.33.0", "tokenizers==0.20.3", "timm==0.9"
    )
    name: Any = "transformers"
    node, must = search(known, made).run(ERRORS, [Limit(name, "in", "==4.44.2")])
    assert (moved(node), must) == ({"transformers": "4.44.2", "tokenizers": "0.19.1"}, 0)
    nowhere = Limit(name, "in", "==4.30.0")
    assert search(known, made).run(ERRORS, [nowhere]) == (search(known, made).root, 1)


def test_a_version_may_exist_though_no_releases_are_known(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    from packaging.version import Version

    name: Any = "timm"
    known = matrix(PAIR, releases=STACK)
    made = environment("transformers==4.44.2", "timm==0.9")
    limit = Limit(name, "in", "==0.6.13")
    for exists, expected in (({name: Version("0.6.13")}, {"timm": "0.6.13"}), ({}, {})):
        node, must = search(known, made, exists=exists).run(ERRORS, [limit])
        assert (moved(node), bool(must)) == (expected, not exists)


def test_a_cap_is_broken_only_if_nothing_else_removes_an_error(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        releases="""
transformers:
  - {version: "1.0", requires: ["tokenizers>=2.0,<3.0"]}
tokenizers: ["1.0", "3.0"]
"""
    )
    made = environment("transformers==1.0", "tokenizers==1.0")
    assert solve(known, made) is None
    assert solve(known, made, lax=True) == {"tokenizers": "3.0"}
    assert solve(known, made, lax=True, keep=frozenset({"tokenizers"})) is None


@pytest.mark.parametrize(
    ("severity", "identifier", "errors", "level"),
    [
        pytest.param("error", "x/new", True, MUST, id="an error"),
        pytest.param("error", "x/old", False, MUST, id="an error where there was none"),
        pytest.param("warning", "x/new", True, SHOULD, id="a new warning beside errors"),
        pytest.param(
            "warning", "x/new", False, MUST, id="a new warning where there are only warnings"
        ),
        pytest.param("warning", "x/old", True, MAY, id="a warning there was"),
        pytest.param("warning", "x/goal", False, SHOULD, id="a warning that is to be removed"),
        pytest.param("info", "x/goal", False, MAY, id="what is worth knowing"),
    ],
)
def test_errors_must_go_and_nothing_may_get_worse(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    severity: str,
    identifier: str,
    errors: bool,
    level: int,
) -> None:
    known = matrix(ONE)
    (hit,) = search(known, environment("trl==2.0")).root.hits
    goal = Goal(frozenset({"x/goal"}), frozenset({"x/old", "x/goal"}), errors)
    assert goal.level(hit._replace(id=identifier, severity=severity), ()) == level


WARNINGS = """
- {id: trl/one, severity: warning, packages: ["trl>=2"], fixes: [{packages: ["trl<2"]}]}
- {id: peft/two, severity: warning, packages: ["peft>=2"], fixes: [{packages: ["peft<2"]}]}
- {id: peft/three, severity: warning, packages: ["peft>=2"], fixes: [{advice: Be careful.}]}
- {id: peft/four, severity: warning, packages: ["peft<2", "torch>=2"]}
"""


def test_of_warnings_those_go_that_can_without_a_new_one(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(WARNINGS, releases="trl: [1.0, 2.0]\npeft: [1.0, 2.0]\ntorch: [1.0, 2.0]")
    ids = frozenset({"trl/one", "peft/two", "peft/three"})
    goal = Goal(ids, ids, errors=False)
    alone = environment("trl==2.0", "peft==2.0")
    assert moved(search(known, alone).run(goal)[0]) == {"trl": "1.0", "peft": "1.0"}
    beside = environment("trl==2.0", "peft==2.0", "torch==2.0")
    assert moved(search(known, beside).run(goal)[0]) == {
        "trl": "1.0",
        "peft": "1.0",
        "torch": "1.0",
    }
    kept = search(known, beside, keep=frozenset({"torch"}))
    assert moved(kept.run(goal)[0]) == {"trl": "1.0"}


def test_a_warning_is_worth_only_what_its_entry_recommends(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        '- {id: peft/three, severity: warning, packages: ["peft>=2"], fixes: [{advice: Be careful.}]}',
        releases="peft: [1.0, 2.0]",
    )
    ids = frozenset({"peft/three"})
    node, must = search(known, environment("peft==2.0")).run(Goal(ids, ids, errors=False))
    assert (moved(node), must) == ({}, 0)
