"""
Finds the Python that a set is tried on: an executable, or a version that is on PATH, pyenv's or uv's.
"""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.clean import clean, clip
from envcheck.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.trials.process import Supervisor

_VERSION: Final = re.compile(r"(?:python|cpython-?)?(\d+)\.(\d+)(?:\.(\d+))?\Z")
_FACTS: Final = """\
import json, os, platform, sys
version = "{0.major}.{0.minor}.{0.micro}".format(sys.version_info)
kind = {"a": "a", "b": "b", "rc": "rc"}
level = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(sys.version_info.releaselevel)
libc = platform.libc_ver()
print(json.dumps({
    "implementation_name": sys.implementation.name,
    "implementation_version": version,
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": version + (level + str(sys.version_info.serial) if level else ""),
    "python_version": "{0.major}.{0.minor}".format(sys.version_info),
    "sys_platform": sys.platform,
    "libc": libc[0] + libc[1],
}))
"""


class Python(NamedTuple):
    """
    An interpreter, and what it says of itself.
    """

    path: str
    version: str
    platform: str
    "`linux-x86_64-glibc2.36`"
    markers: Mapping[str, str]
    "The environment of PEP 508 markers."

    @property
    def minor(self) -> str:
        """
        Return `3.10`.
        """
        return self.markers["python_version"]


def find(wish: str | None, allowed: str, proven: str | None, environ: Mapping[str, str]) -> str:
    """
    Return the path of the interpreter that was asked for, or that suits best.

    Args:
        wish: A path, a name on PATH, or a version; `None`: any that is allowed.
        allowed: A specifier.
        proven: A version that is preferred.

    Raises:
        SourceError: There is none.
    """
    if wish is not None:
        return _wished(wish, environ)
    own = ".".join(map(str, sys.version_info[:3]))
    wishes = [proven] if proven else []
    for text in wishes:
        path = next(_of_version(text, environ), None) or next(
            _of_version(text.rpartition(".")[0], environ), None
        )
        if path:
            return path
    if versions.satisfies(versions.version(own), allowed):
        return sys.executable
    for minor in ("3.11", "3.10", "3.12", "3.9", "3.13", "3.8"):
        if versions.satisfies(versions.version(f"{minor}.99"), allowed):
            path = next(_of_version(minor, environ), None)
            if path:
                return path
    raise SourceError(
        f"it needs Python {clean(allowed)}, and none is on this machine; name one with --python"
    )


def look_at(path: str, supervisor: Supervisor, folder: str, environ: Mapping[str, str]) -> Python:
    """
    Ask an interpreter what it is.

    Raises:
        SourceError: It gives no answer.
    """
    from envcheck.trials.process import Limits

    answer, log = os.path.join(folder, "python.json"), os.path.join(folder, "python.log")
    ended = supervisor.run(
        [path, "-I", "-c", _FACTS],
        environ=environ,
        folder=folder,
        log=log,
        output=answer,
        limits=Limits(60),
    )
    try:
        with open(answer, encoding="utf-8") as file:
            facts = json.load(file)
        said = {key: str(value) for key, value in facts.items()}
        libc = said.pop("libc")
        version = said["python_full_version"]
        parts = [said["sys_platform"].rstrip("0123456789"), said["platform_machine"], libc]
    except (OSError, ValueError, KeyError, AttributeError):
        raise SourceError(
            f"{clean(path)} is no Python that can be used (exit code {ended.code})"
        ) from None
    if (versions.version(version) or versions.version("0")) < versions.version("3.8"):  # type: ignore[operator]
        raise SourceError(
            f"{clean(path)} is Python {clean(version)}; 3.8 is the oldest that is tried"
        )
    return Python(path, version, "-".join(filter(None, parts)), said)


def _wished(wish: str, environ: Mapping[str, str]) -> str:
    if _VERSION.match(wish):
        path = next(_of_version(wish, environ), None)
        if path is None:
            raise SourceError(
                f"there is no Python {clean(wish)} on PATH, among pyenv's or uv's; install it "
                f"(`uv python install {clean(wish)}`), or give its path"
            )
        return path
    if os.path.isdir(wish):
        wish = os.path.join(wish, "bin", "python")
    from envcheck.sources import location

    path = location.interpreter(wish, environ).executable
    if path is None:
        raise SourceError(f"{clip(wish)} is no interpreter")
    return path


def _of_version(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield interpreters of a version, `3.10` or `3.10.13`."""
    found = _VERSION.match(text)
    if found is None:
        return
    minor = f"{found[1]}.{found[2]}"
    exact = f"{minor}.{found[3]}" if found[3] else None
    own = ".".join(map(str, sys.version_info[:3]))
    if sys.prefix == sys.base_prefix and (exact or minor) in {own, own.rpartition(".")[0]}:
        yield sys.executable
    home = environ.get("HOME", "")
    roots = [environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv")]
    data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    managed = environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")
    for pattern in (
        os.path.join(glob.escape(roots[0]), "versions", f"{exact or minor + '.*'}"),
        os.path.join(glob.escape(managed), f"cpython-{exact or minor + '.*'}-*"),
    ):
        for prefix in sorted(glob.glob(pattern), key=_numbers, reverse=True):
            path = os.path.join(prefix, "bin", f"python{minor}")
            if os.access(path, os.X_OK):
                yield path
    if exact is None:
        for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
            path = os.path.join(folder, f"python{minor}")
            # A shim of pyenv is a script that may lead nowhere; what it leads to has been seen above.
            if os.access(path, os.X_OK) and os.path.basename(folder) != "shims":
                yield path


def _numbers(path: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", os.path.basename(path))]
