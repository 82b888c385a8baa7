"""
The folder of the trials: nothing outside of it is written to.

    trials.jsonl    the records
    environments/   virtual environments: of a whole set, or what the cells of a grid have in common
    layers/         packages by version, each in a folder of its own
    extensions/     operators that were compiled, by torch and deepspeed
    cache/ tools/   of the installers
    logs/           what was printed by trials that didn't go well
    run/            what is at work now; emptied at the next start

A cell of a grid is a virtual environment that holds nothing but a list of folders: a base environment,
and a layer for each package that isn't in it. So no cell costs an installation. Packages that find each
other's libraries by their place (torch, and what NVIDIA publishes) are always in the base.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import re
import shutil
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import versions
from envcheck.clean import clean
from envcheck.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envcheck.trials.installer import Installer, Wanted
    from envcheck.trials.pythons import Python

RECORDS: Final = "trials.jsonl"
_MARK: Final = ".envcheck-trials"
_TOGETHER: Final = re.compile(
    r"torch|torchvision|torchaudio|torchcodec|pytorch-triton|triton|nvidia-.*|cuda-.*|mkl|mkl-.*|intel-.*"
    r"|oneccl.*|tbb|flash-attn|xformers|bitsandbytes|torchao"
)
"Packages that are tied to torch or to each other by the place of their libraries."


class Prepared(NamedTuple):
    """
    An environment in which a trial can be run.
    """

    python: str
    "Its interpreter."
    path: tuple[str, ...]
    "The folders in which its packages lie, in the order in which they are looked at."


class Place:
    """
    One folder of trials, held by one command at a time.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def path(self, *parts: str) -> str:
        """
        Return a folder inside, made if it isn't there.
        """
        path = os.path.join(self.folder, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    @contextmanager
    def scratch(self, name: str) -> Iterator[str]:
        """
        Give a folder that is gone afterwards.
        """
        path = os.path.join(
            self.folder, "run", name
        )  # short: sockets have to fit their names in 108 bytes
        os.makedirs(path)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _once(self, path: str) -> Iterator[bool]:
        """Let one thread at a time make a path; give whether it is still to be made."""
        with self._guard:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            yield not os.path.exists(path)

    def whole(
        self, pins: Sequence[str], of: Wanted, python: Python, installer: Installer, scratch: str
    ) -> Prepared:
        """
        Return a virtual environment with all of these pins, made if it isn't there.

        Raises:
            RefusedError: One can't be installed.
            UnreachableError: It could not be found out.
            DiskFullError: The disk is full.
        """
        key = _key(python.path, python.version, installer.name.partition(" ")[0], *pins)
        prefix = os.path.join(self.path("environments"), key)
        ready = os.path.join(prefix, "ready")
        with self._once(ready) as missing:
            if missing:
                shutil.rmtree(prefix, ignore_errors=True)
                installer.environment(prefix, scratch)
                own = os.path.join(prefix, "bin", "python")
                if pins:
                    installer.install(pins, ("--python", own), of, scratch)
                with open(ready, "w", encoding="utf-8") as file:
                    file.write("".join(f"{pin}\n" for pin in pins))
        return Prepared(os.path.join(prefix, "bin", "python"), (_site(prefix),))

    def layered(
        self, pins: Sequence[str], of: Wanted, python: Python, installer: Installer, scratch: str
    ) -> Prepared:
        """
        Return a virtual environment, in the scratch folder, that sees these pins where they lie.

        Raises:
            RefusedError: One can't be installed.
            UnreachableError: It could not be found out.
            DiskFullError: The disk is full.
        """
        together = [pin for pin in pins if _TOGETHER.fullmatch(versions.requirement(pin).name)]
        base = self.whole(together, of, python, installer, scratch)
        layers = [
            self._layer(pin, of, python, installer, scratch) for pin in pins if pin not in together
        ]
        prefix = os.path.join(scratch, "venv")
        installer.environment(prefix, scratch)
        path = (*layers, *base.path)
        # `addsitedir`, not a bare path: the `.pth` files of packages are obeyed as in an installation.
        with open(os.path.join(_site(prefix), "trial.pth"), "w", encoding="utf-8") as file:
            file.write("".join(f"import site; site.addsitedir({each!r})\n" for each in path))
        return Prepared(os.path.join(prefix, "bin", "python"), path)

    def _layer(
        self, pin: str, of: Wanted, python: Python, installer: Installer, scratch: str
    ) -> str:
        name = re.sub(r"[^\w.+-]", "_", pin.replace("==", "-"))[:80]
        if "==" not in pin:
            name += _key(pin)
        kind = f"{python.markers['implementation_name']}-{python.minor}"
        # Of that name, by which some (dill, for one) tell what is installed from a user's own modules.
        folder = os.path.join(self.path("layers", kind, name), "site-packages")
        with self._once(folder) as missing:
            if missing:
                fresh = os.path.join(scratch, "layer")
                shutil.rmtree(fresh, ignore_errors=True)
                os.mkdir(fresh)
                installer.install([pin], ("--target", fresh), of, scratch)
                os.rename(fresh, folder)
        return folder

    @contextmanager
    def extensions(self, name: str, scratch: str) -> Iterator[str]:
        """
        Give a copy of the operators that are kept under a name; those of a first use are kept.

        A copy, because a process that is ended while it compiles leaves a lock behind it.
        """
        kept = os.path.join(self.path("extensions"), name)
        copy = os.path.join(scratch, "extensions")
        if os.path.isdir(kept):
            shutil.copytree(kept, copy)
        else:
            os.mkdir(copy)
        yield copy
        if glob.glob(os.path.join(copy, "**", "*.so"), recursive=True) and not os.path.isdir(kept):
            for lock in glob.glob(os.path.join(copy, "**", "lock"), recursive=True):
                os.unlink(lock)
            with suppress(OSError):  # another cell was first
                os.rename(copy, kept)


@contextmanager
def opened(folder: str) -> Iterator[Place]:
    """
    Open a folder of trials, made if it isn't there, and keep other commands out of it.

    Raises:
        UsageError: Something else is in it.
        SourceError: It can't be written to, or is in use.
    """
    shown = clean(folder)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        mark = os.path.join(folder, _MARK)
        if not os.path.exists(mark) and os.listdir(folder):
            raise UsageError(
                f"--dir {shown}: it isn't empty, and no trials are in it; give another one"
            )
        lock = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SourceError(f"can't keep trials in {shown}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 20).decode("ascii", "replace")
            raise SourceError(
                f"another `envcheck try` (process {clean(holder)}) is at work in {shown}; "
                "wait for it, or give another folder with --dir"
            ) from None
        with suppress(OSError):
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        shutil.rmtree(os.path.join(folder, "run"), ignore_errors=True)
        yield Place(os.path.abspath(folder))
    finally:
        os.close(lock)


def default_folder() -> str:
    """
    Return the folder in the user's cache.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
    return os.path.join(base, "envcheck", "trials")


def _site(prefix: str) -> str:
    return glob.glob(os.path.join(glob.escape(prefix), "lib", "python*", "site-packages"))[0]


def _key(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
