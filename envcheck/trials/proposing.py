"""
`envcheck matrix propose`, from files of records to what is written.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from envcheck.clean import clean, clip, visible
from envcheck.errors import SourceError, UsageError
from envcheck.matrix import as_yaml
from envcheck.matrix.store import open_matrix
from envcheck.trials import journal, propose, sheet
from envcheck.trials.picture import varied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envcheck.trials.propose import Break
    from envcheck.trials.record import Record

_NO_URL: Final = "https://github.com/OWNER/REPOSITORY"


def run(
    files: Sequence[str], into: str | None, *, trial: str, title: str, url: str, today: str
) -> str:
    """
    Say what explains each break, and write what is new.

    Args:
        files: `trials.jsonl` of `envcheck try`.
        into: A matrix directory: the cells go to `trials/`, proposed entries to `known-bad/`; `None`:
            nothing is written, and entries are part of what is returned.
        trial: The name of the trial.
        title: What was tried, for people.
        url: Evidence of proposed entries.
        today: ISO 8601.

    Raises:
        SourceError: There is no record, or a file can't be written.
        UsageError: A file of the trial is there already.
    """
    kept: dict[object, Record] = {}
    for file in files:
        for record in journal.read(file):
            kept[record.asked, record.base, record.python] = record
    records = list(kept.values())
    if not records:
        raise SourceError(f"no record in {clean(', '.join(files))}; `envcheck try` writes them")
    matrix = open_matrix()
    told, new = propose.breaks(records, matrix)
    entries = list(propose.entries(new, records, matrix, url or _NO_URL, today))
    lines = [*_about(records), *_told(told, new)]
    texts: dict[str, str] = {}
    for entry in entries:
        name = f"known-bad/{entry['id'].partition('/')[0]}.yaml"
        texts[name] = texts.get(name, "") + as_yaml.item(entry)
    if into is None:
        return "".join(f"{visible(line)}\n" for line in lines) + "".join(texts.values())
    made = sheet.sheet({"trial": trial, "title": title}, records, varied(records))
    path = os.path.join(into, "trials", f"{trial}.yaml")
    if os.path.exists(path):
        raise UsageError(f"{clean(path)} is there already; give another --trial, or remove it")
    _append(path, sheet.dump(made))
    for name, text in texts.items():
        _append(os.path.join(into, name), text)
    written = [path, *(os.path.join(into, name) for name in texts)]
    lines += [f"wrote {each}" for each in written]
    if entries:
        lines.append(
            "review each entry: why it breaks, its id and title, and edges that were not tried"
        )
    return "".join(f"{visible(line)}\n" for line in lines)


def _about(records: Sequence[Record]) -> Iterator[str]:
    ok = sum(record.outcome == "ok" for record in records)
    yield f"{len(records)} cells: {ok} ran well, {sum(bool(each.broken) for each in records)} broke"


def _told(told: Sequence[Break], new: Sequence[Break]) -> Iterator[str]:
    for each in told:
        yield f"{_cells(each)}: {', '.join(each.ids)}"
    for each in new:
        yield f"{_cells(each)}: nothing explains it"


def _cells(of: Break) -> str:
    number = len(of.cells)
    return f"{number} cell{'s' if number > 1 else ''} at {of.stage}, {clip(of.line, 70)}"


def _append(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SourceError(f"{clean(path)}: can't be written: {error.strerror}") from None
