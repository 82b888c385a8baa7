from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from worlds import compiled, entry, environment

from envcheck.audit import audit
from envcheck.diagnose.answer import Answer, answer, fix_text
from envcheck.diagnose.log import Log

if TYPE_CHECKING:
    from envcheck.model import Environment

NAN = (
    "{'loss': 2.0, 'grad_norm': 1.5, 'learning_rate': 1e-5, 'epoch': 0.1}\n"
    + "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1e-5, 'epoch': 0.1}\n" * 3
)
FINE = "{'loss': 2.0, 'grad_norm': 1.5, 'learning_rate': 1e-5, 'epoch': 0.1}\n"
RAISED = "Traceback (most recent call last):\nImportError: no name x\n"
CURVE = [{"loss": "zero-after-first-step"}, {"loss": "nan"}]
CONFIG = {"zero_optimization.overlap_comm": ["true"]}
FIXES = [
    {"deepspeed-config": {"zero_optimization.overlap_comm": "false"}},
    {"packages": ["deepspeed==0.12.3"]},
]
RACE = entry(
    "deepspeed/race",
    "deepspeed<0.14",
    symptoms=CURVE,
    fixes=FIXES,
    silent="true",
    deepspeed_config=CONFIG,
)


def diagnosed(text: str, *entries: dict[str, Any], here: Environment | None = None) -> Answer:
    matrix = compiled(entries)
    known = dict(matrix.records())
    log = Log(known.items())
    log.feed(text.encode())
    report = audit(here, matrix) if here else None
    return answer(log.said(), matrix, known, environment=here, report=report, origin="a.log")


def statuses(found: Answer) -> dict[str, str]:
    return {each.id: each.status for each in found.explanations}


@pytest.mark.parametrize(
    ("here", "status"),
    [
        pytest.param(
            environment(
                "deepspeed==0.13.1", deepspeed_config={"zero_optimization": {"overlap_comm": True}}
            ),
            "hits",
            id="versions and settings",
        ),
        pytest.param(environment("deepspeed==0.13.1"), "may-hit", id="settings unknown"),
        pytest.param(None, "unknown", id="no environment"),
    ],
)
def test_an_entry_with_the_symptom_is_judged_where_the_log_was_written(
    here: Environment | None, status: str
) -> None:
    found = diagnosed(NAN, RACE, here=here)

    (explanation,) = found.explanations
    assert explanation.status == status
    assert explanation.matched == ("loss: zero-after-first-step", "loss: nan")
    assert found.verdict == "found"


@pytest.mark.parametrize(
    "here",
    [
        pytest.param(environment("deepspeed==0.19.3"), id="another version"),
        pytest.param(environment("torch==2.0.1"), id="a list without the package"),
        pytest.param(environment("torch==2.0.1", complete=True), id="it is not installed"),
        pytest.param(
            environment(
                "deepspeed==0.13.1", deepspeed_config={"zero_optimization": {"overlap_comm": False}}
            ),
            id="another setting",
        ),
    ],
)
def test_the_curve_alone_does_not_accuse_what_is_not_known_to_be_here(here: Environment) -> None:
    found = diagnosed(NAN, RACE, here=here)

    assert found.explanations == ()
    assert found.others == ("deepspeed/race",)


@pytest.mark.parametrize(
    ("here", "status", "against"),
    [
        pytest.param(environment("deepspeed==0.13.1"), "hits", "", id="it is this version"),
        pytest.param(
            environment("deepspeed==0.19.3"),
            "misses",
            "deepspeed is 0.19.3, it takes <0.14",
            id="it is another",
        ),
        pytest.param(
            environment("torch==2.0.1", complete=True),
            "misses",
            "deepspeed is not installed",
            id="it isn't there",
        ),
        pytest.param(
            environment("torch==2.0.1"), "unknown", "it takes deepspeed<0.14", id="it isn't listed"
        ),
        pytest.param(None, "unknown", "it takes deepspeed<0.14", id="no environment"),
    ],
)
def test_an_error_text_is_never_kept_back(
    here: Environment | None, status: str, against: str
) -> None:
    broken = entry(
        "deepspeed/import", "deepspeed<0.14", symptoms=[{"error": "no name x"}], fixes=FIXES[1:]
    )

    found = diagnosed(RAISED, broken, here=here)

    (explanation,) = found.explanations
    assert (explanation.status, explanation.against, explanation.line) == (status, against, 2)
    assert found.first[0].startswith("Install" if status == "hits" else "If it is this: Install")


def test_an_entry_whose_other_conditions_fail_is_said_to_miss() -> None:
    broken = entry(
        "deepspeed/x", "deepspeed", symptoms=[{"error": "no name x"}], platform=["win32"]
    )

    found = diagnosed(RAISED, broken, here=environment("deepspeed==1.0", platform="linux"))

    assert "another of its conditions" in found.explanations[0].against


def test_of_entries_with_the_same_text_the_one_that_holds_here_is_shown() -> None:
    texts = [{"error": "no name x"}]
    old = entry("deepspeed/old", "deepspeed<0.14", symptoms=texts)
    new = entry("deepspeed/new", "deepspeed>=0.14", symptoms=texts)

    found = diagnosed(RAISED, old, new, here=environment("deepspeed==0.13.1"))

    assert statuses(found) == {"deepspeed/old": "hits"}
    assert found.others == ("deepspeed/new",)


def test_what_holds_comes_first_then_what_has_a_text_then_what_is_worse() -> None:
    entries = [
        entry("torch/d", "deepspeed<0.14", symptoms=CURVE),
        entry("torch/a", "torch<3", symptoms=CURVE, severity="warning"),
        entry("torch/b", "torch<3", symptoms=[{"error": "no name x"}], severity="warning"),
        entry("torch/c", "torch<3", symptoms=CURVE[1:]),
        entry("torch/e", "torch<3", symptoms=CURVE, deepspeed_config=CONFIG),
    ]

    found = diagnosed(NAN + RAISED, *entries, here=environment("torch==2.0.1"))

    assert list(statuses(found)) == ["torch/b", "torch/c", "torch/a", "torch/e"]
    assert found.others == ("torch/d",)


def test_without_an_environment_only_a_few_entries_speak_by_the_curve() -> None:
    entries = [entry(f"torch/{at}", "torch<3", symptoms=CURVE, severity="info") for at in range(9)]

    found = diagnosed(NAN, *entries)

    assert len(found.explanations) == 4
    assert len(found.others) == 5


def test_the_change_that_a_check_suggests_is_given_where_it_removes_the_cause() -> None:
    broken = entry(
        "deepspeed/x", "deepspeed<0.14", symptoms=CURVE, fixes=[{"packages": ["deepspeed==0.14.2"]}]
    )
    matrix = compiled([broken], {"deepspeed": [{"version": "0.14.2", "requires": []}]})
    here = environment("deepspeed==0.13.1")
    log = Log([])
    log.feed(NAN.encode())

    found = answer(
        log.said(), matrix, dict(matrix.records()), environment=here, report=audit(here, matrix)
    )

    assert "deepspeed==0.14.2" in found.command
    assert found.first == ("Install deepspeed==0.14.2 (deepspeed/x)",)


def test_what_may_be_the_cause_is_to_be_settled_first() -> None:
    found = diagnosed(NAN, RACE, here=environment("deepspeed==0.13.1"))

    assert found.command == ""
    assert "--deepspeed-config FILE" in found.first[0]
    assert found.first[1] == found.experiments[0]


@pytest.mark.parametrize(
    ("text", "severity", "verdict"),
    [
        pytest.param(NAN, "info", "found", id="a proof"),
        pytest.param(RAISED, "info", "found", id="an exception"),
        pytest.param(FINE + "no name x\n", "warning", "found", id="an error text"),
        pytest.param(
            FINE + "no name x\n", "info", "nothing-found", id="a text that is worth knowing"
        ),
        pytest.param(FINE, "error", "nothing-found", id="a sound run"),
        pytest.param("nonsense\n", "error", "not-recognised", id="no log"),
    ],
)
def test_the_verdict(text: str, severity: str, verdict: str) -> None:
    known = entry("torch/x", "torch", symptoms=[{"error": "no name x"}], severity=severity)

    assert diagnosed(text, known, here=environment("torch==2.0.1")).verdict == verdict


def test_what_was_wrong_in_an_earlier_run_counts_too() -> None:
    end = "{'train_runtime': 1.0, 'train_loss': 0.0}\n"

    found = diagnosed(NAN + end + FINE, RACE)

    assert found.verdict == "found"
    assert list(statuses(found)) == ["deepspeed/race"]


@pytest.mark.parametrize(
    ("fix", "text"),
    [
        pytest.param({"packages": ["a==1", "b>=2"]}, "Install a==1 and b>=2", id="packages"),
        pytest.param(
            {"deepspeed-config": {"x.y": "absent", "z": "2"}},
            "Remove x.y and set z = 2 in the DeepSpeed configuration",
            id="settings",
        ),
        pytest.param({"advice": "Look out."}, "Look out", id="advice"),
    ],
)
def test_a_fix_is_said_in_words(fix: dict[str, Any], text: str) -> None:
    assert fix_text(fix) == text
