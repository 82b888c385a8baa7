"""
What `envcheck try` was asked for: known-good sets, files and requirements, and grids of versions.

What is named later and more narrowly replaces what a set or a file says of the same package:
`envcheck try moe-llava@2024-02-15 numpy==2.2.6` is that set with another numpy.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import files, versions
from envcheck.clean import clip
from envcheck.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.matrix import Matrix

_MOST: Final = 10_000
"Cells; a longer grid is a mistake."
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_HASH: Final = re.compile(r"\s+--hash[= ]\S+")
_DEEP: Final = 10
"Files that refer to one another."


class Asked(NamedTuple):
    """
    The versions that are to be tried together.
    """

    requirements: tuple[str, ...]
    "Sorted."
    named: frozenset[NormalizedName] = frozenset()
    "Packages that were named one by one: they may be newer than the day of the set they are added to."
    title: str = ""
    "The set's id, or the file's name; empty: requirements alone."
    date: str | None = None
    "The day of the set."
    python: str = ""
    "A specifier for its Python."
    proven: str | None = None
    "A Python on which it has been run."


def read(words: Sequence[str], matrix: Matrix) -> Asked:
    """
    Read ids of sets, names of files, and requirements.

    Raises:
        UsageError: A word is none of them.
        SourceError: A file can't be read.
    """
    found: dict[NormalizedName, list[str]] = {}
    named: set[NormalizedName] = set()
    asked = Asked(())
    titles = []
    for word in words:
        known = _set(word, matrix)
        if known is not None:
            titles.append(known.title)
            asked = known
            found.update(_by_name(known.requirements))
        elif _is_file(word):
            titles.append(os.path.basename(word))
            found.update(_by_name(list(_lines(word))))
        else:
            name, text = _requirement(word, "")
            if name not in named:
                found.pop(name, None)
            named.add(name)
            found.setdefault(name, []).append(text)
    return asked._replace(
        requirements=tuple(sorted(itertools.chain(*found.values()))),
        named=frozenset(named),
        title=" ".join(titles),
    )


def with_versions(asked: Asked, versions_: Mapping[NormalizedName, str]) -> Asked:
    """
    Return what was asked with these versions in place of whatever it says of the packages.
    """
    rest = [each for each in asked.requirements if versions.requirement(each).name not in versions_]
    pins = [f"{name}=={version}" for name, version in versions_.items()]
    return asked._replace(
        requirements=tuple(sorted([*rest, *pins])), named=asked.named | versions_.keys()
    )


def grid(texts: Sequence[str]) -> list[tuple[NormalizedName, list[str]]]:
    """
    Read the axes of a grid, each `package=version,version,…`.

    Raises:
        UsageError: One is something else, or there are too many cells.
    """
    axes: dict[NormalizedName, list[str]] = {}
    cells = 1
    for text in texts:
        name, equals, rest = text.partition("=")
        several = [each.strip() for each in rest.lstrip("=").split(",") if each.strip()]
        if not (equals and several and re.fullmatch(r"[A-Za-z0-9][\w.-]*", name.strip(), re.ASCII)):
            raise UsageError(
                f"--grid {clip(text)}: give a package and its versions, such as "
                "--grid accelerate=0.21.0,1.0.1"
            )
        for each in several:
            if versions.version(each) is None:
                raise UsageError(f"--grid {clip(text)}: {clip(each)} is not a version")
        package = versions.normalize(name.strip())
        if package in axes:
            raise UsageError(f"--grid: {package} is given twice; one list of versions is enough")
        axes[package] = list(dict.fromkeys(several))
        cells *= len(axes[package])
    if cells > _MOST:
        raise UsageError(f"--grid: {cells} cells are more than {_MOST}; try it in parts")
    return list(axes.items())


def product(
    asked: Asked, axes: Sequence[tuple[NormalizedName, Sequence[str]]]
) -> Iterator[tuple[tuple[str, ...], Asked]]:
    """
    Yield (versions in the order of the axes, cell).
    """
    names = [name for name, _ in axes]
    for chosen in itertools.product(*(several for _, several in axes)):
        yield chosen, with_versions(asked, dict(zip(names, chosen, strict=True)))


def requirements(texts: Sequence[str], option: str) -> tuple[str, ...]:
    """
    Read requirements that an option gives.

    Raises:
        UsageError: One is none.
    """
    return tuple(sorted(_requirement(text, f"{option} ")[1] for text in texts))


def day(text: str) -> str:
    """
    Read a day.

    Raises:
        UsageError: It is none.
    """
    from datetime import date

    try:
        if _DAY.match(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise UsageError(f"--date {clip(text)}: not a day; give one such as 2024-02-15")


def _set(word: str, matrix: Matrix) -> Asked | None:
    """Return the known-good set of this id, or the newest of this project; `None`: it isn't one."""
    record = matrix.record(word) if "@" in word else None
    if record is None and matrix.project(word) and versions.normalize(word) not in matrix.tracked:
        numbers = matrix.project(word)["numbers"]  # type: ignore[index]
        sets = [matrix.known_good(number) for number in numbers]
        record = next((each for each in reversed(sets) if "withdrawn" not in each), None)
    if record is None:
        if "@" in word and "://" not in word and os.sep not in word:
            from difflib import get_close_matches

            near = get_close_matches(word, [id_ for id_ in matrix.ids() if "@" in id_], 3)
            hint = f"did you mean {' or '.join(near)}?" if near else "see `envcheck list sets`"
            raise UsageError(f"{clip(word)}: there is no such set; {hint}")
        return None
    evidence = record["evidence"]
    days = [each["date"] for each in evidence if each["kind"] == "published" and "date" in each]
    runs = [each["python"] for each in evidence if each["kind"] == "run" and "python" in each]
    return Asked(
        tuple(record["packages"]),
        title=record["id"],
        date=max(days, default=None),
        python=record.get("python", ""),
        proven=next(iter(runs), None),
    )


def _by_name(texts: Sequence[str]) -> dict[NormalizedName, list[str]]:
    found: dict[NormalizedName, list[str]] = {}
    for text in texts:
        found.setdefault(versions.requirement(text).name, []).append(text)
    return found


def _is_file(word: str) -> bool:
    if word.endswith((".txt", ".in", ".lock")) or os.sep in word.partition("@")[0]:
        return True
    return os.path.isfile(word) and not re.search(r"[=<>~!@]", word)


def _requirement(text: str, where: str) -> tuple[NormalizedName, str]:
    """Return the name, and the requirement as it is recorded: without spaces that mean nothing."""
    try:
        found = versions.requirement(text)
    except ValueError:
        raise UsageError(
            f"{where}{clip(text)}: not a set's id, a requirements file or a requirement"
        ) from None
    return found.name, text.strip() if found.url else str(found)


def _lines(path: str, depth: int = 0) -> Iterator[str]:
    """Yield the requirements of a file, and of those it refers to."""
    if depth > _DEEP:
        raise UsageError(f"{clip(path)}: its -r lines lead in a circle")
    text = files.read_text(path, "requirements file")
    start = 1
    for line in re.split(r"(?<!\\)\n", text):
        number, start = start, start + line.count("\n") + 1
        whole = re.sub(r"(^|\s)#.*$", "", line.replace("\\\n", " "), flags=re.MULTILINE)
        whole = _HASH.sub("", whole).strip()
        referred = re.match(r"(?:-r|--requirement)[= ]\s*(\S+)\Z", whole)
        if referred:
            yield from _lines(os.path.join(os.path.dirname(path), referred[1]), depth + 1)
        elif whole.startswith("-"):
            raise UsageError(
                f"{clip(path)}, line {number}: {clip(whole, 40)} is not followed; "
                "set indexes for uv or pip, and give packages by name"
            )
        elif whole:
            yield _requirement(whole, f"{clip(path)}, line {number}: ")[1]
