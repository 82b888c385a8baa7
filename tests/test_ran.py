from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from knowledge import cell, content, entry, matrix, releases, trial

from envcheck import ran
from envcheck.audit import audit
from envcheck.formats import json, text
from envcheck.model import Package

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worlds import MakeEnvironment

    from envcheck.matrix import Matrix
    from envcheck.model import Environment

WITH = {"with": ["torch==2.13.0+cpu"], "environment": ["numpy==1.26.4"]}
PAIR = ("accelerate==0.21.0", "transformers==4.37.2")
OLD = cell("accelerate==0.20.3", "transformers==4.37.2", failed={"arguments": "ImportError: x"})
KNOWN = releases("0.4.0", "0.15.1", "0.15.2", "0.20.3", "0.21.0", "1.0", "1.26.4")
KNOWN += releases("2.0", "2.0.1", "2.12.0", "2.13.0", "4.37.1", "4.37.2", "5.0")


def known(*cells: Mapping[str, Any], **changes: Any) -> Matrix:
    listed = [dict(each) for each in cells] or [cell(*PAIR, also=["tokenizers==0.15.2"]), OLD]
    made = trial("pairs", *listed, **{**WITH, **changes})
    names = ("torch", "transformers", "accelerate", "numpy", "tokenizers", "peft", "gradio")
    return matrix(content(trials=(made,), releases=dict.fromkeys(names, KNOWN)))


def test_a_pair_is_found_whatever_else_is_installed(environment: MakeEnvironment) -> None:
    made = environment(*PAIR, "torch==2.0.1", "peft==0.4.0")
    (run,) = ran.found(made, known())

    assert dict(run.packages) == {"accelerate": "0.21.0", "transformers": "4.37.2"}
    assert (run.trial, run.date, run.outcome) == ("pairs", "2026-11-24", "ok")
    assert (run.stages, run.broken, run.line) == (("import", "train"), "", "")
    assert (run.base, run.python) == (("torch==2.13.0+cpu",), "3.11.9")
    assert ran.trained(run)
    assert not run.exact


def test_what_broke_is_found_with_its_first_line(environment: MakeEnvironment) -> None:
    (run,) = ran.found(environment("accelerate==0.20.3", "transformers==4.37.2"), known())

    assert (run.outcome, run.broken, run.line) == ("failed", "arguments", "ImportError: x")
    assert not ran.trained(run)


NOT_FOUND = [
    pytest.param(["accelerate==0.21.0"], {}, id="only one of the two"),
    pytest.param(["accelerate==0.21.0", "transformers==4.37.1"], {}, id="another release"),
    pytest.param(PAIR, {"origin": "editable"}, id="a working copy"),
    pytest.param(PAIR, {"version": None}, id="a version that is not known"),
]


@pytest.mark.parametrize(("pins", "changes"), NOT_FOUND)
def test_other_versions_were_not_run(
    environment: MakeEnvironment, pins: list[str], changes: dict[str, Any]
) -> None:
    made = environment(*pins)
    packages = {name: each._replace(**changes) for name, each in made.packages.items()}

    assert ran.found(made._replace(packages=packages), known()) == ()


WHOLE = (*PAIR, "torch==2.13.0+cu130", "numpy==1.26.4")
VOUCHES = [
    pytest.param(WHOLE, "3.11", True, id="all that matters was there"),
    pytest.param(
        (*WHOLE, "gradio==5.0"), "3.11.2", True, id="what no stack is made of is no matter"
    ),
    pytest.param((*WHOLE, "peft==0.4.0"), "3.11", False, id="a part of the stack was not there"),
    pytest.param((*PAIR, "torch==2.12.0"), "3.11", False, id="another torch"),
    pytest.param((*PAIR, "torch==2.13.0", "numpy==2.0"), "3.11", False, id="another leaf"),
    pytest.param((*WHOLE, "tokenizers==0.15.1"), "3.11", False, id="another leaf of the cell"),
    pytest.param(WHOLE, "3.10", False, id="another Python"),
    pytest.param(WHOLE, None, False, id="no Python is known"),
]


@pytest.mark.parametrize(("pins", "python", "vouches"), VOUCHES)
def test_a_run_vouches_for_an_environment_that_was_all_there(
    environment: MakeEnvironment, pins: tuple[str, ...], python: str | None, vouches: bool
) -> None:
    report = audit(environment(*pins, python=python), known())

    assert report.ran[0].exact == vouches
    assert report.verdict == ("known-good" if vouches else "unknown")
    assert json.to_dict(report)["ran"][0]["exact"] == vouches


def test_only_training_vouches(environment: MakeEnvironment) -> None:
    report = audit(environment(*WHOLE, python="3.11"), known(cell(*PAIR, ok=["import"])))

    assert [run.outcome for run in report.ran] == ["ok"]
    assert report.verdict == "unknown"


def test_an_error_outweighs_a_run(environment: MakeEnvironment) -> None:
    bad = content(entry("numpy/breaks", packages=["numpy<2"]))
    layers = (*known().layers, *matrix(bad).layers)
    report = audit(environment(*WHOLE, python="3.11"), matrix(bad).__class__(layers))

    assert report.ran[0].exact
    assert report.verdict == "known-bad"


def shown(environment: Environment, of: Matrix, **options: Any) -> str:
    lines = text.plain(text.rows(audit(environment, of), **options)).splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith("Ran ")), 0)
    return "\n".join(lines[start:])


def test_the_report_says_what_ran(environment: MakeEnvironment) -> None:
    assert shown(environment(*WHOLE, python="3.11"), known()) == (
        "Ran      accelerate 0.21.0 and transformers 4.37.2 trained together on\n"
        "         2026-11-24\n"
        "\n"
        "known-good: nothing known to fail; these versions trained together on 2026-11-24"
    )


def test_the_report_says_what_broke(environment: MakeEnvironment) -> None:
    made = environment("accelerate==0.20.3", "transformers==4.37.2")

    assert shown(made, known()).splitlines()[:2] == [
        "Ran      accelerate 0.20.3 and transformers 4.37.2 together failed at arguments",
        "         on 2026-11-24",
    ]
    assert "2026-11-24: ImportError: x" in " ".join(shown(made, known(), verbose=True).split())


def test_many_runs_are_told_in_one_sentence(environment: MakeEnvironment) -> None:
    names = ("accelerate", "numpy", "peft", "tokenizers", "transformers")
    cells = [cell("torch==2.0", f"{name}==1.0") for name in names]
    made = environment("torch==2.0", *(f"{name}==1.0" for name in names))

    short = " ".join(shown(made, known(*cells)).split())
    assert short.startswith(
        "Ran accelerate 1.0 and torch 2.0; numpy 1.0 and torch 2.0; peft 1.0 and"
    )
    assert "(and 2 more: -v) trained together on 2026-11-24" in short
    assert "transformers 1.0 and torch" not in short
    assert "torch 2.0 and transformers 1.0 trained" in " ".join(
        shown(made, known(*cells), verbose=True).split()
    )


def test_imports_are_not_called_training(environment: MakeEnvironment) -> None:
    cells = [cell(*PAIR, ok=["import"]), cell("torch==2.0", ok=["resolve"])]
    made = environment(*PAIR, "torch==2.0")

    assert shown(made, known(*cells)).splitlines()[:2] == [
        "Ran      accelerate 0.21.0 and transformers 4.37.2 were imported together on",
        "         2026-11-24",
    ]


def test_a_package_of_unknown_version_does_not_vouch(environment: MakeEnvironment) -> None:
    made = environment(*PAIR, "torch==2.13.0", python="3.11")
    numpy = next(iter(environment("numpy==1.0").packages))
    packages = {**made.packages, numpy: Package(numpy, None)}

    assert not ran.found(made._replace(packages=packages), known())[0].exact
