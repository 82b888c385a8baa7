from __future__ import annotations

from typing import TYPE_CHECKING

from builders import distribution

from envcheck.trials import installed

if TYPE_CHECKING:
    from pathlib import Path

MARKERS = {"python_version": "3.11", "sys_platform": "linux"}


def test_of_two_folders_the_first_decides(tmp_path: Path) -> None:
    distribution(tmp_path / "layer", "Numpy", "2.2.6")
    distribution(tmp_path / "base", "numpy", "1.26.4")
    distribution(tmp_path / "base", "torch", "2.1.0")
    found = installed.read([str(tmp_path / "layer"), str(tmp_path / "base")])

    assert {name: each.version for name, each in found.items()} == {
        "numpy": "2.2.6",
        "torch": "2.1.0",
    }


def test_each_declared_requirement_that_does_not_hold_is_a_line(tmp_path: Path) -> None:
    distribution(
        tmp_path,
        "deepspeed",
        "0.9.5",
        requires=[
            "pydantic<2.0.0",
            "tqdm",
            "numpy",
            "hjson; python_version < '3'",
            "triton; extra == 'all'",
            "not a requirement !",
        ],
    )
    distribution(tmp_path, "pydantic", "2.5.3")
    distribution(tmp_path, "numpy", "2.0.0rc1")
    found = installed.read([str(tmp_path)])

    assert installed.problems(found, MARKERS) == [
        "deepspeed 0.9.5 requires pydantic<2.0.0, but 2.5.3 is installed",
        "deepspeed 0.9.5 requires tqdm, which is not installed",
    ]
