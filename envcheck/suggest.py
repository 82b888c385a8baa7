"""
Suggestions: what to change so that nothing is wrong any more.

Each is one set of changes, audited again. The nearest known-good set comes first where it is close,
then the smallest change in the preferred direction, then what else there is. One that brings in a
warning is only made where none without removes the errors.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.apply import applied, command, json_text
from envcheck.checks import requirements
from envcheck.checks.conditions import look_up, setting
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.choices import Scope
from envcheck.cures import cures
from envcheck.known_good import CORE, OUTSIDE, compare, limits
from envcheck.model import Change, Suggestion
from envcheck.search import MAY, MUST, Goal, Limit, Search, half_done

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.checks import Hit
    from envcheck.known_good import Candidate
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Options
    from envcheck.search import Node

    Miss = tuple[Search, Node]
    Audit = Callable[[Environment, Collection[NormalizedName] | None], list[Hit]]

PREFERENCES: Final = {
    "downgrade": ("downgrade", "settings", "upgrade"),
    "upgrade": ("upgrade", "settings", "downgrade"),
    "fewest": ("settings", "downgrade", "upgrade"),
}
"""What `--prefer` puts first."""

_WORDS: Final = {"downgrade": "down", "upgrade": "up"}
_CLOSE: Final = 4
"""A known-good set is close if at most so many packages have to move to reach it."""
_SETS_TRIED: Final = 3
_ROUNDS: Final = 3
"""So many times settings may call for further ones."""


class Advice(NamedTuple):
    """
    A suggestion, and what it lacks.
    """

    suggestion: Suggestion
    flaws: tuple[int, int]
    "How many warnings it brings in, and how many requirements of what it changes stay unmet."


class Advisor:
    """
    What suggestions are made from.
    """

    def __init__(
        self,
        matrix: Matrix,
        environment: Environment,
        options: Options,
        *,
        hits: Sequence[Hit],
        audit: Audit,
        candidates: Sequence[Candidate],
        outside: Callable[[Environment], str | None],
    ) -> None:
        """
        Prepare to advise.

        Args:
            hits: What is wrong with the environment.
            audit: What is wrong with any: everything, or that in which some packages take part.
            candidates: Known-good sets, nearest first.
            outside: How bad it is that an environment is none of its project's sets; `None`: it is one.
        """
        self.matrix = matrix
        self.environment = environment
        self.hits = hits
        self.audit = audit
        self.candidates = candidates
        self.outside = outside
        self.options = options
        self.is_outside = outside(environment)
        errors = frozenset(hit.id for hit in hits if hit.severity == "error")
        warnings = {hit.id for hit in hits if hit.severity == "warning"}
        self.goal = Goal(
            errors or frozenset(hit.id for hit in hits if _curable(hit)),
            frozenset(warnings | {OUTSIDE} if self.is_outside else warnings),
            bool(errors),
        )

    def suggest(self) -> tuple[tuple[Suggestion, ...], tuple[tuple[str, str], ...]]:
        """
        Return the suggestions, best first, and (finding id, what is in the way) where there is none.
        """
        found: list[Advice] = []
        miss = None
        if self.goal.ids and self.is_outside != "error":  # else only a known-good set helps
            found, miss = self._smallest()
        if self.goal.ids or self.is_outside:
            known_good = self._known_good()
            found[:0] = [known_good] if known_good is not None else []
        flaws = min((each.flaws for each in found), default=None)
        found = [each for each in found if each.flaws == flaws]
        if self.goal.ids and self.is_outside != "error":
            found = self._with_removal(found)
        same: dict[object, Suggestion] = {}
        for each in found:
            same.setdefault((each.suggestion.changes, each.suggestion.settings), each.suggestion)
        suggestions = _without_idle_settings([*same.values()])
        if self.options.prefer == "fewest":
            suggestions.sort(key=lambda each: (len(each.changes), each.known_good is not None))
        if suggestions or not (self.goal.errors or self.is_outside == "error"):
            return (*suggestions, *cures(self, suggestions)), ()
        return (), tuple(self._in_the_way(miss))

    def _smallest(self) -> tuple[list[Advice], Miss | None]:
        """Return the smallest change of each kind, and what came nearest where there may be none."""
        found: list[Advice] = []
        for kind in PREFERENCES[self.options.prefer]:
            if kind == "settings":
                advice = self._settings()
            else:
                advice, _ = self._advice(self.searching(_WORDS[kind]))
            if advice is not None:
                found.append(advice)
        fewest = min(
            (
                len(each.suggestion.changes)
                for each in found
                if not (any(each.flaws) or each.suggestion.settings)
            ),
            default=None,
        )
        if fewest == 1 or (found and not self.goal.errors):
            return found, None
        words = "up down" if self.options.prefer == "upgrade" else "down up"
        search = self.searching(words, most=None if fewest is None else fewest - 1)
        advice, node = self._advice(search)
        if advice is not None:
            found.insert(min(1, len(found)), advice)
        if self.goal.errors and all(any(each.flaws) for each in found):
            search = self.searching(words, far=True, lax=True)
            advice, node = self._advice(search)
            found += [advice] if advice is not None else []
        return found, (search, node)

    def searching(
        self, directions: str, *, most: int | None = None, lax: bool = False, **more: Any
    ) -> Search:
        """
        Prepare a search, where packages may move in these directions.
        """
        scope = Scope(self.matrix, self.environment, directions, keep=self.options.keep, **more)
        return Search(scope, self.hits, self.audit, most=most, lax=lax)

    def _advice(
        self,
        search: Search,
        bounds: Sequence[Limit] = (),
        settings: Mapping[str, str | None] | None = None,
        known_good: str | None = None,
    ) -> tuple[Advice | None, Node]:
        """Return the smallest change within bounds, and the node that came nearest to it."""
        node, must = search.run(self.goal, bounds)
        if must or not (node.picks or settings):
            return None, node
        return self._judged(node, settings or {}, known_good), node

    def _judged(
        self, node: Node, settings: Mapping[str, str | None], known_good: str | None = None
    ) -> Advice | None:
        """Put a node without errors into words; `None`: it removes nothing, or not without making worse."""
        suggestion = self.worded(node, settings, known_good)
        worse = {*suggestion.remaining} - self.goal.warnings
        helps = self.goal.errors or (
            not worse and {*suggestion.resolves} & {*self.goal.ids, OUTSIDE}
        )
        if not helps or self.outside(node.environment) == "error":
            return None
        half = {
            hit.id
            for hit in node.hits
            if hit.id in suggestion.remaining and half_done(hit, node.picks)
        }
        return Advice(suggestion, (len(worse), len(half)))

    def worded(
        self,
        node: Node,
        settings: Mapping[str, str | None] = MappingProxyType({}),
        known_good: str | None = None,
    ) -> Suggestion:
        """
        Put a node without errors into words.
        """
        outside = self.outside(node.environment)
        left = {hit.id for hit in node.hits} | ({OUTSIDE} if outside else set())
        remaining = {hit.id for hit in node.hits if hit.severity == "warning"}
        remaining |= {OUTSIDE} if outside == "warning" else set()
        resolves = (
            {hit.id for hit in self.hits} | ({OUTSIDE} if self.is_outside else set())
        ) - left
        changes = tuple(
            Change(name, before.version if before else None, after.version if after else None)
            for name in sorted(node.picks)
            for before in [self.environment.packages.get(name)]
            for after in [node.environment.packages.get(name)]
        )
        return Suggestion(
            direction=_direction(changes),
            changes=changes,
            settings=tuple(settings.items()),
            resolves=tuple(sorted(resolves)),
            remaining=tuple(sorted(remaining)),
            known_good=known_good,
            command=command(self.environment, changes) if changes else "",
            note=_note(self.environment, changes),
        )

    def _with_removal(self, found: list[Advice]) -> list[Advice]:
        """Add what entries recommend to uninstall, behind the last that they recommend more."""
        ways, told = [], []
        for hit in self.hits:
            if hit.id in self.goal.ids and isinstance(hit.subject, Cause):
                fixes = hit.subject.record().get("fixes", ())
                ways += [frozenset(fix["remove"]) for fix in fixes if "remove" in fix]
                told += [fix["packages"] for fix in fixes if "packages" in fix]
        ways = [*dict.fromkeys(names for names in ways if self.removable(names))]
        together = frozenset().union(*ways)
        tries = [(names, False) for names in dict.fromkeys((*ways, together) if ways else ())]
        tries += [] if found else [(names, True) for names, _ in tries]
        for names, lax in tries:
            gone = [Limit(name, "gone", "") for name in sorted(names)]
            search = self.searching("down up", removable=names, far=lax, lax=lax)
            advice, _ = self._advice(search, gone)
            if advice is not None and (not found or advice.flaws <= found[0].flaws):
                at = max(
                    (at for at, each in enumerate(found, 1) if self._told(each, told)), default=0
                )
                return [*found[:at], advice, *found[at:]]
        return found

    def _told(self, advice: Advice, fixes: Iterable[Sequence[str]]) -> bool:
        """Tell whether an advice is of settings, or leads to a known-good set or to what is required."""
        after = {name: package.version for name, package in self.environment.packages.items()}
        after.update({change.package: change.after for change in advice.suggestion.changes})
        return bool(advice.suggestion.settings or advice.suggestion.known_good) or any(
            all(
                pin.name in after and versions.satisfies(after[pin.name], pin.specifier)
                for pin in map(versions.requirement, texts)
            )
            for texts in fixes
        )

    def removable(self, names: Collection[NormalizedName]) -> bool:
        """
        Tell whether packages are installed, need not be kept, and nothing else that is known requires them.
        """
        packages = self.environment.packages
        return all(
            name in packages and name not in self.options.keep for name in names
        ) and not any(
            required.name in names and requirements.applies(required, self.environment) is not False
            for name, package in packages.items()
            if name not in names
            for required in requirements.declared(package, self.matrix)
        )

    def _settings(self) -> Advice | None:
        """
        Return the settings that entries recommend, with changes of versions where they aren't enough.

        Settings may bring in what other settings cure (stage 2 what overlap_comm breaks there);
        then those are a part of it.
        """
        settings = dict(_recommended(hit for hit in self.hits if hit.id in self.goal.ids))
        if not settings:
            return None
        environment, audit = self._set(settings)
        scope = Scope(self.matrix, environment, "down up", keep=self.options.keep)
        search = Search(scope, audit(environment, None), audit)
        for _ in range(_ROUNDS):
            brought = [hit for hit in search.root.hits if self.goal.level(hit, ()) != MAY]
            more = {path: value for path, value in _recommended(brought) if path not in settings}
            if not more:
                break
            settings.update(more)
            environment, audit = self._set(settings)
            scope = scope._replace(environment=environment)
            search = Search(scope, audit(environment, None), audit)
        if not any(self.goal.level(hit, ()) == MUST for hit in search.root.hits):
            return self._judged(search.root, settings)
        return self._advice(search, settings=settings)[0] if self.goal.errors else None

    def _set(self, settings: Mapping[str, str | None]) -> tuple[Environment, Audit]:
        """Return the environment with settings, and how to audit it."""
        config = self.environment.deepspeed_config
        if config is None:
            return self.environment, _overruled(self.audit, settings)
        changed = applied(config, settings)
        return self.environment._replace(deepspeed_config=changed), self.audit

    def _known_good(self) -> Advice | None:
        """Return the way to the nearest known-good set, where it is close and cures the goal."""
        most = _CLOSE if self.options.project is None else None
        for candidate in self.candidates[:_SETS_TRIED]:
            near, record = compare(candidate, self.environment, self.matrix)
            if near.exact or not self._suits(record):
                continue
            pins = [versions.requirement(text) for text in record["packages"]]
            bounds = [Limit(pin.name, "in", pin.specifier) for pin in pins if self._bound(pin.name)]
            exists = {pin.name: _exact(pin.specifier) for pin in pins}
            search = self.searching(
                "down up", exists=exists, most=most, far=self.options.project is not None
            )
            advice, _ = self._advice(search, bounds, known_good=near.id)
            if advice is not None:
                return advice
        return None

    def _suits(self, record: Mapping[str, Any]) -> bool:
        text = self.environment.python
        python = versions.version(text) if text else None
        return (
            python is None or "python" not in record or versions.contains(record["python"], python)
        )

    def _bound(self, name: NormalizedName) -> bool:
        """Tell whether a set's word on a package counts: it is installed, or its absence would show."""
        if name in self.environment.packages:
            return True
        shows = self.environment.complete or self.is_outside == "error"
        return name in CORE and self.options.project is not None and shows

    def _in_the_way(self, miss: Miss | None) -> Iterator[tuple[str, str]]:
        """Say of each error why nothing removes it, going by what is left in the best attempt."""
        errors = sorted(self.goal.ids) if self.goal.errors else []
        if miss is None:
            for identifier in (*errors, OUTSIDE):
                yield identifier, self._no_set()
            return
        search, node = miss
        left = [(hit.id, search.why_not(hit, node)) for hit in node.hits if hit.severity == "error"]
        for identifier in errors:
            reasons = [why for about, why in left if about == identifier]
            reasons = reasons or [f"without it {about} stays: {why}" for about, why in left]
            yield identifier, "; ".join(dict.fromkeys(reasons))

    def _no_set(self) -> str:
        """Say why no known-good set of the project can be reached."""
        if not self.candidates:
            return f"no set of {self.options.project} shares a core package with this environment"
        near, _ = compare(self.candidates[0], self.environment, self.matrix)
        reasons = limits(near, self.environment, self.matrix)
        reasons += [
            f"{each.package} is to be kept"
            for each in near.differs
            if each.package in self.options.keep
        ]
        return f"the nearest set is {near.id}: {'; '.join(reasons) or 'going to it leaves errors'}"


def _recommended(hits: Iterable[Hit]) -> Iterator[tuple[str, str | None]]:
    """Yield the settings that entries recommend first: paths with values; `None`: to be removed."""
    for hit in hits:
        if isinstance(hit.subject, Cause) and "deepspeed-config" in hit.subject.rule.facts:
            fixes = hit.subject.record().get("fixes", ())
            fix = next((fix for fix in fixes if "deepspeed-config" in fix), None)
            for path, value in fix["deepspeed-config"].items() if fix else ():
                yield path, None if value == "absent" else json_text(value)


def _without_idle_settings(suggestions: list[Suggestion]) -> list[Suggestion]:
    """Leave out suggestions whose changes of versions are enough without their settings."""
    enough = [{*each.changes} for each in suggestions if not each.settings]
    return [
        each
        for each in suggestions
        if not each.settings or not any(changes <= {*each.changes} for changes in enough)
    ]


def _curable(hit: Hit) -> bool:
    """Tell whether a hit is a warning that calls for advice: at most one fact is missing to be certain."""
    if isinstance(hit.subject, Cause):
        return hit.severity == "warning" and len(hit.subject.unknown) < 2
    return hit.severity == "warning" and isinstance(hit.subject, Breach)


def _direction(changes: Iterable[Change]) -> str:
    """Say where versions move; a package that is installed anew or removed moves nowhere."""
    up = {
        change.after > versions.public(change.before)
        for change in changes
        if change.before is not None and change.after is not None
    }
    if not up:
        installs = any(change.after is not None for change in changes)
        return "upgrade" if installs else "mixed" if changes else "settings"
    return "mixed" if len(up) > 1 else "upgrade" if up.pop() else "downgrade"


def _note(environment: Environment, changes: Iterable[Change]) -> str:
    """Say what an installer does that one might not expect."""
    copies, builds, gone = [], [], []
    for change in changes:
        if change.after is None:
            gone.append(change.package)
            continue
        package = environment.packages.get(change.package)
        if package is not None and package.origin != "index":
            copies.append(change.package)
        elif change.before is not None and change.before.local:
            builds.append(f"{change.package} {change.before}")
    notes = []
    if copies:
        notes.append(
            f"This takes releases in place of what was installed otherwise: {', '.join(copies)}."
        )
    if builds:
        notes.append(
            f"Builds of another index are in use: {', '.join(builds)}. "
            "Give that index too, to get the same kind."
        )
    if gone:
        notes.append(f"Only if nothing that is run here uses {' or '.join(gone)} by itself.")
    return " ".join(notes)


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


def _exact(specifier: str) -> Version | None:
    """Return the version of an exact pin."""
    pinned = specifier.startswith("==") and "," not in specifier
    return versions.version(specifier[2:]) if pinned else None
