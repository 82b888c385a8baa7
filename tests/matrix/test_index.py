from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from knowledge import cell, content, entry, known_good, project, releases, trial
from packaging.version import Version

from envcheck import versions
from envcheck.errors import MatrixError
from envcheck.matrix.compile import build
from envcheck.matrix.index import FORMAT, Index
from envcheck.matrix.load import Content

if TYPE_CHECKING:
    import random

TORCH = versions.normalize("torch")
REQUIRES = {"requires": ["tokenizers<0.19"], "python": ">=3.8"}
CONTENT = content(
    entry(
        "torch/breaks",
        packages=["torch>=2.0, <2.1", "numpy>=2"],
        platform=["linux"],
        python="<3.12",
    ),
    entry("torch/breaks-too", severity="info", fixes=None),
    projects=(
        project(
            "llava",
            known_good("llava@1"),
            known_good("llava@2", withdrawn="A reason."),
            moe="absent",
        ),
        project("moe-llava", known_good("moe-llava@1", "torch==2.0.1"), distributions=["moellava"]),
    ),
    releases={
        "torch": [
            *releases("2.0.0", "2.0.1", **REQUIRES),
            *releases("2.1.0", yanked="A reason.", requires=[]),
            {"version": "2.2.0"},
            {**releases("2.3.0", **REQUIRES)[0], "requires-unknown": "A reason."},
        ],
    },
)


def index(of: Content = CONTENT) -> Index:
    return Index(io.BytesIO(build(of)), "test")


def test_the_header_says_what_is_in_it() -> None:
    found = index()

    assert (found.name, found.date, found.entries, len(found.sets)) == ("test", "2026-11-24", 2, 3)
    assert found.packages.keys() == {"torch", "numpy", "transformers"}
    assert found.distributions == {"moellava": "moe-llava"}
    assert found.overrides == frozenset()
    assert set(found.ids()) == {
        "torch/breaks",
        "torch/breaks-too",
        "llava@1",
        "llava@2",
        "moe-llava@1",
    }
    assert found.lines()["torch/breaks-too"] == "known-bad/torch.yaml:2"


def test_a_block_holds_the_conditions_of_the_first_package() -> None:
    rules, pins, cells, known, extras = index().block(TORCH)

    assert [rule.id for rule in rules] == ["torch/breaks", "torch/breaks-too"]
    assert rules[0].packages == (("torch", ">=2.0,<2.1"), ("numpy", ">=2"))
    assert rules[0].facts == {"platform": ["linux"], "python": "<3.12"}
    assert (rules[1].severity, rules[1].facts) == ("info", {})
    assert pins == {"==2.0.1": [0, 2]}, "a set that is withdrawn never matches"
    assert cells == {}
    assert known == " 2.0.0 2.0.1 2.1.0 2.2.0 2.3.0 "
    assert extras == []


@pytest.mark.parametrize(
    ("severity", "likely", "expected"),
    [
        pytest.param("error", True, "warning", id="a warning where many fulfil the conditions"),
        pytest.param("warning", True, "warning", id="which a warning stays"),
        pytest.param("info", True, "info", id="nothing is lower"),
        pytest.param("error", False, "info", id="only worth knowing where they don't"),
        pytest.param("error", None, "info", id="which goes without saying"),
    ],
)
def test_what_may_be_wrong_is_never_an_error(
    severity: str, likely: bool | None, expected: str
) -> None:
    ((rule,), *_) = index(content(entry(severity=severity, likely=likely))).block(TORCH)

    assert (rule.severity, rule.doubtful) == (severity, expected)


def test_a_package_that_is_only_named_second_has_an_empty_block() -> None:
    assert index().block(versions.normalize("numpy")) == ([], {}, {}, "", [])
    assert index().block(versions.normalize("unheard-of")) == ([], {}, {}, "", [])


def test_what_is_required_for_extras_stands_once_with_its_releases() -> None:
    vllm = {"extras": {"serving": ["vllm==0.9"], "vllm": ["vllm>=0.8", "flash-attn", "peft>=0.1"]}}
    made = [
        *releases("1.0", "1.1", requires=["peft>=0.2"], **vllm),
        *releases("1.2", requires=[], **vllm),
        *releases("1.3", requires=["numpy"]),
    ]

    assert index(content(releases={"trl": made})).block(versions.normalize("trl")).extras == [
        ("serving", "vllm==0.9", " 1.0 1.1 1.2 "),
        ("vllm", "peft>=0.1", " 1.2 "),
    ]


def test_cells_are_found_by_the_version_of_their_first_package() -> None:
    made = trial(
        "numpy-torch",
        cell("numpy==1.26.4", "torch==2.0.1+cpu", losses={"train": "4.100"}),
        cell("torch==2.0.1", failed={"import": "No."}),
        cell("torch<2.1"),
    )
    found = index(content(entry(), trials=(made,)))

    bundles = found.block(TORCH).cells
    (one,) = found.cells(bundles["2.0.1"])
    assert (one.others, one.trial, one.number) == ((), "numpy-torch", 1)
    assert found.head(one.trial)["title"] == "How it went"
    assert found.read(one.place)["broken"] == "import"
    bundles = found.block(versions.normalize("numpy")).cells
    assert [each.others for each in found.cells(bundles["1.26.4"])] == [(("torch", "2.0.1"),)]
    assert found.trial("numpy-torch") == made


def test_records_are_read_as_they_were_written() -> None:
    found = index()

    assert found.read(found.places()["torch/breaks"]) == CONTENT.entries["torch/breaks"]
    assert found.read(found.sets[2]) == {
        **known_good("moe-llava@1", "torch==2.0.1"),
        "project": "moe-llava",
    }
    start, length, numbers = found.projects["llava"]
    assert found.read((start, length)) == {"project": "llava", "title": "LLAVA", "moe": "absent"}
    assert numbers == [0, 1]


def test_releases_are_known_by_version() -> None:
    found = index()

    assert [str(release.version) for release in found.releases(TORCH)] == [
        *("2.0.0", "2.0.1", "2.1.0", "2.2.0", "2.3.0")
    ]
    assert found.releases(TORCH)[0] == (Version("2.0.0"), "2024-01-01", ">=3.8", False)
    assert found.releases(TORCH)[2].yanked
    assert found.releases(versions.normalize("numpy")) == []


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2.0.0", ("tokenizers<0.19",), id="as it is listed"),
        pytest.param("2.0", ("tokenizers<0.19",), id="in another spelling"),
        pytest.param("2.1.0", (), id="nothing is required"),
        pytest.param("2.2.0", None, id="no requirements are known"),
        pytest.param("2.3.0", None, id="they are known to be unknown"),
        pytest.param("9.9", None, id="no such release"),
    ],
)
def test_requirements_of_a_release(version: str, expected: tuple[str, ...] | None) -> None:
    assert index().requires(TORCH, Version(version)) == expected


def test_nothing_known_is_an_index_too() -> None:
    found = index(Content())

    assert (found.date, found.entries, found.packages, found.ids()) == ("", 0, {}, [])


DATA = build(CONTENT)
HEADER = len(DATA.splitlines(keepends=True)[1])
DAMAGED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"no number at all", id="no length"),
    pytest.param(b"%15d\n[]\n" % 3, id="no header"),
    pytest.param(b'%15d\n{"format": %d}\n' % (99, FORMAT), id="half a header"),
    pytest.param(
        DATA.replace(b'"format":%d' % FORMAT, b'"format":%d' % (FORMAT - 1)), id="an older format"
    ),
    pytest.param(DATA[:-1], id="cut off"),
    pytest.param(DATA[:100], id="cut off within the header"),
    pytest.param(DATA + b" ", id="too long"),
    pytest.param(b"\xff" + DATA, id="no text"),
]


@pytest.mark.parametrize("data", DAMAGED)
def test_what_is_no_whole_index_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        Index(io.BytesIO(data), "test")


@pytest.mark.parametrize("damage", [b"[" * 40, b"\xff" * 40], ids=["no JSON", "no text"])
def test_damage_that_shows_later_is_one_clear_line(damage: bytes) -> None:
    start = 16 + HEADER
    found = Index(io.BytesIO(DATA[:start] + damage + DATA[start + len(damage) :]), "built-in")

    with pytest.raises(
        MatrixError, match=r"^built-in: the index is damaged; install envcheck again$"
    ):
        found.read(found.places()["torch/breaks"])


names = st.sampled_from(["torch", "numpy", "deepspeed", "peft"])
specifiers = st.sampled_from(["", ">=2", "<2.1", "==2.0.1", ">=2.0,<2.1", "!=2.*"])
pins = st.lists(st.builds("{}{}".format, names, specifiers), min_size=1, max_size=3)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "python": st.just(">=3.12"),
        "platform": st.just(["linux", "darwin"]),
        "deepspeed_config": st.just({"zero_optimization.stage": ["1", "2"]}),
        "model": st.just({"moe": ["any"]}),
        "override": st.just(True),
        "silent": st.booleans(),
    },
)
entries = st.lists(st.builds(lambda pins, more: (pins, more), pins, conditions), max_size=5)
groups = st.lists(st.lists(st.tuples(pins, st.booleans()), min_size=1, max_size=3), max_size=3)


@given(entries, groups, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_an_index_says_what_the_content_says_in_whatever_order(
    entries: list[tuple[list[str], dict[str, Any]]],
    groups: list[list[tuple[list[str], bool]]],
    chance: random.Random,
) -> None:
    bad = [
        entry(f"{versions.requirement(pins[0]).name}/e{at}", packages=pins, **more)
        for at, (pins, more) in enumerate(entries)
    ]
    good = [
        project(
            f"p{at}",
            *(
                known_good(f"p{at}@{number}", *pins, withdrawn="Why." if withdrawn else None)
                for number, (pins, withdrawn) in enumerate(group)
            ),
        )
        for at, group in enumerate(groups)
    ]
    made = content(
        *bad, projects=tuple(good), releases={"torch": releases("2.0", requires=["numpy"])}
    )
    found = index(made)

    ids = found.places()
    assert {id_: found.read(place) for id_, place in ids.items() if "/" in id_} == made.entries
    assert found.entries == len(bad)
    rules = {rule.id: rule for name in found.packages for rule in found.block(name)[0]}
    assert rules.keys() == made.entries.keys()
    for id_, rule in rules.items():
        split = [versions.requirement(text) for text in made.entries[id_]["packages"]]
        assert rule.packages == tuple((pin.name, pin.specifier) for pin in split)
        assert found.read(rule.place) == made.entries[id_]
    for name in found.packages:
        for specifier, numbers in found.block(name)[1].items():
            for number in numbers:
                record = found.read(found.sets[number])
                assert "withdrawn" not in record
                assert (name, specifier) in {
                    versions.requirement(each)[:2] for each in record["packages"]
                }

    shuffled = Content(releases=made.releases, places=made.places)
    for of, to in ((made.entries, shuffled.entries), (made.projects, shuffled.projects)):
        items = list(of.items())
        chance.shuffle(items)
        to.update(items)
    assert build(shuffled) == build(made)
