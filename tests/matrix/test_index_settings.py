from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envcheck.errors import RefreshError
from envcheck.matrix.index_settings import PYPI, index_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "https://conf/simple"),
        ({"PIP_INDEX_URL": "https://pip/simple"}, "https://pip/simple"),
        (
            {"PIP_INDEX_URL": "https://pip/simple", "UV_INDEX_URL": "https://uv/simple"},
            "https://uv/simple",
        ),
        (
            {"UV_DEFAULT_INDEX": "corp=https://a/simple?b=c", "UV_INDEX_URL": "https://uv"},
            "https://a/simple?b=c",
        ),
    ],
)
def test_the_index_is_the_one_set_up_for_the_installer(
    tmp_path: Path, environ: dict[str, str], address: str
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://conf/simple\ncert = /ca.pem\n", "utf-8")
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(config), **environ}
    assert index_settings(environ) == (address, (), "/ca.pem")
    assert index_settings({**environ, "PIP_CERT": "/mine.pem"}).bundle == "/mine.pem"


def test_files_are_read_in_the_order_of_pip_and_none_where_that_reads_none(tmp_path: Path) -> None:
    for folder in ("system/pip", "home/pip"):
        (tmp_path / folder).mkdir(parents=True)
        text = f"[global]\nindex-url = https://{folder.split('/')[0]}/simple\n"
        (tmp_path / folder / "pip.conf").write_text(text, "utf-8")
    system = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "system")}
    user = {**system, "XDG_CONFIG_HOME": str(tmp_path / "home")}
    assert index_settings(system)[0] == "https://system/simple"
    assert index_settings(user)[0] == "https://home/simple"
    assert index_settings({**user, "PIP_CONFIG_FILE": os.devnull}) == (PYPI, (), None)


def test_a_broken_pip_configuration_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("index-url = https://conf/simple\n", "utf-8")
    with pytest.raises(RefreshError, match=r"pip\.conf: broken, so the package index isn't known$"):
        index_settings({"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(config)})


@pytest.mark.parametrize(
    ("environ", "extra"),
    [
        ({}, ("https://a/simple", "https://b/simple")),
        ({"PIP_EXTRA_INDEX_URL": "https://c https://d"}, ("https://c", "https://d")),
        (
            {"UV_INDEX": "corp=https://e https://a/simple", "UV_EXTRA_INDEX_URL": "https://f"},
            ("https://e", "https://a/simple", "https://f", "https://b/simple"),
        ),
    ],
)
def test_more_indexes_are_those_of_both_installers(
    tmp_path: Path, environ: dict[str, str], extra: tuple[str, ...]
) -> None:
    config = tmp_path / "pip.conf"
    text = "[global]\nextra-index-url =\n  https://a/simple\n  https://b/simple\n"
    config.write_text(text, "utf-8")
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(config), **environ}
    assert index_settings(environ).extra == extra
