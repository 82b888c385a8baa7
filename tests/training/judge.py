"""
DeepSpeed as the judge: what `check_param_groups` says before, and what `deepspeed.initialize` does after.

    python tests/training/judge.py          in an environment with DeepSpeed; prints JSON
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from envcheck.training import check_param_groups

CASES = (
    *(("split", 1), ("split", 2), ("unsplit", 0), ("unsplit", 1), ("unsplit", 2)),
    *(("split", 3), ("frozen", 2), ("dense-inside", 2), ("no-name", 2), ("other-name", 2)),
    *(("some-outside", 2), ("not-optimized", 2)),
)


def groups(model: Any, case: str) -> list[dict[str, Any]]:
    """
    Make the groups of a case.
    """
    utils: Any = importlib.import_module("deepspeed.moe.utils")
    if case == "frozen":
        for name, each in model.named_parameters():
            each.requires_grad = "deepspeed_experts" not in name
    params = [each for each in model.parameters() if each.requires_grad]
    whole = [{"params": params, "name": "all"}]
    if case == "unsplit":
        return whole
    made = list(utils.split_params_into_different_moe_groups_for_optimizer(whole))
    if case == "dense-inside":
        made[1]["params"].append(made[0]["params"].pop())
    elif case == "no-name":
        del made[1]["name"]
    elif case == "other-name":
        made[1]["name"] = "experts"
    elif case == "some-outside":
        made[0]["params"].append(made[1]["params"].pop())
    elif case == "not-optimized":
        made[1]["params"].pop()
    return made


def judged(case: str, stage: int) -> dict[str, Any]:
    """
    Say what is expected, then let DeepSpeed decide.
    """
    torch: Any = importlib.import_module("torch")
    deepspeed: Any = importlib.import_module("deepspeed")
    moe: Any = importlib.import_module("deepspeed.moe.layer")
    layer = moe.MoE(4, torch.nn.Linear(4, 4), num_experts=2)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), layer)
    optimizer = torch.optim.AdamW(groups(model, case), lr=1e-3)
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "zero_optimization": {"stage": stage},
        "zero_allow_untested_optimizer": True,
    }
    said = check_param_groups(model, optimizer, deepspeed_config=config)
    error, after = "", None
    try:
        engine = deepspeed.initialize(model=model, optimizer=optimizer, config=config)[0]
    except Exception as caught:  # noqa: BLE001 # whatever it is, it is refused
        error = f"{type(caught).__name__}: {caught}"
    else:
        after = [each.id for each in check_param_groups(engine).problems]
    return {
        "case": case,
        "stage": stage,
        "said": [[each.id, each.refused, each.entry] for each in said.problems],
        "sound": bool(said),
        "error": error,
        "after": after,
    }


def main() -> None:
    deepspeed: Any = importlib.import_module("deepspeed")
    communication: Any = importlib.import_module("deepspeed.comm.torch")
    communication.build_shm_op = lambda: None  # compiling it takes a minute; one process needs none
    deepspeed.init_distributed(dist_backend="gloo")
    found = [judged(case, stage) for case, stage in CASES]
    print("\n" + json.dumps({"deepspeed": deepspeed.__version__, "cases": found}))


if __name__ == "__main__":
    main()
