"""
Make the grids and single cases of `cases.json` anew from `keys.yaml`; the real configurations in it stay.

    python tests/deepspeed/generate.py
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

from configurations import ABSENT, HERE

from envcheck.deepspeed.grammar import table

BASES: dict[str, dict[str, Any]] = {
    "least": {"train_batch_size": 8},
    "zero2": {
        "train_micro_batch_size_per_gpu": 4,
        "gradient_accumulation_steps": 2,
        "bf16": {"enabled": True},
        "zero_optimization": {"stage": 2, "overlap_comm": True, "reduce_bucket_size": 5e8},
    },
    "zero3": {
        "train_batch_size": 64,
        "gradient_clipping": 1.0,
        "fp16": {"enabled": True, "loss_scale": 0, "initial_scale_power": 16, "min_loss_scale": 1},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-5}},
        "zero_optimization": {
            "stage": 3,
            "offload_optimizer": {"device": "cpu", "pin_memory": True},
            "offload_param": {"device": "cpu"},
            "stage3_prefetch_bucket_size": 50000000,
        },
    },
    "sections": {
        "train_batch_size": 8,
        "optimizer": {"type": "Adam", "params": {"lr": 0.001}},
        "scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 10}},
        "checkpoint": {"parallel_write": {}},
        "data_efficiency": {
            "enabled": True,
            "data_sampling": {"curriculum_learning": {}},
            "data_routing": {},
        },
    },
    "removed": {
        "train_batch_size": 8,
        "progressive_layer_drop": {"enabled": True},
        "curriculum_learning": {"enabled": False},
        "amp": {"enabled": False},
    },
    "compression": {
        "train_batch_size": 8,
        "compression_training": {
            "weight_quantization": {
                "shared_parameters": {
                    "enabled": True,
                    "quantization_type": "symmetric",
                    "rounding": "nearest",
                },
                "different_groups": {
                    "g": {"params": {"start_bits": 8, "target_bits": 4}, "modules": ["*"]}
                },
            },
            "activation_quantization": {
                "shared_parameters": {"enabled": True, "range_calibration": "dynamic"},
                "different_groups": {"g": {"params": {"bits": 8}, "modules": ["*"]}},
            },
            **{
                f"{name}_pruning": {
                    "shared_parameters": {"enabled": True, "method": "l1", "num_heads": 12},
                    "different_groups": {"g": {"params": {"dense_ratio": 0.5}, "modules": ["*"]}},
                }
                for name in ("sparse", "row", "head", "channel")
            },
        },
    },
    "elastic": {
        "elasticity": {
            "enabled": True,
            "max_train_batch_size": 2000,
            "micro_batch_sizes": [2, 4, 6],
            "min_gpus": 1,
            "max_gpus": 10000,
            "version": 0.1,
        }
    },
}
PLACES = {
    "zero_optimization": "zero3",
    "fp16": "zero3",
    "compression_training": "compression",
    "elasticity": "elastic",
    "progressive_layer_drop": "removed",
    "curriculum_learning": "removed",
    "amp": "removed",
    "nebula": "removed",
    "sparse_attention": "removed",
}
NOT_TRIED = {"*", "sequence_parallel_size", "use_gds"}
"""Names that are none, or whose fate depends on more: how the file is handed over, which GPU there is."""
PROBES: list[Any] = [
    *(
        True,
        False,
        None,
        0,
        1,
        -1,
        2,
        3,
        8,
        0.5,
        1.0,
        1.5,
        5e8,
        float("nan"),
        "true",
        "False",
        "auto",
    ),
    *(
        "",
        "3",
        "2.0",
        "5e8",
        "cpu",
        "FP16",
        "warn",
        "x",
        [],
        ["x"],
        [1],
        {},
        {"x": 1},
        {"enabled": True},
    ),
]
SIZES: list[Any] = [ABSENT, None, 0, -8, 8, 64, 100, 2.0, True, "auto", "64", [8]]


FILES = [
    '{"train_batch_size": 8}',
    '\ufeff{"train_batch_size": 8}',
    '{"train_batch_size": 8,}',
    '{"train_batch_size": 8, // a comment\n "bf16": {"enabled": true}}',
    '# a comment\n{"train_batch_size": 8}',
    '/* a comment */ {"train_batch_size": 8}',
    '/* a comment {"train_batch_size": 8}',
    '{"train_batch_size": 8} # a comment',
    '{"train_batch_size": 8} {}',
    '{"train_batch_size": 8',
    '{"train_batch_size": 8]',
    '{"train_batch_size" 8}',
    '{"train_batch_size":}',
    '{"train_batch_size": 8 "bf16": {}}',
    '{\n "train_batch_size": 8\n "bf16": {"enabled": true}\n}',
    "{train_batch_size: 8}",
    "train_batch_size: 8",
    "train_batch_size: 8\nbf16: {enabled: true}",
    "{'train_batch_size': 8}",
    '{"train_batch_size": 8, "train_batch_size": 8}',
    '{"train_batch_size": 8, "bf16": {"enabled": true, "enabled": true}}',
    '{"train_batch_size": 8, "fp16": {"enabled": false}, "fp16": {"enabled": true}}',
    '{"train_batch_size": 8.0}',
    '{"train_batch_size": 8e0}',
    '{"train_batch_size": 08}',
    '{"train_batch_size": +8}',
    '{"train_batch_size": "8"}',
    '{"train_batch_size": 8, "zero_optimization": {"stage": 2, "reduce_bucket_size": 5e8}}',
    '{"train_batch_size": 8, "zero_optimization": {"stage": 2, "reduce_bucket_size": 5e-1}}',
    '{"train_batch_size": 8, "zero_optimization": {"stage": 2.0}}',
    '{"train_batch_size": 8, "zero_optimization": {"stage": two\n}}',
    '{"train_batch_size": 8, "zero_optimization": {"offload_param": {"device": cpu\n}}}',
    '{"train_batch_size": 8, "wall_clock_breakdown": True\n}',
    '{"train_batch_size": 8, "wall_clock_breakdown": yes\n}',
    '{"train_batch_size": 8, "gradient_clipping": NaN\n}',
    '{"train_batch_size": 8, "tensorboard": {"output_path": "a\nb"}}',
    '{"train_batch_size": 8, "tensorboard": {"output_path": "\\u00e4 \\q"}}',
    "{\"train_batch_size\": 8, \"tensorboard\": {\"output_path\": '''\n  a\n  ''' }}",
    '{"train_batch_size": 8, "comment # no comment": "// neither"}',
    "[]",
    "[8]",
    "8",
    "",
    "   \n",
    "{}",
    "null",
    '{"train_batch_size": 8}\r\n',
    '{\r\n"train_batch_size": 8\r\n}',
]
"""Files as people write them, and as they leave them half done."""


def paths() -> dict[str, list[str]]:
    """
    Return the dotted path of every key of any release, by the base that it is tried in.
    """
    found: dict[str, list[str]] = {base: [] for base in BASES}
    for record in table():
        section = record["section"].replace("*", "g")
        base = PLACES.get(section.split(".")[0], "sections" if section else "least")
        for key, forms in record["keys"].items():
            names = {key, *(form["field"] for form in forms if "field" in form)}
            for name in sorted(names - NOT_TRIED):
                path = f"{section}.{name}".lstrip(".")
                if path not in found[base]:
                    found[base].append(path)
    return found


def misspelt(name: str, chance: random.Random) -> str:
    """
    Return a name as a hurried hand writes it.
    """
    at = chance.randrange(1, len(name))
    edits = (
        name[:at] + name[at + 1 :],
        name[:at] + name[at] + name[at:],
        name.replace("_", "", 1),
        name.upper(),
    )
    return chance.choice(edits)


def main() -> None:
    path = os.path.join(HERE, "cases.json")
    real: dict[str, Any] = {"real": [], "more": []}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            real.update((key, value) for key, value in json.load(file).items() if key in real)
    chance = random.Random(20261124)
    by_base = paths()
    grids = {
        f"every key, {base}": {
            "base": base,
            "axes": [{"paths": names, "values": PROBES}],
            "world-sizes": [8],
        }
        for base, names in by_base.items()
        if names
    }
    grids["batch"] = {
        "base": "least",
        "axes": [
            {"paths": "train_batch_size", "values": SIZES},
            {"paths": "train_micro_batch_size_per_gpu", "values": [*SIZES[:-2], 4]},
            {
                "paths": "gradient_accumulation_steps",
                "values": [ABSENT, None, 0, 1, 2, 0.5, "auto", "2"],
            },
        ],
        "world-sizes": [1, 3, 8],
    }
    grids["stage and precision"] = {
        "base": "zero2",
        "axes": [
            {"paths": "zero_optimization.stage", "values": [ABSENT, 0, 1, 2, 3, 4, "2", True]},
            {"paths": "fp16.enabled", "values": [ABSENT, True, False, "auto", "true", "False", 0]},
            {"paths": "bf16.enabled", "values": [ABSENT, True, False, "auto", 1]},
            {
                "paths": [
                    "fp16.fp16_master_weights_and_grads",
                    "bf16.bf16_master_weights_and_grads",
                ],
                "values": [True, False],
            },
        ],
        "world-sizes": [8],
    }
    grids["offload"] = {
        "base": "zero3",
        "axes": [
            {"paths": "zero_optimization.stage", "values": [ABSENT, 1, 2, 3]},
            {
                "paths": "zero_optimization.offload_optimizer.ratio",
                "values": [ABSENT, 0.3, 1.0, 1.2, "auto"],
            },
            {"paths": "zero_optimization.cpu_offload", "values": [ABSENT, True, False]},
            {
                "paths": "zero_optimization.offload_optimizer.device",
                "values": ["cpu", "nvme", "gpu", "none"],
            },
        ],
        "world-sizes": [8],
    }
    grids["new rules"] = {
        "base": "zero2",
        "axes": [
            {"paths": "zero_optimization.stage", "values": [0, 2, 3]},
            {"paths": "zero_optimization.compute_grad_norm", "values": [ABSENT, False, True]},
            {"paths": "gradient_allreduce_op", "values": [ABSENT, "sum", "SUM", "mean"]},
            {"paths": "compile.deepcompile", "values": [ABSENT, True]},
        ],
        "world-sizes": [8],
    }
    grids["loss scale"] = {
        "base": "zero3",
        "axes": [
            {"paths": "fp16.enabled", "values": [True, False]},
            {"paths": "fp16.loss_scale", "values": [0, 128, "0", "auto"]},
            {"paths": "fp16.loss_scale_window", "values": [ABSENT, 0, 1000, 0.5, True]},
            {"paths": "fp16.min_loss_scale", "values": [ABSENT, 0, 1, -1, False]},
        ],
        "world-sizes": [8],
    }
    everything = [each for names in by_base.values() for each in names]
    single: list[Any] = []
    for name in everything:
        section, _, key = name.rpartition(".")
        if len(key) > 3:
            wrong = misspelt(key, chance)
            base = PLACES.get(name.split(".")[0], "sections")
            single.append(
                [base, 8, {f"{section}.{wrong}".lstrip("."): chance.choice([True, "auto", 1])}]
            )
    for _ in range(1500):
        base = chance.choice(["least", "zero2", "zero3", "zero3", "sections"])
        few = {
            chance.choice(everything): chance.choice(PROBES) for _ in range(chance.randint(2, 4))
        }
        single.append([base, chance.choice([1, 8]), few])
    data = {"bases": BASES, "grids": grids, "single": single, "files": FILES, **real}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, separators=(",", ":"), ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
