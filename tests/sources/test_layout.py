from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from builders import conda, python, venv, write

from envcheck.sources import layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ALONE = {"PYTHONNOUSERSITE": "1"}


def read(prefix: Path, environ: Mapping[str, str] = ALONE, hint: str = "") -> layout.Location:
    found = layout.read(str(prefix), environ, hint)
    assert found is not None
    return found


def site(found: layout.Location, root: Path) -> list[str]:
    """Return the folders that exist, relative to `root`."""
    return [os.path.relpath(each, root) for each in found.site if os.path.isdir(each)]


def libraries(prefix: Path, *names: str) -> None:
    for name in names:
        (prefix / name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"version": "3.10.13"}, "3.10.13", id="venv"),
        pytest.param(
            {"version_info": "3.10.13.final.0", "version": "x"}, "3.10.13", id="virtualenv"
        ),
        pytest.param({"version_info": "3.10", "version": ""}, "3.10", id="uv, asked for 3.10"),
        pytest.param({"version": "3.9.18"}, "3.10", id="another Python than its packages are for"),
        pytest.param({"version": ""}, "3.10", id="nothing said"),
        pytest.param({"version": "3"}, "3.10", id="not a version"),
    ],
)
def test_a_virtual_environment_says_its_python(
    tmp_path: Path, settings: dict[str, str], expected: str
) -> None:
    found = read(venv(tmp_path / "env", settings=settings))

    assert (found.kind, found.python) == ("venv", expected)
    assert site(found, tmp_path) == ["env/lib/python3.10/site-packages"]
    assert found.executable == str(tmp_path / "env" / "bin" / "python")


def test_a_python_that_does_not_fit_the_packages_is_an_oddity(tmp_path: Path) -> None:
    found = read(venv(tmp_path, settings={"version": "3.9.18"}))

    assert [each.detail for each in found.oddities] == [
        "it is said to be of Python 3.9, but its packages are for 3.10"
    ]


def test_the_exact_version_may_be_that_of_the_base(tmp_path: Path) -> None:
    base = python(tmp_path / "base", version="3.10.13")
    settings = {"home": str(base / "bin"), "version": "3.10"}

    assert read(venv(tmp_path / "env", settings=settings)).python == "3.10.13"


def test_a_header_of_another_version_is_not_believed(tmp_path: Path) -> None:
    prefix = python(tmp_path, version="3.10.13")
    write(prefix / "include" / "python3.10" / "patchlevel.h", '#define PY_VERSION "3.12.1"\n')

    assert read(prefix).python == "3.10"


def test_uv_leaves_its_mark(tmp_path: Path) -> None:
    assert read(venv(tmp_path / "a", settings={"uv": "0.5.1"})).uv
    assert not read(venv(tmp_path / "b")).uv


def test_settings_are_read_with_whatever_case_and_space(tmp_path: Path) -> None:
    write(tmp_path / "pyvenv.cfg", "HOME=/a b\r\nno setting\nversion   =  3.10.1 = x\n")

    assert layout.configuration(str(tmp_path)) == {"home": "/a b", "version": "3.10.1 = x"}


def test_folders_of_the_base_come_after_those_of_the_environment(tmp_path: Path) -> None:
    base = python(tmp_path / "base")
    settings = {"home": str(base / "bin"), "include-system-site-packages": "True"}
    home = {"HOME": str(tmp_path / "home")}
    libraries(tmp_path / "home", ".local/lib/python3.10/site-packages")

    found = read(venv(tmp_path / "env", settings=settings), home)

    assert site(found, tmp_path) == [
        "env/lib/python3.10/site-packages",
        "home/.local/lib/python3.10/site-packages",
        "base/lib/python3.10/site-packages",
    ]


def test_an_environment_that_does_not_say_includes_the_base(tmp_path: Path) -> None:
    base = python(tmp_path / "base")
    prefix = venv(tmp_path / "env")
    write(prefix / "pyvenv.cfg", f"home = {base}/bin\n")

    assert len(site(read(prefix), tmp_path)) == 2


def test_without_a_base_there_is_only_the_environment(tmp_path: Path) -> None:
    prefix = venv(tmp_path / "env")
    write(prefix / "pyvenv.cfg", "include-system-site-packages = true\n")

    assert site(read(prefix), tmp_path) == ["env/lib/python3.10/site-packages"]


def test_the_user_s_own_packages_come_first_outside_virtual_environments(tmp_path: Path) -> None:
    prefix = conda(tmp_path / "conda")
    libraries(tmp_path, "home/.local/lib/python3.10/site-packages")
    libraries(tmp_path, "base/lib/python3.10/site-packages")
    home = {"HOME": str(tmp_path / "home")}
    own = "conda/lib/python3.10/site-packages"

    assert site(read(prefix, home), tmp_path) == ["home/.local/lib/python3.10/site-packages", own]
    assert site(read(prefix, {**home, **ALONE}), tmp_path) == [own]
    assert site(read(prefix, {**home, "PYTHONUSERBASE": str(tmp_path / "base")}), tmp_path) == [
        "base/lib/python3.10/site-packages",
        own,
    ]


def test_on_a_mac_the_user_s_packages_are_in_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    prefix = python(tmp_path / "python")
    libraries(tmp_path, "home/Library/Python/3.10/lib/python/site-packages")

    found = read(prefix, {"HOME": str(tmp_path / "home")})

    assert site(found, tmp_path)[0] == "home/Library/Python/3.10/lib/python/site-packages"


def test_conda_records_its_python(tmp_path: Path) -> None:
    found = read(conda(tmp_path, python="3.11.5"))

    assert (found.kind, found.python) == ("conda", "3.11.5")


def test_conda_without_python_is_no_python_environment(tmp_path: Path) -> None:
    write(tmp_path / "conda-meta" / "history")

    assert layout.read(str(tmp_path), ALONE) is None


def test_a_python_of_its_own_is_dated_by_its_header(tmp_path: Path) -> None:
    found = read(python(tmp_path, version="3.12.1"))

    assert (found.kind, found.python) == ("python", "3.12.1")


def test_windows_has_another_layout(tmp_path: Path) -> None:
    libraries(tmp_path, "Lib/site-packages")
    write(tmp_path / "Scripts" / "python.exe")
    write(tmp_path / "pyvenv.cfg", "home = C:\\Python310\nversion = 3.10.11\n")

    found = read(tmp_path)

    assert (found.kind, found.python, found.windows) == ("venv", "3.10.11", True)
    assert found.executable == str(tmp_path / "Scripts" / "python.exe")


def test_on_windows_the_header_is_not_in_a_folder_of_its_version(tmp_path: Path) -> None:
    libraries(tmp_path, "Lib/site-packages", "env/Lib/site-packages")
    write(tmp_path / "include" / "patchlevel.h", '#define PY_VERSION "3.11.4"\n')
    write(tmp_path / "env" / "pyvenv.cfg", f"home = {tmp_path}\n")

    assert read(tmp_path).python == "3.11.4"
    assert read(tmp_path / "env").python == "3.11.4"
    write(tmp_path / "env" / "pyvenv.cfg", "home =\n")
    assert read(tmp_path / "env").python is None


@pytest.mark.parametrize(
    ("hint", "link", "expected", "odd"),
    [
        pytest.param("python3.9", "python3.11", "3.9", False, id="the executable's name"),
        pytest.param("python3", "python3.9", "3.9", False, id="what bin/python links to"),
        pytest.param("", "", "3.11", True, id="the newest, and it is said"),
        pytest.param("python3.8", "python3.12", "3.11", True, id="names of what isn't there"),
    ],
)
def test_one_of_several_pythons_in_a_prefix_is_chosen(
    tmp_path: Path, hint: str, link: str, expected: str, odd: bool
) -> None:
    for version in ("3.9", "3.10", "3.11"):
        libraries(tmp_path, f"lib/python{version}/site-packages")
    libraries(tmp_path, "lib/python2", "lib/pkgconfig")
    if link:
        write(tmp_path / "bin" / link)
        (tmp_path / "bin" / "python").symlink_to(link)

    found = read(tmp_path, hint=hint)

    assert found.python == expected
    assert site(found, tmp_path) == [f"lib/python{expected}/site-packages"]
    assert [each.detail for each in found.oddities] == (
        ["it has packages for Python 3.9, 3.10, 3.11; nothing tells which runs, 3.11 is taken"]
        if odd
        else []
    )


def test_what_pyvenv_cfg_says_goes_before_names(tmp_path: Path) -> None:
    prefix = venv(tmp_path, python="3.10.13")
    libraries(tmp_path, "lib/python3.12/site-packages")

    assert read(prefix, hint="python3.12").python == "3.10.13"


def test_both_kinds_of_library_folder_are_searched(tmp_path: Path) -> None:
    libraries(tmp_path, "lib/python3.9/site-packages", "lib64/python3.9/site-packages")

    assert site(read(tmp_path), tmp_path) == [
        "lib64/python3.9/site-packages",
        "lib/python3.9/site-packages",
    ]


def test_a_linked_library_folder_is_searched_once(tmp_path: Path) -> None:
    prefix = venv(tmp_path)
    (tmp_path / "lib64").symlink_to("lib")

    assert site(read(prefix), tmp_path) == ["lib/python3.10/site-packages"]


def test_debian_s_folders_are_searched_in_debian_s_order(tmp_path: Path) -> None:
    libraries(
        tmp_path,
        "usr/lib/python3/dist-packages",
        "usr/lib/python3.11",
        "usr/local/lib/python3.11/dist-packages",
        "usr/local/lib/python3.11/site-packages",
    )

    assert site(read(tmp_path / "usr"), tmp_path / "usr") == [
        "lib/python3.11",
        "local/lib/python3.11/dist-packages",
        "lib/python3/dist-packages",
    ]


def test_a_python_beside_debian_s_has_only_the_local_folder(tmp_path: Path) -> None:
    libraries(tmp_path, "local/lib/python3.10/dist-packages")

    assert site(read(tmp_path, hint="python3.10"), tmp_path) == [
        "local/lib/python3.10/dist-packages"
    ]


def test_an_environment_made_by_debian_s_python_includes_debian_s_folders(tmp_path: Path) -> None:
    libraries(tmp_path, "usr/lib/python3/dist-packages", "usr/lib/python3.10")
    settings = {"home": str(tmp_path / "usr/bin"), "include-system-site-packages": "true"}

    assert site(read(venv(tmp_path / "env", settings=settings)), tmp_path) == [
        "usr/lib/python3.10",
        "env/lib/python3.10/site-packages",
        "usr/lib/python3/dist-packages",
    ]


def test_fedora_installs_below_local(tmp_path: Path) -> None:
    libraries(tmp_path, "lib64/python3.11/site-packages", "local/lib/python3.11/site-packages")

    assert site(read(tmp_path), tmp_path) == [
        "local/lib/python3.11/site-packages",
        "lib64/python3.11/site-packages",
    ]


def test_a_python_below_local_keeps_its_packages_to_itself(tmp_path: Path) -> None:
    libraries(tmp_path, "lib/python3.11/site-packages", "local/lib/python3.11/site-packages")
    write(tmp_path / "local" / "bin" / "python3.11")

    assert site(read(tmp_path), tmp_path) == ["lib/python3.11/site-packages"]


def test_a_free_threaded_python_has_a_folder_of_its_own(tmp_path: Path) -> None:
    libraries(tmp_path, "lib/python3.13t/site-packages")

    found = read(tmp_path)

    assert found.python == "3.13"
    assert site(found, tmp_path) == ["lib/python3.13t/site-packages"]


@pytest.mark.parametrize("make", ["empty", "file", "lib"])
def test_other_folders_are_no_environment(tmp_path: Path, make: str) -> None:
    if make == "file":
        write(tmp_path / "lib")
    if make == "lib":
        write(tmp_path / "lib" / "python3.10", "a file")

    assert layout.read(str(tmp_path), ALONE) is None


@pytest.mark.parametrize(
    ("home", "expected"),
    [("/usr/bin", "/usr"), ("/opt/Scripts", "/opt"), ("/opt/python", "/opt/python"), ("", "")],
)
def test_the_base_is_where_its_executable_is(home: str, expected: str) -> None:
    assert expected == layout.base_prefix({"home": home})
