"""
`envcheck matrix validate`: every problem of a matrix, those of form and those of sense.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.checks import known_bad
from envcheck.clean import clean
from envcheck.matrix import Matrix, clashes, witness
from envcheck.matrix.compile import build
from envcheck.matrix.index import Index
from envcheck.matrix.load import Content, Place, cell_id, load
from envcheck.matrix.store import INDEX_NAME, directory, open_matrix, shipped
from envcheck.matrix.strict_yaml import quoted
from envcheck.matrix.texts import Problem
from envcheck.trials import sheet
from envcheck.trials.explain import contradiction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version

    from envcheck.trials.record import Record
    from envcheck.versions import Requirement

    Found = tuple[str, str]
    "What of a record is wrong (`packages`, `fixes 1`; empty: the whole), and how."

_ONLY_A_CLASS: Final = re.compile(r"[\w.]*(Error|Exception|Warning)\s*:?\s*\Z|Traceback\b.*")
"An error text without anything that tells one error from another."


def validate(directories: Sequence[str]) -> tuple[str, int]:
    """
    Validate matrix directories, each on top of the built-in matrix alone; none: the built-in one.

    Returns:
        A line a problem (`file:line: what`), then one that counts, and the number of problems.

    Raises:
        MatrixError: A directory isn't there, or holds no matrix.
    """
    lines = []
    count = 0
    for path in directories or [_shown(directory())]:
        content, problems = examine(path)
        count += len(problems)
        lines += [str(problem) for problem in problems]
        sets = sum(len(project["sets"]) for project in content.projects.values())
        releases = sum(map(len, content.releases.values()))
        cells = sum(len(trial["cells"]) for trial in content.trials.values())
        trials = f", {cells} cells of {len(content.trials)} trials" if cells else ""
        lines.append(
            f"{clean(path)}: {len(content.entries)} entries, {sets} known-good sets of "
            f"{len(content.projects)} projects, {releases} releases of {len(content.releases)} "
            f"packages{trials}: {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}"
        )
    return "".join(f"{line}\n" for line in lines), count


def listed(directories: Sequence[str]) -> list[dict[str, str | int]]:
    """
    Return the problems of matrix directories as plain data for machines: file, line, message.

    Raises:
        MatrixError: A directory isn't there, or holds no matrix.
    """
    return [
        {"file": problem.file, "line": problem.line, "message": clean(problem.message)}
        for path in directories or [_shown(directory())]
        for problem in examine(path)[1]
    ]


def _shown(path: str) -> str:
    """Return a path as it is known in the working directory, if it lies there."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


def examine(path: str) -> tuple[Content, list[Problem]]:
    """
    Return what a matrix directory says, and its problems by file and line.

    Raises:
        MatrixError: It isn't there, or holds no matrix.
    """
    content, problems = load(path)
    built_in = _is_built_in(path)
    if built_in:
        _add_generated(content, shipped())
    if not problems:
        below = None if built_in else open_matrix()
        problems = sorted(
            Problem(os.path.join(path, place.file), place.line, message)
            for place, message in judge(content, below)
        )
    return content, problems


def _is_built_in(path: str) -> bool:
    return os.path.isdir(directory()) and os.path.samefile(path, directory())


def _add_generated(content: Content, index: Index | None) -> None:
    """Add what a wheel has in its index alone."""
    if index is None:
        return
    for package in index.packages:
        releases = index.listed(package)
        if releases:
            content.releases.setdefault(package, releases)
    for name in index.trials:
        trial = content.trials.setdefault(name, index.trial(name))
        for number in range(len(trial["cells"])):
            content.places.setdefault(cell_id(name, number), Place(INDEX_NAME, 1))


def judge(content: Content, below: Matrix | None = None) -> Iterator[tuple[Place, str]]:
    """
    Yield what is well formed and still makes no sense.

    Args:
        below: The matrix that the content will be put on top of.
    """
    index = Index(io.BytesIO(build(content)), "")
    known = below.ids() if below else {}
    for identifier, message in clashes(index.ids(), index.overrides, known).items():
        yield content.places[identifier], message
    index.overrides = frozenset(known.keys() & index.ids())  # as it must have been meant
    matrix = Matrix([*(below.layers if below else ()), index])
    for identifier, entry in content.entries.items():
        for part, message in _Entry(identifier, entry, matrix).problems():
            yield content.place(identifier, part), message
    owners: dict[str, str] = {}
    for name, project in content.projects.items():
        for distribution in project.get("distributions", ()):
            if owners.setdefault(distribution, name) != name:
                message = (
                    f"the distribution {distribution!r} already belongs to {owners[distribution]!r}"
                )
                yield content.places[name], message
        for record in project["sets"]:
            for part, message in _set_problems(record, project.get("moe"), matrix):
                yield content.place(record["id"], part), message
    for name, trial in content.trials.items():
        for number, record in enumerate(sheet.rows(trial)):
            for message in _cell_problems(record, matrix):
                yield content.places[cell_id(name, number)], message


def _cell_problems(record: Record, matrix: Matrix) -> Iterator[str]:
    for text in (*record.asked, *record.base):
        yield from _pin_problems(versions.requirement(text), matrix, "it can't have been run")
    against = contradiction(record, matrix)
    if against is not None:
        yield f"{' '.join(record.asked)}: {against}"


class _Entry:
    """
    A known-bad entry on trial.
    """

    def __init__(self, identifier: str, entry: Mapping[str, Any], matrix: Matrix) -> None:
        self.identifier = identifier
        self.entry = entry
        self.matrix = matrix
        self.pins = [versions.requirement(text) for text in entry["packages"]]

    def problems(self) -> Iterator[Found]:
        blamed = self.identifier.partition("/")[0]
        if self.pins[0].name != blamed:
            yield (
                "packages",
                f"the first package must be the one to blame, {blamed!r}, like the file",
            )
        if any(pin.specifier for pin in self.pins) and "boundary" not in self.entry:
            yield (
                "",
                "the key 'boundary' is missing: how were the edges of the versions established?",
            )
        yield from _at("packages", _twice(self.pins))
        for pin in self.pins:
            yield from _at("packages", _pin_problems(pin, self.matrix, "this can never hold"))
        yield from self.condition_problems()
        for number, symptom in enumerate(self.entry.get("symptoms", ())):
            if "error" in symptom:
                yield from _at(f"symptoms {number}", _symptom_problems(symptom["error"]))
        yield from _at("evidence", _evidence_problems(self.entry["evidence"], self.matrix))
        if not any(isinstance(item, str) or "url" in item for item in self.entry["evidence"]):
            yield "evidence", "the evidence names no web address"
        for number, fix in enumerate(self.entry.get("fixes", ())):
            yield from _at(f"fixes {number}", self.fix_problems(fix))

    def condition_problems(self) -> Iterator[Found]:
        for key in ("python", "cuda", "rocm", "gpu"):
            if key in self.entry and witness.value(key, self.entry[key]) is None:
                yield key, f"{key} {self.entry[key]!r} can never hold"
        for name in self.entry.get("absent", ()):
            if any(pin.name == name for pin in self.pins):
                yield "absent", f"{name} can't be missing: it is in packages"
        if "deepspeed-config" in self.entry and self.config is None:
            yield (
                "deepspeed-config",
                "the conditions on the DeepSpeed configuration can never all hold",
            )

    def fix_problems(self, fix: Mapping[str, Any]) -> Iterator[str]:
        if "packages" in fix:
            yield from self.version_fix_problems(fix["packages"])
        elif "deepspeed-config" in fix:
            yield from self.settings_fix_problems(fix["deepspeed-config"])
        elif "remove" in fix and not {pin.name for pin in self.pins} & {*fix["remove"]}:
            yield f"the fix remove {', '.join(fix['remove'])} does not cure: it is not in packages"

    @property
    def config(self) -> dict[str, Any] | None:
        return witness.settings(self.entry["deepspeed-config"])

    def version_fix_problems(self, texts: Sequence[str]) -> Iterator[str]:
        wanted = [versions.requirement(text) for text in texts]
        shown = ", ".join(texts)
        yield from _twice(wanted)
        for pin in wanted:
            yield from _pin_problems(pin, self.matrix, f"the fix {shown} can't be had")
            releases = self.matrix.releases(pin.name)
            fitting = [each for each in releases if versions.contains(pin.specifier, each.version)]
            if fitting and all(each.yanked for each in fitting):
                yield f"the fix {shown} can't be had: only yanked releases are in {str(pin)!r}"
        cured = (
            bad.name == good.name and not self.overlap(bad, good)
            for bad in self.pins
            for good in wanted
        )
        installs = any(good.name in self.entry.get("absent", ()) for good in wanted)
        if not (installs or any(cured)):
            yield f"the fix {shown} does not cure: all of it can still be within the entry's own ranges"
            return
        condemned = witness.condemned(wanted, self.pins, self.matrix)
        if condemned:
            yield f"the fix {shown} is no cure: {condemned} is known to break all of it"

    def overlap(self, bad: Requirement, good: Requirement) -> bool:
        """Tell whether a version that a fix admits is still bad, as far as known and named ones show."""
        known = [release.version for release in self.matrix.releases(bad.name)]
        known = known or witness.around(bad.specifier, good.specifier)
        known += witness.named(bad.specifier) + witness.named(good.specifier)
        return any(
            versions.contains(bad.specifier, each) and versions.contains(good.specifier, each)
            for each in known
        )

    def settings_fix_problems(self, fix: Mapping[str, str]) -> Iterator[str]:
        shown = ", ".join(f"{path}: {value}" for path, value in fix.items())
        if "deepspeed-config" not in self.entry:
            yield f"the fix {shown} changes the DeepSpeed configuration, which is no condition here"
        elif self.config is not None:
            config = self.config
            for path, value in fix.items():
                config = witness.changed(config, path, witness.literal(value))
            if witness.holds(self.entry["deepspeed-config"], config):
                yield f"the fix {shown} does not cure: the conditions still hold"


def _at(part: str, messages: Iterable[str]) -> Iterator[Found]:
    return ((part, message) for message in messages)


def _twice(pins: Sequence[Requirement]) -> Iterator[str]:
    names = [pin.name for pin in pins]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is named twice: put its whole range into one requirement"


def _pin_problems(pin: Requirement, matrix: Matrix, otherwise: str) -> Iterator[str]:
    """Yield what is wrong with a range, given the known releases of its package."""
    releases = [release.version for release in matrix.releases(pin.name)]
    if not witness.admitted(pin.name, pin.specifier, matrix):
        yield f"no release of {pin.name} is in {pin.specifier!r}: {otherwise}"
        return
    for clause in pin.specifier.split(","):
        named = witness.named(clause)
        if not releases or not named or clause.endswith(".*"):
            continue
        if clause.startswith("==") and not _exists(named[0], releases):
            yield f"{pin.name} {named[0]} does not exist"
        left = [
            each
            for each in releases
            if each.base_version == named[0].base_version
            and each > named[0]
            and each.is_postrelease
            and versions.contains(pin.specifier, each)
        ]
        if clause.startswith("!=") and left:
            yield f"{clause!r} leaves {pin.name} {left[0]} in: exclude it too, or write '{clause}.*'"


def _exists(version: Version, releases: Sequence[Version]) -> bool:
    """Tell whether there is such a version; one of a working copy is nowhere to be looked up."""
    return version.is_devrelease or versions.public(version) in releases


def _symptom_problems(text: str) -> Iterator[str]:
    if len(text) < 2 or not (text.startswith("/") and text.endswith("/")):
        if _ONLY_A_CLASS.match(text):
            yield f"the symptom {quoted(text)} is found in every traceback of its kind"
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pattern = re.compile(text[1:-1])
    except (re.error, FutureWarning, DeprecationWarning) as error:
        yield f"the symptom {quoted(text)} is no regular expression: {error}"
        return
    if pattern.search("") or pattern.search("Traceback (most recent call last):"):
        yield f"the symptom {quoted(text)} matches everything"


def _evidence_problems(evidence: Sequence[Any], matrix: Matrix) -> Iterator[str]:
    for item in evidence:
        if isinstance(item, str):
            continue
        needed = ("date", "python", "checks") if item["kind"] == "run" else ("url",)
        missing = [key for key in needed if key not in item]
        if missing:
            yield f"evidence of the kind {item['kind']!r} lacks: {', '.join(missing)}"
        trials = {name for layer in matrix.layers for name in layer.trials}
        if "trial" in item and item["trial"] not in trials:
            known = ", ".join(sorted(trials)) or "none"
            yield f"there is no trial {quoted(item['trial'])}; there are: {known}"


def _set_problems(record: Mapping[str, Any], moe: str | None, matrix: Matrix) -> Iterator[Found]:
    pins = [versions.requirement(text) for text in record["packages"]]
    yield from _at("packages", _twice(pins))
    yield from _at("evidence", _evidence_problems(record["evidence"], matrix))
    if "python" in record and witness.value("python", record["python"]) is None:
        yield "python", f"python {record['python']!r} can never hold"
    if "withdrawn" in record:
        return
    for pin in pins:
        yield from _at("packages", _pin_problems(pin, matrix, "the set can't be had"))
    environment, ranges = witness.stands_for(record, moe, matrix)
    for hit in known_bad.hits(environment, matrix):
        cause = hit.subject
        if hit.certain and hit.severity == "error" and isinstance(cause, known_bad.Cause):
            inside = all(
                versions.contains(specifier, each)
                for name, specifier in cause.rule.packages
                for each in ranges[name]
            )
            if inside:
                yield (
                    "packages",
                    f"{hit.id} is known to break this set: say why it is withdrawn, or mend the entry",
                )
