from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import write

from envcheck import versions
from envcheck.model import Package
from envcheck.sources import cuda

if TYPE_CHECKING:
    from pathlib import Path

VERSION_PY = """\
from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
__version__ = '2.0.1+cu117'
debug = False
cuda{annotation} = {value}
git_version = 'e9ebda29d87ce0916ab08c06ab26fd3766a870e5'
hip: Optional[str] = None
"""


def torch(version: str, location: Path | str = "line 1") -> Package:
    return Package(
        name=versions.normalize("torch"), version=versions.version(version), location=str(location)
    )


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.1.0+cu118", "11.8"),
        ("2.5.1+cu124", "12.4"),
        ("2.9.0+cu130", "13.0"),
        ("1.4.0+cu92", "9.2"),
        ("2.1.0+cu118.with.pypi.cudnn", "11.8"),
        ("2.1.0+cpu", ""),
        ("2.1.0+cpu.cxx11.abi", ""),
        ("2.1.0+rocm5.6", ""),
        ("2.1.0", None),
        ("2.1.0+gitabc", None),
        ("2.1.0+cu", None),
        ("2.1.0+cu1", None),
        ("2.1.0+cuda118", None),
        ("no version", None),
    ],
)
def test_the_label_tells_what_torch_was_built_for(version: str, expected: str | None) -> None:
    assert expected == cuda.of_label(torch(version))


def test_without_torch_nothing_is_known() -> None:
    assert cuda.of_label(None) is None
    assert cuda.of_installed(None) is None


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        pytest.param(": Optional[str]", "'11.7'", "11.7", id="2.x"),
        pytest.param("", "'10.2'", "10.2", id="1.x"),
        pytest.param("", '"12.4"  # built for', "12.4", id="with a comment"),
        pytest.param(": Optional[str]", "None", "", id="without CUDA"),
        pytest.param("", "os.system('rm')", None, id="an expression is never evaluated"),
        pytest.param("_home", "'11.7'", None, id="another name"),
    ],
)
def test_version_py_is_read_as_text(
    tmp_path: Path, annotation: str, value: str, expected: str | None
) -> None:
    write(tmp_path / "torch" / "version.py", VERSION_PY.format(annotation=annotation, value=value))

    assert expected == cuda.of_installed(torch("2.0.1", tmp_path))


def test_the_label_goes_before_the_file(tmp_path: Path) -> None:
    write(tmp_path / "torch" / "version.py", "cuda = '11.7'\n")

    assert cuda.of_installed(torch("2.0.1+cu118", tmp_path)) == "11.8"
    assert cuda.of_installed(torch("2.0.1+cpu", tmp_path)) == ""


def test_without_the_file_nothing_is_known(tmp_path: Path) -> None:
    assert cuda.of_installed(torch("2.0.1", tmp_path)) is None


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2.7.1+rocm6.2.4", "6.2.4", id="a build for ROCm"),
        pytest.param("2.12.0a0+rocm7.12.0a20260304", "7.12.0", id="of an early ROCm"),
        pytest.param("2.1.0+cu118", "", id="a build for CUDA"),
        pytest.param("2.1.0+cpu.cxx11.abi", "", id="a build for the CPU"),
        pytest.param("2.7.1", "", id="from the package index"),
        pytest.param("2.7.1+gitabc", None, id="a working copy"),
        pytest.param("2.7.1+rocm", None, id="a ROCm that isn't named"),
        pytest.param("no version", None, id="no version"),
    ],
)
def test_the_label_tells_the_rocm_that_torch_was_built_for(
    version: str, expected: str | None
) -> None:
    assert cuda.rocm(torch(version)) == expected


def test_without_torch_no_rocm_is_known() -> None:
    assert cuda.rocm(None) is None
