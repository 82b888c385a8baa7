"""
`envcheck explain` and `envcheck list`: the matrix, and the table of checks, made readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.catalogue import known as catalogue
from envcheck.clean import visible
from envcheck.errors import UsageError
from envcheck.formats.text import WIDTH, plain, wrapped
from envcheck.matrix.store import open_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.catalogue.known import Check
    from envcheck.formats.text import Row
    from envcheck.matrix import Matrix

LISTS = ("entries", "sets", "projects", "packages", "trials", "checks")


def explain(identifier: str, directories: Sequence[str]) -> str:
    """
    Return everything known about an entry, a set, a project or a check.

    Raises:
        UsageError: There is none of this id.
        MatrixError: A directory holds no sound matrix.
    """
    matrix = open_matrix(directories)
    record = matrix.record(identifier)
    if record is not None:
        return plain(_set(record) if "@" in identifier else _entry(record))
    project = matrix.project(identifier)
    if project is not None:
        return plain(_project(project, matrix))
    check = catalogue.known(identifier)
    if check is not None:
        return plain(_check(check, identifier))
    from difflib import get_close_matches

    known = [each for each, _ in matrix.records()] + matrix.projects()
    known += catalogue.every()
    near = get_close_matches(identifier, known, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`envcheck list` shows what there is"
    raise UsageError(f"{visible(identifier)}: no such entry, set, project or check; {hint}")


def _entry(record: Mapping[str, Any]) -> Iterator[Row]:
    yield ((record["id"], "id"),)
    yield from wrapped("", record["title"], WIDTH)
    yield ()
    silent = ", silent: no exception is raised" if record.get("silent") else ""
    yield from _field("severity", record["severity"] + silent)
    yield from _field("versions", " and ".join(record["packages"]))
    for key in ("deepspeed-config", "model"):
        for path, values in record.get(key, {}).items():
            yield from _field(key.removeprefix("deepspeed-"), f"{path}: {' or '.join(values)}")
    for key in ("python", "platform", "cuda", "rocm", "gpu"):
        if key in record:
            value = record[key]
            yield from _field(key, " or ".join(value) if isinstance(value, list) else value)
    if "absent" in record:
        yield from _field("absent", " and ".join(record["absent"]))
    for symptom in record.get("symptoms", ()):
        yield from _field("symptom", symptom.get("error") or f"loss: {symptom['loss']}")
    yield from _field("why", record["why"])
    for fix in record.get("fixes", ()):
        yield from _field("fix", _fix(fix))
    for key in ("verify", "boundary"):
        if key in record:
            yield from _field(key, record[key])
    for item in record["evidence"]:
        yield from _field("evidence", item if isinstance(item, str) else _evidence(item))
    yield from _field("checked", record["checked"])


def _fix(fix: Mapping[str, Any]) -> str:
    if "packages" in fix:
        return " and ".join(fix["packages"])
    if "deepspeed-config" in fix:
        return "DeepSpeed configuration: " + ", ".join(
            f"{path} = {value}" for path, value in fix["deepspeed-config"].items()
        )
    if "remove" in fix:
        return f"remove {' and '.join(fix['remove'])}"
    return str(fix["advice"])


def _evidence(item: Mapping[str, Any]) -> str:
    parts = [
        item["kind"],
        item.get("date", ""),
        f"Python {item['python']}" if "python" in item else "",
    ]
    parts += [
        item.get("platform", ""),
        ", ".join(item.get("checks", ())),
        f"trial {item['trial']}" if "trial" in item else "",
        item.get("url", ""),
        item.get("note", ""),
    ]
    return " · ".join(filter(None, parts))


def _set(record: Mapping[str, Any]) -> Iterator[Row]:
    yield ((record["id"], "id"),)
    yield ()
    yield from _field("project", record["project"])
    if "withdrawn" in record:
        yield from _field("withdrawn", record["withdrawn"])
    for key in ("python", "cuda", "note"):
        if key in record:
            yield from _field(key, record[key])
    for text in record["packages"]:
        yield from _field("package", text)
    for item in record["evidence"]:
        yield from _field("evidence", _evidence(item))


def _project(project: Mapping[str, Any], matrix: Matrix) -> Iterator[Row]:
    yield ((project["title"], "strong"),)
    yield ()
    for key in ("homepage", "moe"):
        if key in project:
            yield from _field(key, project[key])
    if project.get("distributions"):
        yield from _field("installed as", ", ".join(project["distributions"]))
    for number in project["numbers"]:
        record = matrix.known_good(number)
        yield from _field("set", record["id"] + (" (withdrawn)" if "withdrawn" in record else ""))


def _check(check: Check, identifier: str) -> Iterator[Row]:
    yield ((check.id, "id"),)
    yield from wrapped("", check.title, WIDTH)
    yield ()
    about = visible(identifier.removeprefix(check.id).strip("/"))
    if about:
        yield from _field(
            "here about", about.replace("/", " and ") if check.id == "requirement" else about
        )
    yield from _field("looks at", check.looks_at)
    yield from _field("said by", ", ".join(_SAID_BY[each] for each in check.by))
    worst = " or ".join(check.severities)
    judged = "error" in worst and {"check", "config", "hostfile"} & {*check.by}
    unknown = "; where a fact isn't known, a warning" if judged else ""
    yield from _field("severity", worst + unknown)
    yield from _field("what to do", check.do)
    if check.experiments:
        from envcheck.diagnose.proof import EXPERIMENTS

        for name in check.experiments:
            yield from _field("experiment", EXPERIMENTS[name])
    for url in check.source:
        yield from _field("source", url)


_SAID_BY: Final = {
    "check": "envcheck check",
    "config": "envcheck config",
    "hostfile": "envcheck hostfile",
    "diagnose": "envcheck diagnose",
    "training": "envcheck.training",
}


def _field(name: str, text: str) -> Iterator[Row]:
    yield from wrapped(f"{name:<13}", text, WIDTH, head_style="label")


def _trials(matrix: Matrix, about: str | None) -> Iterator[Row]:
    from envcheck.trials import picture, sheet

    for number, (name, trial) in enumerate(sorted(matrix.trials().items())):
        records = sheet.rows(trial)
        tried = {each for record in records for each in record.packages}
        if about and about not in tried:
            continue
        if number:
            yield ()
        yield ((visible(name), "id"), (f"  {len(records)} cells", "label"))
        yield from wrapped("", trial["title"], WIDTH)
        facts = [
            f"Python {trial['python']}" if "python" in trial else "",
            trial.get("platform", ""),
        ]
        facts += [trial.get("date", ""), ", ".join(trial.get("with", ()))]
        yield from wrapped("", ", ".join(filter(None, facts)), WIDTH, style="label")
        yield ()
        yield from picture.rows(records)
    yield from _runs(matrix, about)


def _runs(matrix: Matrix, about: str | None) -> Iterator[Row]:
    """Yield the known-good sets that were run as they are, and through which stages."""
    found = []
    for identifier, record in matrix.records():
        if "@" not in identifier:
            continue
        named = {versions.requirement(each).name for each in record["packages"]}
        runs = [each for each in record["evidence"] if each["kind"] == "run"]
        found += [(identifier, run) for run in runs if about is None or about in named]
    if not found:
        return
    yield ()
    yield (("sets", "id"), (f"  {len(found)} run as they were published", "label"))
    yield ()
    for identifier, run in sorted(found, key=lambda each: each[0]):
        text = f"Python {run['python']}, {run['date']}: {', '.join(run['checks'])}"
        yield from wrapped(f"{identifier}  ", text, WIDTH, head_style="strong")


def listing(
    what: str,
    directories: Sequence[str],
    *,
    package: str | None = None,
    project: str | None = None,
    silent: bool = False,
) -> str:
    """
    Return a list of the matrix's contents, or of checks, a line each (trials: a table each), sorted.

    Raises:
        UsageError: `what` is nothing that can be listed.
        MatrixError: A directory holds no sound matrix.
    """
    if what not in LISTS:
        raise UsageError(f"{visible(what)}: can't be listed; one of {', '.join(LISTS)} can")
    if what == "checks":
        lines = [
            f"{each.id}  [{' or '.join(each.severities)}]  {each.title}"
            for each in catalogue.every().values()
        ]
        return "".join(f"{line}\n" for line in sorted(lines))
    matrix = open_matrix(directories)
    name = versions.normalize(package) if package else None
    if what == "projects":
        return "".join(f"{each}\n" for each in matrix.projects())
    if what == "packages":
        return "".join(f"{each}\n" for each in sorted(matrix.tracked))
    if what == "trials":
        return plain(_trials(matrix, name))
    lines = []
    for identifier, record in matrix.records():
        is_set = "@" in identifier
        pins = [versions.requirement(text) for text in record["packages"]]
        if is_set != (what == "sets") or (name and name not in {pin.name for pin in pins}):
            continue
        if is_set:
            if project is None or record["project"] == project:
                lines.append(f"{identifier}{'  (withdrawn)' if 'withdrawn' in record else ''}")
        elif not silent or record.get("silent"):
            marks = record["severity"] + (" silent" if record.get("silent") else "")
            lines.append(f"{identifier}  [{marks}]  {record['title']}")
    return "".join(f"{visible(line)}\n" for line in lines)
