"""
Reports to render: one that is known-bad, one that is known-good, one that nothing is known of, one hostile.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from packaging.version import Version

from envcheck.model import (
    Change,
    Difference,
    Environment,
    Finding,
    KnownGood,
    Oddity,
    Package,
    Report,
    Suggestion,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName

MATRIX = {"date": "2026-11-24", "sets": 349, "entries": 160, "sources": ["built-in"]}
HOSTILE = "\x1b[31mred[/red][bold]\n::error::x\u202e##[add-mask]y"


def name(text: str) -> NormalizedName:
    """
    Return a name that is canonical already.
    """
    return cast("NormalizedName", text)


def environment(packages: Mapping[str, str], **facts: object) -> Environment:
    """
    Return an environment of a freeze file.
    """
    found = {
        name(each): Package(name(each), Version(version)) for each, version in packages.items()
    }
    base = Environment(origin="freeze.txt", kind="freeze", packages=found)
    return base._replace(**facts)  # type: ignore[arg-type]


OVERLAP = Finding(
    id="deepspeed/overlap-comm-nan",
    kind="known-bad",
    severity="error",
    certainty="certain",
    packages={name("deepspeed"): "0.13.1"},
    title="Gradients become NaN and the loss is logged as 0.0 after the first steps",
    why="The reduction runs on a second stream and may read a bucket that backward is still writing to, "
    "so that operator torchvision::nms is not the only one with colons.",
    because=("zero_optimization.overlap_comm is true", "zero_optimization.stage is 2"),
    silent=True,
    evidence=tuple(
        f"https://github.com/deepspeedai/DeepSpeed/issues/{number}" for number in (5242, 5347, 4298)
    ),
)
VERIFY = Finding(
    id="deepspeed/bf16-no-overflow-check",
    kind="known-bad",
    severity="warning",
    certainty="needs-verification",
    packages={name("deepspeed"): "0.13.1", name("torch"): None},
    title="A NaN gradient is applied to the weights in bf16",
    why="Nobody looks.",
    verify="Look at the DeepSpeed configuration. (Give --deepspeed-config FILE.)",
    advice=("Train with one process.", "Train without overlapping communication."),
)
NOTE = Finding(
    id="deepspeed/note",
    kind="configuration",
    severity="info",
    certainty="certain",
    packages={},
    title="sub_group_size does nothing below stage 3",
)
DOWNGRADE = Suggestion(
    direction="downgrade",
    changes=(
        Change(name("accelerate"), Version("0.26.1"), Version("0.21.0")),
        Change(name("deepspeed"), Version("0.13.1"), Version("0.9.5")),
        Change(name("tokenizers"), None, Version("0.15.1")),
    ),
    settings=(),
    resolves=("deepspeed/overlap-comm-nan",),
    remaining=(),
    known_good="moe-llava@2024-02-15",
    command="python -m pip install 'accelerate==0.21.0' 'deepspeed==0.9.5' 'tokenizers==0.15.1'",
)
SETTINGS = Suggestion(
    direction="settings",
    changes=(),
    settings=(("zero_optimization.overlap_comm", "false"), ("optimizer", None)),
    resolves=("deepspeed/overlap-comm-nan",),
    remaining=("deepspeed/bf16-no-overflow-check",),
    known_good=None,
    command="",
)
UPGRADE = Suggestion(
    direction="upgrade",
    changes=(Change(name("deepspeed"), Version("0.13.1"), None),),
    settings=(),
    resolves=(),
    remaining=(),
    known_good=None,
    command="python -m pip install 'deepspeed==0.19.8'",
    note="A note.",
)

KNOWN_BAD = Report(
    environment=environment(
        {"deepspeed": "0.13.1", "torch": "2.0.1+cu117"},
        untracked={name("einops"): "0.6.1"},
        python="3.10",
        platform="linux",
        cuda="11.7",
        oddities=(Oddity("unreadable", "line 12", "nonsense"),),
    ),
    matrix=MATRIX,
    verdict="known-bad",
    project="moe-llava",
    known_good=KnownGood(
        "moe-llava@2024-02-15",
        exact=False,
        differs=(
            Difference(name("deepspeed"), "0.13.1", "0.9.5"),
            Difference(name("trl"), None, "0.7"),
        ),
    ),
    findings=(OVERLAP, VERIFY, NOTE),
    suggestions=(DOWNGRADE, SETTINGS, UPGRADE),
)
KNOWN_GOOD = Report(
    environment=environment({"torch": "2.0.1"}, python="3.10"),
    matrix={**MATRIX, "sources": ["built-in", "mine"]},
    verdict="known-good",
    project=None,
    known_good=KnownGood("moe-llava@2024-02-15", exact=True, differs=()),
    findings=(),
    suggestions=(),
    ignored=(NOTE,),
)
UNKNOWN = Report(
    environment=environment({"torch": "9.9"}),
    matrix=MATRIX,
    verdict="unknown",
    project=None,
    known_good=None,
    findings=(),
    suggestions=(),
    unresolved=(("torch/bad", "no releases of torch are known"),),
)
NEWER = Report(
    environment=environment({"torch": "2.99.0", "transformers": "5.99.0", "peft": "0.17.2"}),
    matrix=MATRIX,
    verdict="unknown",
    project=None,
    known_good=KnownGood("moe-llava@2024-02-15", exact=False, differs=()),
    findings=(
        NOTE,
        Finding(
            id="environment/unknown-release",
            kind="environment",
            severity="info",
            certainty="needs-verification",
            packages={name("torch"): "2.99.0", name("transformers"): "5.99.0"},
            title="Newer than this matrix (2026-11-24): torch 2.99.0, transformers 5.99.0",
            why="That nothing is known against them means nothing: they are not known.",
            verify="Look for reports about them, or whether a newer envcheck or matrix knows them.",
        ),
    ),
    suggestions=(),
)
HOSTILE_REPORT = Report(
    environment=environment({"torch": "2.0.1"}, origin=HOSTILE, untracked={name(HOSTILE): HOSTILE}),
    matrix={**MATRIX, "sources": ["built-in", HOSTILE]},
    verdict="known-bad",
    project=HOSTILE,
    known_good=KnownGood(
        HOSTILE, exact=False, differs=(Difference(name(HOSTILE), HOSTILE, HOSTILE),)
    ),
    findings=(
        Finding(
            id=HOSTILE,
            kind="environment",
            severity="error",
            certainty="certain",
            packages={name(HOSTILE): HOSTILE},
            title=HOSTILE,
            why=f":: {HOSTILE}",
            because=(HOSTILE,),
            verify=HOSTILE,
            advice=(HOSTILE,),
            evidence=(HOSTILE,),
        ),
    ),
    suggestions=(
        SETTINGS._replace(
            settings=((HOSTILE, json.dumps(HOSTILE)),), note=HOSTILE, remaining=(HOSTILE,)
        ),
    ),
    unresolved=((HOSTILE, HOSTILE),),
)
ALL = {
    "known-bad": KNOWN_BAD,
    "known-good": KNOWN_GOOD,
    "unknown": UNKNOWN,
    "newer": NEWER,
    "hostile": HOSTILE_REPORT,
}
