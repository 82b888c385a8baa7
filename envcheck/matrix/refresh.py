"""
Writes `releases/<package>.yaml` of a matrix: what each release on the package index declares.

A file holds one line a release, in the order in which they were published, so that a refresh adds
lines at the end and its diff can be read. All facts come from the index; `index_client` and
`published_file` say from where there:

- `date`: when the first file of the release was uploaded;
- `python`, `requires`: what one of its files declares, see `_best_file`;
- `yanked`: the publisher's reason, where all files of the release are withdrawn;
- `extras`: the few extras in EXTRAS, which pip doesn't enforce but which say what works together;
- `requires-unknown`: in place of `requires`, why the requirements could not be had.

Left out are development and nightly builds, and releases whose files have all been deleted.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from textwrap import shorten
from typing import TYPE_CHECKING, NamedTuple

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcheck.errors import RefreshError
from envcheck.matrix.index_client import open_client, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName
    from pypi_simple import DistributionPackage

    from envcheck.matrix.published_file import Declared

__all__ = ["EXTRAS", "RefreshError", "refresh"]

_CONNECTIONS = 4  # An index is a shared service, and this is quick enough.
_HEADER = "# Generated from the package index; a refresh overwrites what is changed here by hand.\n"
_EXTRA = r'\bextra == "([^"]*)"'

# Only extras whose bounds tell which neighbours a release was made for.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "accelerate": ("deepspeed",),
    "axolotl": ("deepspeed", "flash-attn", "vllm"),
    "diffusers": ("torch", "training"),
    "lightning": ("strategies",),
    "llamafactory": ("bitsandbytes", "deepspeed", "liger-kernel", "torch", "vllm"),
    "pytorch-lightning": ("strategies",),
    "sentence-transformers": ("train",),
    "transformer-engine": ("pytorch",),
    "transformers": ("accelerate", "deepspeed", "sentencepiece", "torch"),
    "trl": ("deepspeed", "liger", "peft", "quantization", "vllm"),
    "unsloth": ("huggingface",),
}


def refresh(packages: Sequence[str], directory: Path, *, cache: Path | None = None) -> list[Path]:
    """
    Bring the release files of the named packages up to date with the package index.

    Args:
        packages: Names in any spelling.
        directory: The `releases` folder of a matrix; made if missing.
        cache: A folder for what published files declare, which never changes; made if missing.

    Returns:
        The files that are new or have changed.

    Raises:
        RefreshError: A package could not be read; the files of those before it are written.
    """
    changed = []
    with open_client(cache, _CONNECTIONS) as client, ThreadPoolExecutor(_CONNECTIONS) as pool:
        directory.mkdir(parents=True, exist_ok=True)
        for name in map(canonicalize_name, packages):
            releases = _by_release(name, client.files(name))
            found = pool.map(client.declared, map(_best_file, releases.values()))
            lines = sorted(
                _describe(name, version, files, declared)
                for (version, files), declared in zip(releases.items(), found, strict=True)
            )
            text = _HEADER + "".join(line.text for line in lines)
            path = directory / f"{name}.yaml"
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                write_atomically(path, text)
                changed.append(path)
    return changed


def _by_release(
    name: NormalizedName, files: Iterable[DistributionPackage]
) -> dict[Version, list[DistributionPackage]]:
    releases: dict[Version, list[DistributionPackage]] = {}
    for file in sorted(files, key=lambda file: file.filename):
        try:
            version = Version(file.version or "")
        except InvalidVersion:
            continue  # from before PEP 440: no installer of today offers it
        if file.upload_time is None:
            raise RefreshError(f"{name}: the package index doesn't give upload times (PEP 700)")
        if not version.is_devrelease:
            releases.setdefault(version, []).append(file)
    return releases


def _best_file(files: Sequence[DistributionPackage]) -> DistributionPackage:
    """
    Choose the file that speaks for a release: the wheel that is installed on Linux on x86-64.

    Wheels of one release can differ: torch asks for nvidia-* in those for Linux only.
    """

    def fitness(file: DistributionPackage) -> tuple[bool, bool, bool, bool, bool, str]:
        platform = file.filename.removesuffix(".whl").rpartition("-")[2]
        return (
            not file.is_yanked,
            file.package_type in {"wheel", "sdist"},
            file.package_type == "wheel",
            platform == "any" or ("linux" in platform and platform.endswith("_x86_64")),
            "musl" not in platform,
            file.filename,
        )

    return max(files, key=fitness)


class _Line(NamedTuple):
    date: str
    version: Version
    text: str


def _describe(
    name: NormalizedName, version: Version, files: Sequence[DistributionPackage], found: Declared
) -> _Line:
    date = min(file.upload_time for file in files if file.upload_time).date().isoformat()
    pairs = {"version": _scalar(str(version)), "date": date}
    try:
        if python := str(SpecifierSet(_best_file(files).requires_python or "")):
            pairs["python"] = _scalar(python)
    except InvalidSpecifier:
        pass  # installers, too, pass over what they can't read
    if all(file.is_yanked for file in files):
        reason = min((file.yanked_reason for file in files if file.yanked_reason), default="")
        pairs["yanked"] = _scalar(shorten(reason, 400) or "no reason given")

    requires, extras, unknown = _sort_out(found, EXTRAS.get(name, ()))
    if unknown:
        pairs["requires-unknown"] = _scalar(shorten(unknown, 200))
    else:
        pairs["requires"] = _list(requires)
    if given := [f"{extra}: {_list(texts)}" for extra, texts in sorted(extras.items())]:
        pairs["extras"] = f"{{{', '.join(given)}}}"
    inside = ", ".join(f"{key}: {value}" for key, value in pairs.items())
    return _Line(date, version, f"- {{{inside}}}\n")


def _sort_out(
    found: Declared, of_interest: Iterable[str]
) -> tuple[set[str], dict[str, set[str]], str]:
    """
    Tell the requirements of a release from those of its extras, both normalised.

    Returns:
        The requirements, those of the extras that are asked for, and why the first are not known.
    """
    requires: set[str] = set()
    extras: dict[str, set[str]] = {}
    unknown = found.unknown
    for text in found.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            if not re.search(r"\bextra\s*==", text):
                unknown = f"not a requirement: {text}"
            continue
        requirement.name = canonicalize_name(requirement.name)
        asked_by = _take_extras(requirement)
        if not asked_by:
            requires.add(str(requirement))
        for extra in asked_by.intersection(of_interest):
            extras.setdefault(extra, set()).add(str(requirement))
    return requires, extras, unknown


def _take_extras(requirement: Requirement) -> set[str]:
    """
    Take the condition on extras out of a requirement's marker, and return the extras it names.

    A marker in which more than a plain `and` ties it to other conditions stays as it is.
    """
    marker = str(requirement.marker or "")
    extras = {str(canonicalize_name(extra)) for extra in re.findall(_EXTRA, marker)}
    if re.fullmatch(rf"{_EXTRA}(?: or {_EXTRA})*", marker):
        requirement.marker = None
    elif " or " not in re.sub(r"\([^()]*\)", "", marker):
        rest = re.sub(rf" and {_EXTRA}|{_EXTRA} and ", "", marker)
        requirement.marker = Marker(rest) if rest else None
    return extras


def _list(requirements: Iterable[str]) -> str:
    return f"[{', '.join(map(_scalar, sorted(requirements)))}]"


def _scalar(text: str) -> str:
    """
    Write a text as a YAML scalar inside braces, in quotes only where YAML needs them.
    """
    if re.fullmatch(r"[\w(](?:[\w.+=~!<>;()@/*\"' -]*[\w.+=~!<>;()@/*\"'-])?", text, re.ASCII):
        return text
    if ('"' in text or "\\" in text) and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)
