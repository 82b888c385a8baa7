"""
The settings that mend a configuration, as a part of every suggestion.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.apply import applied
from envcheck.checks.configuration import Fault
from envcheck.deepspeed.flaws import REMOVE
from envcheck.model import Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.deepspeed.flaws import Flaw
    from envcheck.model import Environment

    Audit = Callable[[Environment, Collection[NormalizedName] | None], list[Hit]]
    Unresolved = tuple[tuple[str, str], ...]

_ROUNDS: Final = 5
"""One change may show what another hid; there is an end to it."""
_WHY_NOT: Final = "it is the file itself that has to be corrected (envcheck config FILE --fix)"


_MODEL: Final = "it is the model's own configuration or the number of processes that has to change"


class Mending(NamedTuple):
    """
    A configuration as far as settings can mend it.
    """

    environment: Environment
    "With the mended configuration."
    settings: Mapping[str, str | None]
    "What was changed: dotted paths with their new value (JSON text); `None`: removed."
    hits: tuple[Hit, ...]
    "What is wrong afterwards, without what only a person can mend."
    resolved: frozenset[str]
    stuck: frozenset[str]
    "Ids of the errors that only a person can mend."

    def told(
        self, suggestions: Sequence[Suggestion], unresolved: Unresolved
    ) -> tuple[tuple[Suggestion, ...], Unresolved]:
        """
        Return suggestions that also say what is to be set, and what no suggestion removes.
        """
        stuck = tuple(
            (each, _MODEL if each.startswith("model/") else _WHY_NOT) for each in sorted(self.stuck)
        )
        told = tuple(map(self._with_settings, suggestions))
        if not all(each.condition for each in suggestions):
            return told, (*unresolved, *stuck)
        wrong = unresolved or any(hit.severity == "error" for hit in self.hits)
        if wrong or not self.settings:
            return told, (*unresolved, *stuck)
        only = Suggestion(
            direction="settings",
            changes=(),
            settings=tuple(self.settings.items()),
            resolves=tuple(sorted(self.resolved)),
            remaining=tuple(sorted({hit.id for hit in self.hits if hit.severity == "warning"})),
            known_good=None,
            command="",
        )
        return (only, *told), stuck

    def _with_settings(self, suggestion: Suggestion) -> Suggestion:
        settings = {**self.settings, **dict(suggestion.settings)}
        resolves = sorted(self.resolved | {*suggestion.resolves})
        return suggestion._replace(settings=tuple(settings.items()), resolves=tuple(resolves))


def mend(environment: Environment, hits: Sequence[Hit], audit: Audit) -> Mending:
    """
    Change what is wrong with a configuration: the errors, or if there are none, the warnings.
    """
    at_first = tuple(hits)
    level = "error" if any(_is(hit, "error") for hit in hits) else "warning"
    settings: dict[str, str | None] = {}
    for _ in range(_ROUNDS):
        faults = [
            hit.subject.flaw for hit in hits if isinstance(hit.subject, Fault) and _is(hit, level)
        ]
        changes = changes_for(faults, environment.deepspeed_config or {})
        if not changes:
            break
        settings.update(changes)
        config = applied(environment.deepspeed_config or {}, changes)
        environment = environment._replace(deepspeed_config=config)
        hits = audit(environment, None)
    left = {hit.id for hit in hits}
    stuck = frozenset(hit.id for hit in hits if _is(hit, "error"))
    return Mending(
        environment,
        settings,
        tuple(hit for hit in hits if hit.id not in stuck),
        frozenset(hit.id for hit in at_first) - left,
        stuck,
    )


def _is(hit: Hit, level: str) -> bool:
    return isinstance(hit.subject, Fault) and hit.severity == level and hit.certain


def changes_for(flaws: Iterable[Flaw], config: Mapping[str, Any]) -> dict[str, str | None]:
    """
    Return the settings that mend flaws: dotted paths with their new value (JSON text); `None`: to be removed.

    What is to be moved to a place that is taken is only removed; what no path leads to (a key with a dot in
    it) stays.
    """
    changes: dict[str, str | None] = {}
    for flaw in flaws:
        removed = [path for path, value in flaw.fix if value == REMOVE]
        if not all(_holds(config, path) for path in removed):
            continue
        for path, value in flaw.fix:
            if value == REMOVE:
                changes[path] = None
            elif not (removed and _holds(config, path)):
                changes[path] = json.dumps(value)
    return changes


def _holds(config: Mapping[str, Any], path: str) -> bool:
    value: Any = config
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True
