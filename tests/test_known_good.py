"""
The known-good set nearest to an environment.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck import known_good

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix

    from envcheck.matrix import Matrix
    from envcheck.model import Environment, KnownGood

SETS = """
- project: llava
  sets:
    - id: llava@1
      packages: [torch==2.0.1, transformers==4.31.0, accelerate==0.21.0, "numpy<2"]
    - id: llava@2
      packages: [torch==2.1.2, transformers==4.37.2, accelerate==0.21.0, "numpy<2"]
      python: ">=3.8"
    - id: llava@3
      packages: [torch==2.1.2, transformers==4.37.2, accelerate==0.21.0, "numpy<2", timm==0.6.13]
      withdrawn: It contradicts itself.
- project: moe-llava
  sets:
    - id: moe-llava@1
      packages: [torch==2.0.1, transformers==4.37.0, accelerate==0.21.0, deepspeed==0.9.5, tokenizers==0.15.1]
      python: ">=3.10"
- project: gpu
  sets:
    - {id: gpu@1, packages: [torch==2.9.1, trl==0.25.0]}
"""


def near(environment: Environment, matrix: Matrix, project: str | None = None) -> KnownGood | None:
    candidates = known_good.nearest(environment, matrix, project)
    return known_good.closest(candidates, environment, matrix)


@pytest.mark.parametrize(
    ("pins", "python", "set_", "exact", "differs"),
    [
        pytest.param(
            ["torch==2.0.1", "transformers==4.31.0", "accelerate==0.21.0"],
            None,
            "llava@1",
            True,
            [],
            id="exact",
        ),
        pytest.param(
            ["torch==2.0.1+cu118", "transformers==4.31.0", "accelerate==0.21.0", "numpy==1.26.4"],
            None,
            "llava@1",
            True,
            [],
            id="a label is no difference",
        ),
        pytest.param(
            ["torch==2.0.1", "transformers==4.31.0", "accelerate==0.21.0", "numpy==2.0.0"],
            None,
            "llava@1",
            False,
            [("numpy", "2.0.0", "<2")],
            id="outside of the core too",
        ),
        pytest.param(
            ["torch==2.0.1", "transformers==4.31.0", "accelerate==0.21.0", "timm==1.0.0"],
            None,
            "llava@1",
            True,
            [],
            id="what no set pins is free",
        ),
        pytest.param(
            ["torch==2.0.1", "transformers==4.37.1", "accelerate==0.26.1", "deepspeed==0.9.5"],
            None,
            "moe-llava@1",
            False,
            [("transformers", "4.37.1", "4.37.0"), ("accelerate", "0.26.1", "0.21.0")],
            id="the one that differs least",
        ),
        pytest.param(
            ["torch==2.0.1", "transformers==4.31.0", "accelerate==0.21.0", "peft==0.4.0"],
            None,
            "llava@1",
            False,
            [],
            id="it says nothing of a core package",
        ),
        pytest.param(
            ["torch==2.1.2", "transformers==4.37.2", "accelerate==0.21.0"],
            "3.7",
            "llava@2",
            False,
            [],
            id="for another python",
        ),
        pytest.param(
            ["torch==2.1.2", "transformers==4.37.2", "accelerate==0.21.0"],
            "3.8.1",
            "llava@2",
            True,
            [],
            id="for this python",
        ),
        pytest.param(
            ["torch==2.1.2", "transformers==4.37.2"],
            None,
            "llava@2",
            False,
            [("accelerate", None, "0.21.0")],
            id="a core package is missing",
        ),
        pytest.param(
            ["torch==2.1.2", "transformers", "accelerate==0.21.0"],
            None,
            "llava@2",
            False,
            [("transformers", "?", "4.37.2")],
            id="an unknown version is never the right one",
        ),
        pytest.param(
            ["torch==2.1.2", "transformers==4.37.3.dev0", "accelerate==0.21.0"],
            None,
            "llava@2",
            False,
            [("transformers", "4.37.3.dev0", "4.37.2")],
            id="nor is a working copy",
        ),
    ],
)
def test_the_nearest_set_is_exact_only_if_it_vouches_for_everything(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    pins: list[str],
    python: str | None,
    set_: str,
    exact: bool,
    differs: list[Any],
) -> None:
    found = near(environment(*pins, python=python), matrix(known_good=SETS))
    assert found is not None
    assert (found.id, found.exact, [*map(tuple, found.differs)]) == (set_, exact, differs)


@pytest.mark.parametrize(
    "pins",
    [
        pytest.param(["torch==2.0.1"], id="one package in common"),
        pytest.param(
            ["torch==2.0.1", "transformers==4.46.0", "accelerate==1.0.0"], id="one of three"
        ),
        pytest.param(["numpy==1.26.4", "timm==0.6.13"], id="nothing of the core"),
        pytest.param(["torch==1.13.1", "transformers==4.20.0"], id="nothing in common"),
    ],
)
def test_a_set_that_shares_too_little_is_not_near(
    environment: MakeEnvironment, matrix: MakeMatrix, pins: list[str]
) -> None:
    assert near(environment(*pins), matrix(known_good=SETS)) is None


def test_with_a_project_only_its_own_sets_count(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(known_good=SETS)
    made = environment("torch==2.0.1", "transformers==4.31.0", "accelerate==0.21.0")
    found = near(made, known, "moe-llava")
    assert found is not None
    assert (found.id, found.exact) == ("moe-llava@1", False)
    assert [each.package for each in found.differs] == ["transformers", "deepspeed"]
    assert near(made, known, "unheard-of") is None
    assert near(environment("numpy==1.26.4"), known, "llava") is None


def test_of_equally_near_sets_the_newest_is_taken(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(known_good=SETS)
    made = environment("torch==2.0.1", "transformers==4.37.2", "accelerate==0.21.0")
    candidates = known_good.nearest(made, known, "llava")
    assert [each.distance for each in candidates] == [2.0, 2.0]
    assert [known.known_good(each.number)["id"] for each in candidates] == ["llava@2", "llava@1"]


def test_an_exact_set_is_found_behind_others_that_are_as_near(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    sets = "".join(
        f'\n    - {{id: p@{number}, packages: [torch==2.0.1, trl==0.7.0, "timm{timm}"], python: "{python}"}}'
        for number, (timm, python) in enumerate(
            [("==1.0", ">=3.8")] + [("==2.0", ">=3.8")] * 9 + [("==1.0", ">=3.12")] * 2
        )
    )
    known = matrix(known_good=f"- project: p\n  sets:{sets}")
    found = near(environment("torch==2.0.1", "trl==0.7.0", "timm==1.0", python="3.10"), known)
    assert found is not None
    assert (found.id, found.exact) == ("p@0", True)


def test_what_a_set_cannot_vouch_for_is_said(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(known_good=SETS)
    made = environment(
        "torch==2.0.1",
        "transformers==4.37.0",
        "accelerate==0.21.0",
        "deepspeed==0.9.5",
        "peft==0.4.0",
        python="3.9",
    )
    found = near(made, known)
    assert found is not None
    assert known_good.limits(found, made, known) == [
        "it says nothing of peft, which is installed",
        "it is for Python >=3.10",
    ]
    assert found.evidence == (worlds.PUBLISHED,)


@given(st.integers(0, 1 << 40))
@settings(max_examples=100)
def test_an_exact_set_is_always_found_and_never_made_up(seed: int) -> None:
    random = Random(seed)
    names = random.sample(known_good.CORE, random.randint(2, 4))
    sets = [
        {
            "id": f"p@{number}",
            "packages": [
                f"{name}=={random.choice('123')}.0" for name in names if random.random() < 0.9
            ],
            "evidence": [worlds.PUBLISHED],
        }
        for number in range(random.randint(1, 30))
    ]
    known = worlds.compiled(projects=[{"project": "p", "title": "P", "sets": sets}])
    installed = {f"{name}=={random.choice('123')}.0" for name in names}
    found = near(worlds.environment(*installed), known)
    exact = any({*each["packages"]} == installed for each in sets)
    assert (found is not None and found.exact) is exact
