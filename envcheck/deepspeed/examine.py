"""
Everything that is wrong with one configuration, for one release of DeepSpeed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck.deepspeed import batch, elastic, keys, rules
from envcheck.deepspeed.settings import Settings
from envcheck.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.deepspeed.flaws import Flaw
    from envcheck.deepspeed.grammar import Grammar


def examine(config: Mapping[str, Any], grammar: Grammar, world_size: int | None = None) -> Iterator[Flaw]:
    """
    Yield what is wrong with a configuration as DeepSpeed gets to see it.
    """
    settings = Settings(config, grammar)
    worst: dict[str, int] = {}
    for flaw in _all(settings, world_size):
        rank = SEVERITIES.index(flaw.severity)
        if rank > worst.get(flaw.path, -1):  # one thing is said of a place, unless worse comes
            worst[flaw.path] = rank
            yield flaw


def _all(settings: Settings, world_size: int | None) -> Iterator[Flaw]:
    yield from keys.flaws(settings.config, settings.grammar)
    yield from rules.flaws(settings)
    if elastic.enabled(settings):
        yield from elastic.flaws(settings, world_size)
    else:
        yield from batch.flaws(settings, world_size)
