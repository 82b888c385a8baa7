from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from builders import executable, write

from envcheck.errors import SourceError
from envcheck.sources import pyenv

if TYPE_CHECKING:
    from pathlib import Path

SHIM = '#!/usr/bin/env bash\nprogram="${0##*/}"\nexec "/opt/pyenv/libexec/pyenv" exec "$program"\n'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pyenv with 3.9.18, 3.10.2, 3.10.13 and an environment called moe."""
    root = tmp_path / "pyenv"
    for version in ("3.9.18", "3.10.2", "3.10.13", "moe"):
        executable(root / "versions" / version / "bin" / "python")
    executable(root / "versions" / "3.10.13" / "bin" / "python3.10")
    for name in ("python", "python3.10", "python3.7"):
        executable(root / "shims" / name, SHIM)
    (tmp_path / "project" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "deep")
    return root


def resolve(root: Path, environ: dict[str, str], name: str = "python") -> str:
    found = pyenv.resolve(str(root / "shims" / name), environ)
    return os.path.relpath(found, root)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param("3.9.18", "versions/3.9.18/bin/python", id="exact"),
        pytest.param("3.10", "versions/3.10.13/bin/python", id="the newest of a family"),
        pytest.param("3", "versions/3.10.13/bin/python", id="the newest"),
        pytest.param("python-3.9.18", "versions/3.9.18/bin/python", id="with a prefix"),
        pytest.param("moe", "versions/moe/bin/python", id="a virtual environment"),
        pytest.param("3.7.1:3.9.18", "versions/3.9.18/bin/python", id="the first that is there"),
    ],
)
def test_the_chosen_version_is_found(root: Path, chosen: str, expected: str) -> None:
    assert expected == resolve(root, {"PYENV_VERSION": chosen})


def test_the_nearest_file_decides(root: Path, tmp_path: Path) -> None:
    write(root / "version", "3.9.18\n")
    assert resolve(root, {}) == "versions/3.9.18/bin/python"

    write(tmp_path / "project" / ".python-version", "# why\n\n3.10.2 3.9.18\r\n")
    assert resolve(root, {}) == "versions/3.10.2/bin/python"

    write(tmp_path / "project" / "deep" / ".python-version", "moe")
    assert resolve(root, {}) == "versions/moe/bin/python"
    assert resolve(root, {"PYENV_VERSION": "3.9"}) == "versions/3.9.18/bin/python"


def test_another_folder_can_be_named(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / ".python-version", "3.9.18")

    environ = {"PYENV_DIR": str(tmp_path / "elsewhere")}

    assert resolve(root, environ) == "versions/3.9.18/bin/python"


def test_a_working_directory_that_is_gone_is_passed_over(root: Path, tmp_path: Path) -> None:
    write(root / "version", "3.9.18\n")
    (tmp_path / "project" / "deep").rmdir()

    assert resolve(root, {}) == "versions/3.9.18/bin/python"


def test_versions_cannot_lead_out_of_the_folder(root: Path, tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "python")
    write(root / "version", "../..\n3.9.18\n")

    assert resolve(root, {}) == "versions/3.9.18/bin/python"


@pytest.mark.parametrize("version", ["system", ""])
def test_the_system_s_python_is_looked_up_without_shims(
    root: Path, tmp_path: Path, version: str
) -> None:
    write(root / "version", version)
    executable(tmp_path / "usr" / "bin" / "python")
    path = os.pathsep.join([str(root / "shims"), "", str(tmp_path / "usr" / "bin")])

    found = pyenv.resolve(str(root / "shims" / "python"), {"PATH": path})

    assert found == str(tmp_path / "usr" / "bin" / "python")


def test_the_root_can_be_elsewhere(root: Path, tmp_path: Path) -> None:
    executable(tmp_path / "other" / "versions" / "3.8.1" / "bin" / "python")
    environ = {"PYENV_ROOT": str(tmp_path / "other"), "PYENV_VERSION": "3.8.1"}

    assert resolve(root, environ) == "../other/versions/3.8.1/bin/python"


def test_what_the_chosen_version_lacks_is_named_with_where_it_is(root: Path) -> None:
    with pytest.raises(SourceError) as caught:
        resolve(root, {"PYENV_VERSION": "3.9.18"}, "python3.10")

    assert str(caught.value) == (
        f"{root}/shims/python3.10 is a pyenv shim, but 3.9.18 (chosen by PYENV_VERSION) "
        f"has no python3.10; give {root}/versions/3.10.13"
    )


def test_what_no_version_has_is_said_to_be_nowhere(root: Path) -> None:
    with pytest.raises(
        SourceError, match=r"system \(chosen by default\) has no python3\.7; give the"
    ):
        resolve(root, {}, "python3.7")


def test_a_pyenv_without_versions_is_no_failure(tmp_path: Path) -> None:
    shim = executable(tmp_path / "shims" / "python", SHIM)

    with pytest.raises(SourceError, match="has no python; give the folder of an environment"):
        pyenv.resolve(str(shim), {"PYENV_VERSION": "3.10"})


def test_any_other_script_is_refused(tmp_path: Path) -> None:
    script = executable(tmp_path / "python", "#!/bin/sh\necho hello\n")

    with pytest.raises(SourceError, match="is a script, not an interpreter; give the folder"):
        pyenv.resolve(str(script), {})
