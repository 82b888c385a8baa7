from __future__ import annotations

import pytest
from packaging.version import Version

from envcheck.launch import accelerate, accelerate_run
from envcheck.launch.hostfile import parse
from envcheck.launch.notes import Release
from envcheck.launch.plan import Asked, plan

HOSTS = "a slots=8\nb slots=8\n"
SOUND = """\
compute_environment: LOCAL_MACHINE
distributed_type: DEEPSPEED
num_machines: 2
num_processes: 16
main_process_ip: 10.0.0.1
deepspeed_config:
  deepspeed_hostfile: hosts
"""


def ids(
    text: str, *, version: str | None = None, deepspeed: str = "0.16.0", hosts: str = HOSTS
) -> dict[str, str]:
    """
    Return the severities of what is said of a configuration, by id.
    """
    config, notes = accelerate.read(text, "acc.yaml")
    if config is not None:
        rules = accelerate.release(Version(version) if version else None)
        release = Release(Version(deepspeed))
        asked = accelerate_run.asked(config) if accelerate_run.launcher(config) else Asked()
        result = plan(parse(hosts, release, "hosts")[0], asked, release)
        notes += accelerate.examine(config, rules, "acc.yaml")
        notes += accelerate_run.examine(
            config, result, hostfile="dir/hosts", rules=rules, deepspeed=release, file="acc.yaml"
        )
    return {each.finding.id.partition("/")[2]: each.finding.severity for each in notes}


def test_a_sound_configuration_is_left_alone() -> None:
    assert ids(SOUND) == {}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("num_machines", "num_machine", {"unknown-key": "error"}, id="misspelt"),
        pytest.param(
            "compute", "fsdp_x: 1\ncompute", {"unknown-key": "error"}, id="of fsdp_config"
        ),
        pytest.param(
            "compute", "zero_stage: 1\ncompute", {"unknown-key": "error"}, id="of deepspeed_config"
        ),
        pytest.param("compute", "zzzzzz: 1\ncompute", {"unknown-key": "error"}, id="unheard of"),
        pytest.param(
            "distributed_type: DEEPSPEED\n", "", {"no-distributed-type": "error"}, id="no type"
        ),
        pytest.param(
            "type: DEEPSPEED", "type: deepspeed", {"wrong-distributed-type": "error"}, id="case"
        ),
        pytest.param(
            "type: DEEPSPEED", "type: MULTI_GPU", {"deepspeed-unused": "warning"}, id="not used"
        ),
        pytest.param(
            "  deepspeed_hostfile: hosts",
            "  deepspeed_hostfile: null",
            {"no-hostfile": "warning"},
            id="no hostfile",
        ),
        pytest.param(": hosts", ": others", {"other-hostfile": "info"}, id="another hostfile"),
        pytest.param(
            "  deepspeed_hostfile: hosts",
            "  deepspeed_hostfle: hosts",
            {"no-hostfile": "warning", "unused-key": "warning"},
            id="misspelt below deepspeed_config",
        ),
        pytest.param(
            "  deepspeed_hostfile",
            "  deepspeed_config_file: ds.json\n  zero_stage: 3\n  deepspeed_hostfile",
            {"file-and-keys": "error"},
            id="a file and what it says itself",
        ),
        pytest.param(
            "deepspeed_config:\n",
            "mixed_precision: bf16\ndeepspeed_config:\n  deepspeed_config_file: ds.json\n",
            {"file-and-keys": "error"},
            id="a file and mixed precision",
        ),
        pytest.param("compute", "mixed_precision: bf16\ncompute", {}, id="no file"),
        pytest.param("ip: 10", "ip: me@10", {"main-process-ip": "error"}, id="a user"),
        pytest.param("0.0.1", "0.0.1:29500", {"main-process-ip": "error"}, id="a port"),
        pytest.param("num_m", "machine_rank: 2\nnum_m", {"machine-rank": "error"}, id="rank"),
        pytest.param("processes: 16", "processes: 15", {"uneven": "warning"}, id="uneven"),
        pytest.param("num_processes: 16\n", "", {"no-num-processes": "warning"}, id="no number"),
        pytest.param(
            "machines: 2", "machines: 4", {"machines-and-hosts": "warning"}, id="fewer hosts"
        ),
        pytest.param(
            "machines: 2", "machines: 1", {"hostfile-unused": "warning"}, id="one machine"
        ),
        pytest.param(
            "  deepspeed_hostfile",
            "  deepspeed_multinode_launcher: standard\n  deepspeed_hostfile",
            {"hostfile-unused": "info"},
            id="every machine for itself",
        ),
        pytest.param(
            "  deepspeed_hostfile",
            "  deepspeed_inclusion_filter: a:0@b:0\n  deepspeed_hostfile",
            {"processes-and-slots": "warning"},
            id="a filter",
        ),
        pytest.param(
            "  deepspeed_hostfile",
            "  deepspeed_inclusion_filter: a@b\n  deepspeed_exclusion_filter: a:0@b:0\n"
            "  deepspeed_hostfile",
            {"both-filters": "warning", "processes-and-slots": "warning"},
            id="both filters",
        ),
        pytest.param("num_m", "debug: no\ndebug: no\nnum_m", {"yaml": "warning"}, id="a key twice"),
        pytest.param(SOUND, "- a list\n", {"unreadable": "error"}, id="a list"),
        pytest.param(SOUND, "a: [\n", {"unreadable": "error"}, id="no YAML"),
    ],
)
def test_what_is_said(old: str, new: str, expected: dict[str, str]) -> None:
    found = ids(SOUND.replace(old, new, 1))
    if new == "num_machine":  # then there is one machine, which is said too
        assert found.pop("hostfile-unused") == "warning"
    assert found == expected


@pytest.mark.parametrize(
    ("version", "new", "expected"),
    [
        pytest.param("1.14.0", "ipex_config: {}\n", {"unknown-key": "error"}, id="gone"),
        pytest.param("1.12.0", "ipex_config: {}\n", {}, id="not gone yet"),
        pytest.param("0.21.0", "debug: false\n", {"unknown-key": "error"}, id="not yet"),
        pytest.param("1.99.0", "novelty: 1\n", {"unknown-key": "warning"}, id="perhaps by now"),
    ],
)
def test_keys_are_those_of_the_release(version: str, new: str, expected: dict[str, str]) -> None:
    assert ids(new + SOUND, version=version) == expected


@pytest.mark.parametrize(
    ("version", "deepspeed", "expected"),
    [
        pytest.param("1.6.0", "0.14.5", {}, id="both know it"),
        pytest.param("1.5.2", "0.14.5", {"launcher-too-new": "error"}, id="accelerate doesn't"),
        pytest.param("1.6.0", "0.14.4", {"launcher-too-new": "error"}, id="DeepSpeed doesn't"),
    ],
)
def test_nossh_needs_both(version: str, deepspeed: str, expected: dict[str, str]) -> None:
    text = f"{SOUND}  deepspeed_multinode_launcher: nossh\n"

    assert ids(text, version=version, deepspeed=deepspeed) == expected


def test_sagemaker_has_other_keys() -> None:
    assert ids("compute_environment: AMAZON_SAGEMAKER\nregion: x\n") == {}


def test_without_hosts_nothing_is_compared() -> None:
    assert ids(SOUND, hosts="") == {}
