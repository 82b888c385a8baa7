from __future__ import annotations

import pytest

from envcheck.trials import answers

UV = """\
  \x1b[31m×\x1b[0m No solution found when resolving dependencies:
  ╰─▶ Because deepspeed==0.9.5 depends on pydantic<2.0.0 and you require
      deepspeed==0.9.5, we can conclude that you require pydantic<2.0.0.
      And because you require pydantic==2.5.3, we can conclude that your
      requirements are unsatisfiable.

      hint: something else
"""
PIP = """\
INFO: pip is looking at multiple versions of deepspeed
ERROR: Cannot install deepspeed==0.9.5 and pydantic==2.5.3 because these package versions have conflicts.
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/
"""
MISSING = """\
ERROR: Could not find a version that satisfies the requirement torch==9.9 (from versions: 2.0)
ERROR: No matching distribution found for torch==9.9
"""
BUILD = """\
  × Failed to build `flash-attn==2.5.8`
  ╰─▶ Call to `setuptools.build_meta` failed
      Traceback (most recent call last):
        File "<string>", line 1, in <module>
      ModuleNotFoundError: No module named 'torch'
"""
NETWORK = "error: Failed to fetch: `https://example.org/simple/torch/`\n  Caused by: dns error\n"
FULL = "error: failed to write\n  Caused by: No space left on device (os error 28)\n"

TEXTS = [
    pytest.param(
        UV,
        "Because deepspeed==0.9.5 depends on pydantic<2.0.0 and you require deepspeed==0.9.5, we can "
        "conclude that you require pydantic<2.0.0. And because you require pydantic==2.5.3, we can "
        "conclude that your requirements are unsatisfiable.",
        (True, False),
        id="uv",
    ),
    pytest.param(
        PIP,
        "Cannot install deepspeed==0.9.5 and pydantic==2.5.3 because these package versions have "
        "conflicts.",
        (True, False),
        id="pip",
    ),
    pytest.param(
        MISSING,
        "No matching distribution found for torch==9.9",
        (True, False),
        id="no such version",
    ),
    pytest.param(BUILD, "ModuleNotFoundError: No module named 'torch'", (True, False), id="build"),
    pytest.param(
        NETWORK,
        "Failed to fetch: `https://example.org/simple/torch/`",
        (False, False),
        id="no network",
    ),
    pytest.param(FULL, "failed to write", (False, True), id="no space"),
    pytest.param("", "", (False, False), id="nothing"),
]


@pytest.mark.parametrize(("text", "line", "about"), TEXTS)
def test_an_installer_is_understood(text: str, line: str, about: tuple[bool, bool]) -> None:
    assert answers.error_line(text) == line
    assert (answers.is_about_versions(text), answers.is_about_space(text)) == about


BUILDS = [
    pytest.param("error: can't find Rust compiler\n", "can't find Rust compiler", id="rust"),
    pytest.param(
        "error: command 'gcc' failed: No such file or directory\n", "command 'gcc' failed", id="c"
    ),
    pytest.param(
        "OSError: CUDA_HOME environment variable is not set. Please set it", "CUDA_HOME", id="cuda"
    ),
    pytest.param("error: command 'gcc' failed with exit code 1", "", id="it can't be compiled"),
    pytest.param(BUILD, "", id="it lacks a package"),
]


@pytest.mark.parametrize(("text", "part"), BUILDS)
def test_a_missing_compiler_is_no_fault_of_the_versions(text: str, part: str) -> None:
    reason = answers.lacks(text)

    assert reason.startswith("needs a compiler: ") == bool(part)
    assert part in reason
