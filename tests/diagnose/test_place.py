from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import site_packages, venv
from worlds import compiled, entry

from envcheck.diagnose import place
from envcheck.diagnose.log import Log
from envcheck.errors import SourceError, UsageError
from envcheck.options import CheckOptions
from envcheck.versions import version

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import MakeEnvironment

    from envcheck.diagnose.log import Said

MATRIX = compiled([entry("torch/x", "torch", "transformers", "deepspeed")])
OLD = "{'loss': 1.0, 'grad_norm': 1.5, 'learning_rate': 1e-5, 'epoch': 0.1}"
NEW = "{'loss': '1.0', 'grad_norm': '1.5', 'learning_rate': '1e-5', 'epoch': '0.1'}"


def said(*lines: str) -> Said:
    log = Log(())
    log.feed("".join(f"{line}\n" for line in lines).encode())
    return log.said()


def test_the_environment_that_is_named_is_read(tmp_path: Path) -> None:
    folder = site_packages(tmp_path / "site", "torch==2.0.1")

    found = place.environment(CheckOptions(path=(str(folder),)), MATRIX)

    assert found is not None
    assert [str(package.version) for package in found.packages.values()] == ["2.0.1"]


def test_one_that_is_named_and_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        place.environment(CheckOptions(python=str(tmp_path / "none")), MATRIX)
    with pytest.raises(UsageError):
        place.environment(CheckOptions(python="a", from_="b"), MATRIX)


@pytest.mark.parametrize(
    ("pins", "known"),
    [
        pytest.param(["torch==2.0.1"], True, id="it can train"),
        pytest.param(["transformers==4.37.0"], False, id="without torch nothing is trained"),
        pytest.param([], False, id="empty"),
    ],
)
def test_the_active_environment_counts_if_something_can_be_trained_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pins: list[str],
    known: bool,
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(venv(tmp_path / "env", *pins)))
    monkeypatch.delenv("CONDA_PREFIX", raising=False)

    assert (place.environment(CheckOptions(), MATRIX) is not None) is known


def test_settings_for_an_environment_that_is_not_there_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(venv(tmp_path / "env")))

    with pytest.raises(SourceError):
        place.environment(CheckOptions(deepspeed_config=str(tmp_path / "none.json")), MATRIX)


def test_a_log_that_says_nothing_changes_nothing(environment: MakeEnvironment) -> None:
    here = environment("torch==2.0.1", python="3.10")

    assert place.corrected(here, said(OLD), MATRIX) == (here, ())
    assert place.corrected(None, said(OLD), MATRIX) == (None, ())


def test_what_the_log_says_comes_first_and_is_told(environment: MakeEnvironment) -> None:
    here = environment("torch==2.0.1", "deepspeed==0.19.3", "transformers==4.45.2", python="3.12")
    log = said(
        "DeepSpeed info: version=0.14.0,",
        "- Transformers version: 4.45.2",
        "- PyTorch version: 2.5.1+cu124 (GPU)",
        "- Python version: 3.10.16",
    )

    found, remarks = place.corrected(here, log, MATRIX)

    assert found is not None
    assert {str(name): str(package.version) for name, package in found.packages.items()} == {
        "deepspeed": "0.14.0",
        "torch": "2.5.1+cu124",
        "transformers": "4.45.2",
    }
    assert (found.cuda, found.rocm) == ("12.4", "")
    assert found.python == "3.10.16"
    assert remarks == (
        "The log was written with deepspeed 0.14.0; here is 0.19.3.",
        "The log was written with torch 2.5.1+cu124; here is 2.0.1.",
        "The log was written with Python 3.10.16; here is 3.12.",
    )


def test_without_an_environment_the_log_is_one() -> None:
    log = said("DeepSpeed info: version=0.14.0,", "[config.py:1:print] json = {", '"fp16": {}', "}")

    found, remarks = place.corrected(None, log, MATRIX)

    assert found is not None
    assert (found.origin, found.kind, found.complete) == ("the log", "log", False)
    assert found.deepspeed_config == {"fp16": {}}
    assert remarks == ()


def test_packages_that_nothing_is_known_of_make_no_environment() -> None:
    assert place.corrected(None, said("- Datasets version: 2.2.0"), MATRIX) == (None, ())


@pytest.mark.parametrize(
    ("installed", "line", "words"),
    [
        pytest.param("5.23.0", OLD, "before 5.0", id="numbers, and 5 is here"),
        pytest.param("4.57.6", NEW, "5.0 or newer", id="text, and 4 is here"),
        pytest.param("4.57.6", OLD, "", id="as it prints them"),
        pytest.param("5.23.0", NEW, "", id="as it prints them too"),
    ],
)
def test_the_way_records_are_printed_betrays_another_transformers(
    environment: MakeEnvironment, installed: str, line: str, words: str
) -> None:
    _, remarks = place.corrected(environment(f"transformers=={installed}"), said(line), MATRIX)

    assert bool(remarks) is bool(words)
    assert words in "".join(remarks)


def test_a_version_that_is_not_known_here_betrays_nothing(environment: MakeEnvironment) -> None:
    assert place.corrected(environment("transformers"), said(NEW), MATRIX)[1] == ()
    found, _ = place.corrected(environment("torch"), said("- Transformers version: 4.45.2"), MATRIX)
    assert found is not None
    assert found.packages[place._TRANSFORMERS].version == version("4.45.2")
