"""
Ask a release of DeepSpeed what it thinks of every case, and keep its answers in `verdicts.json`.

    python tests/deepspeed/record.py             in an environment with one release of DeepSpeed

It needs torch for the CPU, numpy<2 and hjson, and pydantic<2 before DeepSpeed 0.15.0. What old releases
import from torch and newer torch no longer has is put in their way here: nothing of it takes part in
reading a configuration.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import logging
import os
import sys
import tempfile
import types
import warnings
from typing import TYPE_CHECKING, Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import configurations as known

if TYPE_CHECKING:
    from collections.abc import Iterator


def stand_in() -> None:
    """
    Put stand-ins for names that torch no longer has.
    """
    six: Any = types.ModuleType("torch._six")
    six.inf = float("inf")
    six.string_classes = (str, bytes)
    sys.modules["torch._six"] = six
    api = importlib.import_module("torch.distributed.elastic.agent.server.api")
    for name in ("log", "_get_socket_with_port"):
        if not hasattr(api, name):
            setattr(api, name, None)


class World:
    """
    As much of `deepspeed.comm` as reading a configuration asks for.
    """

    size = 1

    def get_rank(self) -> int:
        return 0

    def get_world_size(self, *_: object) -> int:
        return self.size


@contextlib.contextmanager
def given(config: dict[str, Any] | str) -> Iterator[Any]:
    """
    Hand a configuration over as data, or as the path of a file.
    """
    if isinstance(config, dict):
        yield copy.deepcopy(config)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.json")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(config)
        yield path


def main() -> None:
    warnings.simplefilter("ignore")
    stand_in()
    deepspeed: Any = importlib.import_module("deepspeed")
    pydantic: Any = importlib.import_module("pydantic")
    module: Any = importlib.import_module("deepspeed.runtime.config")
    logging.disable(logging.CRITICAL)
    world = World()
    module.dist = world
    refused, why = [], []
    for case in known.cases(known.load()):
        world.size = case.world_size
        try:
            with given(case.config) as config:
                module.DeepSpeedConfig(config)
        except Exception as error:  # noqa: BLE001 # whatever it is, the configuration is refused
            refused.append(True)
            why.append(f"{type(error).__name__}: {str(error)[:300]}")
        else:
            refused.append(False)
            why.append("")
    path = os.path.join(known.HERE, "verdicts.json")
    verdicts = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            verdicts = json.load(file)
    verdicts[deepspeed.__version__.split("+")[0]] = {
        "pydantic": pydantic.VERSION,
        "cases": len(refused),
        "refused": known.packed(refused),
    }
    order = sorted(verdicts, key=lambda text: [int(part) for part in text.split(".")])
    with open(path, "w", encoding="utf-8") as file:
        json.dump({each: verdicts[each] for each in order}, file, indent=1)
        file.write("\n")
    if len(sys.argv) > 1:  # for people who want to know why
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(why, file)
    print(f"{deepspeed.__version__}: {sum(refused)} of {len(refused)} refused")


if __name__ == "__main__":
    main()
