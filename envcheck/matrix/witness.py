"""
Environments derived from what a matrix says: what an entry must hit, and what a set stands for.

A condition that no environment fulfils, a fix that doesn't cure and a known-good set that is known
to be bad are found by trying, with the code that a check uses.
"""

from __future__ import annotations

import json
import re
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.checks import known_bad
from envcheck.checks.conditions import judge
from envcheck.experts.blocks import types
from envcheck.matrix.index import FACTS
from envcheck.model import Environment, Package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.matrix import Matrix
    from envcheck.versions import Requirement

_NOTHING: Final = Environment(origin="", kind="list", packages={})
_MOST_TRIED: Final = 1000
_MOST_COMBINED: Final = 20_000
"""So many combinations of versions are looked at until one counts as free."""


def named(specifier: str) -> list[Version]:
    """
    Return the versions that a specifier names, without the operators.
    """
    texts = (clause.lstrip("=<>!~ ").removesuffix(".*") for clause in specifier.split(","))
    return [found for text in texts if (found := versions.version(text.strip())) is not None]


def around(*specifiers: str) -> list[Version]:
    """
    Return made-up versions: if specifiers admit any at all, they admit one of these.

    They are the edges, what is right above each (in its last number, and as little as possible), the
    first and the final of its family, and 0: in a range that isn't empty lies something of the kind.
    """
    texts = {"0"}
    for specifier in specifiers:
        for edge in named(specifier):
            text = edge.public
            following = re.sub(r"\d+\Z", lambda found: str(int(found[0]) + 1), text)
            base = edge.base_version
            texts |= {str(edge), text, following, f"{base}.dev0", base, f"{base}.0.0.1"}
    return sorted(found for text in texts if (found := versions.version(text)) is not None)


def admitted(name: NormalizedName, specifier: str, matrix: Matrix) -> list[Version]:
    """
    Return the versions of a package that a specifier admits, as far as can be told.

    Returns:
        Lowest first: known releases, or what the specifier names itself (a working copy, a build),
        and made-up versions only of a package without known releases.
    """
    releases = [release.version for release in matrix.releases(name)]
    for possible in (releases, named(specifier), [] if releases else around(specifier)):
        found = sorted(each for each in possible if versions.contains(specifier, each))
        if found:
            return found
    return []


_USUAL: Final = {
    "python": ("3.11", "3.10", "3.12", "3.13"),
    "cuda": ("12.4", "11.8"),
    "rocm": ("6.2", "6.0"),
    "gpu": ("8.0", "9.0"),
}


def value(key: str, specifier: str) -> str | None:
    """
    Return what a specifier of Python, CUDA, ROCm or a GPU admits, a usual one if it can be; `None`: nothing.
    """
    usual = [each for text in _USUAL[key] if (each := versions.version(text)) is not None]
    usual += sorted(around(specifier), key=lambda each: each.is_prerelease)
    fitting = (each for each in usual if versions.contains(specifier, each))
    return next(map(str, fitting), None)


def environment(entry: Mapping[str, Any], matrix: Matrix) -> Environment | None:
    """
    Return an environment that a known-bad entry hits for certain; `None`: there can be none.
    """
    packages = {}
    for text in entry["packages"]:
        pin = versions.requirement(text)
        found = admitted(pin.name, pin.specifier, matrix)
        if not found:
            return None
        packages[pin.name] = Package(pin.name, found[-1])
    facts: dict[str, Any] = {key: value(key, entry[key]) for key in _USUAL if key in entry}
    if "absent" in entry:
        facts["complete"] = True
    if "platform" in entry:
        facts["platform"] = entry["platform"][0]
    if "model" in entry:
        facts["model"] = model(entry["model"], packages)
    if "deepspeed-config" in entry:
        facts["deepspeed_config"] = settings(entry["deepspeed-config"])
    made = _NOTHING._replace(packages=packages, **facts)
    conditions = {key: entry[key] for key in FACTS if key in entry}
    return made if judge(conditions, made).holds else None


def model(
    conditions: Mapping[str, Sequence[str]], packages: Mapping[NormalizedName, Package]
) -> dict[str, Any]:
    """
    Return facts of a model that fulfil conditions, as far as there can be such a model.
    """
    made: dict[str, Any] = {}
    for key, wanted in conditions.items():
        if key in {"ep-size", "top-k"}:
            made[key] = _fulfilling(wanted[0])
        elif key != "experts":
            made[key] = "deepspeed" if wanted[0] == "any" else wanted[0]
    package = packages.get(versions.normalize("transformers"))
    if "experts" in conditions and "expert-type" not in made and package and package.version:
        fitting = (each for run in conditions["experts"] for each in types(run, package.version))
        made["expert-type"] = next(fitting, "")
    return made


def settings(conditions: Mapping[str, Sequence[str]]) -> dict[str, Any] | None:
    """
    Return a DeepSpeed configuration that fulfils conditions; `None`: there is none.
    """
    for chosen in islice(product(*conditions.values()), _MOST_TRIED):
        config: dict[str, Any] = {}
        for path, wanted in sorted(zip(conditions, chosen, strict=True), reverse=True):
            config = changed(config, path, _fulfilling(wanted))
        if holds(conditions, config):
            return config
    return None


def holds(conditions: Mapping[str, Sequence[str]], config: Mapping[str, Any]) -> bool:
    """
    Tell whether a DeepSpeed configuration fulfils conditions for certain.
    """
    made = _NOTHING._replace(deepspeed_config=config)
    return judge({"deepspeed-config": conditions}, made).holds is True


def changed(config: Mapping[str, Any], path: str, wanted: Any) -> dict[str, Any]:
    """
    Return a configuration with the value at a dotted path changed; `None` removes it.
    """
    first, _, rest = path.partition(".")
    inner = config.get(first)
    if rest:
        inner = changed(inner if isinstance(inner, dict) else {}, rest, wanted)
    elif not (
        wanted == {} and isinstance(inner, dict)
    ):  # a section is present with whatever is in it
        inner = wanted
    result = {**config, first: inner}
    if inner is None or (rest and not inner and first not in config):
        del result[first]
    return result


def literal(text: str) -> Any:
    """
    Return what a value of the matrix, where every scalar is text, is in a configuration.
    """
    if text == "absent":
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fulfilling(wanted: str) -> Any:
    """Return a value that one condition admits, as far as one can be made up."""
    if wanted == "present":
        return {}
    operator = re.match(r">=|<=|!=|>|<", wanted)
    if operator is None:
        return literal(wanted)
    operand = literal(wanted[operator.end() :].strip())
    if isinstance(operand, bool):
        return not operand
    if not isinstance(operand, (int, float)):
        return "anything else"
    return operand + {">": 1, "<": -1, "!=": 1}.get(operator[0], 0)


def condemned(
    wanted: Sequence[Requirement], others: Sequence[Requirement], matrix: Matrix
) -> str | None:
    """
    Return an entry that breaks whatever a fix admits; `None`: something of it is free, or may be.

    Args:
        wanted: What the fix wants.
        others: Beside what: the packages of the entry that has the fix.
    """
    fixed = {pin.name for pin in wanted}
    pins = [*(pin for pin in others if pin.name not in fixed), *wanted]
    # Newest versions go first, since one that is free is most likely to be among them.
    admits = [admitted(pin.name, pin.specifier, matrix)[::-1] for pin in pins]
    found = None
    for number, chosen in enumerate(product(*admits)):
        if number == _MOST_COMBINED:
            return None
        packages = {
            pin.name: Package(pin.name, version) for pin, version in zip(pins, chosen, strict=True)
        }
        hits = known_bad.hits(_NOTHING._replace(packages=packages), matrix)
        found = next((hit.id for hit in hits if hit.certain and hit.severity == "error"), None)
        if found is None:
            return None
    return found


def stands_for(
    record: Mapping[str, Any], moe: str | None, matrix: Matrix
) -> tuple[Environment, Mapping[NormalizedName, list[Version]]]:
    """
    Return the environment that a known-good set stands for, and what it admits of each package.

    A package that is given as a range is in it in the newest version of the range.
    """
    ranges = {}
    for text in record["packages"]:
        pin = versions.requirement(text)
        ranges[pin.name] = admitted(pin.name, pin.specifier, matrix)
        exact = named(pin.specifier) if re.fullmatch(r"==[^,*]+", pin.specifier) else []
        if exact:
            ranges[pin.name] = exact  # with its local label, and where no such release is known
    packages = {name: Package(name, found[-1]) for name, found in ranges.items() if found}
    pythons = [f"3.{minor}" for minor in range(6, 20)]
    suiting = [each for each in pythons if _suits(each, record.get("python", ""))]
    return (
        _NOTHING._replace(
            packages=packages,
            python=suiting[0] if len(suiting) == 1 else None,
            cuda=record.get("cuda"),
            model=None if moe is None else {"moe": moe},
        ),
        ranges,
    )


def _suits(python: str, specifier: str) -> bool:
    minor = int(python.partition(".")[2])
    ends = (python, f"3.{minor}.99")
    return any(
        versions.contains(specifier, each) for text in ends if (each := versions.version(text))
    )
