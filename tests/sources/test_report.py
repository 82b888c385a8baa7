from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from envcheck import versions
from envcheck.errors import SourceError
from envcheck.sources import report

if TYPE_CHECKING:
    from envcheck.model import Environment

TRACKED = frozenset(map(versions.normalize, ("torch", "transformers")))
FACTS = {
    "origin": "/env",
    "kind": "venv",
    "python": "3.10.13",
    "platform": "linux",
    "cuda": "11.7",
    "gpu": "8.0",
    "packages": {"torch": "2.0.1", "transformers": None, "numpy": "1.26.4"},
    "not-from-index": {"transformers": {"origin": "vcs", "reference": "git+https://a/b@c"}},
}


def read(python: str | None = None, **facts: Any) -> Environment:
    data = {"schema": "envcheck-report/1", "environment": {**FACTS, **facts}}
    return report.read("report.json", json.dumps(data), TRACKED, python)


def test_the_environment_of_a_report_is_read() -> None:
    found = read()

    torch, transformers = found.packages.values()
    assert (str(torch.version), torch.location, torch.origin) == ("2.0.1", "torch", "index")
    assert transformers.version is None
    assert (transformers.origin, transformers.reference) == ("vcs", "git+https://a/b@c")
    assert dict(found.untracked) == {"numpy": "1.26.4"}
    assert (found.origin, found.kind) == ("report.json", "report")
    assert (found.python, found.platform, found.cuda, found.gpu) == (
        "3.10.13",
        "linux",
        "11.7",
        "8.0",
    )
    assert not found.complete
    assert not found.oddities


def test_a_given_python_goes_before_that_of_the_report() -> None:
    assert read("3.12").python == "3.12"


def test_the_label_of_torch_goes_before_what_the_report_says() -> None:
    assert read(packages={"torch": "2.1.0+cu118"}).cuda == "11.8"


def test_a_build_without_cuda_stays_one() -> None:
    assert read(cuda="").cuda == ""


@pytest.mark.parametrize("value", [None, 3.1, ["3"], "3.x", "\x1b[1m", "9" * 300, "٣.١", {}])
def test_facts_of_another_form_are_not_known(value: Any) -> None:
    found = read(python=None, cuda=value, gpu=value, platform=value)

    assert (found.cuda, found.gpu, found.platform) == (None, None, None)


def test_origins_of_another_form_are_passed_over() -> None:
    odd = {"torch": {"origin": "moon", "reference": 7}, "transformers": "x"}

    facts: dict[str, Any] = {"not-from-index": odd}
    found = read(None, **facts)

    assert {each.origin for each in found.packages.values()} == {"index"}
    assert {each.reference for each in found.packages.values()} == {""}


def test_a_version_that_is_no_text_is_an_oddity() -> None:
    found = read(packages={"torch": 2, "numpy": "1"})

    assert [tuple(each) for each in found.oddities] == [
        ("unreadable", "torch", "its version is not text", ())
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("{", "report.json is not valid JSON: ", id="cut off"),
        pytest.param('{"a":' * 100_000, "report.json is not valid JSON: ", id="too deep"),
        pytest.param(
            "{}", "report.json is JSON, but no envcheck report: it has no schema", id="any object"
        ),
        pytest.param(
            '{"schema": "\\u001b[1m/2"}',
            r"report.json is JSON, but no envcheck report: it says \x1b[1m/2, not envcheck-report/1",
            id="another schema",
        ),
        pytest.param(
            '{"schema": "envcheck-report/1", "environment": []}',
            "report.json lists no package with a version; expected a report with packages",
            id="no environment",
        ),
    ],
)
def test_what_is_no_report_is_refused(text: str, expected: str) -> None:
    with pytest.raises(SourceError) as caught:
        report.read("report.json", text, TRACKED)

    assert str(caught.value).startswith(expected)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"), [("\n {", True), ("[", False), ("torch==1", False), ("", False)]
)
def test_an_object_is_recognised(text: str, expected: bool) -> None:
    assert expected is report.recognises("x.json", text)
