from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from builders import venv, write
from commands import COMMAND, EXAMPLE, ROOT, envcheck, environ

from envcheck import __version__, main
from envcheck.errors import MatrixError, SourceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FREEZE = EXAMPLE / "freeze.txt"
CONFIG = EXAMPLE / "zero2.json"
HEAVY = {
    *(
        "argparse",
        "asyncio",
        "csv",
        "dataclasses",
        "email",
        "importlib.metadata",
        "importlib_metadata",
    ),
    *(
        "inspect",
        "logging",
        "pathlib",
        "pydantic",
        "rich",
        "shutil",
        "socket",
        "subprocess",
        "tempfile",
    ),
    *(
        "typer",
        "yaml",
        "zipfile",
        "packaging.specifiers",
        "packaging.requirements",
        "packaging.markers",
    ),
}
OURS = {
    *(".matrix.cache", ".matrix.texts"),  # only in a checkout: a wheel carries its index
    *("", ".audit", ".checks", ".checks.conditions", ".checks.configuration"),
    *(".checks.environment", ".checks.experts", ".checks.known_bad", ".checks.launching"),
    *(
        ".checks.requirements",
        ".checks.unknown_release",
        ".clean",
        ".doubts",
        ".errors",
        ".files",
        ".formats",
        ".formats.stream",
        ".formats.text",
        ".known_good",
        ".main",
    ),
    *(
        ".matrix",
        ".matrix.index",
        ".matrix.store",
        ".model",
        ".options",
        ".ran",
        ".run",
        ".sources",
        ".sources.cuda",
    ),
    *(
        ".sources.layout",
        ".sources.location",
        ".sources.metadata",
        ".sources.python",
        ".sources.search_path",
    ),
    *(".sources.site_packages", ".values", ".versions"),
}


def test_the_bare_command_imports_only_what_it_needs(tmp_path: Path) -> None:
    path = [str(ROOT), *(each for each in sys.path if "site-packages" in each)]
    script = (
        f"import sys; sys.path += {path!r}; sys.argv = ['envcheck']; from envcheck.main import main; "
        "code = main(); print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    prefix = venv(tmp_path / "env", "torch==2.0.1", "transformers==4.37.0", "deepspeed==0.9.5")
    run = [sys.executable, "-S", "-c", script]  # -S: what site imports is not ours to judge
    for _ in range(2):  # the first run may have to compile the matrix of a checkout
        done = subprocess.run(
            run,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environ(VIRTUAL_ENV=str(prefix)),
        )

    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split())
    # On 3.13 the standard library itself may bring inspect along.
    brought = {"inspect"} if sys.version_info >= (3, 13) else set()
    assert loaded & HEAVY <= brought
    assert {
        name.removeprefix("envcheck") for name in loaded if name.split(".")[0] == "envcheck"
    } == OURS


def test_version_imports_nothing_of_ours_but_the_entry() -> None:
    script = (
        "import sys; sys.argv = ['envcheck', '--version']; from envcheck.main import main; main(); "
        "print(*(name for name in sys.modules if name.split('.')[0] in ('envcheck', 'typing', 're')))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )

    version, modules = done.stdout.splitlines()
    assert version == f"envcheck {__version__}"
    assert {"envcheck", "envcheck.main"} <= set(modules.split())
    assert "envcheck.run" not in modules.split()


def test_the_story_is_told() -> None:
    done = envcheck("--from", FREEZE, "--python-version", "3.10", "--deepspeed-config", CONFIG)

    assert done.returncode == 1
    assert done.stderr == ""
    assert "deepspeed/overlap-comm-nan" in done.stdout
    assert "SILENT" in done.stdout
    assert "zero_optimization.overlap_comm is true" in done.stdout
    assert "https://github.com/deepspeedai/DeepSpeed/issues/5242" in done.stdout
    assert "zero_optimization.overlap_comm = false" in done.stdout
    wanted = "python -m pip install 'accelerate==0.21.0' 'deepspeed==0.9.5' 'transformers==4.37.0'"
    assert wanted in done.stdout
    assert done.stdout.splitlines()[-1].startswith("known-bad: ")


def test_the_same_as_json() -> None:
    done = envcheck(
        "check",
        "--from",
        FREEZE,
        "--python-version",
        "3.10",
        "--deepspeed-config",
        CONFIG,
        "--format",
        "json",
    )
    report = json.loads(done.stdout)

    assert (done.returncode, report["verdict"], report["project"]) == (1, "known-bad", "moe-llava")
    best = report["suggestions"][0]
    assert best["known_good"] == "moe-llava@2024-02-15"
    assert {change["package"]: change["to"] for change in best["changes"]} == {
        "accelerate": "0.21.0",
        "deepspeed": "0.9.5",
        "transformers": "4.37.0",
    }


def test_following_the_advice_leads_to_a_known_good_environment(tmp_path: Path) -> None:
    lines = FREEZE.read_text().replace("accelerate==0.26.1", "accelerate==0.21.0")
    lines = lines.replace("deepspeed==0.13.1", "deepspeed==0.9.5").replace(
        "transformers==4.37.1", "transformers==4.37.0"
    )
    cured = write(tmp_path / "cured.txt", lines)

    done = envcheck("--from", cured, "--python-version", "3.10", "--deepspeed-config", CONFIG)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("known-good: ")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--from", "nowhere.txt"], 3, "nowhere.txt", id="a file that isn't there"),
        pytest.param(["--from", "."], 3, "folder", id="a folder for a file"),
        pytest.param(
            ["--python", "/nowhere/python"], 3, "/nowhere/python", id="no such interpreter"
        ),
        pytest.param(["--path", "/nowhere"], 3, "/nowhere", id="no such folder"),
        pytest.param(["--from", "-"], 3, "standard input", id="nothing on standard input"),
        pytest.param(
            ["--project", "moe-lava", "--from", str(FREEZE)],
            2,
            "moe-llava",
            id="a misspelt project",
        ),
        pytest.param(
            ["--matrix", "/nowhere", "--from", str(FREEZE)], 2, "/nowhere", id="no such matrix"
        ),
        pytest.param(
            ["--python-version", "three", "--from", str(FREEZE)], 2, "three", id="no version"
        ),
        pytest.param(
            ["--from", str(FREEZE), "--path", "."], 2, "only one of", id="two environments"
        ),
        pytest.param(
            ["--from", str(FREEZE), "--deepspeed-config", str(FREEZE)],
            3,
            "freeze.txt:1",
            id="no configuration",
        ),
        pytest.param(
            ["--from", str(FREEZE), "-o", "/nowhere/report"],
            3,
            "/nowhere/report",
            id="no such output",
        ),
        pytest.param(["explain", "nothing/such"], 2, "nothing/such", id="no such entry"),
        pytest.param(["list", "nothing"], 2, "nothing", id="nothing to list"),
        pytest.param(["matrix", "validate", "/nowhere"], 2, "/nowhere", id="nothing to validate"),
    ],
)
def test_what_goes_wrong_is_one_line_and_the_contracts_exit_code(
    arguments: list[str], code: int, message: str
) -> None:
    done = envcheck(*arguments)

    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.startswith("envcheck: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_wrong_usage_is_told_with_the_way_to_the_help() -> None:
    done = envcheck("--nonsense")

    assert done.returncode == 2
    assert "--nonsense" in done.stderr
    assert "envcheck check -h" in done.stderr


def test_an_environment_that_the_matrix_knows_nothing_of_could_not_be_checked(
    tmp_path: Path,
) -> None:
    done = envcheck("--from", write(tmp_path / "list.txt", "left-pad==1.0\n"))

    assert done.returncode == 3
    assert "none of its 1 packages is in the matrix" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--exit-zero"], 0, id="--exit-zero"),
        pytest.param(["--fail-on", "never"], 0, id="--fail-on never"),
        pytest.param(["--fail-on", "warning"], 1, id="--fail-on warning"),
        pytest.param(["--ignore", "requirement/torch/sympy"], 1, id="another finding ignored"),
    ],
)
def test_the_exit_code_is_the_users_choice(arguments: list[str], code: int, tmp_path: Path) -> None:
    listed = write(tmp_path / "list.txt", "torch==2.0.1\nnumpy==2.1.0\n")

    assert envcheck("--from", listed, *arguments).returncode == code


def test_fail_on_unknown_fails_where_nothing_vouches_for_the_versions(tmp_path: Path) -> None:
    listed = write(tmp_path / "list.txt", "einops==0.6.1\nnumpy==1.26.4\n")

    assert envcheck("--from", listed).returncode == 0
    assert envcheck("--from", listed, "--fail-on", "unknown").returncode == 1


def test_the_report_goes_to_a_file_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "report.json"

    done = envcheck("--from", FREEZE, "--format", "json", "-o", target)

    assert done.stdout == ""
    assert json.loads(target.read_text())["schema"] == "envcheck-report/1"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = subprocess.Popen(
        [*COMMAND, "list", "packages"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(),
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_an_interrupt_is_130_and_silent() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--from", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(),
        cwd=ROOT,
    )
    assert process.stdin is not None
    # More than a pipe holds: when this returns, it is reading, and then waits for the rest.
    process.stdin.write(b"# a comment\n" * 20_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)

    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")


def test_a_project_being_developed_in_the_working_directory_is_recognised(tmp_path: Path) -> None:
    write(
        tmp_path / "pyproject.toml",
        '[build-system]\nrequires = []\n\n[project]\nname = "moellava"\n',
    )
    listed = write(tmp_path / "list.txt", "torch==2.0.1\ndeepspeed==0.13.1\n")

    report = json.loads(envcheck("--from", listed, "--format", "json", cwd=tmp_path).stdout)

    assert report["project"] == "moe-llava"
    assert "project/outside-known-good" in {finding["id"] for finding in report["findings"]}


@pytest.mark.parametrize(
    "error", [UsageError("a\nb"), SourceError("a\nb"), MatrixError(("a", "b"))]
)
def test_every_line_of_a_message_is_told(
    error: UsageError | SourceError | MatrixError, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert main.guarded(fail) == error.exit_code
    assert capsys.readouterr().err == "envcheck: a\nenvcheck: b\n"


def test_python_m_envcheck_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "envcheck", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert done.stdout == f"envcheck {__version__}\n"
