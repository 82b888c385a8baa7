from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from builders import conda, executable, python, site_of, venv, write

from envcheck.errors import SourceError
from envcheck.sources import location
from envcheck.sources.layout import Location

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHIM = '#!/usr/bin/env bash\nexec "/opt/pyenv/libexec/pyenv" exec "${0##*/}" "$@"\n'


def active(**environ: object) -> Location:
    return location.active({name: str(value) for name, value in environ.items()})


def interpreter(target: object, environ: Mapping[str, str] | None = None) -> Location:
    return location.interpreter(str(target), environ or {})


def refusal(target: object, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        interpreter(target, environ)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# The active environment


def test_the_virtual_environment_is_active(tmp_path: Path) -> None:
    found = active(VIRTUAL_ENV=venv(tmp_path))

    assert (found.origin, found.kind, found.python) == (str(tmp_path), "venv", "3.10.13")
    assert found.executable == str(tmp_path / "bin" / "python")


def test_the_conda_prefix_is_active(tmp_path: Path) -> None:
    assert active(CONDA_PREFIX=conda(tmp_path), VIRTUAL_ENV="").kind == "conda"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(["conda/bin", "env/bin"], "conda", id="conda first"),
        pytest.param(["usr/bin", "env/bin", "conda/bin"], "env", id="venv first"),
        pytest.param(["usr/bin", "conda/bin/"], "conda", id="only conda"),
        pytest.param([], "env", id="neither"),
    ],
)
def test_of_two_the_one_that_comes_first_on_path_is_active(
    tmp_path: Path, path: list[str], expected: str
) -> None:
    found = active(
        VIRTUAL_ENV=venv(tmp_path / "env"),
        CONDA_PREFIX=conda(tmp_path / "conda"),
        PATH=os.pathsep.join(f"{tmp_path}/{each}" for each in path),
    )

    assert found.origin == str(tmp_path / expected)


def test_pythonpath_comes_first(tmp_path: Path) -> None:
    found = active(VIRTUAL_ENV=venv(tmp_path), PYTHONPATH=os.pathsep.join(["/a", "", "b"]))

    assert found.before == ("/a", "b")


def test_an_active_environment_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        active(VIRTUAL_ENV=tmp_path / "gone\n")

    assert str(caught.value) == (
        rf"VIRTUAL_ENV is {tmp_path}/gone\x0a, but no Python environment is there; "
        "activate one, or name one with --python"
    )


def test_else_it_is_the_environment_of_envcheck_itself() -> None:
    found = active()

    assert found.origin == sys.prefix
    assert found.executable == sys.executable
    assert found.python == ".".join(map(str, sys.version_info[:3]))


def test_envcheck_may_run_in_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    with pytest.raises(SourceError, match="no environment is active, and envcheck runs in /"):
        active()


def test_an_embedded_python_has_no_executable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")

    assert active().executable != ""


# An interpreter, or a prefix


def test_an_executable_leads_to_its_environment(tmp_path: Path) -> None:
    target = venv(tmp_path) / "bin" / "python"

    found = interpreter(target)

    assert (found.origin, found.prefix) == (str(target), str(tmp_path))
    assert found.executable == str(target)


def test_the_first_environment_on_a_chain_of_links_counts(tmp_path: Path) -> None:
    base = python(tmp_path / "base")
    prefix = venv(tmp_path / "env")
    (prefix / "bin" / "python").unlink()
    (prefix / "bin" / "python").symlink_to(base / "bin" / "python")
    (tmp_path / "tool").symlink_to(prefix / "bin" / "python")

    assert interpreter(prefix / "bin" / "python").prefix == str(prefix)
    assert interpreter(tmp_path / "tool").prefix == str(prefix)
    assert interpreter(base / "bin" / "python").prefix == str(base)


def test_an_environment_reached_through_a_linked_folder_is_found(tmp_path: Path) -> None:
    prefix = venv(tmp_path / "env")
    (tmp_path / "bin").symlink_to(prefix / "bin")

    assert interpreter(tmp_path / "bin" / "python").prefix == str(prefix)


def test_the_name_of_what_is_linked_to_tells_the_version(tmp_path: Path) -> None:
    base = python(tmp_path / "usr", version="3.11.2")
    (base / "lib" / "python3.9" / "site-packages").mkdir(parents=True)
    (tmp_path / "python3").symlink_to(base / "bin" / "python3.11")

    found = interpreter(tmp_path / "python3")

    assert (found.python, found.oddities) == ("3.11.2", ())


def test_a_configuration_beside_the_executable_counts(tmp_path: Path) -> None:
    (tmp_path / "Lib" / "site-packages").mkdir(parents=True)
    write(tmp_path / "pyvenv.cfg", "version = 3.10.1\n")

    assert interpreter(executable(tmp_path / "python.exe")).prefix == str(tmp_path)


def test_on_windows_a_python_is_in_its_prefix(tmp_path: Path) -> None:
    (tmp_path / "Lib" / "site-packages").mkdir(parents=True)

    assert interpreter(executable(tmp_path / "python.exe")).prefix == str(tmp_path)


def test_a_folder_is_a_prefix_or_its_bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    venv(tmp_path / "env")

    for target in ("env", "env/", "env/bin", str(tmp_path / "env" / "bin")):
        found = interpreter(target)
        assert found.origin == target
        assert os.path.abspath(found.site[-1]) == str(site_of(tmp_path / "env"))


def test_a_name_is_looked_up_on_path(tmp_path: Path) -> None:
    prefix = venv(tmp_path / "env")
    executable(prefix / "bin" / "python3.10")
    write(tmp_path / "first" / "python3.10", "may not be run")
    environ = {"PATH": os.pathsep.join([str(tmp_path / "first"), "", str(prefix / "bin")])}

    for target in ("python3.10", "3.10"):
        found = interpreter(target, environ)
        assert found.executable == str(prefix / "bin" / "python3.10")
        assert found.origin == target


def test_a_shim_leads_to_what_pyenv_would_run(tmp_path: Path) -> None:
    python(tmp_path / "pyenv" / "versions" / "3.10.13")
    executable(tmp_path / "pyenv" / "shims" / "python", SHIM)
    environ = {"PATH": str(tmp_path / "pyenv" / "shims"), "PYENV_VERSION": "3.10"}

    found = interpreter("python", environ)

    assert found.prefix == str(tmp_path / "pyenv" / "versions" / "3.10.13")
    assert found.executable == str(tmp_path / "pyenv" / "versions" / "3.10.13" / "bin" / "python")


def test_what_is_not_there_is_said_not_to_be_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "\x1b[1m") == (
        rf"there is no {tmp_path}/\x1b[1m; give an interpreter or an environment's folder"
    )
    assert refusal("python3.99").startswith("there is no python3.99;")
    assert refusal("a\0b").startswith(r"there is no a\x00b;")


def test_an_interpreter_that_is_gone_is_said_not_to_be_there(tmp_path: Path) -> None:
    prefix = venv(tmp_path)
    (prefix / "bin" / "python").unlink()
    (prefix / "bin" / "python").symlink_to("/nowhere/python3.10")

    assert "there is no" in refusal(prefix / "bin" / "python")
    assert interpreter(prefix).executable is None


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "python")

    assert "is neither an interpreter nor a folder" in refusal(tmp_path / "python")


def test_an_executable_without_an_environment_is_refused(tmp_path: Path) -> None:
    program = executable(tmp_path / "bin" / "python3")

    assert f"{program} does not lead to a Python environment" in refusal(program)


def test_a_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    gcc = executable(python(tmp_path) / "bin" / "gcc")

    assert f"{gcc} does not lead to a Python environment" in refusal(gcc)


def test_a_file_that_may_not_be_read_may_still_be_an_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = python(tmp_path) / "bin" / "python"

    def denied(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(location, "head", denied)

    assert interpreter(target).prefix == str(tmp_path)


@pytest.mark.parametrize(
    ("make", "target", "hint"),
    [
        pytest.param("x", "", "give a virtual environment", id="any folder"),
        pytest.param(".venv/pyvenv.cfg", "", "did you mean {root}/.venv?", id="a project"),
        pytest.param("site-packages/x", "site-packages", "goes with --path", id="site-packages"),
        pytest.param("pyvenv.cfg", "", "give a virtual environment", id="half a venv"),
        pytest.param("bin/x", "bin", "give a virtual environment", id="any bin"),
    ],
)
def test_a_folder_that_is_no_environment_is_refused(
    tmp_path: Path, make: str, target: str, hint: str
) -> None:
    write(tmp_path / make)

    message = refusal(tmp_path / target)

    assert "is no Python environment; " in message
    assert hint.format(root=tmp_path) in message


# Folders


def test_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    found = location.folders([f"{tmp_path}/a", f"{tmp_path}/b"])

    assert found.kind == "site-packages"
    assert found.site == (f"{tmp_path}/a", f"{tmp_path}/b")
    assert found.origin == f"{tmp_path}/a, {tmp_path}/b"
    assert (found.python, found.executable) == (None, None)


def test_the_place_of_a_folder_tells_its_python(tmp_path: Path) -> None:
    site = site_of(venv(tmp_path / "env"))
    (tmp_path / "a").mkdir()

    one = location.folders([str(site)])
    two = location.folders([str(tmp_path / "a"), str(site)])

    assert (one.python, one.executable) == ("3.10.13", str(tmp_path / "env" / "bin" / "python"))
    assert (two.python, two.executable) == ("3.10.13", None)


def test_on_windows_too(tmp_path: Path) -> None:
    site = tmp_path / "Lib" / "site-packages"
    site.mkdir(parents=True)
    write(tmp_path / "pyvenv.cfg", "version = 3.10.1\n")

    found = location.folders([str(site)])

    assert (found.python, location.platform(found)) == ("3.10.1", "win32")


def test_a_copied_folder_still_has_its_name(tmp_path: Path) -> None:
    site = tmp_path / "python3.9" / "packages"
    site.mkdir(parents=True)

    assert location.folders([str(site)]).python == "3.9"


@pytest.mark.parametrize(("make", "expected"), [(False, "is not there"), (True, "is not a folder")])
def test_what_is_no_folder_is_refused(tmp_path: Path, make: bool, expected: str) -> None:
    if make:
        write(tmp_path / "x")

    with pytest.raises(SourceError, match=f"x {expected}; give a site-packages folder"):
        location.folders([str(tmp_path / "x")])


@pytest.mark.parametrize(
    ("running", "windows", "expected"),
    [
        ("linux", False, "linux"),
        ("darwin", False, "darwin"),
        ("win32", False, "win32"),
        ("freebsd14", False, None),
        ("linux", True, "win32"),
    ],
)
def test_the_platform_is_the_machine_s_or_that_of_the_layout(
    monkeypatch: pytest.MonkeyPatch, running: str, windows: bool, expected: str | None
) -> None:
    monkeypatch.setattr(sys, "platform", running)
    where = Location("/x", "python", None, ())
    where.windows = windows

    assert expected == location.platform(where)
