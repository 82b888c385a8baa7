"""
Folders of installed distributions -> packages.

Names and versions come from folder names; METADATA is opened for tracked packages and where a
folder's name can't be trusted. What Python itself would find first wins: an earlier folder on the
path; inside one folder the first in its listing that has metadata (`importlib.metadata`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from envcheck import versions
from envcheck.model import Oddity, Package
from envcheck.sources import metadata, search_path

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from packaging.utils import NormalizedName

    from envcheck.sources.metadata import Metadata
    from envcheck.sources.search_path import Folder

_DIST_INFO: Final = ".dist-info"
_EGG_INFO: Final = ".egg-info"
_VERSION_LENGTH: Final = 200
"Longer ones aren't versions, and would cost too much to find out."

_Candidate: TypeAlias = "tuple[Package, str, bool]"
"A package, its version as text, and whether its metadata is sound."


def scan(before: Sequence[str], site: Sequence[str], tracked: Container[NormalizedName]) -> Scan:
    """
    Read every distribution on a search path.

    Args:
        before: Folders that come first on the path, and whose `.pth` files Python ignores.
        site: Folders whose `.pth` files Python follows. Here an `import` line in one is text.
        tracked: The packages to read fully.
    """
    found = Scan(tracked)
    for folder in search_path.walk(before, site):
        found.read(folder)
    found.finish()
    return found


class Scan:
    """
    What the folders hold.
    """

    def __init__(self, tracked: Container[NormalizedName]) -> None:
        self.packages: dict[NormalizedName, Package] = {}
        "Sorted by name, once finished."
        self.untracked: dict[NormalizedName, str] = {}
        self.oddities: list[Oddity] = []
        self.folders: list[str] = []
        "Everything that was looked at, in the order of the path."
        self.complete = True
        "False: a folder could not be read."
        self.installers: set[str] = set()
        "The INSTALLER words of tracked packages."
        self._tracked = tracked
        self._candidates: dict[NormalizedName, list[_Candidate]] = {}
        self._code: list[tuple[NormalizedName, str]] = []
        "Code of tracked packages in folders of PYTHONPATH."

    def read(self, folder: Folder) -> None:
        """
        Take in the next entry of the path.
        """
        where = folder.path
        self.folders.append(where)
        if folder.problem:
            self.complete = False
            self.oddities.append(Oddity("unreadable", where, folder.problem))
        if where.endswith(".egg"):
            self._egg(where)
        tracked, untracked = self._tracked, self.untracked
        for child in folder.children:
            if child[-5:] != "-info":
                continue
            if child.endswith(_DIST_INFO):
                raw, _, version = child[:-10].partition("-")
            elif child.endswith(_EGG_INFO):
                raw, _, version = child[:-9].partition("-")
                version = version.partition("-")[0]  # 1.2-py3.11
            else:
                continue
            if not raw[:1].isalnum():
                self._left_over(child, where)
                continue
            name = _normal(raw)
            doubtful = not version[:1].isdigit() or "_" in version or "-" in version
            if doubtful or name in tracked:
                self._open(folder, child, name, "" if doubtful else version)
            elif name not in untracked:
                untracked[name] = version
        if folder.first:
            self._code += self._sources(folder)

    def finish(self) -> None:
        """
        Decide which of several installations of a package counts.
        """
        for name in sorted(self._candidates):
            candidates = self._candidates[name]
            winner = next((each for each in candidates if each[2]), candidates[0])
            self.packages[name] = winner[0]
            self._duplicates(name, winner, candidates)
        for name, source in self._code:
            self._shadow(name, source)

    def _open(self, folder: Folder, child: str, name: NormalizedName, version: str) -> None:
        """Read one distribution; `version` is that of its folder's name, if it can be trusted."""
        path = os.path.join(folder.path, child)
        meta = metadata.read(path)
        own = versions.normalize(meta.name)
        if not meta.problem and own != name:
            if not version and versions.normalize(child).startswith(f"{own}-"):
                name = own  # flash-attn-2.3.0.dist-info
            else:
                meta.problem, meta.version = f"its metadata is that of {meta.name}", ""
        if name not in self._tracked:
            self.untracked.setdefault(name, meta.version or version)
            return
        installer = metadata.installer(path)
        # conda leaves in direct_url.json where it built the package, not where that came from.
        origin, reference = ("index", "") if installer == "conda" else metadata.direct(path)
        if origin == "index" and child.endswith(_EGG_INFO):
            target = folder.links.get(name, "")
            if target or (folder.added and "-" not in child[:-9]):
                origin, reference = "editable", target or folder.path
        entry = (folder.path, child, version)
        self._add(name, entry, meta, (origin, reference, installer))

    def _egg(self, path: str) -> None:
        """Read an entry of the path that is itself a distribution: `name-1.2-py3.11.egg`."""
        child = os.path.basename(path)
        raw, _, rest = child[:-4].partition("-")
        name, version = _normal(raw), rest.partition("-")[0]
        if name in self._tracked:
            self._add(name, (path, child, version), metadata.egg(path), ("index", "", ""))
        else:
            self.untracked.setdefault(name, version)

    def _add(
        self,
        name: NormalizedName,
        entry: tuple[str, str, str],
        meta: Metadata,
        source: tuple[str, str, str],
    ) -> None:
        """Add (folder, name in it, version by that name), and (origin, reference, installer)."""
        where, child, version = entry
        text = meta.version or version
        parsed = versions.version(text) if 0 < len(text) <= _VERSION_LENGTH else None
        problem = meta.problem
        if text and parsed is None and not problem:
            problem = f"its version {text} is none by PEP 440"
        if problem:
            detail = f"{child} in {where} is damaged: {problem}"
            self.oddities.append(Oddity("unreadable", name, detail, (name,)))
        if source[2]:
            self.installers.add(source[2])
        package = Package(
            name=name,
            version=parsed,
            location=where,
            origin=source[0],
            reference=source[1],
            installer=source[2],
            requires=None if meta.problem else meta.requires,
        )
        self._candidates.setdefault(name, []).append((package, text, not meta.problem))

    def _duplicates(
        self, name: NormalizedName, winner: _Candidate, candidates: list[_Candidate]
    ) -> None:
        package, version, _ = winner
        others = [each for each in candidates if each[1] != version]
        if not others:
            return
        hidden = " and ".join(
            f"{text or 'an unknown version'} in {other.location}" for other, text, _ in others
        )
        detail = f"{version} in {package.location} comes first on the path and hides {hidden}"
        if any(other.location == package.location for other, _, _ in others):
            detail = (
                f"Python finds {version} in {package.location}, but there is also {hidden}; "
                "to which of them the code belongs can't be told, so reinstall it"
            )
        self.oddities.append(Oddity("duplicate", name, detail, (name,)))

    def _left_over(self, child: str, where: str) -> None:
        """Note what pip renames before it deletes; a first letter that fits gives the name away."""
        rest = child.rpartition(".")[0].lstrip("~-.=%").partition("-")[0]
        guesses = (_normal(f"{letter}{rest}") for letter in "abcdefghijklmnopqrstuvwxyz")
        names = tuple(name for name in guesses if name in self._tracked)[:1]
        detail = f"{child} in {where} was left behind by an interrupted installation"
        self.oddities.append(Oddity("leftover", child, detail, names))

    def _sources(self, folder: Folder) -> list[tuple[NormalizedName, str]]:
        """Return code that Python imports before any installed package."""
        found = []
        for child in folder.children:
            name = _normal(child.removesuffix(".py"))
            if name in self._tracked and name not in self._candidates:
                source = os.path.join(folder.path, child)
                if child.endswith(".py") or os.path.isfile(os.path.join(source, "__init__.py")):
                    found.append((name, source))
        return found

    def _shadow(self, name: NormalizedName, source: str) -> None:
        installed = self.packages.get(name)
        if installed is None:
            detail = f"{source} is on PYTHONPATH, but without metadata its version can't be told"
        elif _inside(source, installed.reference):
            return  # its own working copy
        else:
            detail = f"{source} is on PYTHONPATH and is imported in place of what is installed"
        self.oddities.append(Oddity("shadowed", name, detail, (name,)))


def _inside(path: str, url: str) -> bool:
    from urllib.parse import unquote

    folder = unquote(url.removeprefix("file://")).rstrip("/")
    return bool(folder) and path.startswith(f"{folder}{os.sep}")


def _normal(name: str) -> NormalizedName:
    """Normalise a name; the common ones without a regular expression."""
    if "." in name or "__" in name or "-" in name:
        return versions.normalize(name)
    return cast("NormalizedName", name.replace("_", "-").lower())
