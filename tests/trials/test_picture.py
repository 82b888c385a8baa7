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


def test_what_was_drawn_by_lot_has_a_row_for_each_cell() -> None:
    more = ("peft==0.13.2", "transformers==4.46.1")
    cells = [
        cell("5.0.0", "1.1.1"),
        cell("4.31.0", "0.34.2"),
        cell("4.40.2", "0.20.3", REFUSED),
        cell("4.44.0", "1.1.1", BROKEN),
        cell("4.45.0", "1.1.1", NOT_RUN),
        RECORD._replace(asked=more, python="3.12.1", stages=(Stage("peft", "ok"),)),
    ]

    assert_golden("trial-picture-by-lot.txt", plain(picture.rows(cells)))
    assert "4.45.0" not in plain(picture.rows([cell("4.45.0", "1.1.1", NOT_RUN)] * 2))


def of_four(*pins: str, broken: Stage | None = None) -> Record:
    """Return a cell of the import of four packages."""
    return RECORD._replace(asked=pins, stages=(broken or Stage("import", "ok"),))


def test_further_packages_have_a_table_for_each_choice() -> None:
    torn = Stage("import", "failed", line="ImportError: cannot import name 'BUFSIZE' from 'numpy'")
    cells = [
        of_four(f"deepspeed=={deepspeed}", f"torch=={torch}", f"numpy=={numpy}", broken=broken)
        for deepspeed in ("0.9.5", "0.14.5", "0.19.8")
        for torch in ("2.1.0", "2.8.0")
        for numpy, broken in (("1.26.4", None), ("2.2.6", torn if deepspeed == "0.9.5" else None))
    ]

    assert_golden("trial-picture-of-three.txt", plain(picture.rows(cells)))


def test_what_cannot_be_built_is_no_conflict_of_requirements() -> None:
    unbuilt = Stage("resolve", "failed", line="ModuleNotFoundError: No module named 'torch'")
    shown = plain(picture.rows([cell("4.30.2", "0.20.3"), cell("4.31.0", "1.0.1", unbuilt)]))

    assert "resolve: ModuleNotFoundError: No module named 'torch'" in shown
    assert "exclude" not in shown


def test_the_stages_of_one_package_are_told_one_by_one() -> None:
    stages = (
        Stage("deepspeed-0", "ok"),
        Stage("deepspeed-1-two", "failed", line="RuntimeError: Output 0 of Split is a view"),
        Stage("deepspeed-3-two", "wrong", line="step 2: the loss is 4.100, and 3.900 at stage 0"),
        Stage("moe-unsplit", "expected-failure", line="AssertionError: None marked as MoE"),
    )
    lacks = (Stage("deepspeed-0", "not-run", reason="needs a GPU"),)
    cells = [
        of_four("deepspeed==0.18.9")._replace(stages=stages),
        of_four("deepspeed==0.9.5")._replace(stages=lacks),
    ]

    assert_golden("trial-picture-of-one.txt", plain(picture.rows(cells)))
