from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import write
from commands import EXAMPLE

from envcheck.errors import SourceError
from envcheck.sources import deepspeed_config

if TYPE_CHECKING:
    from pathlib import Path


def test_a_configuration_is_read_as_it_is() -> None:
    assert (
        deepspeed_config.read(str(EXAMPLE / "zero2.json"))["zero_optimization"]["overlap_comm"]
        is True
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "not JSON", id="cut off"),
        pytest.param("[1]", "one JSON object", id="a list"),
        pytest.param('{"hidden_size": 1}', "no DeepSpeed configuration", id="another file"),
        pytest.param('{"bf16": {"a": 1, "a": 2}}', "'a' is there twice", id="a repeated key"),
        pytest.param("[" * 100_000, "", id="nested without end"),
        pytest.param('{"\\u001b[31m": 1, "\\u001b[31m": 2}', r"\x1b[31m", id="hostile"),
    ],
)
def test_what_is_no_configuration_is_told(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "ds.json", text)

    with pytest.raises(SourceError) as raised:
        deepspeed_config.read(str(path))

    told = str(raised.value)
    assert "ds.json" in told
    assert message in told
    assert told.isprintable()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        deepspeed_config.read(str(tmp_path / "nowhere.json"))
