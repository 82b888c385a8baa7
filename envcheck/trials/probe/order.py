"""
The names of the stages: what a probe runs in an environment that is tried, and who asks it know them.
"""

from __future__ import annotations

STAGES = (
    "import",
    "arguments",
    "trainer",
    "train",
    "save-load",
    "peft",
    "trl",
    *(f"deepspeed-{stage}" for stage in range(4)),
    *(f"deepspeed-{stage}-two" for stage in range(4)),
    "moe-split",
    "moe-unsplit",
    "moe-stage-3",
)
"""In the order in which they run; `-two`: two processes."""
