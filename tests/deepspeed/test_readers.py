"""
Who reads a configuration before DeepSpeed does, and what becomes of it on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from envcheck import versions
from envcheck.deepspeed import consumers
from envcheck.deepspeed.consumers import ACCELERATE, ALONE, TRAINER, Reader, handed_on, reader
from envcheck.deepspeed.examine import whole
from envcheck.deepspeed.grammar import grammar
from envcheck.deepspeed.values import FILLED
from envcheck.model import SettingsFile

if TYPE_CHECKING:
    from packaging.version import Version

    from envcheck.deepspeed.flaws import Flaw

AUTO = {"train_micro_batch_size_per_gpu": "auto", "zero_optimization": {"stage": 2}}
PLAIN = {"train_batch_size": 8, "zero_optimization": {"stage": 2}}


@pytest.mark.parametrize(
    ("config", "named", "installed", "complete", "expected"),
    [
        pytest.param(AUTO, None, {TRAINER, ACCELERATE}, False, (TRAINER, True), id="auto"),
        pytest.param(PLAIN, None, {TRAINER}, False, (TRAINER, False), id="no auto"),
        pytest.param(AUTO, None, {ACCELERATE}, True, (ACCELERATE, True), id="accelerate alone"),
        pytest.param(AUTO, None, set(), True, (ALONE, True), id="nobody else is there"),
        pytest.param(AUTO, None, set(), False, (TRAINER, False), id="nobody is listed"),
        pytest.param(PLAIN, None, set(), False, (ALONE, False), id="nobody is needed"),
        pytest.param(AUTO, ALONE, {TRAINER}, True, (ALONE, True), id="the user says"),
    ],
)
def test_the_first_reader_is_told_by_what_is_installed_and_written(
    config: dict[str, Any],
    named: str | None,
    installed: set[str],
    complete: bool,
    expected: tuple[str, bool],
) -> None:
    assert reader(config, named, installed, complete=complete) == expected


def test_a_trainer_fills_in_what_it_has_arguments_for() -> None:
    config = {
        "train_batch_size": "auto",
        "gradient_clipping": 1.0,
        "optimizer": {"params": {"lr": "auto", "betas": "auto", "momentum": "auto"}},
        "zero_optimization": {"reduce_bucket_size": "auto", "sub_group_size": "auto"},
    }

    trained = handed_on(config, Reader(TRAINER, sure=True))
    accelerated = handed_on(config, Reader(ACCELERATE, sure=True))

    assert trained["optimizer"]["params"] == {"lr": FILLED, "betas": FILLED, "momentum": "auto"}
    assert accelerated["optimizer"]["params"] == {"lr": FILLED, "betas": "auto", "momentum": "auto"}
    assert trained["zero_optimization"] == {"reduce_bucket_size": FILLED, "sub_group_size": "auto"}
    assert trained["gradient_accumulation_steps"] == 1
    assert handed_on(config, Reader(ALONE, sure=True)) == config
    assert repr(FILLED) == "filled in"


def flaws(
    config: dict[str, Any],
    who: Reader,
    version: str = "0.14.2",
    world_size: int | None = None,
    **more: Any,
) -> dict[str, Flaw]:
    release = grammar(cast("Version", versions.version(version)))
    found = whole(config, release, who, world_size=world_size, **more)
    return {flaw.id.removeprefix("configuration/"): flaw for flaw in found}


def test_what_a_trainer_fills_in_is_no_flaw() -> None:
    config = {
        **AUTO,
        "gradient_accumulation_steps": "auto",
        "fp16": {"enabled": "auto"},
        "bf16": {"enabled": "auto"},
        "gradient_clipping": "auto",
    }

    assert flaws(config, Reader(TRAINER, sure=True), world_size=8) == {}
    assert flaws(config, Reader(ALONE, sure=True)).keys() >= {
        "wrong-value/train_micro_batch_size_per_gpu",
        "fp16-and-bf16/fp16.enabled",
    }


@pytest.mark.parametrize("who", [TRAINER, ACCELERATE])
def test_an_auto_that_is_left_stops_accelerate(who: str) -> None:
    config = {**AUTO, "zero_optimization": {"stage": 3, "stage3_max_live_parameters": "auto"}}

    flaw = flaws(config, Reader(who, sure=True))[
        "auto-not-filled/zero_optimization.stage3_max_live_parameters"
    ]

    assert flaw.severity == "warning"
    assert flaws(config, Reader(ALONE, sure=True)).keys() == {
        "wrong-value/train_micro_batch_size_per_gpu"
    }


def test_a_stage_that_is_filled_in_may_be_any() -> None:
    config = {**PLAIN, "zero_optimization": {"stage": "auto", "stage3_max_live_parameters": 1}}

    assert flaws(config, Reader(ACCELERATE, sure=True)) == {}


def test_deepspeeds_own_autos_are_its_own() -> None:
    config = {**AUTO, "pipeline": {"stages": "auto"}}

    assert flaws(config, Reader(TRAINER, sure=True)) == {}


def test_accelerate_wants_a_zero_section() -> None:
    config = {"train_micro_batch_size_per_gpu": "auto"}

    assert "no-zero-section/zero_optimization" in flaws(config, Reader(TRAINER, sure=True))
    assert flaws({"train_batch_size": 8}, Reader(TRAINER, sure=False)) == {}


def test_auto_is_doubted_where_nobody_is_known_to_fill_it_in() -> None:
    flaw = flaws(AUTO, Reader(TRAINER, sure=False))["auto/train_micro_batch_size_per_gpu"]

    assert flaw.severity == "warning"
    assert "--reader" in flaw.verify


def test_accelerate_puts_one_where_steps_are_not_given() -> None:
    config = {
        "train_batch_size": 64,
        "train_micro_batch_size_per_gpu": 4,
        "zero_optimization": {"stage": 2},
    }

    assert "batch-size/train_batch_size" in flaws(
        config, Reader(ACCELERATE, sure=True), world_size=8
    )
    assert flaws(config, Reader(TRAINER, sure=False), world_size=8).keys() == {
        "derived/train_batch_size"
    }


TWICE = SettingsFile("ds.json", repeated=(("bf16.enabled", 4),))
HJSON = SettingsFile("ds.json", beyond_json=(("a comment", 2),))


@pytest.mark.parametrize(
    ("file", "who", "version", "identifier", "severity"),
    [
        pytest.param(
            TWICE,
            Reader(ALONE, sure=True),
            "0.14.2",
            "repeated-key/bf16.enabled",
            "error",
            id="twice",
        ),
        pytest.param(
            TWICE,
            Reader(TRAINER, sure=True),
            "0.14.2",
            "repeated-key/bf16.enabled",
            "warning",
            id="twice, for one who takes the last",
        ),
        pytest.param(
            TWICE,
            Reader(TRAINER, sure=False),
            "0.14.2",
            "repeated-key/bf16.enabled",
            "warning",
            id="twice, for nobody knows whom",
        ),
        pytest.param(HJSON, Reader(ALONE, sure=True), "0.8.1", "not-json", "info", id="Hjson"),
        pytest.param(
            HJSON, Reader(ALONE, sure=True), "0.8.0", "not-json", "error", id="Hjson too early"
        ),
        pytest.param(
            HJSON, Reader(TRAINER, sure=True), "0.14.2", "not-json", "error", id="Hjson, Trainer"
        ),
        pytest.param(
            HJSON, Reader(TRAINER, sure=False), "0.14.2", "not-json", "warning", id="Hjson, perhaps"
        ),
    ],
)
def test_what_is_wrong_with_the_file_depends_on_who_reads_it(
    file: SettingsFile, who: Reader, version: str, identifier: str, severity: str
) -> None:
    flaw = flaws(PLAIN, who, version, file=file)[identifier]

    assert flaw.severity == severity
    assert bool(flaw.verify) is (severity == "warning" and not who.sure)


def test_direct_storage_needs_cuda() -> None:
    config = {**PLAIN, "aio": {"use_gds": True}}
    who = Reader(ALONE, sure=True)

    assert "contradiction/aio.use_gds" in flaws(config, who, "0.16.0", cuda="")
    assert flaws(config, who, "0.16.0", cuda="12.4") == flaws(config, who, "0.16.0") == {}


def test_readers_are_those_of_the_option() -> None:
    from envcheck.options import ABOUT

    assert set(ABOUT["reader"].choices) == set(consumers._FILLED)
