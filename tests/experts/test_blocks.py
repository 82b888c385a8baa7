"""
The table of expert blocks: its form, and what it says of releases that were read.
"""

from __future__ import annotations

import pytest
from packaging.version import Version

from envcheck import versions
from envcheck.errors import MatrixError
from envcheck.experts import blocks
from envcheck.experts.table import TABLE as WRITTEN


def test_what_a_check_reads_is_made_of_what_people_write() -> None:
    with open(blocks.TABLE, encoding="utf-8") as file:
        assert file.read() == WRITTEN.compiled()


def test_every_type_stands_once_and_its_releases_rise() -> None:
    table = blocks.table()
    types = [type_ for model in table for type_ in model["types"]]

    assert len(types) == len(set(types))
    for model in table:
        since = [Version(each["since"]) for each in model["releases"]]
        assert since == sorted(set(since))


def test_a_broken_table_is_told_with_its_line() -> None:
    with pytest.raises(MatrixError, match=r"models\.yaml:3: 'never'"):
        WRITTEN.read(
            "- types: [a]\n  releases:\n    - {since: 1.0, blocks: [A], run: never}\n",
            WRITTEN.source,
        )


@pytest.mark.parametrize(
    ("type_", "release", "run", "name"),
    [
        pytest.param("mixtral", "4.36.0", "skipped", "MixtralSparseMoeBlock", id="first Mixtral"),
        pytest.param("mixtral", "4.40.0", "all", "MixtralSparseMoeBlock", id="Mixtral runs all"),
        pytest.param("mixtral", "4.51.3", "all", "MixtralSparseMoeBlock", id="last that does"),
        pytest.param("mixtral", "4.52.0", "skipped", "MixtralSparseMoeBlock", id="skips again"),
        pytest.param("mixtral", "5.0.0rc0", "fused", "MixtralSparseMoeBlock", id="fused"),
        pytest.param("qwen2_moe", "4.51.3", "all", "Qwen2MoeSparseMoeBlock", id="Qwen2-MoE"),
        pytest.param("qwen3_moe", "4.52.4", "all", "Qwen3MoeSparseMoeBlock", id="Qwen3-MoE"),
        pytest.param("qwen3_moe", "4.53.0", "skipped", "Qwen3MoeSparseMoeBlock", id="one later"),
        pytest.param("deepseek_v2", "4.57.6", "skipped", "DeepseekV2MoE", id="old spelling"),
        pytest.param("deepseek_v2", "5.0.0", "fused", "DeepseekV2Moe", id="new spelling"),
        pytest.param("olmoe", "4.57.6", "all", "OlmoeSparseMoeBlock", id="OLMoE never skips"),
        pytest.param("gpt_oss", "4.55.0", "fused", "GptOssMLP", id="always fused"),
        pytest.param("dbrx", "4.57.6", "", "DbrxFFN", id="not established"),
        pytest.param("nllb-moe", "5.23.0", "skipped", "NllbMoeSparseMLP", id="modules in 5"),
        pytest.param("llama4_text", "4.57.6+local", "fused", "Llama4TextMoe", id="a local build"),
    ],
)
def test_a_release_has_its_block(type_: str, release: str, run: str, name: str) -> None:
    version = versions.version(release)
    assert version is not None
    found = blocks.block(type_, version)

    assert found is not None
    assert (found.run, found.classes) == (run, (name,))


@pytest.mark.parametrize(
    ("type_", "release"),
    [
        pytest.param("qwen3_moe", "4.50.3", id="too old"),
        pytest.param("gptsan-japanese", "4.42.0", id="gone"),
        pytest.param("llama", "4.57.6", id="dense"),
        pytest.param("", "4.57.6", id="no type"),
    ],
)
def test_what_a_release_does_not_have_is_not_known(type_: str, release: str) -> None:
    version = versions.version(release)
    assert version is not None
    assert blocks.block(type_, version) is None
