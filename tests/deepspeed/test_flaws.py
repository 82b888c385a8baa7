"""
What is said of a configuration, and what mends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from envcheck import versions
from envcheck.apply import applied
from envcheck.deepspeed.examine import examine
from envcheck.deepspeed.flaws import REMOVE, Flaw, quoted
from envcheck.deepspeed.grammar import grammar
from envcheck.deepspeed.mending import changes_for

if TYPE_CHECKING:
    from packaging.version import Version

BATCH = {"train_batch_size": 8}


def flaws(
    config: dict[str, Any], version: str = "0.14.2", world_size: int | None = 8
) -> dict[str, Flaw]:
    release = grammar(cast("Version", versions.version(version)))
    found = examine(config, release, world_size)
    return {flaw.id.removeprefix("configuration/"): flaw for flaw in found}


def errors(config: dict[str, Any], version: str, world_size: int | None = 8) -> list[str]:
    found = flaws(config, version, world_size)
    return [identifier for identifier, flaw in found.items() if flaw.severity == "error"]


def zero(**keys: Any) -> dict[str, Any]:
    return {**BATCH, "zero_optimization": {"stage": 2, **keys}}


UNKNOWN = [
    pytest.param(
        zero(overlap_com=True),
        "0.14.2",
        "zero_optimization.overlap_com",
        "error",
        "zero_optimization.overlap_com is refused: did you mean overlap_comm?",
        {"zero_optimization.overlap_com": None, "zero_optimization.overlap_comm": "true"},
        id="misspelt where it is refused",
    ),
    pytest.param(
        {**BATCH, "gradient_cliping": 1.0},
        "0.14.2",
        "gradient_cliping",
        "warning",
        "gradient_cliping is ignored: did you mean gradient_clipping?",
        {"gradient_cliping": None, "gradient_clipping": "1.0"},
        id="misspelt where it is ignored",
    ),
    pytest.param(
        {**BATCH, "zero_optimisation": {"stage": 2}},
        "0.14.2",
        "zero_optimisation",
        "warning",
        "zero_optimisation is ignored: did you mean zero_optimization?",
        {"zero_optimisation": None, "zero_optimization": '{"stage": 2}'},
        id="British spelling",
    ),
    pytest.param(
        {**BATCH, "gradient_cliping": 1.0, "gradient_clipping": 2.0},
        "0.14.2",
        "gradient_cliping",
        "warning",
        "did you mean gradient_clipping?",
        {"gradient_cliping": None},
        id="misspelt, beside the right one",
    ),
    pytest.param(
        {**BATCH, "reduce_bucket_size": 5e8},
        "0.14.2",
        "reduce_bucket_size",
        "warning",
        "reduce_bucket_size is ignored: it belongs in zero_optimization",
        {"reduce_bucket_size": None, "zero_optimization.reduce_bucket_size": "500000000.0"},
        id="in the wrong place",
    ),
    pytest.param(
        zero(gradient_clipping=1.0),
        "0.14.2",
        "zero_optimization.gradient_clipping",
        "error",
        "it belongs at the top level",
        {"zero_optimization.gradient_clipping": None, "gradient_clipping": "1.0"},
        id="too deep",
    ),
    pytest.param(
        {**BATCH, "fp16": {"opt_level": "O1"}},
        "0.18.0",
        "fp16.opt_level",
        "error",
        "it belongs in amp",
        {"fp16.opt_level": None},
        id="in a section of another kind",
    ),
    pytest.param(
        zero(zenflow={}),
        "0.14.2",
        "zero_optimization.zenflow",
        "error",
        "zero_optimization.zenflow is refused: it came with 0.17.5",
        {"zero_optimization.zenflow": None},
        id="too new",
    ),
    pytest.param(
        {**BATCH, "tensor_parallel": {}},
        "0.14.2",
        "tensor_parallel",
        "warning",
        "tensor_parallel is ignored: it came with 0.16.4",
        {"tensor_parallel": None},
        id="too new, where it is ignored",
    ),
    pytest.param(
        zero(cpu_offload_params=True),
        "0.14.2",
        "zero_optimization.cpu_offload_params",
        "error",
        "it is gone since 0.7.0; use offload_param",
        {"zero_optimization.cpu_offload_params": None},
        id="too old",
    ),
    pytest.param(
        {**BATCH, "compile": {"backend": "inductor"}},
        "0.16.6",
        "compile.backend",
        "error",
        "it is gone since 0.14.4",
        {"compile.backend": None},
        id="of an earlier section of that name",
    ),
    pytest.param(
        {**BATCH, "compile": {}},
        "0.14.4",
        "compile",
        "warning",
        "it came with 0.16.6",
        {"compile": None},
        id="between two lives",
    ),
    pytest.param(
        {**BATCH, "mine": 1},
        "0.14.2",
        "mine",
        "info",
        "no known release has such a key here",
        {"mine": None},
        id="somebody else's",
    ),
    pytest.param(
        zero(mine=1),
        "0.14.2",
        "zero_optimization.mine",
        "error",
        "no known release has such a key here",
        {"zero_optimization.mine": None},
        id="somebody else's, where it is refused",
    ),
    pytest.param(
        {**BATCH, "fp16": {"enabled": True, "": True}},
        "0.18.0",
        "fp16.",
        "error",
        "no known release has such a key here",
        {"fp16.": None},
        id="no name",
    ),
    pytest.param(
        {**BATCH, "aio": {"thread_count": 1}},
        "0.16.4",
        "aio.thread_count",
        "warning",
        "it is gone since 0.16.4; use intra_op_parallelism",
        {"aio.thread_count": None},
        id="replaced",
    ),
    pytest.param(
        {**BATCH, "optimizer": {"type": "AdamW", "params": {"weight_deacy": 0.1}}},
        "0.14.2",
        "optimizer.params.weight_deacy",
        "warning",
        "did you mean weight_decay?",
        {"optimizer.params.weight_deacy": None, "optimizer.params.weight_decay": "0.1"},
        id="misspelt among an optimizer's own",
    ),
]


@pytest.mark.parametrize(("config", "version", "path", "severity", "title", "changes"), UNKNOWN)
def test_an_unknown_key_is_told_with_what_was_meant(  # noqa: PLR0917
    config: dict[str, Any],
    version: str,
    path: str,
    severity: str,
    title: str,
    changes: dict[str, str | None],
) -> None:
    flaw = flaws(config, version)[f"unknown-key/{path}"]

    assert flaw.severity == severity
    assert title in flaw.title
    assert flaw.silent is (severity != "error")
    assert changes_for([flaw], config) == changes
    assert f"unknown-key/{path}" not in flaws(applied(config, changes), version)


WRONG = [
    pytest.param(
        {**BATCH, "amp": {"enabled": True}},
        "0.19.8",
        "removed-key/amp",
        "amp is refused: the feature was removed in 0.19.8",
        {"amp": None},
        id="refused by name",
    ),
    pytest.param(
        zero(mics_shard_size="auto"),
        "0.19.7",
        "removed-key/zero_optimization.mics_shard_size",
        "removed in 0.19.7",
        {"zero_optimization.mics_shard_size": None},
        id="refused by name, whatever it says",
    ),
    pytest.param(
        zero(stage="2"),
        "0.14.2",
        "wrong-value/zero_optimization.stage",
        'is "2", but it has to be one of 0, 1, 2, 3',
        {"zero_optimization.stage": "2"},
        id="a number as a text, with pydantic 1",
    ),
    pytest.param(
        zero(reduce_bucket_size="5e8"),
        "0.15.0",
        "wrong-value/zero_optimization.reduce_bucket_size",
        'is "5e8", but it has to be a whole number of at least 0',
        {"zero_optimization.reduce_bucket_size": "500000000"},
        id="an exponent in a text",
    ),
    pytest.param(
        zero(offload_optimizer={"device": "CPU"}),
        "0.14.2",
        "wrong-value/zero_optimization.offload_optimizer.device",
        'one of "none", "cpu", "nvme"',
        {"zero_optimization.offload_optimizer.device": '"cpu"'},
        id="in capitals",
    ),
    pytest.param(
        zero(contiguous_gradients=None),
        "0.14.2",
        "wrong-value/zero_optimization.contiguous_gradients",
        "is null, but it has to be true or false",
        {"zero_optimization.contiguous_gradients": None},
        id="null",
    ),
    pytest.param(
        {**BATCH, "optimizer": None},
        "0.14.2",
        "wrong-value/optimizer",
        "optimizer is null, but it has to be an object",
        {"optimizer": None},
        id="no object",
    ),
    pytest.param(
        {**BATCH, "progressive_layer_drop": {"theta": 0.5}},
        "0.14.2",
        "missing-key/progressive_layer_drop.enabled",
        "progressive_layer_drop.enabled is missing",
        {"progressive_layer_drop.enabled": "true"},
        id="a key that isn't asked for",
    ),
    pytest.param(
        zero(stage3_prefetch_bucket_size=1, prefetch_bucket_size=1),
        "0.14.2",
        "two-names/zero_optimization.prefetch_bucket_size",
        "are two names of one setting",
        {"zero_optimization.prefetch_bucket_size": None},
        id="by both names",
    ),
    pytest.param(
        {**BATCH, "fp16": {"enabled": True}, "bf16": {"enabled": True}},
        "0.14.2",
        "fp16-and-bf16/fp16.enabled",
        "fp16 and bf16 are both enabled",
        {"fp16.enabled": "false"},
        id="fp16 and bf16",
    ),
    pytest.param(
        {**BATCH, "fp16": {"enabled": "auto"}, "bf16": {"enabled": "auto"}},
        "0.14.2",
        "fp16-and-bf16/fp16.enabled",
        "both enabled",
        {"fp16.enabled": "false"},
        id="two autos that nobody fills in",
    ),
    pytest.param(
        {**zero(stage=3), "fp16": {"enabled": True, "fp16_master_weights_and_grads": True}},
        "0.14.2",
        "contradiction/fp16.fp16_master_weights_and_grads",
        "needs ZeRO stage 2, but the stage is 3",
        {"fp16.fp16_master_weights_and_grads": None},
        id="master weights at another stage",
    ),
    pytest.param(
        {**BATCH, "bf16": {"enabled": True, "bf16_master_weights_and_grads": True}},
        "0.18.3",
        "contradiction/bf16.bf16_master_weights_and_grads",
        "needs ZeRO stage 1 or 2 or 3",
        {"bf16.bf16_master_weights_and_grads": None},
        id="master weights without ZeRO",
    ),
    pytest.param(
        {**zero(), "bf16": {"enabled": True, "bf16_optimizer_states": True}},
        "0.18.3",
        "contradiction/bf16.bf16_optimizer_states",
        "needs bf16_master_weights_and_grads",
        {"bf16.bf16_master_weights_and_grads": "true"},
        id="states without master weights",
    ),
    pytest.param(
        zero(offload_optimizer={"device": "cpu", "ratio": 0.5}),
        "0.15.0",
        "contradiction/zero_optimization.offload_optimizer.ratio",
        "needs ZeRO stage 3",
        {"zero_optimization.offload_optimizer.ratio": None},
        id="partial offload",
    ),
    pytest.param(
        zero(stage=3, compute_grad_norm=False),
        "0.19.7",
        "contradiction/zero_optimization.compute_grad_norm",
        "needs ZeRO stage 1 or 2",
        {"zero_optimization.compute_grad_norm": None},
        id="no norm",
    ),
    pytest.param(
        {**zero(stage=3), "gradient_allreduce_op": "sum"},
        "0.19.6",
        "contradiction/gradient_allreduce_op",
        "which ZeRO stage 3 doesn't have",
        {"gradient_allreduce_op": None},
        id="sum",
    ),
    pytest.param(
        {**BATCH, "fp16": {"enabled": True, "loss_scale_window": 0}},
        "0.19.3",
        "wrong-value/fp16.loss_scale_window",
        "has to be above 0",
        {"fp16.loss_scale_window": "1000"},
        id="a window of nothing",
    ),
    pytest.param(
        zero(cpu_offload=True, offload_optimizer={"device": "cpu"}),
        "0.14.2",
        "contradiction/zero_optimization.cpu_offload",
        "are given together",
        {"zero_optimization.cpu_offload": None},
        id="old and new name together",
    ),
    pytest.param(
        {"train_batch_size": "64"},
        "0.14.2",
        "wrong-value/train_batch_size",
        'is "64", but it has to be a whole number',
        {"train_batch_size": "64"},
        id="a batch size as a text",
    ),
    pytest.param(
        {},
        "0.14.2",
        "no-batch-size/train_micro_batch_size_per_gpu",
        "neither train_batch_size nor train_micro_batch_size_per_gpu is set",
        {"train_micro_batch_size_per_gpu": "1"},
        id="no batch size",
    ),
    pytest.param(
        {"train_batch_size": 100, "train_micro_batch_size_per_gpu": 3},
        "0.14.2",
        "batch-size/train_batch_size",
        "100 is not 3 × 4 × 8",
        {
            "train_batch_size": "96",
            "train_micro_batch_size_per_gpu": "3",
            "gradient_accumulation_steps": "4",
        },
        id="steps that don't divide",
    ),
    pytest.param(
        {
            "train_batch_size": 64,
            "train_micro_batch_size_per_gpu": 4,
            "gradient_accumulation_steps": 4,
        },
        "0.14.2",
        "batch-size/train_batch_size",
        "64 is not 4 × 4 × 8",
        {"train_batch_size": "128"},
        id="three sizes that don't agree",
    ),
    pytest.param(
        {"train_batch_size": 4, "gradient_accumulation_steps": 2},
        "0.14.2",
        "batch-size/train_batch_size",
        "4 is not 0 × 2 × 8",
        {"train_batch_size": "16", "train_micro_batch_size_per_gpu": "1"},
        id="too small for so many processes",
    ),
]


@pytest.mark.parametrize(("config", "version", "identifier", "title", "changes"), WRONG)
def test_what_is_refused_is_an_error_and_mended(
    config: dict[str, Any],
    version: str,
    identifier: str,
    title: str,
    changes: dict[str, str | None],
) -> None:
    flaw = flaws(config, version)[identifier]

    assert flaw.severity == "error"
    assert title in flaw.title
    assert changes_for([flaw], config) == changes
    assert errors(applied(config, changes), version) == []


@pytest.mark.parametrize(
    ("config", "version", "identifier"),
    [
        pytest.param(zero(stage=4), "0.14.2", "zero_optimization.stage", id="out of range"),
        pytest.param(
            zero(reduce_bucket_size=-1),
            "0.14.2",
            "zero_optimization.reduce_bucket_size",
            id="below its limit",
        ),
        pytest.param(
            zero(reduce_bucket_size=0.5),
            "0.15.0",
            "zero_optimization.reduce_bucket_size",
            id="a fraction, with pydantic 2",
        ),
        pytest.param(
            zero(reduce_bucket_size="many"),
            "0.14.2",
            "zero_optimization.reduce_bucket_size",
            id="no number",
        ),
        pytest.param(
            zero(reduce_bucket_size="inf"),
            "0.14.2",
            "zero_optimization.reduce_bucket_size",
            id="no finite number",
        ),
        pytest.param(
            {**BATCH, "communication_data_type": "bf16"},
            "0.14.0",
            "communication_data_type",
            id="a word that came later",
        ),
        pytest.param(
            {**BATCH, "tensor_parallel": {"dtype": "fp16"}},
            "0.17.0",
            "tensor_parallel.dtype",
            id="what no file can hold",
        ),
        pytest.param(
            {**BATCH, "compile": {"passes": ["z9"]}},
            "0.18.9",
            "compile.passes",
            id="a list of other words",
        ),
        pytest.param({"train_batch_size": 0}, "0.14.2", "train_batch_size", id="nothing"),
        pytest.param({"train_batch_size": "auto"}, "0.14.2", "train_batch_size", id="auto"),
        pytest.param(
            {
                **BATCH,
                "compression_training": {
                    "sparse_pruning": {
                        "shared_parameters": {"method": "snip_momentum", "dense_ratio": 2},
                        "different_groups": {},
                    }
                },
            },
            "0.14.2",
            "compression_training.sparse_pruning.shared_parameters.dense_ratio",
            id="a ratio",
        ),
        pytest.param(
            {
                **BATCH,
                "compression_training": {
                    "sparse_pruning": {
                        "shared_parameters": {
                            "method": "snip_momentum",
                            "schedule_offset_end": 1,
                        },
                        "different_groups": {},
                    }
                },
            },
            "0.14.2",
            "compression_training.sparse_pruning.shared_parameters.schedule_offset_end",
            id="an end before its start",
        ),
    ],
)
def test_what_only_a_person_can_mend_has_no_fix(
    config: dict[str, Any], version: str, identifier: str
) -> None:
    flaw = flaws(config, version)[f"wrong-value/{identifier}"]

    assert (flaw.severity, flaw.fix) == ("error", ())
    assert "has to be" in flaw.title


@pytest.mark.parametrize(
    ("config", "version", "identifier", "severity", "title", "fix"),
    [
        pytest.param(
            {**BATCH, "fp16": {"enabled": "false"}},
            "0.14.2",
            "wrong-type/fp16.enabled",
            "warning",
            'fp16.enabled is "false", where true or false is meant',
            (("fp16.enabled", False),),
            id="a text that counts as true",
        ),
        pytest.param(
            {**BATCH, "gradient_clipping": "1.0"},
            "0.14.2",
            "wrong-type/gradient_clipping",
            "warning",
            'gradient_clipping is "1.0", where a number is meant',
            (("gradient_clipping", 1.0),),
            id="a text that fails later",
        ),
        pytest.param(
            {**BATCH, "zero_optimization": True},
            "0.14.2",
            "old-form/zero_optimization",
            "info",
            "zero_optimization is only true",
            (("zero_optimization", {"stage": 1}),),
            id="a bare switch",
        ),
        pytest.param(
            zero(cpu_offload=True),
            "0.14.2",
            "deprecated-key/zero_optimization.cpu_offload",
            "info",
            "is deprecated; its name is offload_optimizer",
            (
                ("zero_optimization.cpu_offload", REMOVE),
                ("zero_optimization.offload_optimizer", {"device": "cpu"}),
            ),
            id="the old name alone",
        ),
        pytest.param(
            zero(cpu_offload=False),
            "0.14.2",
            "deprecated-key/zero_optimization.cpu_offload",
            "info",
            "is deprecated",
            (("zero_optimization.cpu_offload", REMOVE),),
            id="the old name, switched off",
        ),
        pytest.param(
            {**BATCH, "optimizer": {"type": "AdamWW"}},
            "0.14.2",
            "optimizer/optimizer.type",
            "warning",
            'optimizer.type "AdamWW" is none of DeepSpeed\'s optimizers',
            (("optimizer.type", "adamw"),),
            id="an optimizer",
        ),
        pytest.param(
            {**BATCH, "optimizer": {"type": "Muon"}},
            "0.14.2",
            "optimizer/optimizer.type",
            "warning",
            "none of DeepSpeed's",
            (),
            id="an optimizer that came later",
        ),
        pytest.param(
            {**zero(), "optimizer": {"type": "Lamb"}},
            "0.14.2",
            "untested-optimizer/zero_allow_untested_optimizer",
            "warning",
            "ZeRO refuses the optimizer Lamb",
            (("zero_allow_untested_optimizer", True),),
            id="an optimizer that ZeRO doesn't know",
        ),
        pytest.param(
            {**BATCH, "scheduler": {"type": "warmuplr"}},
            "0.14.2",
            "scheduler/scheduler.type",
            "warning",
            'scheduler.type "warmuplr" is none of',
            (("scheduler.type", "WarmupLR"),),
            id="a scheduler",
        ),
        pytest.param(
            {**BATCH, "scheduler": {"type": "WarmupDecayLR", "params": {}}},
            "0.14.2",
            "scheduler/scheduler.params.total_num_steps",
            "warning",
            "WarmupDecayLR can't be built without scheduler.params.total_num_steps",
            (),
            id="a scheduler without its steps",
        ),
        pytest.param(
            zero(stage3_max_live_parameters=1, overlap_comm=True),
            "0.14.2",
            "no-effect/zero_optimization",
            "info",
            "at stage 2 nothing comes of stage3_max_live_parameters",
            (("zero_optimization.stage3_max_live_parameters", REMOVE),),
            id="nothing comes of it",
        ),
    ],
)
def test_what_fails_later_or_does_nothing_is_no_error(  # noqa: PLR0917
    config: dict[str, Any],
    version: str,
    identifier: str,
    severity: str,
    title: str,
    fix: tuple[tuple[str, Any], ...],
) -> None:
    flaw = flaws(config, version)[identifier]

    assert (flaw.severity, flaw.fix) == (severity, fix)
    assert title in flaw.title
    assert errors(config, version) == []


@pytest.mark.parametrize(
    ("config", "version"),
    [
        pytest.param(zero(stage="2"), "0.15.0", id="a number as a text, with pydantic 2"),
        pytest.param(zero(reduce_bucket_size=0.5), "0.14.2", id="a fraction, with pydantic 1"),
        pytest.param(zero(overlap_comm="auto", no_such_key="auto"), "0.14.2", id="auto"),
        pytest.param(zero(offload_param=[]), "0.14.2", id="an empty list, with pydantic 1"),
        pytest.param({**BATCH, "_comment": "x", "msamp": {}}, "0.14.2", id="notes"),
        pytest.param({**BATCH, "bf16": {}, "bfloat16": "x"}, "0.14.2", id="a name that isn't read"),
        pytest.param({**BATCH, "bf16": None, "bfloat16": {}}, "0.18.0", id="the older name"),
        pytest.param({**BATCH, "optimizer": {"params": 3}}, "0.14.2", id="no type"),
        pytest.param({**BATCH, "bf16": {"loss_scale": 0}}, "0.14.2", id="before it is checked"),
        pytest.param(zero(leaf_module={"classes": "A"}), "0.18.0", id="a text for a list"),
        pytest.param(zero(mics_shard_size=8), "0.19.6", id="before it was removed"),
        pytest.param(
            {**zero(), "optimizer": {"type": "OneBitAdam"}}, "0.14.2", id="the matrix says it"
        ),
        pytest.param(
            {**BATCH, "timers": {"throughput": {"enabled": True}}}, "0.16.0", id="a section inside"
        ),
        pytest.param({**BATCH, "gradient_allreduce_op": "sum"}, "0.19.5", id="not read yet"),
        pytest.param({**BATCH, "scheduler": {"type": "OneCycle2"}}, "0.14.2", id="torch's own"),
    ],
)
def test_what_a_release_takes_is_no_error(config: dict[str, Any], version: str) -> None:
    assert errors(config, version) == []


@pytest.mark.parametrize(
    ("config", "title", "changes"),
    [
        pytest.param(
            {"train_batch_size": 4, "train_micro_batch_size_per_gpu": 8},
            "train_batch_size 4 is no multiple of 8",
            {"train_batch_size": None},
            id="with a micro-batch",
        ),
        pytest.param(
            {"train_batch_size": 10, "gradient_accumulation_steps": 4},
            "train_batch_size 10 is no multiple of 4",
            {"train_batch_size": "8"},
            id="without",
        ),
    ],
)
def test_batch_sizes_that_fit_no_number_of_processes_are_an_error(
    config: dict[str, Any], title: str, changes: dict[str, str | None]
) -> None:
    flaw = flaws(config, world_size=None)["batch-size/train_batch_size"]

    assert title in flaw.title
    assert changes_for([flaw], config) == changes
    assert errors(applied(config, changes), "0.14.2", world_size=None) == []


@pytest.mark.parametrize(
    ("config", "world_size", "title"),
    [
        pytest.param(
            {
                "train_batch_size": 64,
                "train_micro_batch_size_per_gpu": 4,
                "gradient_accumulation_steps": 2,
            },
            None,
            "the batch sizes only fit 8 processes",
            id="one number fits",
        ),
        pytest.param(
            {
                "train_batch_size": 1,
                "train_micro_batch_size_per_gpu": 1,
                "gradient_accumulation_steps": 1,
            },
            None,
            "the batch sizes only fit 1 process",
            id="only one process",
        ),
        pytest.param(
            {"train_micro_batch_size_per_gpu": 4},
            8,
            "the batch is 32: 4 each × 1 accumulated × 8 processes",
            id="what is derived",
        ),
    ],
)
def test_what_follows_of_batch_sizes_is_worth_knowing(
    config: dict[str, Any], world_size: int | None, title: str
) -> None:
    (flaw,) = flaws(config, world_size=world_size).values()

    assert (flaw.severity, flaw.title) == ("info", title)


ELASTIC = {
    "enabled": True,
    "max_train_batch_size": 2000,
    "micro_batch_sizes": [2, 4, 6],
    "version": 0.1,
}


@pytest.mark.parametrize(
    ("changes", "beside", "world_size", "title"),
    [
        pytest.param(
            {"micro_batch_sizes": None}, {}, 8, "a list of whole numbers above 0", id="no list"
        ),
        pytest.param(
            {"max_train_batch_size": 3}, {}, 8, "at least the largest micro batch", id="too small"
        ),
        pytest.param({"min_gpus": 0}, {}, 8, "a number of at least 1", id="no GPUs"),
        pytest.param({"min_gpus": 9, "max_gpus": 8}, {}, 8, "at least min_gpus", id="no room"),
        pytest.param({"version": "x"}, {}, 8, "0.1 or 0.2", id="no version"),
        pytest.param({"model_parallel_size": 2}, {}, 8, "0.2 for model_parallel_size", id="old"),
        pytest.param(
            {}, BATCH, 8, "elasticity is enabled, and train_batch_size is given", id="batch beside"
        ),
        pytest.param(
            {}, {}, 997, "no batch size for 997 processes", id="a number that fits nothing"
        ),
        pytest.param({"max_gpus": 2}, {}, 8, "no batch size for 8 processes", id="too many"),
        pytest.param(
            {
                "max_train_batch_size": 4,
                "micro_batch_sizes": [4, 4],
                "prefer_larger_batch": False,
            },
            {},
            3,
            "no batch size for 3 processes",
            id="the smaller batch",
        ),
    ],
)
def test_elasticity_takes_the_batch_into_its_hands(
    changes: dict[str, Any], beside: dict[str, Any], world_size: int, title: str
) -> None:
    found = flaws({"elasticity": {**ELASTIC, **changes}, **beside}, world_size=world_size)

    assert [flaw for flaw in found.values() if title in flaw.title and flaw.severity == "error"]


def test_elasticity_that_fits_is_no_error() -> None:
    assert flaws({"elasticity": ELASTIC}) == {}
    assert flaws({"elasticity": {**ELASTIC, "version": 0.2}}) == {}
    assert "missing-key/elasticity.micro_batch_sizes" in flaws(
        {"elasticity": {"enabled": True, "max_train_batch_size": 8, "version": 0.1}}
    )


def test_of_what_is_wrong_in_one_place_the_worst_is_said() -> None:
    found = flaws({**BATCH, "fp16": {"enabled": "true"}, "bf16": {"enabled": True}})

    assert {"fp16-and-bf16/fp16.enabled"} == {each for each in found if "fp16" in each}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param([], "an empty list", id="empty list"),
        pytest.param([1], "a list", id="list"),
        pytest.param("x" * 99, f'"{"x" * 38}…', id="long"),
        pytest.param(float("nan"), "NaN", id="no number"),
    ],
)
def test_values_are_shown_in_a_few_words(value: object, shown: str) -> None:
    assert quoted(value) == shown


@pytest.mark.parametrize("size", [10**400, float("inf"), "9" * 400])
@pytest.mark.parametrize("world_size", [None, 8])
def test_a_batch_beyond_all_measure_is_no_batch(size: Any, world_size: int | None) -> None:
    for key in (
        "train_batch_size",
        "train_micro_batch_size_per_gpu",
        "gradient_accumulation_steps",
    ):
        found = flaws(
            {"train_batch_size": 7, "gradient_accumulation_steps": 1, key: size},
            "0.14.2",
            world_size,
        )

        assert all(changes_for([flaw], {}) == {} for flaw in found.values() if key in flaw.path)
