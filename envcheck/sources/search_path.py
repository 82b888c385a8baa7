"""
The folders Python would search, in its order.

What `site.py` does, minus everything that runs code: `.pth` files add folders by their plain lines,
and their `import` lines are never more than text.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from envcheck import versions
from envcheck.files import head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PTH_LIMIT: Final = 1024 * 1024


class Folder:
    """
    One entry of the path, with its listing.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: list[str] = []
        "As the file system lists them: of two metadata folders Python takes the first."
        self.problem = ""
        self.first = False
        "Whether it comes before what is installed (PYTHONPATH)."
        self.added = False
        "Whether PYTHONPATH or a `.pth` file put it on the path: then it may be a working copy."
        self.links: Mapping[str, str] = {}
        "`.egg-link` files: name -> working copy."
        try:
            self.children = os.listdir(path)
        except NotADirectoryError:
            pass  # an archive
        except OSError as error:
            self.problem = f"the folder can't be read: {error.strerror}"


def walk(before: Sequence[str], site: Sequence[str]) -> Iterator[Folder]:
    """
    Yield every entry of the path that exists, each once.

    Args:
        before: Entries whose `.pth` files Python ignores; earlier than all others.
        site: Folders whose `.pth` and `.egg-link` files Python and its installers follow.
    """
    seen: set[tuple[int, int]] = set()
    for path in before:
        if _new(path, seen):
            folder = Folder(path)
            folder.first = folder.added = True
            yield folder
    for path in site:
        if _new(path, seen):
            folder = Folder(path)
            targets = _follow(folder)
            yield folder
            for target in targets:
                entry = os.path.normpath(os.path.join(path, target))
                if _new(entry, seen):
                    folder = Folder(entry)
                    folder.added = True
                    yield folder


def _follow(folder: Folder) -> list[str]:
    """Return what the `.pth` and `.egg-link` files of a folder add to the path."""
    files = sorted(each for each in folder.children if each.endswith((".pth", ".egg-link")))
    targets: list[str] = []
    links: dict[str, str] = {}
    for file in files:
        lines = _lines(os.path.join(folder.path, file))
        if file.endswith(".pth"):
            if not file.startswith("."):
                targets += (each for each in lines if not each.startswith(("import ", "import\t")))
        elif lines:
            links[versions.normalize(file.removesuffix(".egg-link"))] = lines[0]
    folder.links = links
    return [*targets, *links.values()]


def _lines(path: str) -> list[str]:
    try:
        text = head(path, _PTH_LIMIT).decode("utf-8", "surrogateescape")
    except OSError:
        return []
    lines = (line.rstrip() for line in text.removeprefix("\ufeff").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _new(path: str, seen: set[tuple[int, int]]) -> bool:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True
