from __future__ import annotations

import pytest

from envcheck.trials.probe import lines

CLEAN = [
    pytest.param("a\nb\tc", "a b c", id="one line"),
    pytest.param("\x1b[31mred\x1b[0m \x07bell", "red bell", id="nothing for a terminal"),
    pytest.param(
        "cannot import name 'x' from 'y' (/venv/lib/python3.11/site-packages/y/__init__.py)",
        "cannot import name 'x' from 'y'",
        id="no place in brackets",
    ),
    pytest.param("No such file: '/root/.cache/a/b.json'", "No such file: 'b.json'", id="no path"),
    pytest.param("requires a/b and >=1/2", "requires a/b and >=1/2", id="a slash is no path"),
    pytest.param("x" * 300, "x" * 199 + "…", id="short"),
]


@pytest.mark.parametrize(("text", "expected"), CLEAN)
def test_a_line_is_short_and_harmless(text: str, expected: str) -> None:
    assert lines.clean(text) == expected


def test_the_root_of_what_was_wrapped_is_told() -> None:
    root = AttributeError("'FieldInfo' object has no attribute 'required'\nmore")
    wrapped = RuntimeError("Failed to import transformers.trainer")
    wrapped.__cause__ = root

    assert lines.of(wrapped) == "AttributeError: 'FieldInfo' object has no attribute 'required'"


REASONS = [
    pytest.param("RuntimeError: Distributed package doesn't have NCCL built in", "NCCL", id="nccl"),
    pytest.param(
        "FileNotFoundError: No such file or directory: 'numactl'", "numactl", id="numactl"
    ),
    pytest.param(
        "Unable to JIT load the deepspeed_shm_comm op due to ninja not being installed.",
        "ninja",
        id="ninja",
    ),
    pytest.param("Error building extension 'deepspeed_shm_comm'", "compiler", id="compiler"),
    pytest.param("CPU_Accelerator requires intel_extension_for_pytorch", "intel", id="ipex"),
    pytest.param("ImportError: cannot import name 'log' from 'torch'", "", id="of the versions"),
    pytest.param("TypeError: unexpected keyword argument 'dispatch_batches'", "", id="a break"),
]


@pytest.mark.parametrize(("text", "part"), REASONS)
def test_what_tells_of_the_machine_is_no_failure_of_the_versions(text: str, part: str) -> None:
    reason = lines.reason_of(text)

    assert part.lower() in reason.lower()
    assert bool(reason) == bool(part)
