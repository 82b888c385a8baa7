from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from golden import assert_golden
from reports import ALL, HOSTILE, KNOWN_BAD

from envcheck.formats import json as format_

if TYPE_CHECKING:
    from envcheck.model import Report


@pytest.mark.parametrize("report", [pytest.param(each, id=key) for key, each in ALL.items()])
def test_the_json_report_is_as_kept(request: pytest.FixtureRequest, report: Report) -> None:
    assert_golden(f"json-{request.node.callspec.id}.json", format_.render(report))


@pytest.mark.parametrize("report", [pytest.param(each, id=key) for key, each in ALL.items()])
def test_the_report_is_ascii_without_any_control_character(report: Report) -> None:
    rendered = format_.render(report)

    assert rendered.isascii()
    assert all(line.isprintable() for line in rendered.splitlines())


def test_hostile_text_comes_back_as_it_was() -> None:
    data = json.loads(format_.render(ALL["hostile"]))

    assert data["environment"]["origin"] == HOSTILE


def test_fields_of_the_contract_are_there() -> None:
    data = KNOWN_BAD.to_dict()

    assert data["schema"] == "envcheck-report/1"
    assert data["environment"]["packages"] == {
        "deepspeed": "0.13.1",
        "einops": "0.6.1",
        "torch": "2.0.1+cu117",
    }
    assert data["environment"]["unreadable"] == [{"name": "line 12", "reason": "nonsense"}]
    assert data["known_good"]["differs"][0] == {
        "package": "deepspeed",
        "installed": "0.13.1",
        "set": "0.9.5",
    }
    assert data["suggestions"][0]["changes"][2] == {
        "package": "tokenizers",
        "from": None,
        "to": "0.15.1",
    }
    assert data["suggestions"][0]["verified"] == "matrix"
    assert data["suggestions"][1]["settings"] == [
        {"path": "zero_optimization.overlap_comm", "value": False, "remove": False},
        {"path": "optimizer", "value": None, "remove": True},
    ]
    assert data["summary"] == {"error": 1, "warning": 1, "info": 1}
