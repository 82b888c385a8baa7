from __future__ import annotations

import pytest

from envcheck.trials.probe import names

NAMES = [
    pytest.param("pytest-cov", "pytest_cov", id="its own, as Python spells it"),
    pytest.param("pyyaml", "_yaml", id="another; the first of two"),
    pytest.param("no-such-thing", "no_such_thing", id="not installed"),
]


@pytest.mark.parametrize(("distribution", "module"), NAMES)
def test_a_distribution_is_imported_by_its_module(distribution: str, module: str) -> None:
    assert names.module(distribution) == module
