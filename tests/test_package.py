"""
What is shipped: the wheel, and what installing it does to the environment it is to protect.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from builders import distribution, interpreter, site_of
from commands import EXAMPLE, ROOT, environ

from envcheck.matrix import store, validate
from envcheck.matrix.index import Index

LARGEST = 1_500_000
"Bytes of a wheel that a training image can take without anybody noticing."


SHARED = {
    "packaging",
    "pyyaml",
    "markdown-it-py",
    "mdurl",
    "pygments",
    "typing-extensions",
    "click",
}
"What the story's environment and envcheck both need: installed for real, so that envcheck runs on it."


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Return a wheel built from this checkout.
    """
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        check=True,
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_the_matrix_its_index_and_the_examples(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        data = archive.read("envcheck/matrices/index.json")

    written = {
        f"envcheck/{path.relative_to(ROOT)}"
        for folder in ("known-bad", "known-good")
        for path in (ROOT / "matrices" / folder).glob("*.yaml")
    }
    assert {name for name in names if name.endswith(".yaml") and "/matrices/" in name} == written
    assert {"envcheck/py.typed", "envcheck/examples/moe-llava/freeze.txt"} <= names
    assert data == store.compile_directory(str(ROOT / "matrices"))
    assert wheel.stat().st_size <= LARGEST


def test_what_an_installed_matrix_has_in_its_index_alone_is_validated_with_the_rest(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "envcheck", "matrix", "validate"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environ(PYTHONPATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache")),
    )
    here = validate.validate([])[0]

    assert done.stdout.split(": ", 1)[1] == here.split(": ", 1)[1]


def test_the_wheel_says_what_it_is_and_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = next(name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        metadata = HeaderParser().parsestr(archive.read(f"{folder}/METADATA").decode())
        entry = archive.read(f"{folder}/entry_points.txt").decode()
        licences = [name for name in archive.namelist() if name.endswith("/LICENSE")]

    required = sorted(
        each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each
    )
    names = [each.split(">")[0].split("<")[0] for each in required]
    assert names == ["importlib-metadata", "packaging", "pyyaml", "rich", "typer"]
    assert "<0.29" in required[-1]
    assert metadata["Name"] == "ml-envcheck"
    assert metadata["Requires-Python"] == ">=3.10"
    assert "envcheck = envcheck.main:main" in entry
    assert len(licences) == 1


def test_an_installed_wheel_checks_from_its_index(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    with (tmp_path / "site" / "envcheck" / "matrices" / "index.json").open("rb") as file:
        assert Index(file, "x").entries > 0
    cache = tmp_path / "cache"
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); "
        "from envcheck.main import main; code = main(); assert 'yaml' not in sys.modules; sys.exit(code)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, "--from", EXAMPLE / "freeze.txt", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environ(XDG_CACHE_HOME=str(cache)),
    )

    assert done.returncode in {0, 1}, done.stderr
    assert json.loads(done.stdout)["matrix"]["sources"] == ["built-in"]
    assert not cache.exists()


def _installed(python: Path) -> dict[str, str]:
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {each["name"].lower(): each["version"] for each in json.loads(listed.stdout)}


@pytest.mark.index
def test_installing_it_changes_no_version_of_the_storys_environment(
    wheel: Path, tmp_path: Path
) -> None:
    python = interpreter("3.10")
    if python is None:
        pytest.skip("no Python 3.10 on this machine")
    subprocess.run([python, "-m", "venv", tmp_path / "env"], check=True)
    site = site_of(tmp_path / "env")
    own = tmp_path / "env" / "bin" / "python"
    pins = (EXAMPLE / "freeze.txt").read_text().splitlines()
    real = [pin for pin in pins if pin.partition("==")[0] in SHARED]
    subprocess.run([own, "-m", "pip", "install", "--quiet", "--no-deps", *real], check=True)
    for line in (EXAMPLE / "freeze.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        # What an installer looks at is metadata; the gigabytes behind it would prove nothing more.
        if version and name not in SHARED and not line.startswith("#"):
            for old in site.glob(f"{name}-*.dist-info"):
                shutil.rmtree(old)
            distribution(site, name, version)
    before = _installed(own)

    subprocess.run([own, "-m", "pip", "install", "--quiet", wheel], check=True)

    after = _installed(own)
    assert {name: after.get(name) for name in before} == before
    assert "pydantic" in before
    assert before["pydantic"].startswith("1.")
    added = sorted(after.keys() - before.keys())
    assert "ml-envcheck" in added
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "envcheck"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environ(VIRTUAL_ENV=str(tmp_path / "env")),
    )
    assert done.returncode in {0, 1}, done.stderr
    assert done.stdout.startswith(f"Checked  {tmp_path / 'env'}")


@pytest.mark.index
def test_as_a_tool_of_its_own_it_checks_the_environment_that_is_active(
    wheel: Path, tmp_path: Path
) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("no uv on this machine")
    tools = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    subprocess.run(
        [uv, "tool", "install", "--quiet", wheel], check=True, env={**os.environ, **tools}
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    distribution(site_of(tmp_path / "env"), "torch", "2.0.1")
    distribution(site_of(tmp_path / "env"), "numpy", "2.1.0")

    done = subprocess.run(
        ["bash", "-c", f". {tmp_path}/env/bin/activate && {tmp_path}/bin/envcheck"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environ(),
    )

    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f"Checked  {tmp_path / 'env'}")
    assert "numpy 2.1.0" in done.stdout
