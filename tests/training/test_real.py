"""
The story replayed with the real torch, transformers and DeepSpeed, each in an environment that is made once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import interpreter
from commands import ROOT, envcheck, environ

from envcheck.diagnose.errors import matches, texts
from envcheck.matrix.store import open_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
TORCH = "torch==2.13.0+cpu"
OLD = (TORCH, "numpy<2", "transformers==4.37.2", "accelerate==0.28.0", "setuptools")
NEW = (TORCH, "transformers==5.23.0", "accelerate==1.15.0", "setuptools", "deepspeed==0.19.8")
DEEPSPEED = {
    "DS_ACCELERATOR": "cpu",
    "MASTER_ADDR": "127.0.0.1",
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
}
NATIVE = {"moe": {"moe_enable": True}, "model_type": "moe_llava_phi"}
RUNS: dict[str, dict[str, Any]] = {
    "unguarded": {"first_bad": 3},
    "sound": {"guard": {}},
    "stop": {"first_bad": 3, "guard": {}},
    "wide": {"first_bad": 3, "guard": {"patience": 2}, "arguments": {"logging_steps": 4}},
    "always": {
        "first_bad": 3,
        "guard": {"check_parameters": "always"},
        "arguments": {"logging_steps": 4},
    },
    "warn": {"first_bad": 3, "guard": {"action": "warn"}},
    "raise": {"first_bad": 1, "guard": {"action": "raise"}},
    "saving": {
        "first_bad": 4,
        "guard": {"save": False},
        "arguments": {"save_strategy": "steps", "save_steps": 1},
    },
}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached(name: str) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "envcheck-tests" / name


def made(name: str, *requirements: str) -> Path:
    """Return the interpreter of an environment, made on first use, by one of the tests that want it."""
    python = interpreter("3.11")
    if python is None:
        pytest.skip("no Python 3.11 on this machine, for which there is a torch for the CPU")
    folder = cached(name)
    own = folder / "bin" / "python"
    with locked(folder.with_suffix(".lock")):
        done = folder / "complete"
        if not done.exists() or done.read_text() != "\n".join(requirements):
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([python, "-m", "venv", folder], check=True)
            install: list[str | Path] = [own, "-m", "pip", "install", "--quiet", *requirements]
            found = subprocess.run(install, capture_output=True, text=True, check=False)
            if f"No matching distribution found for {TORCH}" in found.stderr:
                pytest.skip(f"{TORCH} is not on this index")
            assert found.returncode == 0, found.stderr
            done.write_text("\n".join(requirements))
    return own


def ran(python: Path, script: str, *arguments: str, path: str = "", port: int = 0) -> str:
    variables = {**DEEPSPEED, "MASTER_PORT": str(port)} if port else {}
    done = subprocess.run(
        [python, HERE / script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environ(
            **variables,
            PYTHONPATH=os.pathsep.join(filter(None, [path, str(ROOT)])),
            HF_HUB_OFFLINE="1",
            OMP_NUM_THREADS="1",
            CUDA_VISIBLE_DEVICES="",
        ),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.index
@pytest.mark.parametrize(
    ("name", "requirements", "proof", "version"),
    [
        pytest.param("transformers-4", OLD, "zero-loss", "4.37.2", id="an old transformers"),
        pytest.param("transformers-5", NEW, "nan-behind-zero", "5.23.0", id="a new one"),
    ],
)
def test_the_story_is_told_by_its_log_and_stopped_by_the_guard(
    name: str, requirements: tuple[str, ...], proof: str, version: str, tmp_path: Path
) -> None:
    python = made(name, *requirements)
    ran(python, "replay.py", str(tmp_path), json.dumps(RUNS))
    found = {each: json.loads((tmp_path / f"{each}.json").read_text()) for each in RUNS}
    alerts = {each: [alert["proof"] for alert in found[each]["alerts"]] for each in RUNS}
    steps = {each: found[each]["steps"] for each in RUNS}

    # As users see it: the loss is logged as exactly 0, and nothing is raised.
    assert found["unguarded"]["losses"][2:] == [0.0] * 14
    log = envcheck("diagnose", tmp_path / "unguarded.log", "--format", "json", cwd=tmp_path)
    diagnosis = json.loads(log.stdout)
    assert (log.returncode, [each["id"] for each in diagnosis["proofs"]]) == (1, [proof])
    sound = envcheck("diagnose", tmp_path / "sound.log", cwd=tmp_path)
    assert sound.returncode == 0, sound.stdout

    assert (steps["sound"], alerts["sound"]) == (16, [])
    assert (steps["stop"], alerts["stop"]) == (2 + 3, [proof])
    assert steps["wide"] - 2 <= 2 * 4 + 2 - 2
    assert (steps["always"], alerts["always"]) == (4, ["nan-weights"])
    assert (steps["warn"], alerts["warn"]) == (16, [proof])
    assert steps["raise"] == 3
    assert found["raise"]["raised"].startswith("Checked  the running training, step 3")
    assert found["saving"]["saved"] == ["checkpoint-1", "checkpoint-2", "checkpoint-3"]
    assert found["saving"]["alerts"][0]["checkpoint"] == "checkpoint-3"
    (alert,) = found["stop"]["alerts"]
    assert alert["certainty"] == "certain"
    assert alert["weights"][0] == alert["weights"][1] > 0
    assert (alert["step"], alert["good_step"]) == (5, 2)
    assert alert["packages"]["transformers"] == version
    assert all(each["callback"] for each in found.values())


@pytest.mark.index
@pytest.mark.parametrize(
    ("name", "requirements", "release"),
    [
        pytest.param("transformers-4", OLD, "0.14.4", id="0.14.4"),
        pytest.param("transformers-4", OLD, "0.16.9", id="0.16.9"),
        pytest.param("transformers-5", NEW, None, id="0.19.8"),
    ],
)
def test_what_deepspeed_asserts_was_said_before(
    name: str, requirements: tuple[str, ...], release: str | None, tmp_path: Path
) -> None:
    python = made(name, *requirements)
    over = ""
    if release is not None:
        over = str(tmp_path / "deepspeed")
        needs = ("hjson", "py-cpuinfo", "pydantic>=2", "msgpack", "ninja", "einops")
        install: list[str | Path] = [python, "-m", "pip", "install", "--quiet"]
        with locked(cached(f"{name}.lock")):
            subprocess.run([*install, *needs], check=True)
        alone: list[str | Path] = [
            "--no-deps",
            "--no-build-isolation",
            "--target",
            over,
            f"deepspeed=={release}",
        ]
        subprocess.run([*install, *alone], check=True)
    port = 29700 + os.getpid() % 200
    verdicts = json.loads(ran(python, "judge.py", path=over, port=port).splitlines()[-1])
    assert release is None or verdicts["deepspeed"].startswith(release)
    entries = {key: record for key, record in open_matrix().records() if "@" not in key}

    for each in verdicts["cases"]:
        refused = [problem for problem in each["said"] if problem[1]]
        assert bool(refused) is bool(each["error"]), each
        if each["error"].startswith("AssertionError"):
            entry = refused[0][2]
            known = texts([(entry, entries[entry])])
            assert any(matches(text, each["error"].encode()) for text in known), each
        if each["sound"]:
            assert each["after"] == [], each
        elif not each["error"]:
            assert each["after"] == [problem[0] for problem in each["said"]], each

    # What the configuration alone can tell.
    config = tmp_path / "ds.json"
    model = tmp_path / "config.json"
    model.write_text(json.dumps(NATIVE))
    listed = tmp_path / "list.txt"
    listed.write_text(f"deepspeed=={verdicts['deepspeed'].partition('+')[0]}\n")
    for stage, wrong in ((2, False), (3, True)):
        config.write_text(
            json.dumps({"train_micro_batch_size_per_gpu": 1, "zero_optimization": {"stage": stage}})
        )
        done = envcheck(
            *("config", config, "--from", listed, "--model-config", model, "--format", "json"),
            cwd=tmp_path,
        )
        ids = {
            each["id"]
            for each in json.loads(done.stdout)["findings"]
            if each["severity"] == "error"
        }
        assert ("deepspeed/moe-zero3" in ids) is wrong, done.stdout


@pytest.mark.index
@pytest.mark.parametrize(
    ("asked", "steps", "proof"),
    [
        pytest.param({}, 6, "nan-behind-zero", id="it stops"),
        pytest.param({"guard": {"action": "raise"}}, 6, "nan-behind-zero", id="it raises"),
        pytest.param(
            {"guard": {"check_parameters": "always"}, "arguments": {"logging_steps": 4}},
            4,
            "nan-weights",
            id="weights",
        ),
        pytest.param(
            {
                "arguments": {
                    "max_steps": 30,
                    "deepspeed": {
                        "zero_optimization": {"stage": 2},
                        "train_micro_batch_size_per_gpu": 4,
                    },
                }
            },
            22,
            "nan-gradients",
            id="DeepSpeed leaves those steps out",
        ),
        pytest.param({"loop": True}, 4, "nan-loss", id="a loop of one's own"),
    ],
)
def test_of_two_processes_that_see_something_else_both_stop_at_the_same_step(
    asked: dict[str, Any], steps: int, proof: str, tmp_path: Path
) -> None:
    python = made("transformers-5", *NEW)
    arguments: list[str | Path] = [
        *("-m", "torch.distributed.run", "--nproc_per_node", "2"),
        *("--master_port", str(29900 + os.getpid() % 90)),
        HERE / "ranks.py",
    ]
    done = subprocess.run(
        [python, *arguments, tmp_path, json.dumps({"first_bad": 3, **asked})],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,  # one that stops alone would leave the other waiting
        env=environ(
            PYTHONPATH=str(ROOT),
            DS_ACCELERATOR="cpu",
            HF_HUB_OFFLINE="1",
            OMP_NUM_THREADS="1",
            CUDA_VISIBLE_DEVICES="",
        ),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]

    assert [each["steps"] for each in found] == [steps, steps]
    assert [each["alert"] for each in found] == [[proof, steps, True], [proof, steps, False]]
    if not asked.get("loop"):
        raises = asked.get("guard", {}).get("action") == "raise"
        assert [each["raised"] for each in found] == [raises, raises]
