"""
Suggestions: what they hold, what they promise, and that they keep it.
"""

from __future__ import annotations

import shlex
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import worlds
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from envcheck import markers, versions
from envcheck.apply import applied, command
from envcheck.audit import CHECKS, audit
from envcheck.checks import known_bad, requirements
from envcheck.formats import text
from envcheck.known_good import OUTSIDE
from envcheck.model import Change, Options, Package
from envcheck.suggest.goal import half_done

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from packaging.utils import NormalizedName
    from worlds import MakeEnvironment, MakeMatrix

    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Report, Suggestion

STORY = """
- id: deepspeed/nan
  likely: "true"
  silent: "true"
  packages: ["deepspeed>=0.12.4,<0.14.3"]
  deepspeed-config:
    zero_optimization.stage: ["1", "2"]
    zero_optimization.overlap_comm: "true"
  fixes:
    - deepspeed-config: {zero_optimization.overlap_comm: "false"}
    - packages: [deepspeed==0.12.3]
    - packages: ["deepspeed>=0.14.3"]
"""
PROJECT = """
- project: moe-llava
  moe: deepspeed
  sets:
    - id: moe-llava@1
      packages: [transformers==4.37.0, accelerate==0.21.0, deepspeed==0.9.5, tokenizers==0.15.1]
      python: ">=3.8"
"""
RELEASES = """
transformers: [4.36.0, 4.37.0, 4.37.1, 4.40.0]
accelerate: [0.21.0, 0.26.1, 0.30.0]
deepspeed: [0.9.5, 0.12.3, 0.12.4, 0.13.1, 0.14.3]
tokenizers: [0.15.1, 0.19.1]
peft: [0.4.0, 0.5.0]
"""
PINS = ("transformers==4.37.1", "accelerate==0.26.1", "deepspeed==0.13.1", "tokenizers==0.15.1")
ZERO2 = {"zero_optimization": {"stage": 2, "overlap_comm": True}}


Shape = tuple[str, dict[str, str], dict[str, str | None]]


def shape(suggestion: Suggestion) -> Shape:
    """Return direction, new versions and settings of a suggestion."""
    changes: dict[str, str] = {change.package: str(change.after) for change in suggestion.changes}
    return suggestion.direction, changes, dict(suggestion.settings)


DOWN: Shape = ("downgrade", {"deepspeed": "0.12.3"}, {})
UP: Shape = ("upgrade", {"deepspeed": "0.14.3"}, {})
SET: Shape = ("settings", {}, {"zero_optimization.overlap_comm": "false"})


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        pytest.param("downgrade", [DOWN, SET, UP], id="downgrade"),
        pytest.param("upgrade", [UP, SET, DOWN], id="upgrade"),
        pytest.param("fewest", [SET, DOWN, UP], id="fewest"),
    ],
)
@pytest.mark.parametrize(
    "config", [pytest.param(ZERO2, id="certain"), pytest.param(None, id="needs verification")]
)
def test_each_way_out_is_offered_in_the_order_that_is_preferred(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    prefer: str,
    expected: list[Any],
    config: Any,
) -> None:
    made = environment(*PINS, deepspeed_config=config)
    report = audit(made, matrix(STORY, releases=RELEASES), Options(prefer=prefer))
    assert [shape(each) for each in report.suggestions] == expected
    assert all(each.resolves == ("deepspeed/nan",) for each in report.suggestions)
    assert report.unresolved == ()


def test_a_close_known_good_set_comes_first(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(STORY, PROJECT, RELEASES)
    first, *others = audit(environment(*PINS), known, Options(project="moe-llava")).suggestions
    assert shape(first) == (
        "downgrade",
        {"accelerate": "0.21.0", "deepspeed": "0.9.5", "transformers": "4.37.0"},
        {},
    )
    assert first.known_good == "moe-llava@1"
    assert first.resolves == ("deepspeed/nan", OUTSIDE)
    assert first.command == (
        "python -m pip install 'accelerate==0.21.0' 'deepspeed==0.9.5' 'transformers==4.37.0'"
    )
    assert [shape(each) for each in others] == [DOWN, SET, UP]
    assert all(each.remaining == (OUTSIDE,) for each in others)


def test_with_fewest_changes_wanted_a_known_good_set_comes_by_its_number(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    options = Options(project="moe-llava", prefer="fewest")
    report = audit(environment(*PINS), matrix(STORY, PROJECT, RELEASES), options)
    assert [len(each.changes) for each in report.suggestions] == [0, 1, 1, 3]


@pytest.mark.parametrize(
    ("pins", "project", "close"),
    [
        pytest.param(
            ["torch==2.0.0", "transformers==1.0", "trl==1.0"], None, True, id="near enough"
        ),
        pytest.param(
            ["torch==2.0.0", "transformers==1.0", *(f"{name}==2.0" for name in "abcd")],
            None,
            False,
            id="too far",
        ),
        pytest.param(
            ["torch==2.0.0", "transformers==1.0", *(f"{name}==2.0" for name in "abcd")],
            "p",
            True,
            id="never too far for a project",
        ),
    ],
)
def test_a_set_is_close_if_few_packages_have_to_move(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    *,
    pins: list[str],
    project: str | None,
    close: bool,
) -> None:
    known = matrix(
        "- {id: torch/bad, packages: [torch==2.0.0]}",
        """
- project: p
  sets: [{id: p@1, packages: [torch==2.0.1, transformers==1.0, trl==1.0, a==1.0, b==1.0, c==1.0, d==1.0]}]
""",
        "torch: [2.0.0, 2.0.1, 2.0.2]\n"
        + "".join(f"{name}: [1.0, 2.0]\n" for name in ("transformers", "trl", *"abcd")),
    )
    report = audit(environment(*pins), known, Options(project=project))
    assert [each.known_good for each in report.suggestions if each.known_good] == ["p@1"] * close


def test_a_set_brings_along_what_its_versions_require(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    releases = RELEASES.replace(
        "[4.36.0, 4.37.0,", '[4.36.0, {version: 4.37.0, requires: ["huggingface-hub<0.20"]},'
    )
    known = matrix(STORY, PROJECT, releases + "huggingface-hub: [0.19.4, 0.20.3]")
    made = environment(*PINS, "huggingface-hub==0.20.3")
    (first, *_) = audit(made, known, Options(project="moe-llava")).suggestions
    assert ("huggingface-hub", Version("0.20.3"), Version("0.19.4")) in first.changes


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"keep": frozenset({"accelerate"})}, id="a pin of it is to be kept"),
        pytest.param({}, id="its python is another one"),
    ],
)
def test_a_set_that_cannot_be_reached_is_not_suggested(
    environment: MakeEnvironment, matrix: MakeMatrix, options: dict[str, Any]
) -> None:
    known = matrix(STORY, PROJECT, RELEASES)
    made = environment(*PINS, python="3.10" if options else "3.7")
    report = audit(made, known, Options(project="moe-llava", **options))
    assert [shape(each) for each in report.suggestions] == [DOWN, SET, UP]


def test_a_set_may_pin_a_package_without_known_releases(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    project = PROJECT.replace("tokenizers==0.15.1", 'timm==0.6.13, "einops<1"')
    known = matrix(STORY, project, RELEASES)
    made = environment(*PINS, "timm==0.9.2", "einops==0.6.1")
    (first, *_) = audit(made, known, Options(project="moe-llava")).suggestions
    assert ("timm", Version("0.9.2"), Version("0.6.13")) in first.changes
    (first, *_) = audit(
        made._replace(packages={**made.packages, **environment("einops==2.0").packages}),
        known,
        Options(project="moe-llava"),
    ).suggestions
    assert first.known_good is None


STRICT = Options(project="moe-llava", strict=True)


def test_under_strict_only_a_set_of_the_project_will_do(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(STORY, PROJECT, RELEASES)
    report = audit(environment(*PINS, deepspeed_config=ZERO2), known, STRICT)
    assert [each.known_good for each in report.suggestions] == ["moe-llava@1"]
    assert report.unresolved == ()


def test_under_strict_what_a_set_has_is_installed(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(STORY, PROJECT, RELEASES)
    report = audit(environment("transformers==4.37.0", "accelerate==0.21.0"), known, STRICT)
    (suggestion,) = report.suggestions
    assert suggestion.changes == (Change(worlds.names("deepspeed")[0], None, Version("0.9.5")),)
    assert suggestion.direction == "upgrade"


@pytest.mark.parametrize(
    ("pins", "options", "why"),
    [
        pytest.param(
            [*PINS, "peft==0.4.0"],
            {},
            "the nearest set is moe-llava@1: it says nothing of peft, which is installed",
            id="more than a set says",
        ),
        pytest.param(
            PINS,
            {"keep": frozenset({"deepspeed", "accelerate"})},
            "the nearest set is moe-llava@1: accelerate is to be kept; deepspeed is to be kept",
            id="kept",
        ),
        pytest.param(
            [*PINS[:-1], "tokenizers==0.19.1"],
            {"keep": frozenset({"tokenizers"})},
            "the nearest set is moe-llava@1: tokenizers is to be kept",
            id="kept outside of the core",
        ),
        pytest.param(
            ["tokenizers==0.15.1"],
            {},
            "no set of moe-llava shares a core package with this environment",
            id="nothing in common",
        ),
    ],
)
def test_under_strict_what_keeps_the_sets_away_is_said(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    pins: list[str],
    options: dict[str, Any],
    why: str,
) -> None:
    report = audit(environment(*pins), matrix(STORY, PROJECT, RELEASES), STRICT._replace(**options))
    assert report.suggestions == ()
    assert report.unresolved == ((OUTSIDE, why),)


def test_under_strict_errors_that_a_set_would_keep_are_said(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        STORY + "\n- {id: deepspeed/old, packages: [deepspeed==0.9.5]}", PROJECT, RELEASES
    )
    report = audit(environment(*PINS, deepspeed_config=ZERO2), known, STRICT)
    why = "the nearest set is moe-llava@1: going to it leaves errors"
    assert report.unresolved == (("deepspeed/nan", why), (OUTSIDE, why))


def test_settings_and_versions_are_changed_together_where_neither_is_enough(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        STORY + '\n- {id: tokenizers/bad, packages: ["tokenizers<0.19"]}', releases=RELEASES
    )
    made = environment(*PINS, deepspeed_config=ZERO2)
    report = audit(made, known, Options(keep=frozenset(worlds.names("deepspeed"))))
    (suggestion,) = report.suggestions
    assert shape(suggestion) == ("upgrade", {"tokenizers": "0.19.1"}, SET[2])
    assert suggestion.resolves == ("deepspeed/nan", "tokenizers/bad")


def test_of_a_configuration_that_is_not_given_nothing_else_is_assumed(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        STORY
        + """
- id: deepspeed/other
  likely: "true"
  packages: [deepspeed]
  deepspeed-config: {zero_optimization.overlap_comm: "false", fp16.enabled: absent}
- id: deepspeed/third
  likely: "true"
  packages: [deepspeed]
  deepspeed-config: {zero_optimization.offload_param: present}
  fixes: [{deepspeed-config: {zero_optimization.offload_param: absent}}]
""",
        releases="deepspeed: [0.13.1]",
    )
    (suggestion,) = audit(environment("deepspeed==0.13.1"), known).suggestions
    assert dict(suggestion.settings) == {**SET[2], "zero_optimization.offload_param": None}
    assert suggestion.resolves == ("deepspeed/nan", "deepspeed/third")
    assert suggestion.remaining == ("deepspeed/other",)


def test_a_setting_that_no_condition_asks_for_cures_nothing(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        '- {id: deepspeed/x, packages: [deepspeed], fixes: [{deepspeed-config: {a.b: "1"}}]}',
        releases="deepspeed: [0.13.1]",
    )
    report = audit(environment("deepspeed==0.13.1"), known)
    assert report.suggestions == ()
    assert [identifier for identifier, _ in report.unresolved] == ["deepspeed/x"]


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_a_setting_brings_along_those_that_it_calls_for(
    severity: str, environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        f"""
- id: deepspeed/experts
  packages: [deepspeed]
  deepspeed-config: {{zero_optimization.stage: "3"}}
  fixes: [{{deepspeed-config: {{zero_optimization.stage: "2"}}}}]
- id: deepspeed/nan
  severity: {severity}
  packages: ["deepspeed>=0.12.4"]
  deepspeed-config: {{zero_optimization.stage: "2", zero_optimization.overlap_comm: "true"}}
  fixes:
    - packages: [deepspeed==0.9.5]
    - deepspeed-config: {{zero_optimization.overlap_comm: "false"}}
""",
        releases=RELEASES,
    )
    config = {"zero_optimization": {"stage": 3, "overlap_comm": True}}
    made = environment("deepspeed==0.13.1", deepspeed_config=config)

    suggestions = audit(made, known).suggestions

    both = {"zero_optimization.stage": "2", "zero_optimization.overlap_comm": "false"}
    assert [shape(each) for each in suggestions] == [("settings", {}, both)]


def test_a_setting_that_breaks_something_else_is_not_enough(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    other = """
- id: deepspeed/other
  packages: ["deepspeed>=0.12.4"]
  deepspeed-config: {zero_optimization.overlap_comm: "false"}
"""
    known = matrix(STORY + other, releases=RELEASES)
    made = environment(*PINS, deepspeed_config=ZERO2)
    keep = frozenset(worlds.names("deepspeed"))
    assert [shape(each) for each in audit(made, known).suggestions] == [DOWN, UP]
    report = audit(made, known, Options(keep=keep))
    assert (report.suggestions, [each[0] for each in report.unresolved]) == ((), ["deepspeed/nan"])


def test_where_nothing_works_it_says_which_requirement_is_in_the_way(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- {id: transformers/bad, packages: [transformers==1.0]}
- {id: peft/bad, packages: [peft==1.0]}
""",
        releases="""
transformers: ["1.0", {version: "2.0", requires: ["tokenizers>=2"]}]
tokenizers: ["1.0", "2.0"]
peft: ["1.0", "2.0"]
""",
    )
    made = environment("transformers==1.0", "tokenizers==1.0", "peft==1.0", python="3.10")
    report = audit(made, known, Options(keep=frozenset(worlds.names("tokenizers"))))
    assert report.suggestions == ()
    why = "with transformers 2.0, transformers 2.0 requires tokenizers>=2, and tokenizers is to be kept"
    assert dict(report.unresolved) == {
        "peft/bad": f"without it transformers/bad stays: {why}",
        "transformers/bad": why,
    }


def test_mixed_directions_are_tried_where_they_are_shorter(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        "- {id: trl/bad, packages: [trl==2.0]}\n- {id: peft/bad, packages: [peft==2.0]}",
        releases="""
trl: ["1.0", "2.0", {version: "3.0", requires: ["torch>=3"]}]
peft: [{version: "1.0", requires: ["torch<2"]}, "2.0", "3.0"]
torch: ["1.0", "2.0", "3.0"]
""",
    )
    made = environment("trl==2.0", "peft==2.0", "torch==2.0")
    mixed: Shape = ("mixed", {"trl": "1.0", "peft": "3.0"}, {})
    down: Shape = ("downgrade", {"trl": "1.0", "peft": "1.0", "torch": "1.0"}, {})
    up: Shape = ("upgrade", {"trl": "3.0", "peft": "3.0", "torch": "3.0"}, {})
    assert [shape(each) for each in audit(made, known).suggestions] == [down, mixed, up]
    report = audit(made, known, Options(keep=frozenset(worlds.names("torch")), prefer="upgrade"))
    assert [shape(each) for each in report.suggestions] == [mixed]


def test_a_change_that_brings_in_a_warning_is_the_last_resort(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- {id: trl/bad, packages: [trl==2.0]}
- {id: trl/hm, severity: warning, packages: ["trl<2"]}
""",
        releases="trl: [1.0, 2.0, 3.0]",
    )
    made = environment("trl==2.0", python="3.10")
    assert [shape(each)[1] for each in audit(made, known).suggestions] == [{"trl": "3.0"}]
    old = matrix(releases="trl: [1.0, 2.0, {version: 3.0, python: '>=3.12'}]")
    (suggestion,) = audit(made, old).suggestions
    assert (shape(suggestion)[1], suggestion.remaining) == ({"trl": "1.0"}, ("trl/hm",))


def test_a_set_that_is_left_for_an_error_is_said_to_be_left(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        "- {id: peft/bad, packages: [peft==1.0]}",
        "[{project: p, sets: [{id: p@1, packages: [peft==1.0, trl==1.0]}]}]",
        "peft: [1.0, 2.0]",
    )
    report = audit(environment("peft==1.0", "trl==1.0"), known, Options(project="p"))
    (suggestion,) = report.suggestions
    assert suggestion.remaining == (OUTSIDE,)
    assert report.known_good is not None
    assert report.known_good.exact


def test_what_needs_two_facts_to_be_certain_calls_for_no_advice(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- id: deepspeed/moe
  likely: "true"
  packages: ["deepspeed>=0.12"]
  deepspeed-config: {zero_optimization.stage: "3"}
  model: {moe: any}
  fixes: [{deepspeed-config: {zero_optimization.stage: "2"}}, {packages: ["deepspeed<0.12"]}]
""",
        releases=RELEASES,
    )
    report = audit(environment("deepspeed==0.13.1"), known, Options(in_full=False))
    assert ([each.severity for each in report.findings], report.suggestions) == (["warning"], ())
    report = audit(environment("deepspeed==0.13.1", model={"moe": "deepspeed"}), known)
    assert [each.direction for each in report.suggestions] == ["downgrade", "settings"]


def test_what_is_odd_or_only_worth_knowing_calls_for_no_advice(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    from envcheck.model import Oddity

    known = matrix("- {id: peft/hm, severity: info, packages: [peft]}", releases="peft: [1.0]")
    made = environment("peft==2.0", oddities=(Oddity("unreadable", "line 1", "x"),))
    report = audit(made, known)
    assert {each.severity for each in report.findings} == {"info", "warning"}
    assert report.suggestions == ()


BUILD = (
    "Builds of another index are in use: peft 1.0+cu118. Give that index too, to get the same kind."
)
COPY = "This takes releases in place of what was installed otherwise: peft."


@pytest.mark.parametrize(
    ("pin", "origin", "note"),
    [
        pytest.param("peft==1.0+cu118", "index", BUILD, id="a build"),
        pytest.param("peft==1.0", "vcs", COPY, id="a repository"),
        pytest.param("peft==1.0", "editable", COPY, id="a working copy"),
        pytest.param("peft==1.0+local", "file", COPY, id="a file"),
        pytest.param("peft==1.0", "index", "", id="a release"),
    ],
)
def test_what_an_installer_would_do_unasked_is_noted(
    environment: MakeEnvironment, matrix: MakeMatrix, pin: str, origin: str, note: str
) -> None:
    known = matrix(
        "- {id: peft/bad, packages: [peft==1.0, trl]}", releases="peft: [1.0, 2.0]\ntrl: [1.0]"
    )
    made = environment(pin, "trl==1.0")
    peft = made.packages[worlds.names("peft")[0]]._replace(origin=origin)
    made = made._replace(packages={**made.packages, peft.name: peft})
    (suggestion,) = audit(made, known).suggestions
    assert (suggestion.note, suggestion.changes[0].after) == (note, Version("2.0"))


ADDON = """
- id: torchao/breaks
  packages: ["torchao<0.16", "peft>=0.19"]
  fixes:
    - packages: [torchao==0.17.0]
    - remove: [torchao]
- id: autoawq/breaks
  packages: [autoawq, peft]
  fixes: [{remove: [autoawq]}]
- id: trl/breaks
  packages: ["trl<1"]
"""
ADDONS = "torchao: [0.15.0, 0.17.0]\npeft: [0.18.0, 0.19.0]\ntrl: [0.9, 1.0]\nautoawq: [0.2.9]"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            (
                ["torchao==0.15.0", "peft==0.19.0"],
                {},
                (),
                [{"peft": "0.18.0"}, {"torchao": "0.17.0"}, {"torchao": None}],
            ),
            id="behind the last that the entry recommends",
        ),
        pytest.param(
            (
                ["torchao==0.15.0", "peft==0.19.0", "autoawq==0.2.9"],
                {},
                (),
                [{"autoawq": None, "torchao": "0.17.0"}],
            ),
            id="the only cure of one of two",
        ),
        pytest.param(
            (
                ["autoawq==0.2.9", "peft==0.18.0", "trl==0.9"],
                {},
                (),
                [{"autoawq": None, "trl": "1.0"}],
            ),
            id="with what else must change",
        ),
        pytest.param((["autoawq==0.2.9", "peft==0.18.0"], {}, ("autoawq",), []), id="kept"),
        pytest.param(
            (["autoawq==0.2.9", "peft==0.18.0"], {"requires": {"peft": ["autoawq"]}}, (), []),
            id="required by another one",
        ),
        pytest.param(
            (
                ["autoawq==0.2.9", "peft==0.18.0"],
                {"requires": {"peft": ["autoawq; sys_platform == 'win32'"]}, "platform": "linux"},
                (),
                [{"autoawq": None}],
            ),
            id="required elsewhere",
        ),
    ],
)
def test_what_an_entry_would_have_uninstalled_is_suggested(
    environment: MakeEnvironment,
    matrix: MakeMatrix,
    case: tuple[list[str], dict[str, Any], tuple[str, ...], list[dict[str, str | None]]],
) -> None:
    pins, facts, keep, changes = case
    options = Options(keep=frozenset(worlds.names(*keep)))
    report = audit(environment(*pins, **facts), matrix(ADDON, releases=ADDONS), options)
    found = [
        {each.package: str(each.after) if each.after else None for each in one.changes}
        for one in report.suggestions
    ]
    assert found == changes
    assert bool(report.unresolved) is (not changes)


def test_a_removal_says_what_it_is_and_what_it_takes_for_granted(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(ADDON, releases=ADDONS)
    (one,) = audit(environment("autoawq==0.2.9", "peft==0.18.0"), known).suggestions
    assert one.note == "Only if nothing that is run here uses autoawq by itself."
    assert one.command == "python -m pip uninstall -y autoawq"
    assert one.direction == "mixed"
    (both,) = audit(environment("autoawq==0.2.9", "peft==0.18.0", "trl==0.9"), known).suggestions
    assert both.command == "python -m pip uninstall -y autoawq && python -m pip install 'trl==1.0'"
    kept = Options(keep=frozenset(worlds.names("autoawq")))
    report = audit(environment("autoawq==0.2.9", "peft==0.18.0"), known, kept)
    assert "the entry advises to uninstall autoawq" in report.unresolved[0][1]
    assert report.to_dict()["unresolved"]
    again = audit(environment("autoawq==0.2.9", "peft==0.18.0"), known).to_dict()
    assert again["suggestions"][0]["changes"] == [
        {"package": "autoawq", "from": "0.2.9", "to": None}
    ]
    shown = text.plain(text.rows(audit(environment("autoawq==0.2.9", "peft==0.18.0"), known)))
    assert "Uninstall what is only loaded because it is there" in shown
    assert "autoawq  0.2.9 -> removed" in shown


@pytest.mark.parametrize(
    ("settings_", "after"),
    [
        pytest.param({"a.b": "false"}, {"a": {"b": False, "c": [1]}, "d": 1}, id="changed"),
        pytest.param({"a.b": None}, {"a": {"c": [1]}, "d": 1}, id="removed"),
        pytest.param(
            {"a.x": None}, {"a": {"b": True, "c": [1]}, "d": 1}, id="removed though it isn't there"
        ),
        pytest.param(
            {"x.y": None}, {"a": {"b": True, "c": [1]}, "d": 1}, id="removed from no section"
        ),
        pytest.param(
            {"x.y.z": '"cpu"'},
            {"a": {"b": True, "c": [1]}, "d": 1, "x": {"y": {"z": "cpu"}}},
            id="added",
        ),
        pytest.param(
            {"d.e": "5e8"}, {"a": {"b": True, "c": [1]}, "d": {"e": 5e8}}, id="in place of a value"
        ),
        pytest.param({"d": None}, {"a": {"b": True, "c": [1]}}, id="removed at the top"),
        pytest.param({}, {"a": {"b": True, "c": [1]}, "d": 1}, id="nothing"),
    ],
)
def test_settings_are_applied_to_a_copy(
    settings_: dict[str, str | None], after: dict[str, Any]
) -> None:
    before = {"a": {"b": True, "c": [1]}, "d": 1}
    assert applied(before, settings_) == after
    assert before == {"a": {"b": True, "c": [1]}, "d": 1}


def test_a_setting_is_the_json_that_its_text_stands_for(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    values = {
        "a.word": "cpu",
        "a.number": "5e8",
        "a.flag": "true",
        "a.gone": "absent",
        "a.auto": "auto",
    }
    conditions = "".join(
        f"{path}: '!={value}', " for path, value in values.items() if value != "absent"
    )
    fixes = "".join(f"{path}: '{value}', " for path, value in values.items())
    known = matrix(
        f"""
- id: deepspeed/x
  packages: [deepspeed]
  deepspeed-config: {{{conditions}}}
  fixes: [{{deepspeed-config: {{{fixes}}}}}]
"""
    )
    config = {"a": {"word": "nvme", "number": 1, "flag": False, "gone": 1, "auto": 1}}
    (suggestion,) = audit(environment("deepspeed==1.0", deepspeed_config=config), known).suggestions
    assert dict(suggestion.settings) == {
        "a.word": '"cpu"',
        "a.number": "5e8",
        "a.flag": "true",
        "a.gone": None,
        "a.auto": '"auto"',
    }


def test_a_setting_that_is_not_there_need_not_be_removed(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    known = matrix(
        """
- id: deepspeed/x
  packages: [deepspeed]
  deepspeed-config: {a.stage: "3"}
  fixes: [{deepspeed-config: {a.stage: "2", a.gone: absent, a.empty: absent, b.gone: absent}}]
"""
    )
    config = {"a": {"stage": 3, "empty": None}}
    (suggestion,) = audit(environment("deepspeed==1.0", deepspeed_config=config), known).suggestions
    assert dict(suggestion.settings) == {"a.stage": "2"}


NAMES = (
    "python",
    "/usr/bin/python3.10",
    "/home/Jo Doe/it's/bin/python",
    "C:\\Py thon\\python.exe",
    "$(x)/`y`/python",
    "/ü/python",
    "a\nb",
)


@given(
    st.sampled_from(NAMES) | st.text(min_size=1).filter(lambda text: "\0" not in text),
    st.sampled_from(["pip", "conda", "uv"]),
    st.lists(
        st.sampled_from(["1.0", "1!2.0rc1.post2.dev3", "0.9.5", "2.0+cu118"]),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
def test_a_command_can_be_pasted_into_a_shell(
    executable: str, installer: str, numbers: list[str], removes: bool
) -> None:
    made = worlds.environment("peft==1.0", executable=executable, installer=installer)
    changes = [
        Change(name, None, Version(number))
        for name, number in zip(worlds.names("peft", "flash-attn", "trl"), numbers, strict=False)
    ]
    pins = [f"{change.package}=={change.after}" for change in changes]
    start = (
        ["uv", "pip", "install", "--python", executable]
        if installer == "uv"
        else [executable, "-m", "pip", "install"]
    )
    first: list[str] = []
    if removes:
        changes += [Change(worlds.names("torchao")[0], Version("1.0"), None)]
        yes = [] if installer == "uv" else ["-y"]
        first = [*start, *yes, "torchao", "&&"]
        first[first.index("install")] = "uninstall"
        if installer == "uv":
            assert first[:5] == ["uv", "pip", "uninstall", "--python", executable]
    assert shlex.split(command(made, changes)) == [*first, *start, *pins]


def test_a_command_quotes_only_what_it_must(environment: MakeEnvironment) -> None:
    changes = [Change(worlds.names("peft")[0], None, Version("1.0"))]
    made = environment("peft==1.0", executable="/opt/my-env_1.0/bin/python3.10")
    assert command(made, changes) == "/opt/my-env_1.0/bin/python3.10 -m pip install 'peft==1.0'"
    assert command(environment("peft==1.0"), changes) == "python -m pip install 'peft==1.0'"
    uv = environment("peft==1.0", installer="uv")
    assert command(uv, changes) == "uv pip install 'peft==1.0'"


# What every suggestion promises, over made-up matrices.

WORLD = st.integers(0, 1 << 40)
QUICK = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def ids(report: Report, *severities: str) -> set[str]:
    return {finding.id for finding in report.findings if finding.severity in severities}


@given(
    WORLD, st.sampled_from(["downgrade", "upgrade", "fewest"]), st.integers(3, 6), st.integers(3, 8)
)
@QUICK
def test_every_suggestion_keeps_its_promises(
    seed: int, prefer: str, packages: int, most: int
) -> None:
    random = Random(seed)
    known, made = worlds.world(random, packages=packages, most=most)
    keep = frozenset(random.sample(sorted(made.packages), random.randint(0, 1)))
    options = Options(prefer=prefer, keep=keep)
    before = audit(made, known, options)
    assume(before.suggestions)
    assert audit(made, known, options) == before
    for suggestion in before.suggestions:
        _obeys(suggestion, made, known, keep)
        if suggestion.settings and made.deepspeed_config is None:
            continue  # what the settings are applied to isn't known
        after = audit(worlds.changed(made, suggestion), known, options)
        assert ids(after, "error") == set()
        assert not {*suggestion.resolves} & ids(after, "error", "warning", "info")
        assert {*suggestion.resolves} <= ids(before, "error", "warning", "info")
        assert {*suggestion.remaining} == ids(after, "warning")
        if not ids(before, "error"):
            assert {*suggestion.remaining} < ids(before, "warning") | {""}
    stays = [each for each in before.suggestions if not _removes(each)]
    flawed = [each for each in stays if {*each.remaining} - ids(before, "warning")]
    assert flawed in ([], stays)


def _removes(suggestion: Suggestion) -> bool:
    return any(change.after is None for change in suggestion.changes)


def _obeys(
    suggestion: Suggestion, made: Environment, known: Matrix, keep: frozenset[NormalizedName]
) -> None:
    python = versions.version(made.python) if made.python else None
    moves = []
    gone = [change.package for change in suggestion.changes if change.after is None]
    told = {
        name
        for hit in known_bad.hits(made, known)
        for fix in hit.subject.record().get("fixes", ())  # type: ignore[union-attr]
        for name in fix.get("remove", ())
    }
    assert {*gone} <= told & made.packages.keys() - keep
    assert not any(_requires(package, gone, made, known) for package in made.packages.values())
    assert bool(gone) == ("uninstall" in suggestion.command) == ("Only if" in suggestion.note)
    for package, before, after in suggestion.changes:
        if after is None:
            assert before == made.packages[package].version
            continue
        (release,) = [each for each in known.releases(package) if each.version == after]
        assert not release.yanked
        assert not release.version.is_prerelease or (before and before.is_prerelease)
        assert python is None or versions.contains(release.python, python)
        assert package not in keep
        assert before == (made.packages[package].version if package in made.packages else None)
        assert after != before
        if before is not None:
            moves.append("upgrade" if after > before else "downgrade")
    assert len({change.package for change in suggestion.changes}) == len(suggestion.changes)
    if suggestion.changes:
        installs = [change for change in suggestion.changes if change.after is not None]
        expected = {*moves} or ({"upgrade"} if installs else {"mixed"})
        assert suggestion.direction == (expected.pop() if len(expected) == 1 else "mixed")
        words = shlex.split(suggestion.command)
        pins = [f"{change.package}=={change.after}" for change in installs]
        assert words[len(words) - len(pins) :] == pins
    else:
        assert (suggestion.direction, suggestion.command) == ("settings", "")
        assert suggestion.settings


@given(WORLD, st.integers(3, 4), st.integers(3, 4))
@QUICK
def test_where_any_change_removes_the_errors_one_is_found_and_it_is_small(
    seed: int, packages: int, most: int
) -> None:
    known, made = worlds.world(Random(seed), packages=packages, most=most)
    before = audit(made, known)
    assume(ids(before, "error"))
    removable = _removable(made, known, ids(before, "error"))
    clean, any_ = _smallest(made, known, ids(before, "warning"), removable)
    found = [each for each in before.suggestions if not each.settings]
    if any_ is None:
        assert not found
        assert before.suggestions or {*dict(before.unresolved)} == ids(before, "error")
    elif clean is None:
        assert before.suggestions
    else:
        flawless = [each for each in found if not {*each.remaining} - ids(before, "warning")]
        assert min(len(each.changes) for each in flawless) <= clean + 1


def _requires(
    package: Package, others: Collection[NormalizedName], made: Environment, known: Matrix
) -> bool:
    """Tell whether a package that isn't among some others requires one of them."""
    return package.name not in others and any(
        each.name in others and markers.holds(each.marker, made.python, made.platform) is not False
        for each in requirements.declared(package, known)
    )


def _removable(made: Environment, known: Matrix, errors: set[str]) -> set[NormalizedName]:
    """Return what entries recommend to uninstall, and nothing requires."""
    found = set()
    for hit in known_bad.hits(made, known):
        if hit.id in errors and isinstance(hit.subject, known_bad.Cause):
            for fix in hit.subject.record().get("fixes", ()):
                found |= {*fix.get("remove", ())}
    packages = made.packages
    return {
        name
        for name in found
        if name in packages
        and not any(_requires(each, [name], made, known) for each in packages.values())
    }


def _smallest(
    made: Environment, known: Matrix, warnings: set[str], removable: set[NormalizedName]
) -> tuple[int | None, int | None]:
    """Try everything: the fewest changes that leave no error, without a new warning and with one."""
    names = sorted({*known.tracked} | made.packages.keys())
    clean = any_ = None
    choices = [
        [*_possible(name, made, known), *([None] if name in removable else [])] for name in names
    ]
    for choice in product(*choices):
        moved = sum(
            package is not made.packages.get(name)
            for name, package in zip(names, choice, strict=True)
        )
        there = {package.name: package for package in choice if package is not None}
        environment = made._replace(packages=there)
        hits = [hit for check in CHECKS for hit in check.hits(environment, known)]
        if any(hit.severity == "error" for hit in hits):
            continue
        any_ = moved if any_ is None else min(any_, moved)
        stay = {hit.id for hit in hits if hit.severity == "warning"}
        picks = [name for name in names if there.get(name) is not made.packages.get(name)]
        if stay <= warnings and not any(half_done(hit, picks) for hit in hits):
            clean = moved if clean is None else min(clean, moved)
    return clean, any_


def _possible(name: NormalizedName, made: Environment, known: Matrix) -> Iterator[Package | None]:
    installed = made.packages.get(name)
    before = installed.version if installed else None
    python = versions.version(made.python) if made.python else None
    yield installed
    for release in known.releases(name):
        early = release.version.is_prerelease and not (before and before.is_prerelease)
        suits = python is None or versions.contains(release.python, python)
        if release.version != before and suits and not early and not release.yanked:
            yield Package(name, release.version)
