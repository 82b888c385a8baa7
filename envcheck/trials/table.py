"""
A grid of trials as a table, for people.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from envcheck.clean import visible
from envcheck.formats.text import WIDTH, wrapped
from envcheck.trials.report import verdict, where

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.formats.text import Row
    from envcheck.trials.record import Record

Axes = list[tuple[str, list[str]]]


def grid(
    axes: Axes,
    records: Mapping[tuple[str, ...], Record],
    *,
    title: str,
    notes: Sequence[str] = (),
    width: int = WIDTH,
) -> Iterator[Row]:
    """
    Yield the rows of a grid: a table for the first two packages, one for each choice of the others.

    Args:
        axes: Packages and their versions.
        records: By versions in the order of the axes; a cell that wasn't reached has none.
    """
    several = list(records.values())
    yield from wrapped("Tried    ", title, width, head_style="label", style="strong")
    yield from where(several, width)
    marks, legend = _marks(several)
    rest: dict[tuple[str, ...], None] = dict.fromkeys(chosen[2:] for chosen in records)
    for others in rest:
        yield ()
        if others:
            names = (
                f"{name} {version}" for (name, _), version in zip(axes[2:], others, strict=True)
            )
            yield ((", ".join(names), "strong"),)
        yield from _table(
            axes,
            {key[:2]: value for key, value in records.items() if key[2:] == others},
            marks,
            width,
        )
    yield ()
    for mark, text, style in legend:
        yield from wrapped(f"  {mark:<4}", text, width, head_style=style)
    if legend:
        yield ()
    for note in notes:
        yield from wrapped("Next     ", note, width, head_style="label")
    yield verdict(several)


def _marks(
    records: Sequence[Record],
) -> tuple[dict[tuple[str, str], str], list[tuple[str, str, str]]]:
    """Return a mark for each way in which cells went, and what the marks mean."""
    ways = Counter(_way(record) for record in records if record.outcome != "ok")
    examples = {_way(record): record for record in reversed(records)}
    marks: dict[tuple[str, str], str] = {}
    legend = []
    ok = sum(record.outcome == "ok" for record in records)
    if ok:
        legend.append(("ok", f"what was tried ran ({_cells(ok)})", "known-good"))
    number = 0
    for way, count in sorted(
        ways.items(), key=lambda each: (each[0][0] == "not-run", -each[1], each[0])
    ):
        record = examples[way]
        stage = record.broken or next(iter(record.stages))
        if record.outcome == "not-run":
            mark, text = "-", stage.reason or "not run"
        elif stage.stage == "resolve":
            mark, text = "x", f"resolve: {stage.line}"
        else:
            number += 1
            mark, text = str(number), f"{stage.stage}: {stage.line}"
        marks[way] = mark
        style = "label" if record.outcome == "not-run" else "error"
        legend.append((mark, f"{visible(text)} ({_cells(count)})", style))
    return marks, legend


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count != 1 else ''}"


def _way(record: Record) -> tuple[str, str]:
    """Return what cells that went the same way have in common: all that can't be resolved are one."""
    stage = record.broken
    if stage is None:
        first = next((each for each in record.stages if each.outcome == "not-run"), None)
        return "not-run", first.reason if first else ""
    if stage.stage == "resolve":
        return "resolve", ""
    return stage.stage, re.sub(r"\d+", "#", stage.line)


def _table(
    axes: Axes,
    records: Mapping[tuple[str, ...], Record],
    marks: Mapping[tuple[str, str], str],
    width: int,
) -> Iterator[Row]:
    name, rows = axes[0]
    across, columns = axes[1] if len(axes) > 1 else ("", [""])
    left = max(len(name), len(across), *(len(each) for each in rows)) + 2
    wide = max(4, *(len(each) for each in columns)) + 2
    fit = max(1, (width - 2 - left) // wide)
    for start in range(0, len(columns), fit):
        part = columns[start : start + fit]
        if start:
            yield ()
        if across:
            heads = "".join(f"{each:<{wide}}" for each in part)
            yield (("  ", ""), (f"{across:<{left}}", "label"), (heads, "strong"))
        yield (("  ", ""), (name, "label"))
        for row in rows:
            pieces = [("  ", ""), (f"{row:<{left}}", "strong")]
            for column in part:
                record = records.get((row, column) if across else (row,))
                pieces.append(_cell(record, marks, wide))
            yield tuple(pieces)


def _cell(
    record: Record | None, marks: Mapping[tuple[str, str], str], wide: int
) -> tuple[str, str]:
    if record is None:
        return f"{'':<{wide}}", ""
    if record.outcome == "ok":
        return f"{'ok':<{wide}}", "known-good"
    style = "label" if record.outcome == "not-run" else "error"
    return f"{marks[_way(record)]:<{wide}}", style
