from __future__ import annotations

import pytest

from envcheck.errors import UsageError
from envcheck.trials import stages
from envcheck.trials.record import BEFORE, STAGES

APPLYING = [
    pytest.param(["numpy"], (), id="nothing to train with"),
    pytest.param(
        ["torch", "transformers", "accelerate"],
        ("arguments", "trainer", "train", "save-load"),
        id="a trainer",
    ),
    pytest.param(
        ["peft"], ("arguments", "trainer", "train", "save-load", "peft"), id="what it brings along"
    ),
    pytest.param(
        ["deepspeed"],
        tuple(each for each in STAGES if each.startswith(("deepspeed", "moe"))),
        id="an engine",
    ),
]


@pytest.mark.parametrize(("packages", "expected"), APPLYING)
def test_a_stage_applies_where_its_packages_are(
    packages: list[str], expected: tuple[str, ...]
) -> None:
    assert stages.applying(STAGES, packages) == (*BEFORE, "import", *expected)


def test_what_comes_before_is_always_done() -> None:
    assert stages.read("train, import") == (*BEFORE, "import", "train")
    assert stages.read(None) == STAGES


@pytest.mark.parametrize("text", ["", "fly", "import,\x1b[0m"])
def test_an_unknown_stage_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no such stage; there are resolve, install"):
        stages.read(text)
