"""
Ask a release of DeepSpeed how it would launch every case, and keep its answers in `verdicts.json`.

    python tests/launch/record.py DIRECTORY

The directory holds a folder for each release (`0.9.3`), with `runner.py`, `multinode_runner.py` and
`constants.py` of its `deepspeed/launcher`. Its `main` is run to the end,
with stand-ins for what reads GPUs or starts processes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import types
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from launch import judged


class Anything(types.ModuleType):
    """
    A module that has every name.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return {"TORCH_DISTRIBUTED_DEFAULT_PORT": 29500, "NEBULA_EXPORT_ENVS": []}.get(
            name, lambda *_, **__: Anything(name)
        )

    def device_count(self) -> int:
        return 8

    def visible_devices_envs(self) -> list[str]:
        return ["CUDA_VISIBLE_DEVICES"]

    def export_envs(self) -> list[str]:
        return ["NCCL"]


def load(folder: str) -> Any:
    """
    Import a release's launcher.
    """
    log = logging.getLogger("launcher")
    log.disabled = True
    parts = (
        "utils",
        "constants",
        "autotuning",
        "accelerator",
        "nebula",
        "nebula.constants",
        "launcher",
    )
    for name in ("torch", "torch.cuda", "deepspeed", *(f"deepspeed.{part}" for part in parts)):
        module = Anything(name)
        module.__path__ = []
        sys.modules[name] = module
    sys.modules["torch"].cuda = sys.modules["torch.cuda"]  # type: ignore[attr-defined]
    sys.modules["deepspeed.utils"].logger = log  # type: ignore[attr-defined]
    for part in ("constants", "multinode_runner", "runner"):
        name = f"deepspeed.launcher.{part}"
        spec = importlib.util.spec_from_file_location(name, os.path.join(folder, f"{part}.py"))
        assert spec
        assert spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules["deepspeed.launcher.runner"]


class Ended:
    """
    A process that is over.
    """

    returncode = 0

    def wait(self) -> None:
        pass


def launch(runner: Any, case: judged.Case) -> Any:
    """
    Return `[runs here only, slots by host]`, or the refusal as text.
    """
    seen: dict[str, Any] = {}
    encode = runner.encode_world_info

    def remember(world_info: Any) -> Any:
        seen["hosts"] = {host: list(slots) for host, slots in world_info.items()}
        return encode(world_info)

    def start(command: list[str], **_: Any) -> Ended:
        seen["here"] = command[0] == sys.executable
        return Ended()

    runner.encode_world_info = remember
    runner.subprocess = types.SimpleNamespace(
        CalledProcessError=subprocess.CalledProcessError,
        check_call=lambda *_, **__: 0,
        check_output=lambda *_, **__: b"10.0.0.1 172.17.0.1",
        Popen=start,
        DEVNULL=subprocess.DEVNULL,
    )
    for each in vars(sys.modules["deepspeed.launcher.multinode_runner"]).values():
        if isinstance(each, type) and hasattr(each, "backend_exists"):
            each.backend_exists = lambda _: True
    for name in ("hostfile", ".deepspeed_env"):
        if os.path.exists(name):
            os.unlink(name)
    for name, text in (("hostfile", case.hostfile), (".deepspeed_env", case.deepspeed_env)):
        if text is not None:
            with open(name, "wb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
    words = [
        "--hostfile",
        "hostfile",
        "--num_nodes",
        str(case.num_nodes),
        "--num_gpus",
        str(case.num_gpus),
    ]
    words += [f"--include={case.include}", f"--exclude={case.exclude}", "--launcher", case.launcher]
    try:
        runner.main([*words, "train.py"])
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return f"{type(error).__name__}: {str(error)[:60]}"
    finally:
        runner.encode_world_info = encode
    return [seen["here"], seen["hosts"]]


def one(folder: str) -> None:
    """
    Print the answers of one release.
    """
    os.environ["HOME"] = "/nonexistent"
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    shutil.which = lambda *_, **__: "/bin/true"  # type: ignore[assignment]
    runner = load(os.path.abspath(folder))
    cases = judged.cases()
    os.chdir(tempfile.mkdtemp())
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        answers = [launch(runner, case) for case in cases]
    json.dump(answers, sys.stdout)
    shutil.rmtree(os.getcwd())


def main() -> None:
    """
    Ask all releases, and write `verdicts.json`.
    """
    outcomes: list[Any] = []
    verdicts: dict[str, list[int]] = {}
    for release in sorted(
        os.listdir(sys.argv[1]), key=lambda each: list(map(int, each.split(".")))
    ):
        folder = os.path.join(sys.argv[1], release)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--one", folder],
            check=True,
            capture_output=True,
            text=True,
        )
        verdicts[release] = []
        for answer in json.loads(done.stdout):
            if answer not in outcomes:
                outcomes.append(answer)
            verdicts[release].append(outcomes.index(answer))
        refused = sum(1 for each in verdicts[release] if isinstance(outcomes[each], str))
        print(release, len(verdicts[release]), "cases,", refused, "refused")
    judged.keep(outcomes, verdicts)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        one(sys.argv[2])
    else:
        main()
