"""
An environment in which everything that runs leaves a mark is read in every way, and nothing does.
"""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import builders
import pytest

from envcheck import sources, versions
from envcheck.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from envcheck.model import Environment

TRACKED = frozenset(map(versions.normalize, ("torch", "transformers", "deepspeed", "moellava")))
ROOT = Path(__file__).parents[2]

WATCHED = """\
import os, sys
root, repository = sys.argv[1:3]
forbidden = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "pty.",
    "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate",
    "os.utime", "os.chmod", "os.chown", "shutil.", "socket.", "ctypes.", "tempfile.", "urllib.")
def watch(event, arguments):
    if event.startswith(forbidden):
        os.write(2, f"{event} {arguments}\\n".encode())
        os._exit(9)
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        os.write(2, f"written: {arguments}\\n".encode())
        os._exit(9)
    if event in ("exec", "marshal.loads") and root in repr(arguments):
        os.write(2, f"{event} {arguments}\\n".encode())
        os._exit(9)
    if event == "import" and any(root in str(each) for each in arguments):
        os.write(2, f"{event} {arguments}\\n".encode())
        os._exit(9)
sys.path.insert(0, repository)
sys.dont_write_bytecode = True
import envcheck.sources
sys.addaudithook(watch)
"""


class Trapped(NamedTuple):
    prefix: Path
    site: Path
    environ: dict[str, str]
    mark: Path

    def fired(self) -> set[str]:
        """Return which traps have left their mark."""
        return set(self.mark.read_text().split()) if self.mark.exists() else set()

    def state(self) -> dict[str, tuple[int, int]]:
        """Return every file's size and time of change."""
        every = [path for path in self.prefix.parent.rglob("*") if path != self.mark]
        return {str(path): (os.lstat(path).st_size, os.lstat(path).st_mtime_ns) for path in every}


@pytest.fixture
def trapped(tmp_path: Path) -> Trapped:
    mark = tmp_path / "FIRED"

    def trap(name: str) -> str:
        return f"open({str(mark)!r}, 'a').write('{name} ')\n"

    prefix = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    site = builders.site_of(prefix)
    for name in (
        "torch",
        "transformers",
        "deepspeed",
        "sitecustomize",
        "usercustomize",
        "re",
        "json",
    ):
        builders.write(site / f"{name}.py", trap(name))
    builders.site_packages(site, "transformers==4.37.2", "numpy==1.26.4")
    builders.write(site / "transformers" / "__init__.py", trap("transformers"))
    direct = {"url": f"file://{tmp_path}/$(touch {mark})", "dir_info": {"editable": True}}
    builders.distribution(site, "torch", "2.0.1", direct=direct)
    (site / "torch.py").unlink()
    builders.write(site / "torch" / "__init__.py", trap("torch"))
    builders.write(site / "torch" / "version.py", f"{trap('version')}cuda = '11.7'\n")
    builders.write(site / "compiled.py", trap("compiled"))
    py_compile.compile(str(site / "compiled.py"), str(site / "compiled.pyc"), doraise=True)
    (site / "compiled.py").unlink()
    builders.write(
        site / "a.pth", f"import compiled\nimport sys; {trap('pth')}../../../../source\n"
    )
    builders.write(site / "__editable__.x.pth", f"import os; {trap('editable')}")
    builders.write(site / "MoELLaVA.egg-link", f"{tmp_path}/source\n.")
    source = tmp_path / "source"
    builders.write(
        source / "moellava.egg-info" / "PKG-INFO", builders.metadata("moellava", "1.0.0")
    )
    builders.write(source / "setup.py", trap("setup"))
    builders.write(source / "moellava.py", trap("moellava"))
    for name in ("python", "python3", "python3.10", "pip", "uv", "conda", "git", "uname", "pyenv"):
        builders.executable(tmp_path / "bin" / name, f"#!/bin/sh\necho {name} >> '{mark}'\n")
    for name in ("sitecustomize", "deepspeed", "json", "packaging"):
        builders.write(tmp_path / "pythonpath" / f"{name}.py", trap(f"path-{name}"))
    environ = {
        "PATH": f"{tmp_path}/bin:{prefix}/bin",
        "VIRTUAL_ENV": str(prefix),
        "PYTHONPATH": str(tmp_path / "pythonpath"),
        "PYTHONSTARTUP": str(tmp_path / "pythonpath" / "sitecustomize.py"),
        "PYENV_VERSION": f"$(touch {mark})",
        "HOME": str(tmp_path / "home"),
    }
    user = tmp_path / "home" / ".local" / "lib" / site.parent.name / "site-packages"
    builders.write(user / "usercustomize.py", trap("user"))
    return Trapped(prefix, site, environ, mark)


def listed(trapped: Trapped) -> Environment:
    path = trapped.prefix.parent / "list.json"
    path.write_text(json.dumps([{"name": "torch", "version": f"$(touch {trapped.mark})"}]))
    return sources.file(str(path), TRACKED)


WAYS: list[tuple[str, Callable[[Trapped], Environment]]] = [
    ("active", lambda each: sources.active(TRACKED, each.environ)),
    ("prefix", lambda each: sources.interpreter(str(each.prefix), TRACKED, each.environ)),
    (
        "executable",
        lambda each: sources.interpreter(f"{each.prefix}/bin/python", TRACKED, each.environ),
    ),
    (
        "name",
        lambda each: sources.interpreter("python", TRACKED, {"PATH": f"{each.prefix}/bin"}),
    ),
    ("path", lambda each: sources.paths([str(each.site)], TRACKED)),
    ("file", listed),
]


def test_the_traps_are_alive(trapped: Trapped) -> None:
    environ = {**trapped.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import torch, torch.version, transformers, moellava"
    subprocess.run([trapped.prefix / "bin" / "python", "-c", code], env=environ, check=True)
    subprocess.run(["python"], env={"PATH": f"{trapped.prefix.parent}/bin"}, check=True)

    assert trapped.fired() >= {
        "compiled",
        "pth",
        "editable",
        "path-sitecustomize",
        "torch",
        "version",
        "transformers",
        "moellava",
        "python",
    }


@pytest.mark.parametrize(("name", "read"), WAYS, ids=[name for name, _ in WAYS])
def test_no_trap_fires_and_nothing_is_written(
    trapped: Trapped, name: str, read: Callable[[Trapped], Environment]
) -> None:
    before = trapped.state()

    found = read(trapped)

    assert trapped.fired() == set()
    if name != "file":
        assert trapped.state() == before
        versions_ = {each: str(package.version) for each, package in found.packages.items()}
        assert versions_ == {"moellava": "1.0.0", "torch": "2.0.1", "transformers": "4.37.2"}
        assert found.cuda == "11.7"


def test_a_hostile_script_on_path_is_refused_and_not_run(trapped: Trapped) -> None:
    for name in ("python", "python3.10", "3.10", f"{trapped.prefix.parent}/bin/python"):
        with pytest.raises(SourceError, match="is a script, not an interpreter"):
            sources.interpreter(name, TRACKED, trapped.environ)

    assert trapped.fired() == set()


@pytest.mark.parametrize(
    "call",
    [
        "active(tracked, environ)",
        "interpreter(prefix, tracked, environ)",
        "interpreter(prefix + '/bin/python', tracked, environ)",
        "paths([site], tracked)",
    ],
)
def test_python_itself_sees_nothing_run_or_written(trapped: Trapped, call: str) -> None:
    facts = f"""
        tracked, environ = {set(TRACKED)!r}, {trapped.environ!r}
        prefix, site = {str(trapped.prefix)!r}, {str(trapped.site)!r}
        assert "torch" in envcheck.sources.{call}.packages
    """
    code = WATCHED + textwrap.dedent(facts)

    ran = subprocess.run(
        [sys.executable, "-c", code, str(trapped.prefix.parent), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        cwd=trapped.prefix.parent.parent,
        # Measuring coverage in the child would be seen as files written.
        env={key: value for key, value in os.environ.items() if not key.startswith("COV")},
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert trapped.fired() == set()


@pytest.mark.parametrize(
    "act",
    [
        "subprocess.run(['true'])",
        "os.system('true')",
        "open(root + '/x', 'w')",
        "sys.path.insert(0, {site!r}); import torch",
        "exec(compile('1', root + '/x', 'exec'))",
    ],
)
def test_the_watch_is_awake(trapped: Trapped, act: str) -> None:
    code = f"import subprocess\n{WATCHED}{act.format(site=str(trapped.site))}\n"

    command = [sys.executable, "-c", code, str(trapped.prefix.parent), str(ROOT)]
    ran = subprocess.run(command, capture_output=True, check=False)

    assert ran.returncode == 9
