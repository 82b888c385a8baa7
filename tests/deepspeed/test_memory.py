"""
Memory: what ZeRO divides, and what is said of it.
"""

from __future__ import annotations

from typing import Any

import pytest
import worlds

from envcheck.deepspeed.memory import GIB, need, room
from envcheck.experts.size import Size

MODEL = Size(1_000, 600)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({"stage": 0}, (3200, 3200, 19200), id="nothing divided"),
        pytest.param({"stage": 1}, (3200, 3200, 2400), id="the optimizer"),
        pytest.param({"stage": 2}, (3200, 400, 2400), id="gradients too"),
        pytest.param({"stage": 3}, (400, 400, 2400), id="all"),
        pytest.param({"stage": 2, "ep_size": 2}, (2600, 400, 2400), id="experts spread"),
        pytest.param({"stage": 2, "offload": True}, (3200, 0, 0), id="offloaded"),
        pytest.param({"stage": 1, "offload": True}, (3200, 3200, 0), id="offloaded at stage 1"),
        pytest.param({"stage": 3, "half": False}, (800, 800, 1600), id="in 32 bits"),
    ],
)
def test_what_a_gpu_has_to_hold(keys: dict[str, Any], expected: tuple[int, int, int]) -> None:
    assert need(MODEL, processes=8, **keys) == expected


def said(
    stage: int, size: Size | None = MODEL, memory: float | None = None, **facts: Any
) -> tuple[str, bool]:
    more = facts.pop("more", {})
    config = {"bf16": {"enabled": True}, "zero_optimization": {"stage": stage, **more}}
    environment = worlds.environment("deepspeed==0.16.9", deepspeed_config=config, **facts)
    lines, short = room(environment, size, memory)
    return "\n".join(lines), short


def test_what_is_missing_is_asked_for() -> None:
    text, short = said(2, None)

    assert not short
    assert "not judged; --model-config, --world-size N and --gpu-memory GIB would say" in text
    assert "--offload" in text
    assert "--model-config" not in said(2, memory=1.0)[0]
    assert "--offload" not in said(2, None, more={"offload_optimizer": {"device": "cpu"}})[0]


def test_a_memory_that_is_not_given_is_not_judged() -> None:
    text, short = said(2, Size(4_000_000_000, 0), world_size=8)

    assert not short
    assert "about 14 GiB on each of 8 GPUs" in text
    assert "--gpu-memory GIB would say" in text


@pytest.mark.parametrize(("gib", "short"), [(24, False), (17, True)])
def test_a_fifth_has_to_be_left(gib: float, short: bool) -> None:
    text, found = said(2, Size(4_000_000_000, 0), gib * GIB, world_size=8)

    assert found is short
    assert ("too much for 17 GiB" if short else "fits into 24 GiB") in text


def test_experts_are_spread_where_the_model_says_so() -> None:
    size = Size(0, 4_000_000_000)
    own = {"moe": "deepspeed", "ep-size": 4}

    assert "about 8.38 GiB" in said(2, size, world_size=8, model=own)[0]
    assert "about 14 GiB" in said(2, size, world_size=8, model={"moe": "transformers"})[0]


def test_a_stage_that_is_none_is_not_judged() -> None:
    assert said(7) == ("", False)
