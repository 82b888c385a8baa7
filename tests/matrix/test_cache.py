from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from builders import write

from envcheck.matrix import cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are of POSIX")
as_root = pytest.mark.skipif(
    os.name != "posix" or os.getuid() != 0, reason="only root can give a file away"
)


STAMP = "stamp" * 12 + "4444"


def loaded(name: str, stamp: str) -> bytes | None:
    found = cache.load(name, stamp)
    return None if found is None else found.read()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "envcheck"


def test_what_was_saved_is_loaded(folder: Path) -> None:
    cache.save("a", STAMP, b"data\nof two lines")

    assert loaded("a", STAMP) == b"data\nof two lines"
    assert [each.name for each in folder.iterdir()] == ["a"]


def test_saving_again_replaces(folder: Path) -> None:
    cache.save("a", "1" * 64, b"1")
    cache.save("a", "2" * 64, b"2")

    assert loaded("a", "1" * 64) is None
    assert loaded("a", "2" * 64) == b"2"
    assert len(list(folder.iterdir())) == 1


@posix
def test_only_the_user_can_read_it(folder: Path) -> None:
    old = os.umask(0)
    try:
        cache.save("a", STAMP, b"data")
    finally:
        os.umask(old)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o600


def _unlinked(folder: Path) -> None:
    (folder / "a").unlink()


def _cut_off(folder: Path) -> None:
    os.truncate(folder / "a", (folder / "a").stat().st_size - 1)


def _emptied(folder: Path) -> None:
    os.truncate(folder / "a", 0)


def _longer(folder: Path) -> None:
    write(folder / "a", (folder / "a").read_bytes() + b"x")


def _changed(folder: Path) -> None:
    write(folder / "a", (folder / "a").read_bytes().replace(b"data", b"dada"))


def _of_nobody_we_know(folder: Path) -> None:
    write(folder / "a", b"envcheck-cache 0123\ndata")


def _a_folder(folder: Path) -> None:
    (folder / "a").unlink()
    (folder / "a").mkdir()


def _a_pipe(folder: Path) -> None:
    (folder / "a").unlink()
    os.mkfifo(folder / "a")


def _a_link(folder: Path) -> None:
    (folder / "a").rename(folder / "b")
    (folder / "a").symlink_to("b")


def _a_link_to_the_folder(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to("elsewhere")


def _a_file_for_the_folder(folder: Path) -> None:
    _unlinked(folder)
    folder.rmdir()
    folder.write_text("")


def _group_can_write(folder: Path) -> None:
    (folder / "a").chmod(0o660)


def _others_can_write(folder: Path) -> None:
    (folder / "a").chmod(0o602)


def _group_can_write_to_the_folder(folder: Path) -> None:
    folder.chmod(0o770)


def _others_can_write_to_the_folder(folder: Path) -> None:
    folder.chmod(0o707)


def _of_another(folder: Path) -> None:
    os.chown(folder / "a", 12345, -1)


def _folder_of_another(folder: Path) -> None:
    os.chown(folder, 12345, -1)


DOUBTS = [
    *map(
        pytest.param,
        (_unlinked, _cut_off, _emptied, _longer, _changed, _of_nobody_we_know, _a_folder),
    ),
    *(
        pytest.param(each, marks=posix)
        for each in (
            *(_a_pipe, _a_link, _a_link_to_the_folder, _a_file_for_the_folder, _group_can_write),
            *(_others_can_write, _group_can_write_to_the_folder, _others_can_write_to_the_folder),
        )
    ),
    *(pytest.param(each, marks=as_root) for each in (_of_another, _folder_of_another)),
]


@pytest.mark.parametrize("doubt", DOUBTS)
def test_any_doubt_and_nothing_is_there(folder: Path, doubt: Callable[[Path], None]) -> None:
    cache.save("a", STAMP, b"data")
    assert loaded("a", STAMP) == b"data"
    doubt(folder)

    assert loaded("a", STAMP) is None
    cache.save("a", STAMP, b"data")  # helps, or does nothing
    assert loaded("a", STAMP) in {b"data", None}


def test_another_stamp_is_a_doubt_too(folder: Path) -> None:
    cache.save("a", STAMP, b"data")

    assert loaded("a", "x" * 64) is None
    assert folder.is_dir()


@posix
def test_what_is_in_doubt_is_replaced_where_the_folder_is_sound(folder: Path) -> None:
    for doubt in (_unlinked, _cut_off, _a_pipe, _a_link, _others_can_write):
        cache.save("a", STAMP, b"data")
        doubt(folder)
        cache.save("a", STAMP, b"anew")

        assert loaded("a", STAMP) == b"anew"


@posix
def test_nothing_is_written_through_a_link(folder: Path) -> None:
    target = write(folder.parent / "target", "precious")
    folder.mkdir(mode=0o700)
    (folder / "a").symlink_to(target)
    cache.save("a", STAMP, b"data")

    assert target.read_text() == "precious"
    assert loaded("a", STAMP) == b"data"


HOMES = [
    pytest.param({"XDG_CACHE_HOME": "{}/x", "HOME": "{}/h"}, "x/envcheck", id="its own variable"),
    pytest.param({"XDG_CACHE_HOME": "", "HOME": "{}/h"}, "h/.cache/envcheck", id="an empty one"),
    pytest.param({"XDG_CACHE_HOME": "x", "HOME": "{}/h"}, "h/.cache/envcheck", id="a relative one"),
    pytest.param({"HOME": "{}/h"}, "h/.cache/envcheck", id="home"),
    pytest.param({"XDG_CACHE_HOME": "{}/file/x", "HOME": "{}/h"}, None, id="no folder"),
    pytest.param({"HOME": "/dev/null"}, None, id="no home to speak of"),
    pytest.param({"HOME": "h"}, None, id="a relative home"),
]


@posix
@pytest.mark.parametrize(("variables", "expected"), HOMES)
def test_where_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str | None
) -> None:
    write(tmp_path / "file")
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    cache.save("a", STAMP, b"data")

    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("a")] == (
        [f"{expected}/a"] if expected else []
    )
    assert loaded("a", STAMP) == (b"data" if expected else None)


@as_root
def test_a_user_without_any_home_leaves_nothing_behind(tmp_path: Path) -> None:
    """
    A container may run as a user that no list of users has.
    """
    code = (
        "import os, tempfile\n"
        "from envcheck.matrix import cache\n"
        "os.setuid(54321)\n"
        "cache.save('a', 'stamp' * 12 + '4444', b'data')\n"
        "print(cache.load('a', 'stamp' * 12 + '4444'), os.listdir())\n"
    )
    tmp_path.chmod(0o777)
    variables = {
        name: each for name, each in os.environ.items() if name not in {"HOME", "XDG_CACHE_HOME"}
    }
    assert _output(code, tmp_path, variables) == "None []\n"


def _output(code: str, folder: Path, variables: dict[str, str]) -> str:
    # A coverage measurement in the process would write a file of its own, and fall foul of a limit.
    variables = {name: each for name, each in variables.items() if not name.startswith("COV")}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=folder, env=variables, stdout=subprocess.PIPE, check=True)
    return result.stdout.decode()


@posix
def test_a_full_disk_costs_nothing_but_time(folder: Path) -> None:
    code = (
        "import resource, sys\n"
        "from envcheck.matrix import cache\n"
        "cache.save('a', 'stamp' * 12 + '4444', b'before')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "cache.save('a', 'stamp' * 12 + '4444', b'x' * 100_000)\n"
        "found = cache.load('a', 'stamp' * 12 + '4444')\n"
        "print(found and found.read())\n"
    )
    assert _output(code, folder.parent, dict(os.environ)) == "b'before'\n"
    assert [each.name for each in folder.iterdir()] == ["a"], "no half of a file is left"


def test_writers_at_once_leave_one_whole_file(folder: Path) -> None:
    code = (
        "import sys\n"
        "from envcheck.matrix import cache\n"
        "mine = sys.argv[1].encode() * 200_000\n"
        "for _ in range(30):\n"
        "    cache.save('a', 'stamp' * 12 + '4444', mine)\n"
        "    found = cache.load('a', 'stamp' * 12 + '4444').read()\n"
        "    assert len(found) == 200_000 and len(set(found)) == 1\n"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = [
        subprocess.Popen([sys.executable, "-c", code, letter], env=variables) for letter in "abc"
    ]

    assert [each.wait(60) for each in running] == [0, 0, 0]
    assert [each.name for each in folder.iterdir()] == ["a"]
