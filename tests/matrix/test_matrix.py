from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from knowledge import content, entry, known_good, matrix, project, releases
from packaging.version import Version

from envcheck import versions
from envcheck.errors import MatrixError

if TYPE_CHECKING:
    from envcheck.matrix.load import Content

TORCH = versions.normalize("torch")
NUMPY = versions.normalize("numpy")
BUILT_IN = content(
    entry("torch/breaks"),
    entry("numpy/breaks", packages=["numpy>=2"]),
    projects=(project("llava", known_good("llava@1"), moe="absent"),),
    releases={"torch": releases("2.0.0", "2.1.0", requires=["numpy"])},
)
MINE = content(
    entry("torch/breaks", severity="info", override=True),
    entry("torch/breaks-here", checked="2026-12-01"),
    projects=(
        project("llava", known_good("llava@2"), distributions=["llava"]),
        project("ours", known_good("ours@1"), distributions=["ours", "ours-too"]),
    ),
    releases={"torch": releases("2.1.0", "1.9", requires=["numpy<2"])},
)


def test_a_later_layer_adds_and_overrides() -> None:
    both = matrix(BUILT_IN, MINE)

    assert both.about() == {
        "date": "2026-12-01",
        "sets": 3,
        "entries": 3,
        "trials": 0,
        "sources": ["layer 1", "layer 2"],
    }
    assert both.tracked == {"torch", "numpy", "transformers"}
    assert [(rule.id, rule.severity) for _, rule in both.rules(TORCH)] == [
        ("torch/breaks", "info"),
        ("torch/breaks-here", "error"),
    ]
    assert [rule.id for _, rule in both.rules(NUMPY)] == ["numpy/breaks"]
    assert [each for each, _ in both.records()] == [
        *("llava@1", "numpy/breaks"),
        *("llava@2", "ours@1", "torch/breaks", "torch/breaks-here"),
    ]
    assert both.ids() == {
        **dict.fromkeys(("llava@1", "numpy/breaks", "torch/breaks"), "layer 1"),
        **dict.fromkeys(("llava@2", "ours@1", "torch/breaks-here"), "layer 2"),
    }


def test_the_last_record_of_an_id_counts() -> None:
    both = matrix(BUILT_IN, MINE)

    assert (both.record("torch/breaks") or {})["severity"] == "info"
    assert (both.record("llava@1") or {})["project"] == "llava"
    assert both.record("torch/breaks-nowhere") is None


def test_sets_are_told_by_layer_and_number() -> None:
    both = matrix(BUILT_IN, MINE)

    assert both.pins(TORCH) == [("==2.0.1", [(0, 0)]), ("==2.0.1", [(1, 0), (1, 1)])]
    assert both.known_good((1, 1))["id"] == "ours@1"
    assert both.pins(versions.normalize("unheard-of")) == []
    assert both.rules(versions.normalize("unheard-of")) == []


def test_projects_of_one_name_are_one_project() -> None:
    both = matrix(BUILT_IN, MINE)

    assert both.projects() == ["llava", "ours"]
    assert both.project("llava") == {
        "project": "llava",
        "title": "LLAVA",
        "moe": "absent",
        "distributions": ["llava"],
        "numbers": [(0, 0), (1, 0)],
    }
    assert both.project("nobody") is None
    assert [both.project_of(each) for each in ("llava", "ours-too", "torch")] == [
        "llava",
        "ours",
        None,
    ]


def test_releases_of_a_later_layer_win() -> None:
    both = matrix(BUILT_IN, MINE)

    assert [str(release.version) for release in both.releases(TORCH)] == ["1.9", "2.0.0", "2.1.0"]
    assert both.requires(TORCH, Version("2.1")) == ("numpy<2",)
    assert both.requires(TORCH, Version("2.0")) == ("numpy",)
    assert both.requires(TORCH, Version("3.0")) is None


def test_extras_of_a_later_layer_win() -> None:
    def layer(extra: str, *of: str) -> Content:
        return content(releases={"trl": releases(*of, extras={"vllm": [extra]})})

    made = matrix(layer("vllm==0.9", "1.0", "1.1"), layer("vllm==0.8", "1.1", "1.2"))
    trl = versions.normalize("trl")

    assert {text: made.extras(trl, Version(text)) for text in ("1.0", "1.1", "2.0")} == {
        "1.0": [("vllm", "vllm==0.9")],
        "1.1": [("vllm", "vllm==0.8")],
        "2.0": [],
    }


def test_nothing_is_read_twice() -> None:
    one = matrix(BUILT_IN)

    assert one.rules(TORCH) is one.rules(TORCH)
    assert one.pins(TORCH) is one.pins(TORCH)
    assert one.releases(TORCH) is one.releases(TORCH)
    assert one.requires(TORCH, Version("2.0")) is one.requires(TORCH, Version("2.0"))


USED = "layer 2/known-bad/torch.yaml:1: the id 'torch/breaks' is already used in layer 1; give it another"
NOTHING = "layer 2/known-bad/torch.yaml:1: 'torch/fails' overrides nothing"
CLASHES: list[Any] = [
    pytest.param(
        (BUILT_IN, content(entry("torch/breaks"))), [USED], id="an override without the word"
    ),
    pytest.param(
        (BUILT_IN, content(entry("torch/fails", override=True))),
        [NOTHING],
        id="an override of nothing",
    ),
    pytest.param(
        (content(entry("torch/fails", override=True)),),
        [NOTHING.replace("layer 2", "layer 1")],
        id="an override with nothing below",
    ),
    pytest.param(
        (BUILT_IN, content(projects=(project("llava", known_good("llava@1")),))),
        ["layer 2/known-good/llava.yaml:2: the id 'llava@1' is already used in layer 1;"],
        id="a set again",
    ),
    pytest.param(
        (BUILT_IN, content(entry("torch/fails", override=True), entry("torch/breaks"))),
        [USED.replace(":1:", ":2:"), NOTHING],
        id="all are listed",
    ),
    pytest.param(
        (content(), BUILT_IN, content(entry("torch/breaks"))),
        [USED.replace("layer 2", "layer 3").replace("layer 1", "layer 2")],
        id="three layers",
    ),
]


@pytest.mark.parametrize(("contents", "expected"), CLASHES)
def test_ids_that_clash_are_told_by_file_and_line(
    contents: tuple[Any, ...], expected: list[str]
) -> None:
    with pytest.raises(MatrixError) as caught:
        matrix(*contents)

    problems = caught.value.problems
    assert len(problems) == len(expected)
    assert all(each.startswith(start) for each, start in zip(problems, expected, strict=True)), (
        problems
    )
    assert caught.value.exit_code == 2


def test_an_override_can_be_overridden() -> None:
    again = content(entry("torch/breaks", severity="warning", override=True))

    three = matrix(BUILT_IN, MINE, again)
    assert [(rule.id, rule.severity) for _, rule in three.rules(TORCH)] == [
        ("torch/breaks-here", "error"),
        ("torch/breaks", "warning"),
    ]
    assert three.about()["entries"] == 3
