from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envcheck.trials.probe import hugging
from envcheck.trials.probe.plan import Work

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TORCH = """
class Tensor:
    def numpy(self):
        raise RuntimeError("Numpy is not available")
def zeros(size):
    return Tensor()
"""

FILES = {
    # The second import finds `halves.second` half made in `sys.modules`, and would go well.
    "halves/__init__.py": "from . import first\nfrom .second import last\n",
    "halves/first.py": (
        "import sys\nif 'halves.second' not in sys.modules:\n    from . import second\n    1 / 0\n"
    ),
    "halves/second.py": "last = 1\n",
    "door.py": "import halves\n",
}


def test_a_package_that_failed_inside_another_fails_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    work = Work(str(tmp_path), ["door", "halves"])

    result = hugging.imports(work)

    left = [name for name in sys.modules if name.partition(".")[0] in {"door", "halves"}]
    assert left == []
    assert result["outcome"] == "failed"
    assert list(work.failed) == ["door", "halves"]
    assert set(work.failed.values()) == {"ZeroDivisionError: division by zero"}


def test_a_torch_that_cannot_use_the_numpy_that_is_there_is_no_good_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"torch": TORCH, "numpy": ""}.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    result = hugging.imports(Work(str(tmp_path), ["torch", "numpy"]))

    for name in ("torch", "numpy"):
        del sys.modules[name]  # by monkeypatch it would come back in the end
    assert (result["outcome"], result["line"]) == (
        "failed",
        "RuntimeError: Numpy is not available",
    )
