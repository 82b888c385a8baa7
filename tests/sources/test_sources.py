from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import builders
import pytest

from envcheck import sources, versions
from envcheck.errors import SourceError

if TYPE_CHECKING:
    from envcheck.model import Environment

TRACKED = frozenset(map(versions.normalize, ("torch", "transformers", "pip", "setuptools")))
TORCH = frozenset([versions.normalize("torch")])
ALONE = {"PYTHONNOUSERSITE": "1"}

ORACLE = """\
import json, sys
try:
    from importlib.metadata import distributions
except ImportError:
    from importlib_metadata import distributions
found = {}
for each in distributions():
    found.setdefault(each.metadata["Name"], each.version)
print(json.dumps([found, list(sys.version_info[:3]), sys.prefix]))
"""


def flat(found: Environment) -> dict[str, str]:
    """Return every package's version as text."""
    listed = {str(name): str(package.version) for name, package in found.packages.items()}
    listed.update((str(name), version) for name, version in found.untracked.items())
    return listed


def refusal(folder: Path) -> str:
    with pytest.raises(SourceError) as caught:
        sources.interpreter(str(folder), TRACKED, ALONE)
    return str(caught.value)


def test_an_environment_is_read(tmp_path: Path) -> None:
    prefix = builders.venv(tmp_path, "torch==2.0.1", "transformers==4.37.2", "pip==23.0")
    site = builders.site_of(prefix)
    builders.write(site / "torch" / "version.py", "cuda: Optional[str] = '11.7'\n")

    found = sources.active(TRACKED, {"VIRTUAL_ENV": str(prefix)})

    assert (found.origin, found.kind) == (str(prefix), "venv")
    assert list(found.packages) == ["pip", "torch", "transformers"]
    assert {each.location for each in found.packages.values()} == {str(site)}
    assert (found.python, found.cuda, found.gpu) == ("3.10.13", "11.7", None)
    assert found.executable == str(prefix / "bin" / "python")
    assert found.installer == "pip"
    assert found.complete
    assert not found.oddities


def test_every_way_reads_the_same(tmp_path: Path) -> None:
    prefix = builders.venv(tmp_path, "torch==2.0.1", "numpy==1.26.4")
    ways = [
        sources.active(TRACKED, {"VIRTUAL_ENV": str(prefix)}),
        sources.interpreter(str(prefix), TRACKED, ALONE),
        sources.interpreter(str(prefix / "bin" / "python"), TRACKED, ALONE),
        sources.interpreter("python", TRACKED, {"PATH": str(prefix / "bin")}),
        sources.paths([str(builders.site_of(prefix))], TRACKED),
    ]

    assert [flat(each) for each in ways] == [{"torch": "2.0.1", "numpy": "1.26.4"}] * 5
    assert {each.python for each in ways} == {"3.10.13"}
    assert {each.executable for each in ways} == {str(prefix / "bin" / "python")}


@pytest.mark.parametrize(
    ("installer", "pins", "settings", "expected"),
    [
        pytest.param("pip", [], {}, "pip", id="nothing says"),
        pytest.param("uv", [], {}, "uv", id="INSTALLER"),
        pytest.param("pip", [], {"uv": "0.5"}, "uv", id="pyvenv.cfg"),
        pytest.param("uv", ["pip==24.0"], {"uv": "0.5"}, "pip", id="pip is there"),
        pytest.param("conda", [], {}, "conda", id="conda"),
        pytest.param("conda", ["pip==24.0"], {}, "pip", id="conda with pip"),
    ],
)
def test_what_can_install_is_told(
    tmp_path: Path, installer: str, pins: list[str], settings: dict[str, str], expected: str
) -> None:
    pins = ["torch==2.0.1", *pins]
    if installer == "conda":
        builders.conda(tmp_path, *pins)
    else:
        builders.venv(tmp_path, *pins, installer=installer, settings=settings)

    assert sources.interpreter(str(tmp_path), TRACKED, ALONE).installer == expected
    assert sources.interpreter(str(tmp_path), TORCH, ALONE).installer == expected


def test_what_is_wrong_with_the_prefix_and_with_packages_is_an_oddity(tmp_path: Path) -> None:
    prefix = builders.venv(tmp_path, "torch==2.0.1", settings={"version": "3.9.1"})
    (builders.site_of(prefix) / "~orch-2.0.0.dist-info").mkdir()

    found = sources.interpreter(str(prefix), TRACKED, ALONE)

    assert [each.kind for each in found.oddities] == ["unreadable", "leftover"]


def test_an_environment_of_nothing_is_refused_with_what_was_looked_at(tmp_path: Path) -> None:
    prefix = builders.venv(tmp_path / "env\n")

    assert refusal(prefix) == (
        rf"nothing is installed in {tmp_path}/env\x0a "
        rf"(looked at: {tmp_path}/env\x0a/lib/python3.10/site-packages); "
        "name another environment with --python"
    )


def test_an_environment_without_folders_is_refused(tmp_path: Path) -> None:
    prefix = builders.python(tmp_path)
    builders.site_of(prefix).rmdir()

    assert "(looked at: no site-packages folder there)" in refusal(prefix)


def test_a_working_directory_that_is_gone_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    with pytest.raises(SourceError):
        sources.interpreter(".", TRACKED, ALONE)
    with pytest.raises(SourceError):
        sources.paths(["."], TRACKED)


def test_only_what_a_call_needs_is_imported(tmp_path: Path) -> None:
    prefix = builders.venv(tmp_path, "torch==2.0.1", "transformers==4.37.2")
    code = f"""
import sys
before = set(sys.modules)
from envcheck import sources
sources.interpreter({str(prefix)!r}, {{"torch"}})
print(*(set(sys.modules) - before))
"""
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    imported = set(output.stdout.split())

    own = {each for each in imported if each.startswith("envcheck.sources.")}
    assert own == {
        f"envcheck.sources.{name}"
        for name in (
            "cuda",
            "layout",
            "location",
            "metadata",
            "python",
            "search_path",
            "site_packages",
        )
    }
    costly = {"json", "pathlib", "email", "zipfile", "csv", "configparser", "subprocess", "urllib"}
    assert not imported & {*costly, "importlib.metadata", "importlib_metadata", "dataclasses"}


# Real interpreters


@pytest.fixture(params=builders.INTERPRETERS)
def real(request: pytest.FixtureRequest) -> Path:
    """An interpreter under pyenv."""
    found = builders.interpreter(request.param)
    if found is None:
        pytest.skip(f"no Python {request.param} here")
    return found


def oracle(interpreter: Path) -> tuple[dict[str, str], str, str]:
    """Return what importlib.metadata says there: packages, Python's version, prefix."""
    import json

    environ = {"PATH": os.environ["PATH"], **ALONE}
    command = [str(interpreter), "-c", ORACLE]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environ)
    found, version, prefix = json.loads(output.stdout)
    packages = {str(versions.normalize(name)): each for name, each in found.items()}
    return packages, ".".join(map(str, version)), prefix


def test_a_real_python_is_read(real: Path) -> None:
    packages, version, _ = oracle(real)

    for target in (real, real.parent / "python", real.parent, real.parent.parent):
        found = sources.interpreter(str(target), TRACKED, ALONE)
        assert (found.kind, found.python) == ("python", version)
        assert packages == flat(found)
        assert not found.oddities


@pytest.mark.parametrize("options", [[], ["--system-site-packages"], ["--symlinks"], ["--copies"]])
def test_a_real_virtual_environment_is_read(real: Path, tmp_path: Path, options: list[str]) -> None:
    prefix = tmp_path / "env"
    subprocess.run([real, "-m", "venv", "--without-pip", *options, prefix], check=True)
    site = builders.site_of(prefix)
    builders.site_packages(site, "torch==2.0.1", "transformers==4.37.2", "Foo.Bar==1.0")
    packages, version, _ = oracle(prefix / "bin" / "python")

    for target in (prefix, prefix / "bin" / "python", prefix / "bin" / "python3"):
        found = sources.interpreter(str(target), TRACKED, ALONE)
        assert (found.kind, found.python) == ("venv", version)
        assert packages == flat(found)
        assert not found.oddities


def test_of_two_versions_the_one_that_python_finds_counts(real: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    subprocess.run([real, "-m", "venv", "--without-pip", prefix], check=True)
    site = builders.site_of(prefix)
    for number in ("4.37.2", "4.40.0", "4.36.0", "4.46.3"):
        builders.distribution(site, "transformers", number)
    packages, _, _ = oracle(prefix / "bin" / "python")

    found = sources.interpreter(str(prefix), TRACKED, ALONE)

    assert packages == flat(found)
    assert [each.kind for each in found.oddities] == ["duplicate"]


def test_the_search_path_is_that_of_the_interpreter(real: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    options = ["-m", "venv", "--without-pip", "--system-site-packages"]
    subprocess.run([real, *options, prefix], check=True)
    site = builders.site_of(prefix)
    first = builders.site_packages(tmp_path / "first", "numpy==1.0", "torch==1.0")
    added = builders.site_packages(tmp_path / "added", "numpy==2.0", "setuptools==1.0")
    builders.site_packages(site, "numpy==3.0", "torch==3.0", "pip==0.1")
    builders.write(site / "b.pth", f"{added}\nimport sys\n../../nowhere\n")
    environ = {"VIRTUAL_ENV": str(prefix), "PYTHONPATH": str(first), **ALONE}
    code = "import sys; print('\\n'.join(sys.path[1:]))"
    path = subprocess.run(
        [prefix / "bin" / "python", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environ,
    ).stdout.splitlines()

    found = sources.active(TRACKED, environ)

    expected = [each for each in path if "packages" in each or each in map(str, (first, added))]
    where = {name: package.location for name, package in found.packages.items()}
    assert expected[:3] == [str(first), str(site), str(added)]
    assert where == {"torch": str(first), "pip": str(site), "setuptools": str(added)}
    assert flat(found)["numpy"] == "1.0"


def test_this_very_environment_is_read() -> None:
    packages, version, prefix = oracle(Path(sys.executable))

    found = sources.interpreter(sys.executable, TRACKED, ALONE)

    assert found.python == version
    assert packages == flat(found)
    assert flat(sources.interpreter(prefix, TRACKED, ALONE)) == packages
