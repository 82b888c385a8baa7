"""
What trials came to, for people: one set stage by stage, a grid as a table, a bisection release by release.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final

from envcheck import versions
from envcheck.clean import visible
from envcheck.formats.text import WIDTH, wrapped
from envcheck.trials import bisect, stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.formats.text import Row
    from envcheck.trials.record import Record, Stage

_INDENT: Final = "         "
_STYLES: Final = {
    "ok": "known-good",
    "expected-failure": "known-good",
    "failed": "error",
    "wrong": "error",
    "not-run": "label",
}
_WORDS: Final = {
    "failed": "FAILED",
    "wrong": "WRONG",
    "not-run": "not run",
    "expected-failure": "ok",
}
_NAME: Final = 16
"Columns of a stage's name."


def one(
    record: Record, *, title: str, notes: Sequence[str] = (), width: int = WIDTH
) -> Iterator[Row]:
    """
    Yield the rows of one trial, what it came to last.

    Args:
        title: What was tried.
        notes: What to do next.
    """
    yield from wrapped("Tried    ", title, width, head_style="label", style="strong")
    yield from where([record], width)
    yield from wrapped(_INDENT, _versions(record), width)
    yield ()
    for (reason, outcome), group in groupby(
        record.stages, lambda each: (each.reason, each.outcome)
    ):
        several = list(group)
        if outcome == "not-run" and len(several) > 1:
            names = f"{several[0].stage} … {several[-1].stage}"
            text = f"{reason} ({len(several)} stages)"
            yield from wrapped(f"  {names}  not run  ", text, width, style="label")
        else:
            for stage in several:
                yield from _stage(stage, width)
    yield ()
    for note in notes:
        yield from wrapped("Next     ", note, width, head_style="label")
    if notes:
        yield ()
    yield verdict([record])


def where(records: Sequence[Record], width: int) -> Iterator[Row]:
    """
    Yield the rows that say on what machine and when they were run.
    """
    record = records[0]
    parts = [f"Python {record.python}", record.platform, record.installer]
    parts.append(f"resolved as of {record.resolved}")
    if any(each.date != record.date for each in records):
        parts.append(f"run from {min(each.date for each in records)} on")
    elif record.date != record.resolved:
        parts.append(f"run on {record.date}")
    yield from wrapped(_INDENT, ", ".join(filter(None, parts)), width)


def _versions(record: Record) -> str:
    asked = [versions.requirement(each).name for each in (*record.base, *record.asked)]
    names = [name for name in dict.fromkeys((*stages.TRIED, *asked)) if name in record.packages]
    if not names:
        return ", ".join((*record.asked, *record.base))
    shown = ", ".join(f"{name} {record.packages[name]}" for name in names)
    rest = len(record.packages) - len(names)
    return f"{shown}, and {rest} more" if rest else shown


def _stage(stage: Stage, width: int) -> Iterator[Row]:
    word = _WORDS.get(stage.outcome, stage.outcome)
    seconds = f"{stage.seconds:7.1f} s" if stage.outcome != "not-run" else " " * 9
    said = stage.reason
    if stage.losses:
        said = f"loss {stage.losses[0]:g} -> {stage.losses[-1]:g}"
    if stage.outcome == "expected-failure":
        said = "stops with the error that is expected"
    head = f"  {visible(stage.stage):<{_NAME}}"
    column = len(head) + len(f"{word:<8}{seconds}  ")
    rows = list(wrapped(" " * column, said, width, style="label"))
    first = rows[0][1]
    yield ((head, ""), (f"{word:<8}", _STYLES.get(stage.outcome, "")), (f"{seconds}  ", ""), first)
    yield from rows[1:]
    if stage.line and stage.outcome != "expected-failure":
        yield from wrapped(" " * (_NAME + 2), stage.line, width, style="strong")


def verdict(records: Sequence[Record]) -> Row:
    """
    Return the last row: what it all came to.
    """
    if len(records) == 1:
        return _verdict_of_one(records[0])
    counts = Counter(record.outcome for record in records)
    words = {"ok": "ok", "failed": "failed", "wrong": "wrong", "not-run": "not run"}
    text = ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])
    style = "known-bad" if counts["failed"] or counts["wrong"] else "known-good"
    return ((f"{len(records)} cells", style if counts["ok"] else "unknown"), (f": {text}", ""))


def _verdict_of_one(record: Record) -> Row:
    broken = record.broken
    if broken is not None:
        return (
            ("failed" if broken.outcome == "failed" else "wrong", "known-bad"),
            (f": at {broken.stage}", ""),
        )
    ran = [each for each in record.stages if each.outcome in {"ok", "expected-failure"}]
    left = len(record.stages) - len(ran)
    if record.outcome == "ok":
        more = f"; {left} not run, which says nothing about these versions" if left else ""
        return (("ok", "known-good"), (f": {len(ran)} stages ran{more}", ""))
    return (("not run", "unknown"), (": which says nothing about these versions", ""))


def bisection(
    name: str,
    records: Mapping[str, Record],
    outcomes: Mapping[str, str],
    untried: Sequence[str],
    *,
    title: str,
    width: int = WIDTH,
) -> Iterator[Row]:
    """
    Yield the rows of a bisection.

    Args:
        records: Of the releases that were tried, from the good one to the bad one.
        outcomes: good, bad or unknown, of the same.
        untried: The other releases between them.
    """
    yield from wrapped("Bisected ", title, width, head_style="label", style="strong")
    yield from where(list(records.values()), width)
    yield ()
    alike = [
        (list(several), *said)
        for said, several in groupby(records, key=lambda version: _said(records[version]))
    ]
    longest = max(len(_span(several)) for several, *_ in alike)
    for several, outcome, text in alike:
        head = f"  {_span(several):<{longest}}  "
        rows = list(wrapped(" " * (len(head) + 9), text, width, style="label"))
        word = _WORDS.get(outcome, outcome)
        yield ((head, "strong"), (f"{word:<9}", _STYLES.get(outcome, "")), rows[0][1])
        yield from rows[1:]
    if untried:
        yield from wrapped("  ", f"not tried: {', '.join(untried)}", width, style="label")
    yield ()
    holes = bisect.runs(outcomes)
    if [outcome for outcome, _ in holes if outcome != "unknown"] != ["good", "bad"]:
        course = ", ".join(f"{outcome} {_span(each)}" for outcome, each in holes)
        yield from wrapped("", f"It changes more than once: {course}.", width)
    yield _found(name, list(outcomes), list(outcomes.values()), untried)


def _said(record: Record) -> tuple[str, str]:
    """Return the outcome, and what there is to say of it."""
    if record.outcome == "not-run":
        return record.outcome, next((each.reason for each in record.stages if each.reason), "")
    stage = record.broken
    return record.outcome, f"{stage.stage}: {stage.line}" if stage else ""


def _span(several: Sequence[str]) -> str:
    return several[0] if len(several) == 1 else f"{several[0]} to {several[-1]}"


def _found(name: str, tried: list[str], outcomes: list[str], untried: Sequence[str]) -> Row:
    last, first = bisect.edge(outcomes)
    between = tried[last + 1 : first]
    text = f"{name} {tried[first]} (the last good one before it is {tried[last]}"
    if between:
        text += f"; {', '.join(between)} in between could not be told"
    text += f"; {len(untried)} others not tried)" if untried else ")"
    return (("first bad", "known-bad"), (f": {visible(text)}", ""))
