"""
Everything that is wrong with one configuration, for one release of DeepSpeed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck.deepspeed import batch, consumers, effects, elastic, files, keys, rules
from envcheck.deepspeed.settings import Settings
from envcheck.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envcheck.deepspeed.consumers import Reader
    from envcheck.deepspeed.flaws import Flaw
    from envcheck.deepspeed.grammar import Grammar
    from envcheck.model import SettingsFile


def examine(
    config: Mapping[str, Any], grammar: Grammar, world_size: int | None = None
) -> Iterator[Flaw]:
    """
    Yield what is wrong with a configuration as DeepSpeed gets to see it.
    """
    settings = Settings(config, grammar)
    yield from worst(
        [
            *keys.flaws(config, grammar),
            *rules.flaws(settings),
            *(
                elastic.flaws(settings, world_size)
                if elastic.enabled(settings)
                else batch.flaws(settings, world_size)
            ),
            *effects.flaws(settings, world_size),
        ]
    )


def whole(
    config: Mapping[str, Any],
    grammar: Grammar,
    who: Reader,
    *,
    file: SettingsFile | None = None,
    world_size: int | None = None,
    cuda: str | None = None,
) -> Iterator[Flaw]:
    """
    Yield what is wrong with a configuration on its whole way: in the file, at its first reader, in DeepSpeed.

    Args:
        cuda: What torch was built for; empty: built without.
    """
    yield from worst(
        [
            *effects.direct_storage(Settings(config, grammar), cuda),
            *(files.flaws(file, who, grammar) if file is not None else ()),
            *consumers.flaws(config, who),
            *consumers.alone(config, who),
            *(
                consumers.doubted(flaw, who)
                for flaw in examine(consumers.handed_on(config, who), grammar, world_size)
            ),
        ]
    )


def worst(flaws: Iterable[Flaw]) -> Iterator[Flaw]:
    """
    Yield of the flaws that one place has only the worst, and of equally bad ones the first.
    """
    best: dict[str, Flaw] = {}
    for flaw in flaws:
        rank = SEVERITIES.index(flaw.severity)
        before = best.get(flaw.path)
        if before is None or rank > SEVERITIES.index(before.severity):
            best[flaw.path] = flaw
    yield from best.values()
