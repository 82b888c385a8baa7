"""
The stages of DeepSpeed: ZeRO 0 to 3 in one process and in two, and its own expert layers.

That it was DeepSpeed which trained is proved by the engine's class and stage, and that it trained right
by the losses of stage 0, which the others have to repeat.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import socket
import sys
from typing import TYPE_CHECKING, Any

from . import lines, ranks, tiny
from .isolate import NotRun, Wrong

if TYPE_CHECKING:
    from .plan import Work

TOLERANCE = 1e-3

NO_GROUPS = re.compile(r"moe layers, but None of the param groups are marked as MoE")
NO_STAGE_3 = re.compile(r"MoE not supported with Stage 3|MoE is not supported with ZeRO Stage 3")

ARTEFACTS = (
    (
        (1, 2),
        (0, 18, 7),
        (0, 19, 0),
        re.compile(r"Output 0 of Split(Backward0)? is a view and is being modified inplace"),
        "an artefact of the CPU: DeepSpeed 0.18.7 to 0.18.9 can't gather parameters with gloo",
    ),
    (
        (3,),
        (0, 0, 0),
        (0, 19, 8),
        re.compile(r"step \d+: the loss is "),
        "an artefact of the CPU: DeepSpeed before 0.19.8 doesn't wait for all that gloo gathers",
    ),
)
"""ZeRO stages, first release and first without, what is said then, and what is to be said of it: with gloo
alone, so that it is seen in two processes on the CPU and tells nothing of a training on GPUs."""


def zero(work: Work, stage: int, processes: int) -> dict[str, Any]:
    """
    Ten steps at this ZeRO stage, and the losses of stage 0.
    """
    _ready()
    try:
        result = ranks.run(
            lambda rank: _steps(stage, rank, processes, "plain"), processes, work.folder
        )
        _compare(work, stage, processes, result)
    except (ranks.Failed, Wrong) as error:
        reason = artefact(_version(), stage, str(error.args[0])) if processes > 1 else ""
        if reason:
            raise NotRun(reason) from None
        raise
    return result


def artefact(version: tuple[int, ...], stage: int, said: str) -> str:
    """
    Why what was said in two processes is no fault of the versions; empty: it may well be.
    """
    for stages, first, mended, pattern, reason in ARTEFACTS:
        if stage in stages and first <= version < mended and pattern.search(said):
            return reason
    return ""


def _compare(work: Work, stage: int, processes: int, result: dict[str, Any]) -> None:
    """
    Compare the losses with those of stage 0, or keep them as such.
    """
    tiny.judge(result["losses"])
    kept = os.path.join(work.folder, f"losses-{processes}.json")
    if stage == 0:
        with open(kept, "w", encoding="ascii") as file:
            json.dump(result["losses"], file)
        return
    try:
        with open(kept, encoding="ascii") as file:
            reference = json.load(file)
    except OSError:
        raise NotRun("after deepspeed-0" + ("-two" if processes == 2 else "")) from None
    pairs = [(result["losses"][step], reference[step]) for step in range(tiny.STEPS)]
    for step, (loss, right) in enumerate(pairs, 1):
        if not abs(loss - right) <= TOLERANCE:
            raise Wrong(f"step {step}: the loss is {loss:.3f}, and {right:.3f} at stage 0", result)


def _version() -> tuple[int, ...]:
    deepspeed = importlib.import_module("deepspeed")
    return tuple(int(number) for number in re.findall(r"\d+", deepspeed.__version__)[:3])


def moe_split(work: Work) -> dict[str, Any]:
    """
    Expert layers with parameter groups of their own train at stage 2.
    """
    _ready()
    result = ranks.run(lambda rank: _steps(2, rank, 1, "split"), 1, work.folder)
    tiny.judge(result["losses"])
    return result


def moe_unsplit(work: Work) -> dict[str, Any]:
    """
    Without such groups they are refused.
    """
    return _refused(work, 2, "unsplit", NO_GROUPS)


def moe_stage_3(work: Work) -> dict[str, Any]:
    """
    At stage 3 they are refused, however they are grouped.
    """
    return _refused(work, 3, "split", NO_STAGE_3)


def _refused(work: Work, stage: int, kind: str, refusal: re.Pattern[str]) -> dict[str, Any]:
    _ready()
    try:
        result = ranks.run(lambda rank: _steps(stage, rank, 1, kind), 1, work.folder)
    except (AssertionError, NotImplementedError, ValueError, RuntimeError) as error:
        line = lines.of(error)
        if refusal.search(line) or refusal.search(str(error)):
            return {"outcome": "expected-failure", "line": line}
        raise
    raise Wrong(f"expert layers at stage {stage} were not refused", result)


def _ready() -> None:
    deepspeed = importlib.import_module("deepspeed")
    accelerator = deepspeed.accelerator.get_accelerator()
    name = getattr(accelerator, "_name", "")
    if name != "cpu":
        # Releases before 0.14.2 take a GPU for granted, or want Intel's extensions.
        raise NotRun(f"needs a GPU: DeepSpeed takes the accelerator for {name}")
    if not shutil.which("ninja"):
        # The package brings the program along, which need not be on the path.
        folders = [os.path.join(entry, "bin") for entry in sys.path] + [
            os.path.join(sys.prefix, "bin")
        ]
        found = [folder for folder in folders if os.path.exists(os.path.join(folder, "ninja"))]
        os.environ["PATH"] = os.pathsep.join([*found, os.environ.get("PATH", "")])
    _build(deepspeed)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)})


def _build(deepspeed: Any) -> None:
    # Every start of the communication builds an operator, unless it is there. A build that was killed
    # leaves a lock behind which the next would wait for in vain, so that we keep a lock of our own.
    torch = importlib.import_module("torch")
    folder = os.path.join(
        os.environ.get("TORCH_EXTENSIONS_DIR") or os.path.join(os.getcwd(), "extensions"),
        f"deepspeed-{deepspeed.__version__}-torch-{torch.__version__}-{sys.implementation.cache_tag}",
    )
    os.makedirs(folder, exist_ok=True)
    os.environ["TORCH_EXTENSIONS_DIR"] = folder
    build = getattr(importlib.import_module("deepspeed.comm.torch"), "build_shm_op", None)
    if build is None:
        return
    fcntl = importlib.import_module("fcntl")
    with open(os.path.join(folder, "building"), "w", encoding="ascii") as ours:
        fcntl.flock(ours, fcntl.LOCK_EX)
        for name in os.listdir(folder):
            left = os.path.join(folder, name, "lock")
            if os.path.exists(left):
                os.unlink(left)
        build()


def _steps(stage: int, rank: int, processes: int, kind: str) -> dict[str, Any]:
    torch = importlib.import_module("torch")
    deepspeed = importlib.import_module("deepspeed")
    os.environ.update({"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)})
    deepspeed.init_distributed(dist_backend="gloo", auto_mpi_discovery=False)
    model = _plain(torch) if kind == "plain" else _experts(torch)
    parameters: Any = list(model.parameters())
    if kind == "split":
        utils = importlib.import_module("deepspeed.moe.utils")
        parameters = utils.split_params_into_different_moe_groups_for_optimizer(
            {"params": parameters, "name": "parameters"}
        )
    engine, optimizer, _, _ = deepspeed.initialize(
        model=model,
        optimizer=torch.optim.AdamW(parameters, lr=1e-2),
        config={
            "train_micro_batch_size_per_gpu": 8,
            "gradient_accumulation_steps": 1,
            "zero_optimization": {"stage": stage},
            "zero_allow_untested_optimizer": True,
            "steps_per_print": 10**9,
        },
    )
    rows = tiny.tokens(8 * processes)[8 * rank : 8 * rank + 8]
    ids = torch.tensor(rows, dtype=torch.long)
    losses: list[float] = []
    for _ in range(tiny.STEPS):
        loss = engine(ids)
        engine.backward(loss)
        engine.step()
        mean = loss.detach().clone()
        if processes > 1:
            torch.distributed.all_reduce(mean)
        losses.append(round(float(mean) / processes, 4))
    about = {
        "engine": type(engine).__name__,
        "optimizer": type(optimizer).__name__,
        "stage": engine.zero_optimization_stage(),
        "processes": torch.distributed.get_world_size(),
    }
    result = {"losses": losses, "about": about}
    if not isinstance(engine, deepspeed.DeepSpeedEngine):
        raise Wrong(f"a {about['engine']} trained, not DeepSpeed's engine", result)
    if about["stage"] != stage or about["processes"] != processes:
        raise Wrong(f"trained at stage {about['stage']} in {about['processes']} processes", result)
    return result


def _plain(torch: Any) -> Any:
    tiny.seed()
    width = 32
    return _learner(
        torch,
        torch.nn.Sequential(
            torch.nn.Linear(width, 2 * width), torch.nn.GELU(), torch.nn.Linear(2 * width, width)
        ),
        lambda out: out,
        width,
    )


def _experts(torch: Any) -> Any:
    tiny.seed()
    width = 32
    layer = importlib.import_module("deepspeed.moe.layer")
    expert = torch.nn.Sequential(
        torch.nn.Linear(width, 2 * width), torch.nn.GELU(), torch.nn.Linear(2 * width, width)
    )
    # Without noise or random choice of tokens, so that a run can be repeated.
    middle = layer.MoE(
        hidden_size=width,
        expert=expert,
        num_experts=2,
        ep_size=1,
        k=1,
        capacity_factor=2.0,
        use_rts=False,
    )
    return _learner(torch, middle, lambda out: out[0], width)


def _learner(torch: Any, middle: Any, output: Any, width: int) -> Any:
    class Learner(torch.nn.Module):  # type: ignore[misc]
        """
        Guesses the next token from the one before.
        """

        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(tiny.VOCABULARY, width)
            self.middle = middle
            self.head = torch.nn.Linear(width, tiny.VOCABULARY)

        def forward(self, ids: Any) -> Any:
            hidden = self.embed(ids[:, :-1])
            scores = self.head(hidden + output(self.middle(hidden)))
            return torch.nn.functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())

    return Learner()
