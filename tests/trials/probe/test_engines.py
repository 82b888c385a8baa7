from __future__ import annotations

import pytest

from envcheck.trials.probe import engines

SPLIT = "RuntimeError: Output 0 of Split is a view and is being modified inplace. This view is …"
DIFFERS = "step 3: the loss is 3.101, and 2.730 at stage 0"

SAID = [
    pytest.param((0, 18, 6), 2, SPLIT, "", id="before there is such a buffer"),
    pytest.param((0, 18, 7), 1, SPLIT, "gloo", id="the first that has it"),
    pytest.param((0, 18, 9), 2, SPLIT, "gloo", id="the last"),
    pytest.param((0, 19, 0), 2, SPLIT, "", id="mended, so it is something else"),
    pytest.param((0, 18, 9), 3, SPLIT, "", id="at a stage without it"),
    pytest.param((0, 18, 9), 2, "RuntimeError: no", "", id="another error"),
    pytest.param((0, 19, 7), 3, DIFFERS, "gloo", id="parameters that aren't there yet"),
    pytest.param((0, 19, 8), 3, DIFFERS, "", id="waited for"),
    pytest.param((0, 19, 7), 2, DIFFERS, "", id="wrong at another stage"),
    pytest.param((0, 19, 7), 3, "a Learner trained, not DeepSpeed's engine", "", id="no engine"),
]


@pytest.mark.parametrize(("version", "stage", "said", "part"), SAID)
def test_what_only_gloo_does_is_no_fault_of_the_versions(
    version: tuple[int, ...], stage: int, said: str, part: str
) -> None:
    reason = engines.artefact(version, stage, said)

    assert part in reason
    assert bool(reason) == bool(part)
    assert not reason or reason.startswith("an artefact of the CPU: ")
