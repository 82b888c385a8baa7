from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import write
from worlds import environment

from envcheck import audit, run
from envcheck.matrix.store import open_matrix
from envcheck.options import CheckOptions

if TYPE_CHECKING:
    from pathlib import Path

    from envcheck.model import Finding


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "hosts", "a slots=8\nb slots=8\n")


def found(text: str, hostfile: str | None = None) -> dict[str, Finding]:
    """
    Return what is said of a launch script, by id.
    """
    with open("train.sh", "w") as file:
        file.write(text)
    given = run.with_facts(
        environment("deepspeed==0.14.4"), CheckOptions(launch="train.sh", hostfile=hostfile)
    )
    report = audit.audit(given, open_matrix(()))
    return {each.id: each for each in report.findings if each.kind == "configuration"}


def test_a_hostfile_that_deepspeed_is_not_told_of_leaves_the_run_on_one_machine() -> None:
    said = found("deepspeed train.py\n", hostfile="hosts")["launch/hostfile-unread"]

    assert (said.severity, said.certainty, said.silent) == ("warning", "needs-verification", True)
    assert said.because == ("train.sh:1", "write: --hostfile hosts")
    assert "/job/hostfile" in said.verify


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        pytest.param("deepspeed --hostfile hosts train.py", None, id="told"),
        pytest.param("deepspeed -H hosts train.py", None, id="told in short"),
        pytest.param("deepspeed $OPTIONS train.py", None, id="perhaps told"),
        pytest.param("ssh b deepspeed train.py", None, id="another machine"),
        pytest.param("torchrun --nnodes 2 --rdzv_endpoint a train.py", "info", id="torchrun"),
    ],
)
def test_who_reads_no_hostfile_or_is_told_of_it_is_no_trap(text: str, severity: str | None) -> None:
    said = found(text, hostfile="hosts").get("launch/hostfile-unread")

    assert (said.severity if said else None) == severity


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        pytest.param("nowhere", "warning", id="not there"),
        pytest.param("/nowhere/hosts", "warning", id="not on this machine"),
        pytest.param("/dev/null", None, id="meant to be none"),
        pytest.param("/job/hostfile", None, id="where deepspeed looks anyway"),
    ],
)
def test_a_hostfile_that_is_not_there_is_said(name: str, severity: str | None) -> None:
    said = found(f"deepspeed --hostfile {name} train.py").get("launch/no-hostfile")

    assert (said.severity if said else None) == severity


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("deepspeed --hostfile bad train.py", id="of deepspeed"),
        pytest.param(
            "accelerate launch --config_file a.yaml --deepspeed_hostfile bad train.py",
            id="of accelerate",
        ),
        pytest.param("accelerate launch --config_file b.yaml train.py", id="of its configuration"),
    ],
)
def test_a_hostfile_that_a_command_names_is_judged(text: str, tmp_path: Path) -> None:
    write(tmp_path / "bad", "a slots=8\nb slots = 8\n")
    yaml = "distributed_type: DEEPSPEED\nnum_machines: 2\nnum_processes: 16\n"
    yaml += "deepspeed_config:\n  zero_stage: 2\n"
    write(tmp_path / "a.yaml", yaml)
    write(tmp_path / "b.yaml", f"{yaml}  deepspeed_hostfile: bad\n")

    assert found(text)["hostfile/bad-entry"].because[:2] == ("bad:2", "b slots = 8")


@pytest.mark.parametrize(
    ("file", "before"),
    [
        pytest.param(".deepspeed_env", "", id="where the run is started"),
        pytest.param("sent", "export DS_ENV_FILE=sent\n", id="named by a variable"),
    ],
)
def test_what_is_sent_to_the_other_machines_is_judged(
    file: str, before: str, tmp_path: Path
) -> None:
    write(tmp_path / "conf" / "hosts", "a slots=8\nb slots=8\n")
    write(tmp_path / file, "NCCL_DEBUG=INFO\n# a comment\n")

    said = found(f"{before}deepspeed --hostfile conf/hosts train.py")

    assert said["deepspeed-env/no-equals-sign"].because[0] == f"{file}:2"
