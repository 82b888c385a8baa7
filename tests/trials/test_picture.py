from __future__ import annotations

from golden import assert_golden
from trials.test_record import RECORD

from envcheck.formats.text import plain
from envcheck.trials import picture
from envcheck.trials.record import Record, Stage


def cell(transformers: str, accelerate: str, *stages: Stage) -> Record:
    """Return what became of two versions."""
    asked = (f"accelerate=={accelerate}", f"transformers=={transformers}")
    return RECORD._replace(asked=asked, stages=stages or (Stage("train", "ok"),))


BROKEN = Stage("trainer", "failed", line="TypeError: \x1b[31mdispatch_batches " + "x" * 200)
REFUSED = Stage("resolve", "failed", line="Because a and b exclude each other")
NOT_RUN = Stage("train", "not-run", reason="needs a GPU")


def test_versions_that_went_alike_share_a_row() -> None:
    cells = [
        cell("4.30.2", "0.20.3"),
        cell("4.30.2", "1.0.1", BROKEN),
        cell("4.31.0", "0.20.3"),
        cell("4.31.0", "0.34.2"),
        cell("4.31.0", "1.1.1", BROKEN),
        cell("4.40.2", "0.20.3", REFUSED),
        cell("4.40.2", "0.34.2", NOT_RUN),
        cell("4.40.2", "1.1.1"),
        cell("5.0.0", "1.1.1"),
    ]

    assert_golden("trial-picture.txt", plain(picture.rows(cells)))


def test_what_is_no_grid_has_no_table() -> None:
    one = RECORD._replace(asked=("torch==2.1.0",))

    assert list(picture.rows([one])) == []
    assert list(picture.rows([])) == []
