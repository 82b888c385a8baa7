"""
Settings that entries recommend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.apply import applied, json_text
from envcheck.checks.conditions import is_there, look_up, setting
from envcheck.checks.known_bad import Cause
from envcheck.suggest.choices import Scope
from envcheck.suggest.goal import MAY, MUST
from envcheck.suggest.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envcheck.checks import Hit
    from envcheck.model import Environment, Suggestion
    from envcheck.suggest.advisor import Advice, Advisor, Audit

_ROUNDS: Final = 3
"""So many times settings may call for further ones."""


def by_settings(advisor: Advisor) -> Advice | None:
    """
    Return the settings that entries recommend, with changes of versions where they aren't enough.

    Settings may bring in what other settings cure (stage 2 what overlap_comm breaks there);
    then those are a part of it.
    """
    config = advisor.environment.deepspeed_config
    wrong = [hit for hit in advisor.hits if hit.id in advisor.goal.ids]
    settings = dict(_recommended(wrong, config))
    if not settings:
        return None
    environment, audit = _set(advisor, settings)
    scope = Scope(advisor.matrix, environment, "down up", keep=advisor.options.keep)
    search = Search(scope, audit(environment, None), audit)
    for _ in range(_ROUNDS):
        brought = [hit for hit in search.root.hits if advisor.goal.level(hit, ()) != MAY]
        more = {
            path: value for path, value in _recommended(brought, config) if path not in settings
        }
        if not more:
            break
        settings.update(more)
        environment, audit = _set(advisor, settings)
        scope = scope._replace(environment=environment)
        search = Search(scope, audit(environment, None), audit)
    if not any(advisor.goal.level(hit, ()) == MUST for hit in search.root.hits):
        return advisor.judged(search.root, settings)
    return advisor.advice(search, settings=settings)[0] if advisor.goal.errors else None


def _set(advisor: Advisor, settings: Mapping[str, str | None]) -> tuple[Environment, Audit]:
    """Return the environment with settings, and how to audit it."""
    config = advisor.environment.deepspeed_config
    if config is None:
        return advisor.environment, _overruled(advisor.audit, settings)
    changed = applied(config, settings)
    return advisor.environment._replace(deepspeed_config=changed), advisor.audit


def without_idle_settings(suggestions: list[Suggestion]) -> list[Suggestion]:
    """
    Leave out suggestions whose changes of versions are enough without their settings.
    """
    enough = [{*each.changes} for each in suggestions if not each.settings]
    return [
        each
        for each in suggestions
        if not each.settings or not any(changes <= {*each.changes} for changes in enough)
    ]


def _recommended(
    hits: Iterable[Hit], config: Mapping[str, Any] | None
) -> Iterator[tuple[str, str | None]]:
    """Yield the settings that entries recommend first: paths with values; `None`: to be removed."""
    for hit in hits:
        if isinstance(hit.subject, Cause) and "deepspeed-config" in hit.subject.rule.facts:
            fixes = hit.subject.record().get("fixes", ())
            fix = next((fix for fix in fixes if "deepspeed-config" in fix), None)
            for path, value in fix["deepspeed-config"].items() if fix else ():
                if value != "absent":
                    yield path, json_text(value)
                elif config is None or is_there(config, path):
                    yield path, None


def _overruled(audit: Audit, settings: Mapping[str, str | None]) -> Audit:
    """Return the audit of an unknown configuration of which only some settings are known."""
    config = applied({}, settings)

    def stays(hit: Hit) -> bool:
        facts = hit.subject.rule.facts if isinstance(hit.subject, Cause) else {}
        return not any(
            path in settings and setting(path, wanted, look_up(config, path)).holds is False
            for path, wanted in facts.get("deepspeed-config", {}).items()
        )

    return lambda environment, about: [hit for hit in audit(environment, about) if stays(hit)]
