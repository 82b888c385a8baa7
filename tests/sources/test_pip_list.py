from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from envcheck import versions
from envcheck.errors import SourceError
from envcheck.sources import pip_list

if TYPE_CHECKING:
    from envcheck.model import Environment

TRACKED = frozenset(map(versions.normalize, ("torch", "transformers")))


def read(items: Any) -> Environment:
    return pip_list.read("list.json", json.dumps(items), TRACKED, "3.10")


def test_packages_are_read() -> None:
    found = read(
        [
            {"name": "torch", "version": "2.0.1+cu117"},
            {"name": "transformers", "version": "4.38.0.dev0", "editable_project_location": "/src"},
            {"name": "numpy", "version": "1.26.4", "editable_project_location": ""},
        ]
    )

    torch, transformers = found.packages.values()
    assert (str(torch.version), torch.location, torch.origin) == ("2.0.1+cu117", "item 1", "index")
    assert (transformers.origin, transformers.reference) == ("editable", "/src")
    assert dict(found.untracked) == {"numpy": "1.26.4"}
    assert (found.kind, found.python, found.cuda) == ("pip-list", "3.10", "11.7")
    assert not found.complete


@pytest.mark.parametrize(
    ("item", "detail"),
    [
        pytest.param("torch", "it is not an object with a name and a version", id="text"),
        pytest.param({"name": "torch"}, "it has no name and version", id="no version"),
        pytest.param({"name": "", "version": "1"}, "it has no name and version", id="no name"),
        pytest.param({"name": "torch", "version": 2}, "it has no name and version", id="number"),
    ],
)
def test_an_item_that_is_no_package_is_an_oddity(item: Any, detail: str) -> None:
    found = read([item, {"name": "numpy", "version": "1.26.4"}])

    assert [tuple(each) for each in found.oddities] == [("unreadable", "item 1", detail, ())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[", "list.json is not valid JSON: ", id="cut off"),
        pytest.param("[" * 100_000, "list.json is not valid JSON: ", id="too deep"),
        pytest.param(f"[{'9' * 5000}]", "list.json is not valid JSON: ", id="too long a number"),
        pytest.param("[]", "list.json lists no package with a version; expected what", id="empty"),
    ],
)
def test_what_is_no_list_of_packages_is_refused(text: str, expected: str) -> None:
    with pytest.raises(SourceError) as caught:
        pip_list.read("list.json", text, TRACKED)

    assert str(caught.value).startswith(expected)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"), [("\n [{", True), ("{", False), ("torch==1", False), ("", False)]
)
def test_an_array_is_recognised(text: str, expected: bool) -> None:
    assert expected is pip_list.recognises("x.json", text)
