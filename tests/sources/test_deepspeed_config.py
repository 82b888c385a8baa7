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


def test_everything_there_is_to_know_of_a_file_is_read(tmp_path: Path) -> None:
    text = '{\n  // by hand\n  "bf16": {"enabled": true},\n  "bf16": {"enabled": false}\n}\n'
    path = str(write(tmp_path / "ds.json", text))

    facts = deepspeed_config.facts(path)

    assert facts["deepspeed_config"] == {"bf16": {"enabled": False}}
    file = facts["settings_file"]
    assert file.path == path
    assert file.lines == {"bf16": 4, "bf16.enabled": 4}
    assert file.repeated == (("bf16", 4),)
    assert file.beyond_json == (("a comment", 2),)


def test_a_misspelt_configuration_is_one_too(tmp_path: Path) -> None:
    misspelt = write(tmp_path / "ds.json", '{"zero_optimisation": {}}')
    other = write(tmp_path / "config.json", '{"hidden_size": 1}')

    assert deepspeed_config.document(str(misspelt)).data == {"zero_optimisation": {}}
    with pytest.raises(SourceError, match="no DeepSpeed configuration"):
        deepspeed_config.document(str(other))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        deepspeed_config.read(str(tmp_path / "nowhere.json"))
