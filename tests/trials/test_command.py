from __future__ import annotations

import pytest
from commands import envcheck

WRONG = [
    pytest.param([], "nothing to try", id="nothing"),
    pytest.param(["moe-llava@2024-01-01"], "there is no such set; did you mean", id="no set"),
    pytest.param(["numpy", "--stages", "fly"], "no such stage", id="no stage"),
    pytest.param(["numpy", "--date", "x"], "--date x: not a day", id="no day"),
    pytest.param(["numpy", "--good", "1"], "go with --bisect", id="half a bisection"),
    pytest.param(["--bisect", "numpy"], "needs --good VERSION", id="the other half"),
    pytest.param(["numpy", "--python", "9.9"], "9.9", id="no Python"),
    pytest.param(["numpy", "--timeout", "-1"], "--timeout", id="no time"),
    pytest.param(["numpy", "--stage-timeout", "0"], "--stage-timeout", id="no time for a stage"),
    pytest.param(["numpy", "--jobs", "0"], "--jobs", id="no jobs"),
    pytest.param(["--grid", "numpy"], "give a package and its versions", id="no grid"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_usage_is_one_line(arguments: list[str], message: str, tmp_path: object) -> None:
    done = envcheck("try", *arguments, "--dir", f"{tmp_path}/d")

    assert done.returncode in {2, 3}
    assert message in done.stderr
    assert "Traceback" not in done.stderr
