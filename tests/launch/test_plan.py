from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version

from envcheck.launch.hostfile import parse
from envcheck.launch.notes import Release
from envcheck.launch.plan import Asked, Plan, plan

TWO = "a slots=2\nb slots=4\n"


def planned(release: str, text: str = TWO, **asked: Any) -> Plan:
    rules = Release(Version(release))
    return plan(parse(text, rules, "hosts")[0], Asked(**asked), rules)


def ids(result: Plan) -> dict[str, str]:
    return {each.finding.id: each.finding.severity for each in result.notes}


@pytest.mark.parametrize(
    ("release", "asked", "hosts"),
    [
        pytest.param("0.9.5", {}, {"a": [0, 1], "b": [0, 1, 2, 3]}, id="all"),
        pytest.param("0.9.5", {"include": "b:1,0@a"}, {"a": [0, 1], "b": [1, 0]}, id="included"),
        pytest.param("0.15.2", {"include": "b:1@b:0"}, {"b": [0, 1]}, id="put together"),
        pytest.param("0.15.2", {"include": "a:7"}, {"a": [7]}, id="a slot that isn't there"),
        pytest.param("0.15.2", {"include": "a@b:0"}, {"b": [0]}, id="left out"),
        pytest.param("0.19.7", {"include": "a@b:0"}, {"a": [0, 1], "b": [0]}, id="not left out"),
        pytest.param("0.9.5", {"exclude": "a@b:0"}, {"b": [1, 2, 3]}, id="excluded"),
        pytest.param("0.9.5", {"num_nodes": 1}, {"a": [0, 1]}, id="the first host"),
        pytest.param("0.9.5", {"num_gpus": 3}, {"a": [0, 1, 2], "b": [0, 1, 2]}, id="GPUs"),
    ],
)
def test_processes_are_started_on(
    release: str, asked: dict[str, Any], hosts: dict[str, list[int]]
) -> None:
    result = planned(release, **asked)

    assert {host: list(slots) for host, slots in result.hosts.items()} == hosts
    assert result.local is (len(hosts) == 1)
    assert result.processes == sum(map(len, hosts.values()))


@pytest.mark.parametrize(
    ("release", "asked", "expected"),
    [
        pytest.param(
            "0.9.5", {"include": "a", "exclude": "b"}, {"filter/both": "error"}, id="both"
        ),
        pytest.param(
            "0.9.5",
            {"include": "a:0@b", "num_gpus": 1},
            {"filter/with-numbers": "error"},
            id="numbers",
        ),
        pytest.param("0.9.5", {"include": "fe80::1"}, {"filter/colons": "error"}, id="IPv6"),
        pytest.param(
            "0.9.5", {"include": "a:0-1"}, {"filter/slot-is-no-number": "error"}, id="a range"
        ),
        pytest.param(
            "0.9.5", {"exclude": "c"}, {"filter/unknown-host": "error"}, id="no such host"
        ),
        pytest.param("0.9.5", {"include": "a:2@b"}, {"filter/unknown-slot": "error"}, id="no slot"),
        pytest.param("0.9.5", {"exclude": "a:0,0"}, {"filter/excluded-twice": "error"}, id="twice"),
        pytest.param("0.9.5", {"exclude": "a@b"}, {"filter/nothing-left": "error"}, id="nothing"),
        pytest.param(
            "0.15.2",
            {"include": "a@b"},
            {"filter/nothing-left": "error", "filter/whole-host-left-out": "warning"},
            id="whole hosts, which are left out",
        ),
        pytest.param(
            "0.9.5",
            {"include": "a:0@a:1@b"},
            {"filter/repeated-host": "warning"},
            id="only the last time counts",
        ),
        pytest.param(
            "0.15.2",
            {"include": "a:7@b:0"},
            {"filter/unknown-slot": "warning"},
            id="a slot that nobody looks at",
        ),
        pytest.param("0.9.5", {"num_nodes": 3}, {"hostfile/fewer-hosts": "warning"}, id="nodes"),
        pytest.param(
            "0.9.5", {"num_gpus": 3}, {"hostfile/more-gpus-than-slots": "warning"}, id="GPUs"
        ),
        pytest.param("0.9.5", {"num_nodes": 1}, {"hostfile/one-host": "warning"}, id="one host"),
        pytest.param("0.7.3", {"launcher": "slurm"}, {"launcher/unknown": "error"}, id="too new"),
        pytest.param(
            "0.9.5",
            {"launcher": "openmpi", "exclude": "a:0"},
            {"launcher/no-filters": "error"},
            id="no filters",
        ),
        pytest.param(
            "0.9.5", {"launcher": "MPICH"}, {"launcher/unequal-slots": "error"}, id="unequal slots"
        ),
        pytest.param("0.9.5", {"launcher": "openmpi"}, {}, id="unequal slots that are fine"),
        pytest.param(
            "0.9.5",
            {"launcher": "slurm", "include": "a:0@b:0"},
            {"launcher/slurm-include": "warning"},
            id="srun has no --include",
        ),
        pytest.param(
            "0.19.8", {"launcher": "slurm"}, {"launcher/slurm-slots": "error"}, id="srun counts"
        ),
    ],
)
def test_what_is_said(release: str, asked: dict[str, Any], expected: dict[str, str]) -> None:
    assert ids(planned(release, **asked)) == expected


@pytest.mark.parametrize(
    ("text", "include", "hint"),
    [
        pytest.param(TWO, "a,b", "Hosts are separated by @: a@b", id="a comma"),
        pytest.param("node-1 slots=1\n", "nod-1", "Did you mean node-1?", id="misspelt"),
        pytest.param("\ufeffa slots=1\n", "a", "byte order mark", id="byte order mark"),
        pytest.param("me@a slots=1\n", "a", "a user before an @", id="a user"),
        pytest.param(TWO, "worker", "It has: a or b.", id="nothing like it"),
    ],
)
def test_an_unknown_host_is_explained(text: str, include: str, hint: str) -> None:
    (note,) = planned("0.9.5", text, include=include).notes

    assert hint in note.finding.why


@pytest.mark.parametrize(
    ("include", "better"),
    [
        pytest.param("a:0-1@b", "a:0,1@b", id="a range"),
        pytest.param("a:[0]", "a:0", id="brackets"),
        pytest.param("a:*", "a", id="a star"),
        pytest.param("a:0,", "a:0", id="a comma too many"),
    ],
)
def test_slots_are_spelled_out(include: str, better: str) -> None:
    (note,) = planned("0.9.5", include=include).notes

    assert note.instead == better


def test_a_host_of_this_machine_is_only_worth_knowing() -> None:
    assert ids(planned("0.9.5", "localhost slots=8\n")) == {"hostfile/one-host": "info"}


def test_hosts_without_slots_start_nothing() -> None:
    assert ids(planned("0.9.5", "a slots=0\nb slots=0\n")) == {"hostfile/no-process": "warning"}


def test_without_a_hostfile_there_is_one_machine() -> None:
    result = planned("0.9.5", "", num_nodes=2)

    assert result.local
    assert ids(result) == {"hostfile/no-other-node": "error"}
    assert ids(planned("0.9.5", "", include="a")) == {"filter/unknown-host": "error"}
