"""
Whether the batch sizes of a DeepSpeed configuration fit the number of processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck.launch.notes import NEWEST, note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.launch.notes import Note, Release


def examine(
    config: Mapping[str, Any], processes: int, release: Release, file: str
) -> Iterator[Note]:
    """
    Yield how the batch sizes don't fit.
    """
    from envcheck.deepspeed import batch, elastic
    from envcheck.deepspeed.grammar import grammar
    from envcheck.deepspeed.settings import Settings

    settings = Settings(config, grammar(release.known or NEWEST))
    if elastic.enabled(settings):
        return
    for flaw in batch.flaws(settings, processes):
        if flaw.what == "batch-size":
            yield note(
                "launch/batch-size",
                "warning",
                flaw.title,
                flaw.why,
                release=release,
                place=file,
                certainty="needs-verification",
                verify="Whether every process holds a whole model: pipeline and tensor parallelism "
                "leave fewer data-parallel processes.",
                evidence=flaw.evidence,
            )
