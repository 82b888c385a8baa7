from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from golden import assert_golden
from trials.test_record import RECORD

from envcheck.trials import report, table
from envcheck.trials.record import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envcheck.formats.text import Row
    from envcheck.trials.record import Record

HOSTILE = "\x1b[31mred [bold] ::error::x\u202e"

OK = RECORD._replace(
    stages=(
        Stage("resolve", "ok", 0.42),
        Stage("import", "ok", 3.1),
        Stage("train", "ok", 0.2, losses=(4.184, 3.1, 2.639)),
        Stage("moe-unsplit", "expected-failure", 2.0, line="AssertionError: no groups"),
        Stage("moe-stage-3", "not-run", reason="needs a GPU"),
    )
)
WRONG = RECORD._replace(
    stages=(
        Stage("import", "ok", 3.1),
        Stage("train", "wrong", 0.2, line=f"the loss does not fall {HOSTILE}"),
    )
)
NOT_RUN = RECORD._replace(
    stages=(
        Stage("import", "not-run", reason=f"needs a compiler {HOSTILE}"),
        Stage("train", "not-run", reason="after import"),
    )
)
REFUSED = RECORD._replace(
    packages={},
    stages=(Stage("resolve", "failed", 1.0, line="Because a depends on b<1 and you require b"),),
)


def shown(rows: Iterable[Row]) -> str:
    """Return rows as plain text."""
    return "".join("".join(piece for piece, _ in row).rstrip() + "\n" for row in rows)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    ("name", "record"),
    [("ok", OK), ("failed", RECORD), ("wrong", WRONG), ("not-run", NOT_RUN), ("refused", REFUSED)],
)
def test_one_set_is_told_stage_by_stage(name: str, record: Record, width: int) -> None:
    rows = report.one(record, title="a set", notes=["the log is in /x"], width=width)

    assert_golden(f"trial-{name}-{width}.txt", shown(rows))


@pytest.mark.parametrize("width", [80, 120])
def test_a_grid_is_a_table(width: int) -> None:
    rows = [f"4.{minor}.0" for minor in range(30, 35)]
    columns = [f"0.{minor}.0" for minor in range(20, 34)]
    several = [OK, RECORD, WRONG, NOT_RUN, REFUSED]
    records: dict[tuple[str, ...], Record] = {
        (row, column): several[(rows.index(row) + columns.index(column)) % 5]
        for row in rows
        for column in columns
        if (row, column) != ("4.34.0", "0.33.0")
    }
    made = table.grid(
        [("transformers", rows), ("accelerate", columns)],
        records,
        title="5 transformers × 14 accelerate",
        notes=["do something"],
        width=width,
    )

    assert_golden(f"trial-grid-{width}.txt", shown(made))


def test_a_bisection_says_each_release_and_where_it_changes() -> None:
    outcomes = {
        "1.0": "good",
        "1.1": "good",
        "1.2": "unknown",
        "1.3": "bad",
        "1.4": "bad",
        "1.5": "good",
    }
    records = {"good": OK, "unknown": NOT_RUN, "bad": RECORD}
    made = report.bisection(
        "accelerate",
        {version: records[outcome] for version, outcome in outcomes.items()},
        outcomes,
        ["1.3.1"],
        title="accelerate from 1.0 (good) to 1.5 (bad)",
        width=80,
    )

    assert_golden("trial-bisection.txt", shown(made))
