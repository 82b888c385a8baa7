"""
Problems of the environment itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import worlds

from envcheck.checks import environment as check
from envcheck.model import Oddity

if TYPE_CHECKING:
    from worlds import MakeEnvironment, MakeMatrix


@pytest.mark.parametrize(
    ("oddity", "severity", "title"),
    [
        pytest.param(
            Oddity("duplicate", "torch", "twice", worlds.names("torch")),
            "warning",
            "torch is installed more than once",
            id="duplicate",
        ),
        pytest.param(
            Oddity("shadowed", "numpy", ""),
            "warning",
            "numpy hides another installation",
            id="shadowed",
        ),
        pytest.param(
            Oddity("unreadable", "line 3", "no"), "warning", "line 3 can't be read", id="unreadable"
        ),
        pytest.param(
            Oddity("leftover", "~orch", "x"),
            "info",
            "~orch is left over from an interrupted installation",
            id="leftover",
        ),
        pytest.param(
            Oddity("unpinned", "line 4", "x"),
            "info",
            "line 4 names no exact version",
            id="unpinned",
        ),
        pytest.param(Oddity("strange", "it", "x"), "info", "it is odd", id="of a later kind"),
    ],
)
def test_what_was_odd_is_a_finding(
    environment: MakeEnvironment, matrix: MakeMatrix, oddity: Oddity, severity: str, title: str
) -> None:
    made = environment("torch==2.0.1", oddities=(oddity,), untracked={"numpy": "1.0"})
    known = matrix(releases="torch: [2.0.1]")
    (hit,) = check.hits(made, known)
    finding = check.finding(hit, made, known)
    assert (finding.id, finding.kind) == (f"environment/{oddity.kind}", "environment")
    assert (finding.severity, finding.certainty, finding.title) == (severity, "certain", title)
    assert finding.why == (f"{oddity.detail}." if oddity.detail else "")


def test_its_packages_have_the_versions_that_count(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    names = worlds.names("torch", "numpy", "peft", "gone")
    made = environment(
        "torch==2.0.1",
        "peft",
        oddities=(Oddity("duplicate", "x", "y", names),),
        untracked={"numpy": "1.0"},
    )
    known = matrix(releases="torch: [2.0.1]")
    (hit,) = check.hits(made, known)
    packages = {"torch": "2.0.1", "numpy": "1.0", "peft": None, "gone": None}
    assert check.finding(hit, made, known).packages == packages


def test_another_version_changes_nothing_about_it(
    environment: MakeEnvironment, matrix: MakeMatrix
) -> None:
    oddities = (
        Oddity("duplicate", "torch", "x", worlds.names("torch")),
        Oddity("unreadable", "line 1", "y"),
    )
    made = environment("torch==2.0.1", "peft==0.4.0", oddities=oddities)
    known = matrix(releases="torch: [2.0.1]")
    again = check.watch(known)
    assert [hit.id for hit in again(made, worlds.names("torch"))] == ["environment/duplicate"]
    assert [*again(made, worlds.names("peft"))] == []
