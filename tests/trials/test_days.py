from __future__ import annotations

import pytest

from envcheck import versions
from envcheck.matrix.store import open_matrix
from envcheck.trials import days

ASKED = ["transformers==4.37.0", "tokenizers==0.15.1"]

NEWER = [
    pytest.param(["accelerate==0.21.0"], {}, id="old enough"),
    pytest.param(
        ["accelerate==1.0.1", "huggingface-hub>=0.20"],
        {"accelerate": "2024-10-12"},
        id="what it asks for is there",
    ),
    pytest.param(
        ["accelerate==1.12.0"], {"accelerate": "2025-11-21"}, id="newer by almost two years"
    ),
    pytest.param(["unheard-of==1.0"], {"unheard-of": "2026-11-24"}, id="not known"),
]


@pytest.mark.parametrize(("named", "expected"), NEWER)
def test_only_what_is_named_beside_a_set_may_be_newer(
    named: list[str], expected: dict[str, str]
) -> None:
    names = [versions.requirement(each).name for each in named]
    found = days.newer([*ASKED, *named], names, "2024-02-15", "2026-11-24", open_matrix())

    assert {name: found[versions.normalize(name)] for name in expected} == expected
    assert all(day > "2024-02-15" for day in found.values())
