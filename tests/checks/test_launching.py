"""
The hostfile of the run, judged beside the environment.
"""

from __future__ import annotations

import pytest
from worlds import compiled, environment

from envcheck.audit import audit
from envcheck.checks import launching
from envcheck.launch.hosts_file import Hosts
from envcheck.model import Options

DEEPSPEED = "deepspeed==0.14.0"


def hosts(text: str | bytes | None) -> Hosts:
    data = text.encode() if isinstance(text, str) else text
    return Hosts("hosts", data, "" if data is not None else "there is no such file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a slots=8\nb slots=8\n", [], id="sound"),
        pytest.param("a slots=8\nb slots = 8\n", [("hostfile/bad-entry", "error")], id="spaces"),
        pytest.param(
            "a slots=8\na slots=8\n", [("hostfile/duplicate-host", "error")], id="a host twice"
        ),
        pytest.param("a slots=8\nb slots=0\n", [("hostfile/no-slots", "warning")], id="no slots"),
        pytest.param(None, [("hostfile/missing", "error")], id="not there"),
    ],
)
def test_a_hostfile_is_judged_as_the_installed_release_reads_it(
    text: str | None, expected: list[tuple[str, str]]
) -> None:
    made = environment(DEEPSPEED)._replace(hosts=hosts(text))

    found = list(launching.hits(made, compiled()))

    assert [(hit.id, hit.severity) for hit in found if hit.severity != "info"] == expected
    assert all(hit.certain and hit.packages == ("deepspeed",) for hit in found)


def test_nothing_is_said_of_a_hostfile_that_is_not_given() -> None:
    assert list(launching.hits(environment(DEEPSPEED), compiled())) == []


def test_there_is_no_error_where_it_is_not_known_which_release_reads_it() -> None:
    made = environment("torch==2.1.0")._replace(hosts=hosts("a slots = 8\n"))

    (hit,) = launching.hits(made, compiled())

    told = launching.finding(hit, made, compiled())
    assert (hit.severity, hit.certain) == ("warning", False)
    assert (told.severity, told.certainty, dict(told.packages)) == (
        "warning",
        "needs-verification",
        {},
    )
    assert "Which DeepSpeed reads it?" in told.verify


def test_a_finding_says_what_to_write_instead() -> None:
    made = environment(DEEPSPEED)._replace(hosts=hosts("a slots = 8\n"))

    (hit,) = launching.hits(made, compiled())

    told = launching.finding(hit, made, compiled())
    assert told.because == ("hosts:1", "a slots = 8", "write: a slots=8")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"no host\n" * 5000, id="some other text"),
        pytest.param(bytes(range(256)) * 50, id="binary"),
        pytest.param(b"\x1b[31m x\n" * 50, id="escapes"),
    ],
)
def test_a_file_that_is_no_hostfile_makes_few_findings(data: bytes) -> None:
    made = environment(DEEPSPEED)._replace(hosts=hosts(data))

    found = list(launching.hits(made, compiled()))

    ids = [hit.id for hit in found]
    assert "error" in {hit.severity for hit in found}
    assert max(map(ids.count, ids)) <= 3
    told = [launching.finding(hit, made, compiled()) for hit in found]
    assert any("more of this kind" in line for each in told for line in each.because)


def test_no_change_of_versions_is_sought_for_a_file() -> None:
    made = environment(DEEPSPEED, "torch==2.1.0")._replace(hosts=hosts("a slots = 8\n"))

    report = audit(made, compiled())

    assert report.verdict == "known-bad"
    assert report.suggestions == ()
    assert report.unresolved == (
        ("hostfile/bad-entry", "what it names has to be corrected by hand"),
    )


def test_what_is_ignored_does_not_count() -> None:
    made = environment(DEEPSPEED)._replace(hosts=hosts("a slots = 8\n"))

    report = audit(made, compiled(), Options(ignore=frozenset({"hostfile/bad-entry"})))

    assert (report.verdict, report.findings, report.unresolved) == ("unknown", (), ())
    assert [each.id for each in report.ignored] == ["hostfile/bad-entry"]


def test_only_settings_are_judged_where_only_they_are_asked_for() -> None:
    made = environment(DEEPSPEED)._replace(hosts=hosts("a slots = 8\n"))

    assert audit(made, compiled(), Options(settings_only=True)).findings == ()


def test_looking_again_finds_nothing() -> None:
    made = environment(DEEPSPEED)._replace(hosts=hosts("a slots = 8\n"))

    assert list(launching.watch(compiled())(made, ())) == []
