"""
The table of keys, and what a release reads of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from envcheck import versions
from envcheck.deepspeed import values
from envcheck.deepspeed.grammar import NEWEST, OLDEST, TABLE, Grammar, boundaries, grammar, table
from envcheck.deepspeed.table import TABLE as WRITTEN
from envcheck.errors import MatrixError

if TYPE_CHECKING:
    from packaging.version import Version


def release(text: str) -> Grammar:
    return grammar(cast("Version", versions.version(text)))


def test_what_is_read_is_what_the_yaml_says() -> None:
    with open(TABLE, encoding="utf-8") as file:
        assert file.read() == WRITTEN.compiled()


def test_every_type_in_the_table_is_known() -> None:
    known = {"any", "bool", "int", "list", *values._MODEL, *values._PLAIN}
    used = {
        form["type"].removesuffix("?")
        for record in table()
        for forms in record["keys"].values()
        for form in forms
    }

    assert used <= known


def test_no_key_has_two_forms_in_one_release() -> None:
    for step in boundaries():
        rules = Grammar(step, table())
        for record in table():
            for name, forms in record["keys"].items():
                held = [form for form in forms if rules._holds(form)]
                assert len(held) <= 1, (step, record["section"], name)


def test_a_broken_table_is_told_with_file_and_line() -> None:
    with open(WRITTEN.source, encoding="utf-8") as file:
        text = file.read().replace("{type: bool", "{typ: bool", 1)

    with pytest.raises(MatrixError, match="unknown key 'typ'"):
        WRITTEN.read(text, WRITTEN.source)


@pytest.mark.parametrize(
    ("version", "path", "key", "known"),
    [
        pytest.param("0.9.5", "zero_optimization", "zenflow", False, id="not yet"),
        pytest.param("0.17.5", "zero_optimization", "zenflow", True, id="from then on"),
        pytest.param("0.19.7", "zero_optimization", "prefetch_bucket_size", True, id="its field"),
        pytest.param("0.14.3", "compile", "backend", True, id="an earlier life"),
        pytest.param("0.16.6", "compile", "backend", False, id="a later life"),
        pytest.param("0.17.0", "bf16", "check_grad_overflow", False, id="before it was a model"),
        pytest.param("0.5.0", "zero_optimization", "stage", True, id="older than the table"),
        pytest.param("9.9", "zero_optimization", "zenflow", True, id="newer than the table"),
        pytest.param("0.14.2+cu118", "fp16", "enabled", True, id="a build"),
    ],
)
def test_a_release_knows_its_keys(version: str, path: str, key: str, known: bool) -> None:
    section = release(version).section(path)

    assert section is not None
    assert (key in section.forms) is known


def test_a_star_stands_for_any_name() -> None:
    found = release("0.14.2").section("compression_training.row_pruning.different_groups.x.params")

    assert found is not None
    assert "dense_ratio" in found.forms
    assert release("0.14.2").section("no.such.section") is None


def test_boundaries_are_sorted_and_within_the_table() -> None:
    steps = list(boundaries())

    assert steps == sorted(set(steps))
    assert (str(steps[0]), str(steps[-1])) == (OLDEST, NEWEST)
