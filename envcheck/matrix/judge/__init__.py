"""
What is well formed and still makes no sense: entries, sets and cells, each against all the rest.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from envcheck import versions
from envcheck.checks import known_bad
from envcheck.matrix import Matrix, clashes, witness
from envcheck.matrix.compile import build
from envcheck.matrix.index import Index
from envcheck.matrix.judge.entry import Entry
from envcheck.matrix.judge.parts import at, evidence_problems, pin_problems, twice
from envcheck.matrix.load import cell_id
from envcheck.trials import sheet
from envcheck.trials.explain import contradiction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.matrix.judge.parts import Found
    from envcheck.matrix.load import Content, Place
    from envcheck.trials.record import Record


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
        for part, message in Entry(identifier, entry, matrix).problems():
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
        yield from pin_problems(versions.requirement(text), matrix, "it can't have been run")
    against = contradiction(record, matrix)
    if against is not None:
        yield f"{' '.join(record.asked)}: {against}"


def _set_problems(record: Mapping[str, Any], moe: str | None, matrix: Matrix) -> Iterator[Found]:
    pins = [versions.requirement(text) for text in record["packages"]]
    yield from at("packages", twice(pins))
    yield from at("evidence", evidence_problems(record["evidence"], matrix))
    if "python" in record and witness.value("python", record["python"]) is None:
        yield "python", f"python {record['python']!r} can never hold"
    if "withdrawn" in record:
        return
    for pin in pins:
        yield from at("packages", pin_problems(pin, matrix, "the set can't be had"))
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
