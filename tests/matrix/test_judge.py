from __future__ import annotations

from typing import Any

import pytest
from knowledge import (
    EVIDENCE,
    cell,
    content,
    entry,
    known_good,
    matrix,
    project,
    releases,
    trial,
)

from envcheck.matrix.judge import judge

BAD = "known-bad/torch.yaml"
RELEASES = {
    "torch": [
        *releases("1.13.0", "2.0.0", "2.0.1", "2.0.1.post1", "2.1.0"),
        *releases("2.2.0", yanked="Why."),
    ],
    "numpy": releases("1.26.4", "2.0.0"),
}
RUN = {"kind": "run", "date": "2026-01-01", "python": "3.10", "checks": ["import"]}
STAGE = {"zero_optimization.stage": ["1", "2"]}


def messages(*entries: dict[str, Any], projects: tuple[dict[str, Any], ...] = ()) -> list[str]:
    return [
        message for _, message in judge(content(*entries, projects=projects, releases=RELEASES))
    ]


SOUND = [
    pytest.param({}, id="as it comes"),
    pytest.param(
        {"packages": ["torch"], "boundary": None, "fixes": None}, id="no versions, no boundary"
    ),
    pytest.param(
        {"packages": ["torch>=2.0,<2.1", "unheard-of>=9"]}, id="a package without known releases"
    ),
    pytest.param({"packages": ["torch>=2.0.dev0,<2.1"]}, id="from a working copy on"),
    pytest.param({"packages": ["torch==2.3.0.dev0"]}, id="only a working copy"),
    pytest.param({"packages": ["torch==2.0.1+cu118"]}, id="only one build"),
    pytest.param({"packages": ["torch!=2.0.*,>=2"]}, id="a family left out"),
    pytest.param({"packages": ["torch!=2.0.1,!=2.0.1.post1"], "fixes": None}, id="each left out"),
    pytest.param(
        {"packages": ["torch!=2.0.0"], "fixes": None}, id="left out without a post-release"
    ),
    pytest.param({"packages": ["torch===2.0.1"]}, id="a spelling"),
    pytest.param(
        {"fixes": [{"packages": ["torch==2.1.0"]}, {"packages": ["torch<2"]}]}, id="fixes"
    ),
    pytest.param(
        {"packages": ["torch>=2,<2.1", "numpy>=2"], "fixes": [{"packages": ["numpy<2"]}]},
        id="other",
    ),
    pytest.param({"fixes": [{"packages": ["torch>=2.1", "peft==9"]}]}, id="brings something along"),
    pytest.param({"fixes": [{"advice": "Do something."}]}, id="advice"),
    pytest.param({"fixes": [{"remove": ["torch", "triton"]}]}, id="a removal"),
    pytest.param(
        {
            "deepspeed_config": STAGE,
            "fixes": [{"deepspeed-config": {"zero_optimization.stage": "3"}}],
        },
        id="settings that cure",
    ),
    pytest.param(
        {
            "deepspeed_config": STAGE,
            "fixes": [{"deepspeed-config": {"zero_optimization": "absent"}}],
        },
        id="a section removed",
    ),
    pytest.param(
        {"symptoms": [{"error": "No module named 'torch._six'"}, {"loss": "nan"}]}, id="symptoms"
    ),
    pytest.param(
        {"symptoms": [{"error": r"/module 'torch\.\w+' has no attribute/"}]}, id="an expression"
    ),
    pytest.param(
        {"symptoms": [{"error": "/"}, {"error": "/usr/lib/libcudart.so: not found"}]}, id="slashes"
    ),
    pytest.param({"evidence": [{"kind": "thread", "url": EVIDENCE}]}, id="evidence in full"),
    pytest.param(
        {
            "evidence": [
                EVIDENCE,
                RUN,
            ]
        },
        id="a run beside a thread",
    ),
    pytest.param(
        {"python": ">=3.12", "cuda": "<12.8", "rocm": ">=6", "gpu": ">=12", "absent": ["triton"]},
        id="conditions",
    ),
    pytest.param(
        {"absent": ["triton"], "fixes": [{"packages": ["triton>=3"]}]}, id="an installation cures"
    ),
]


@pytest.mark.parametrize("changes", SOUND)
def test_a_sound_entry_has_no_problem(changes: dict[str, Any]) -> None:
    assert messages(entry(**changes)) == []


WRONG = [
    pytest.param(
        {"packages": ["numpy>=2", "torch<2"], "fixes": None},
        "the first package must be the one to blame, 'torch', like the file",
        id="another package first",
    ),
    pytest.param(
        {"packages": ["torch>=2", "torch<2.1"], "fixes": None},
        "torch is named twice: put its whole range into one requirement",
        id="a package twice",
    ),
    pytest.param(
        {"boundary": None},
        "the key 'boundary' is missing: how were the edges of the versions established?",
        id="no boundary",
    ),
    pytest.param(
        {"packages": ["torch>=2.0.2,<2.1"]},
        None,
        id="a range between releases names a version of its own",
    ),
    pytest.param(
        {"packages": ["torch>2.1,<2.2"], "fixes": None},
        "no release of torch is in '>2.1,<2.2': this can never hold",
        id="no release",
    ),
    pytest.param(
        {"packages": ["unheard-of>=2,<2"], "fixes": None, "id": "unheard-of/breaks"},
        "no release of unheard-of is in '>=2,<2': this can never hold",
        id="no version at all",
    ),
    pytest.param(
        {"packages": ["torch==2.0.3"]}, "torch 2.0.3 does not exist", id="a version that isn't"
    ),
    pytest.param(
        {"packages": ["torch>=2,!=2.0.1"], "fixes": None},
        "'!=2.0.1' leaves torch 2.0.1.post1 in: exclude it too, or write '!=2.0.1.*'",
        id="a bare exclusion",
    ),
    pytest.param(
        {"python": ">=3.12,<3.12"}, "python '>=3.12,<3.12' can never hold", id="no Python"
    ),
    pytest.param({"cuda": ">12,<=12"}, "cuda '>12,<=12' can never hold", id="no CUDA"),
    pytest.param({"rocm": ">6,<=6"}, "rocm '>6,<=6' can never hold", id="no ROCm"),
    pytest.param({"absent": ["torch"]}, "torch can't be missing: it is in packages", id="both"),
    pytest.param({"gpu": "==8,==9"}, "gpu '==8,==9' can never hold", id="no GPU"),
    pytest.param(
        {"deepspeed_config": {"a": ["absent"], "a.b": ["1"]}},
        "the conditions on the DeepSpeed configuration can never all hold",
        id="no configuration",
    ),
    pytest.param(
        {"symptoms": [{"error": "/[/"}]},
        "the symptom '/[/' is no regular expression: unterminated character set at position 0",
        id="no expression",
    ),
    pytest.param(
        {"symptoms": [{"error": "/[[a]/"}]},
        "the symptom '/[[a]/' is no regular expression: Possible nested set at position 1",
        id="an expression that will mean something else",
    ),
    pytest.param(
        {"symptoms": [{"error": "/.*/"}]}, "the symptom '/.*/' matches everything", id="all"
    ),
    pytest.param(
        {"symptoms": [{"error": r"/torch[\s\S]*no module/"}]},
        r"the symptom '/torch[\\s\\S]*no module/' spans lines, but logs are read line by line",
        id="several lines",
    ),
    pytest.param(
        {"symptoms": [{"error": r"/build\.py.*\n.*import/"}]},
        r"the symptom '/build\\.py.*\\n.*import/' spans lines, but logs are read line by line",
        id="a line break",
    ),
    pytest.param(
        {"symptoms": [{"error": "/(cuda)?/"}]}, "the symptom '/(cuda)?/' matches everything", id="?"
    ),
    pytest.param(
        {"symptoms": [{"error": "//"}]}, "the symptom '//' matches everything", id="nothing"
    ),
    pytest.param(
        {"symptoms": [{"error": "/./"}]}, "the symptom '/./' matches everything", id="anything"
    ),
    pytest.param(
        {"symptoms": [{"error": "torch.cuda.OutOfMemoryError:"}]},
        "the symptom 'torch.cuda.OutOfMemoryError:' is found in every traceback of its kind",
        id="only a class",
    ),
    pytest.param(
        {"evidence": [{"kind": "thread", "date": "2024-01-01"}]},
        "evidence of the kind 'thread' lacks: url; the evidence names no web address",
        id="no address",
    ),
    pytest.param(
        {"evidence": [EVIDENCE, {"kind": "run", "date": "2024-01-01"}]},
        "evidence of the kind 'run' lacks: python, checks",
        id="half a run",
    ),
    pytest.param(
        {"evidence": [EVIDENCE, {**RUN, "trial": "torch-numpy"}]},
        "there is no trial 'torch-numpy'; there are: none",
        id="a run of a trial that isn't there",
    ),
    pytest.param(
        {"fixes": [{"packages": ["torch>=2.0.1"]}]},
        "the fix torch>=2.0.1 does not cure: all of it can still be within the entry's own ranges",
        id="a fix that may still be bad",
    ),
    pytest.param(
        {"fixes": [{"packages": ["numpy<2"]}]},
        "the fix numpy<2 does not cure: all of it can still be within the entry's own ranges",
        id="a fix of something else",
    ),
    pytest.param(
        {
            "id": "unheard-of/breaks",
            "packages": ["unheard-of<2"],
            "fixes": [{"packages": ["unheard-of>1"]}],
        },
        "the fix unheard-of>1 does not cure: all of it can still be within the entry's own ranges",
        id="a fix of an unknown package",
    ),
    pytest.param(
        {"fixes": [{"packages": ["torch>2.1,<2.2"]}]},
        "no release of torch is in '>2.1,<2.2': the fix torch>2.1,<2.2 can't be had",
        id="a fix that isn't there",
    ),
    pytest.param(
        {"fixes": [{"packages": ["torch==2.1.1"]}]},
        "torch 2.1.1 does not exist",
        id="a version that isn't, to cure",
    ),
    pytest.param(
        {"fixes": [{"packages": ["torch>=2.1", "torch<3"]}]},
        "torch is named twice: put its whole range into one requirement",
        id="a package twice in a fix",
    ),
    pytest.param(
        {"fixes": [{"packages": ["torch>=2.2"]}]},
        "the fix torch>=2.2 can't be had: only yanked releases are in 'torch>=2.2'",
        id="a yanked fix",
    ),
    pytest.param(
        {"fixes": [{"deepspeed-config": {"bf16.enabled": "true"}}]},
        "the fix bf16.enabled: true changes the DeepSpeed configuration, which is no condition here",
        id="settings without a condition",
    ),
    pytest.param(
        {"fixes": [{"remove": ["triton"]}]},
        "the fix remove triton does not cure: it is not in packages",
        id="a removal of something else",
    ),
    pytest.param(
        {
            "deepspeed_config": STAGE,
            "fixes": [{"deepspeed-config": {"zero_optimization.stage": "2"}}],
        },
        "the fix zero_optimization.stage: 2 does not cure: the conditions still hold",
        id="settings that still match",
    ),
    pytest.param(
        {"deepspeed_config": STAGE, "fixes": [{"deepspeed-config": {"bf16.enabled": "true"}}]},
        "the fix bf16.enabled: true does not cure: the conditions still hold",
        id="settings of something else",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_what_makes_no_sense_is_told(changes: dict[str, Any], expected: str | None) -> None:
    assert "; ".join(messages(entry(changes.pop("id", "torch/breaks"), **changes))) == (
        expected or ""
    )


def test_a_fix_is_not_tried_where_nothing_could_be_cured() -> None:
    conditions = {"a": ["absent"], "a.b": ["1"]}
    never = entry(deepspeed_config=conditions, fixes=[{"deepspeed-config": {"a.b": "2"}}])

    assert messages(never) == ["the conditions on the DeepSpeed configuration can never all hold"]


@pytest.mark.parametrize(
    ("fix", "others", "problems"),
    [
        pytest.param(["torch==2.1.0"], ["torch==2.1.0"], 1, id="broken"),
        pytest.param(["torch>=2.1"], ["torch>=2.1"], 1, id="all of it broken"),
        pytest.param(["torch>=2.1"], ["torch==2.1.0"], 0, id="some of it free"),
        pytest.param(
            ["torch==2.1.0"], ["torch==2.1.0", "numpy"], 1, id="beside what the entry has"
        ),
        pytest.param(["torch==2.1.0"], ["torch==2.1.0", "peft"], 0, id="beside something else"),
        pytest.param(
            ["torch==2.1.0", "peft"], ["torch==2.1.0", "peft"], 1, id="beside what it brings"
        ),
    ],
)
def test_a_fix_that_another_entry_condemns_is_none(
    fix: list[str], others: list[str], problems: int
) -> None:
    first = entry(packages=["torch>=2.0,<2.1", "numpy"], fixes=[{"packages": fix}])
    other = entry("torch/breaks-too", packages=others, fixes=None)

    assert (
        messages(first, other)
        == [f"the fix {', '.join(fix)} is no cure: torch/breaks-too is known to break all of it"]
        * problems
    )


def test_what_another_entry_only_warns_of_may_be_a_fix() -> None:
    first = entry(packages=["torch>=2.0,<2.1"], fixes=[{"packages": ["torch==2.1.0"]}])
    warns = entry("torch/warns", severity="warning", packages=["torch==2.1.0"], fixes=None)
    maybe = entry("torch/maybe", packages=["torch==2.1.0"], python=">=3.12", fixes=None)

    assert messages(first, warns, maybe) == []


SETS = [
    pytest.param(known_good("llava@1", "torch==2.1.0"), [], id="sound"),
    pytest.param(known_good("llava@1", "torch==2.4.0.dev0"), [], id="a working copy"),
    pytest.param(known_good("llava@1", "torch==2.1.0+cu118"), [], id="a build"),
    pytest.param(known_good("llava@1", "torch==2.1.*"), [], id="a family"),
    pytest.param(
        known_good("llava@1", "torch>=1.13"), [], id="a range that leads out of what is bad"
    ),
    pytest.param(known_good("llava@1", "torch<2.1"), [], id="a range that begins outside of it"),
    pytest.param(
        known_good("llava@1", "torch==2.1.5"),
        ["torch 2.1.5 does not exist"],
        id="a version that isn't",
    ),
    pytest.param(
        known_good("llava@1", "torch>2.1,<2.2"),
        ["no release of torch is in '>2.1,<2.2': the set can't be had"],
        id="a range without a release",
    ),
    pytest.param(
        known_good("llava@1", "torch==2.1.0", "torch>2"),
        ["torch is named twice: put its whole range into one requirement"],
        id="a package twice",
    ),
    pytest.param(
        known_good("llava@1", "torch==2.1.0", python=">3.10,<3.10"),
        ["python '>3.10,<3.10' can never hold"],
        id="no Python",
    ),
    pytest.param(
        known_good("llava@1", "torch==2.1.0", evidence=[{"kind": "published"}]),
        ["evidence of the kind 'published' lacks: url"],
        id="no evidence",
    ),
    pytest.param(
        known_good("llava@1", "torch==2.0.1"),
        ["torch/breaks is known to break this set: say why it is withdrawn, or mend the entry"],
        id="known to be bad",
    ),
    pytest.param(
        known_good("llava@1", "torch>=2,<2.1"),
        ["torch/breaks is known to break this set: say why it is withdrawn, or mend the entry"],
        id="a range all of which is bad",
    ),
    pytest.param(known_good("llava@1", "torch==2.0.1", withdrawn="It broke."), [], id="withdrawn"),
    pytest.param(
        known_good("llava@1", "torch==9.9", withdrawn="It never was."), [], id="withdrawn"
    ),
]


@pytest.mark.parametrize(("record", "expected"), SETS)
def test_a_known_good_set_is_held_against_what_is_known(
    record: dict[str, Any], expected: list[str]
) -> None:
    assert messages(entry(), projects=(project("llava", record),)) == expected


@pytest.mark.parametrize(
    ("changes", "about_the_set", "bad"),
    [
        pytest.param({"severity": "warning"}, {}, False, id="not everyone is hit"),
        pytest.param({"python": ">=3.12"}, {}, False, id="Python isn't known"),
        pytest.param({"python": ">=3.12"}, {"python": "==3.12.*"}, True, id="Python is known"),
        pytest.param({"cuda": "<12"}, {"cuda": "11.7"}, True, id="CUDA is known"),
        pytest.param({"deepspeed_config": STAGE}, {}, False, id="the configuration isn't"),
    ],
)
def test_a_set_is_broken_only_for_certain(
    changes: dict[str, Any], about_the_set: dict[str, Any], bad: bool
) -> None:
    one = project("llava", known_good("llava@1", "torch==2.0.1", **about_the_set))

    assert bool(messages(entry(**changes), projects=(one,))) is bad


def test_the_expert_layers_of_a_project_are_a_fact() -> None:
    one = project("llava", known_good("llava@1", "torch==2.0.1"), moe="absent")

    assert messages(entry(model={"moe": ["any"]}), projects=(one,)) == []
    assert messages(entry(model={"moe": ["any"]}), projects=({**one, "moe": "deepspeed"},)) != []


def test_a_distribution_belongs_to_one_project() -> None:
    projects = tuple(
        project(name, known_good(f"{name}@1", "peft"), distributions=["llava"]) for name in "abc"
    )

    assert messages(projects=projects) == ["the distribution 'llava' already belongs to 'a'"] * 2


def test_what_lies_below_counts() -> None:
    below = matrix(content(entry(), releases=RELEASES))
    mine = content(
        entry("torch/fails", packages=["torch==2.0.7"]),
        projects=(project("ours", known_good("ours@1", "torch==2.0.1")),),
    )

    assert [message for _, message in judge(mine, below)] == [
        "torch 2.0.7 does not exist",
        "torch/breaks is known to break this set: say why it is withdrawn, or mend the entry",
    ]


def test_an_entry_that_is_overridden_counts_no_longer() -> None:
    below = matrix(content(entry(), releases=RELEASES))
    mine = content(
        entry(severity="info", override=True),
        projects=(project("ours", known_good("ours@1", "torch==2.0.1")),),
    )

    assert list(judge(mine, below)) == []


def test_clashes_with_what_lies_below_are_problems_too() -> None:
    below = matrix(content(entry(), releases=RELEASES))
    mine = content(entry(), entry("torch/nothing", override=True))

    assert list(judge(mine, below)) == [
        (
            (BAD, 1),
            "the id 'torch/breaks' is already used in layer 1; give it another id, or say `override: true`",
        ),
        ((BAD, 2), "'torch/nothing' overrides nothing"),
    ]


WELL = "calls it an error: narrow the entry, or look at the run again"
BADLY = "nothing calls it an error: `envcheck matrix propose` writes the entry"
CELLS = [
    pytest.param(cell("torch==2.1.0"), [], id="it ran and nothing is said"),
    pytest.param(cell("torch==2.0.1", failed={"train": "No."}), [], id="it failed as is said"),
    pytest.param(cell("torch==2.0.1", ok=["resolve"]), [], id="nothing was run"),
    pytest.param(cell("torch==2.1.0", failed={"resolve": "No."}), [], id="it could not be had"),
    pytest.param(
        cell("torch==2.0.1"),
        [f"torch==2.0.1: it ran well, but torch/breaks {WELL}"],
        id="an entry says that it fails",
    ),
    pytest.param(
        cell("numpy==1.26.4", also=["torch==2.0.1+cpu"]),
        [f"numpy==1.26.4: it ran well, but torch/breaks {WELL}"],
        id="whatever it is that was asked for",
    ),
    pytest.param(
        cell("torch==2.1.0", failed={"train": "No."}),
        [f"torch==2.1.0: it failed at train, but {BADLY}"],
        id="no entry says that it fails",
    ),
    pytest.param(
        cell("torch==2.1.0", wrong={"train": "-"}),
        [f"torch==2.1.0: it ran wrong at train, but {BADLY}"],
        id="no entry says that it runs wrong",
    ),
    pytest.param(
        cell("numpy==2.0.0", "transformers==4.40.0"),
        [
            f"numpy==2.0.0 transformers==4.40.0: it ran well, but requirement/transformers/numpy {WELL}"
        ],
        id="a declared requirement says that it fails",
    ),
    pytest.param(
        cell("torch==2.0.7", failed={"import": "No."}),
        ["torch 2.0.7 does not exist"],
        id="a version that isn't",
    ),
]


@pytest.mark.parametrize(("of", "expected"), CELLS)
def test_a_cell_and_the_entries_must_agree(of: dict[str, Any], expected: list[str]) -> None:
    known = {
        **RELEASES,
        "transformers": releases("4.40.0", requires=["numpy!=2.0.0"]),
    }
    made = content(entry(fixes=None), releases=known, trials=(trial("t", of),))

    assert [(place.line, message) for place, message in judge(made)] == [
        (2, message) for message in expected
    ]


STAGES = [
    pytest.param({"deepspeed-2": "No."}, [], id="at a stage that is named"),
    pytest.param({"deepspeed-2-two": "No."}, [], id="in two processes"),
    pytest.param({"moe-split": "No."}, [], id="with expert layers"),
    pytest.param(
        {"deepspeed-3": "No."},
        [f"torch==2.0.1: it failed at deepspeed-3, but {BADLY}"],
        id="at another",
    ),
]


@pytest.mark.parametrize(("failed", "expected"), STAGES)
def test_a_stage_of_deepspeed_is_judged_as_a_configuration(
    failed: dict[str, str], expected: list[str]
) -> None:
    made = content(
        entry(deepspeed_config=STAGE, fixes=None),
        releases=RELEASES,
        trials=(trial("t", cell("torch==2.0.1", failed=failed)),),
    )

    assert [message for _, message in judge(made)] == expected
    # Without a configuration nothing is certain, so that what ran well contradicts nothing.
    well = content(
        entry(deepspeed_config=STAGE, fixes=None),
        releases=RELEASES,
        trials=(trial("t", cell("torch==2.0.1")),),
    )
    assert list(judge(well)) == []


def test_a_run_of_a_trial_that_is_there_is_evidence() -> None:
    run = {**RUN, "trial": "t"}
    made = content(
        entry(evidence=[EVIDENCE, run]),
        releases=RELEASES,
        trials=(trial("t", cell("torch==2.1.0")),),
    )

    assert list(judge(made)) == []


NAMED = [
    pytest.param("warning", {"import": "No module named 'rich'"}, True, id="a warning names it"),
    pytest.param("warning", {"import": "No module named 'poor'"}, False, id="or something else"),
    pytest.param("info", {"import": "No module named 'rich'"}, False, id="a note flags nothing"),
    pytest.param(
        "error", {"import": "No module named 'poor'"}, True, id="an error needn't name it"
    ),
]


@pytest.mark.parametrize(("severity", "failed", "explained"), NAMED)
def test_a_warning_explains_a_break_whose_error_it_names(
    severity: str, failed: dict[str, str], explained: bool
) -> None:
    known = entry(severity=severity, symptoms=[{"error": "No module named 'rich'"}], fixes=None)
    of = cell("torch==2.0.1", failed=failed)
    made = content(known, releases=RELEASES, trials=(trial("t", of),))

    expected = [] if explained else [f"torch==2.0.1: it failed at import, but {BADLY}"]
    assert [message for _, message in judge(made)] == expected


def test_a_cell_proves_what_was_missing_in_it() -> None:
    known = entry(absent=["triton"], fixes=None)

    def against(**more: Any) -> list[str]:
        made = content(known, releases=RELEASES, trials=(trial("t", cell("torch==2.0.1", **more)),))
        return [message for _, message in judge(made)]

    broken = {"failed": {"train": "No."}}
    assert against(**broken) == []
    assert against(**broken, also=["triton==2.0.0"]) == [
        f"torch==2.0.1: it failed at train, but {BADLY}"
    ]
    assert against(also=["triton==2.0.0"]) == []


def test_what_could_not_be_run_here_needs_no_entry() -> None:
    of = cell("torch==2.0.1", **{"not-run": {"an artefact of the CPU: gloo": ["deepspeed-2-two"]}})
    made = content(entry(severity="info", fixes=None), releases=RELEASES, trials=(trial("t", of),))

    assert list(judge(made)) == []


def test_sets_can_only_be_added() -> None:
    below = matrix(content(projects=(project("ours", known_good("ours@1", "torch==2.0.1")),)))
    mine = content(projects=(project("ours", known_good("ours@1", "torch==2.0.1")),))

    ((_, message),) = judge(mine, below)
    assert message == "the id 'ours@1' is already used in layer 1; give it another id"
