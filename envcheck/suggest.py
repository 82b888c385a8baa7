"""
Suggestions: what to change so that nothing is wrong any more.

Each is one set of changes, audited again. The nearest known-good set comes first where it is close,
then the smallest change in the preferred direction, then what else there is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from envcheck import versions
from envcheck.checks.known_bad import Cause
from envcheck.checks.requirements import Breach
from envcheck.known_good import compare
from envcheck.model import Change, Suggestion
from envcheck.search import Node, Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.known_good import Candidate
    from envcheck.matrix import Matrix
    from envcheck.model import Environment

PREFERENCES: Final = {
    "downgrade": ("downgrade", "settings", "upgrade"),
    "upgrade": ("upgrade", "settings", "downgrade"),
    "fewest": ("settings", "downgrade", "upgrade"),
}
"""What `--prefer` puts first."""

_WORDS: Final = {"downgrade": "down", "upgrade": "up", "mixed": "down up"}
_CLOSE: Final = 4
"""A known-good set is close if at most so many installed packages have to move to reach it."""
_SETS_TRIED: Final = 5


class Advisor(NamedTuple):
    """
    What suggestions are made from.
    """

    matrix: Matrix
    environment: Environment
    hits: tuple[Hit, ...]
    audit: Callable[[Environment, Iterable[NormalizedName] | None], list[Hit]]
    candidates: Sequence[Candidate]
    "Known-good sets, nearest first."
    project: str | None
    prefer: str = "downgrade"
    keep: frozenset[NormalizedName] = frozenset()

    def suggest(self) -> tuple[tuple[Suggestion, ...], tuple[tuple[str, str], ...]]:
        """
        Return the suggestions, best first, and (finding id, what is in the way) where there is none.
        """
        errors = frozenset(hit.id for hit in self.hits if hit.severity == "error")
        goal = errors or frozenset(hit.id for hit in self.hits if self._curable(hit))
        if not goal:
            return (), ()
        search = Search(self.matrix, self.environment, self.audit, self.keep)
        found: dict[str, Suggestion] = {}
        nearest_miss = None
        for direction in PREFERENCES[self.prefer]:
            if direction == "settings":
                settings = self._settings(goal)
                if settings is not None:
                    found[direction] = settings
                continue
            node, miss = self._reach(
                search, search.node(self.environment, self.hits), goal, _WORDS[direction]
            )
            if node is not None and node.changes:
                found[direction] = self._suggestion(node)
            nearest_miss = nearest_miss or miss
        if not found.keys() & {"downgrade", "upgrade"}:
            node, miss = self._reach(search, search.node(self.environment, self.hits), goal, _WORDS["mixed"])
            if node is not None and node.changes:
                found["mixed"] = self._suggestion(node)
            nearest_miss = miss
        known_good = self._known_good(goal)
        suggestions = [*found.values()]
        if known_good is not None:
            suggestions = [each for each in suggestions if each.changes != known_good.changes]
            suggestions.insert(0 if self.prefer != "fewest" else len(suggestions), known_good)
        unresolved = ()
        if not suggestions and errors and nearest_miss is not None:
            unresolved = tuple(self._in_the_way(nearest_miss, search))
        return tuple(suggestions), unresolved

    def _curable(self, hit: Hit) -> bool:
        """Tell whether a warning is something that versions or settings can remove."""
        return hit.severity == "warning" and isinstance(hit.subject, (Cause, Breach))

    def _reach(
        self, search: Search, start: Node, goal: frozenset[str], directions: str
    ) -> tuple[Node | None, Node]:
        """Search for a node without the goal's hits, without any error, and without a new warning."""
        before = {hit.id for hit in self.hits}

        def wrong(hit: Hit) -> bool:
            if hit.severity == "error" or hit.id in goal:
                return True
            # A result has to satisfy what is declared, even a bound that may be harmless to break.
            return isinstance(hit.subject, Breach) and hit.id not in before

        node, miss = search.run(start, wrong, directions)
        if node is None and not any(hit.severity == "error" for hit in self.hits):
            # Warnings need not all go: leave out those that nothing removes.
            stuck = {hit.id for hit in miss.hits if wrong(hit)}
            if goal - stuck and stuck <= before:
                return self._reach(search, start, goal - stuck, directions)
        return node, miss

    def _settings(self, goal: frozenset[str]) -> Suggestion | None:
        """Return the settings that cure every finding of the goal, if settings can."""
        settings: dict[str, str | None] = {}
        for hit in self.hits:
            if hit.id not in goal:
                continue
            fixes = hit.subject.record().get("fixes", ()) if isinstance(hit.subject, Cause) else ()
            fix = next((each["deepspeed-config"] for each in fixes if "deepspeed-config" in each), None)
            if fix is None:
                return None
            settings.update(
                {path: None if value == "absent" else _json_text(value) for path, value in fix.items()}
            )
        after = self.hits
        if self.environment.deepspeed_config is not None:
            config = applied(self.environment.deepspeed_config, settings)
            after = tuple(self.audit(self.environment._replace(deepspeed_config=config), None))
            if any(hit.severity == "error" or hit.id in goal for hit in after):
                return None
        left = {hit.id for hit in after} - (goal if self.environment.deepspeed_config is None else set())
        return Suggestion(
            direction="settings",
            changes=(),
            settings=tuple(settings.items()),
            resolves=tuple(sorted({hit.id for hit in self.hits} - left)),
            remaining=tuple(sorted(hit.id for hit in after if hit.severity == "warning" and hit.id in left)),
            known_good=None,
            command="",
        )

    def _known_good(self, goal: frozenset[str]) -> Suggestion | None:
        """Return the way to the nearest known-good set, where it is close and cures the goal."""
        for candidate in self.candidates[:_SETS_TRIED]:
            known_good, record = compare(candidate, self.environment, self.matrix)
            if not self._suits(record):
                continue
            search = Search(self.matrix, self.environment, self.audit, self.keep)
            changes = {}
            for text in record["packages"]:
                pin = versions.requirement(text)
                package = self.environment.packages.get(pin.name)
                if package is None or versions.satisfies(package.version, pin.specifier):
                    continue
                target = search.closest(pin.name, pin.specifier, "down up") or _exact(
                    pin.specifier, self, pin.name
                )
                if target is None or pin.name in self.keep:
                    changes.clear()
                    break
                changes[pin.name] = target
            if not changes or (self.project is None and len(changes) > _CLOSE):
                continue
            pinned = frozenset(versions.requirement(text).name for text in record["packages"])
            rest = search._replace(keep=self.keep | pinned)
            start = rest.apply(rest.node(self.environment, self.hits), changes)
            node, _ = self._reach(rest, start, goal, _WORDS["mixed"])
            if node is not None:
                return self._suggestion(node, known_good.id)
        return None

    def _suits(self, record: Mapping[str, Any]) -> bool:
        python = versions.version(self.environment.python) if self.environment.python else None
        return python is None or "python" not in record or versions.contains(record["python"], python)

    def _suggestion(self, node: Node, known_good: str | None = None) -> Suggestion:
        changes = []
        directions = set()
        for name, version in sorted(node.changes.items()):
            package = self.environment.packages.get(name)
            before = package.version if package else None
            changes.append(Change(name, before, version))
            if before is not None:
                directions.add("upgrade" if version > versions.public(before) else "downgrade")
        left = {hit.id for hit in node.hits}
        return Suggestion(
            direction=directions.pop() if len(directions) == 1 else "mixed",
            changes=tuple(changes),
            settings=(),
            resolves=tuple(sorted({hit.id for hit in self.hits} - left)),
            remaining=tuple(sorted({hit.id for hit in node.hits if hit.severity == "warning"})),
            known_good=known_good,
            command=command(self.environment, changes),
        )

    def _in_the_way(self, miss: Node, search: Search) -> Iterator[tuple[str, str]]:
        for hit in miss.hits:
            if hit.severity != "error":
                continue
            reasons = [search.why_not(name) for name in hit.packages]
            if isinstance(hit.subject, Breach):
                breach = hit.subject
                required = f"{breach.requirement.name}{breach.requirement.specifier}"
                package = miss.environment.packages[breach.package]
                reasons.insert(0, f"{breach.package} {package.version} requires {required}")
            yield hit.id, "; ".join(dict.fromkeys(reasons))


def _exact(specifier: str, advisor: Advisor, name: NormalizedName) -> Any:
    """Take an exact pin at its word where no releases of the package are known."""
    if (
        not specifier.startswith("==")
        or specifier.endswith(".*")
        or "," in specifier
        or advisor.matrix.releases(name)
    ):
        return None
    return versions.version(specifier[2:])


def _json_text(value: str) -> str:
    """Return a value of the matrix, where every scalar is text, as the JSON it stands for."""
    try:
        json.loads(value)
    except ValueError:
        return json.dumps(value)
    return value


def applied(config: Mapping[str, Any], settings: Mapping[str, str | None]) -> dict[str, Any]:
    """
    Return a DeepSpeed configuration with some settings changed; the given one stays as it is.
    """
    result = cast("dict[str, Any]", json.loads(json.dumps(config)))
    for path, value in settings.items():
        section = result
        *parents, last = path.split(".")
        for parent in parents:
            inner = section.get(parent)
            if not isinstance(inner, dict):
                inner = section[parent] = {}
            section = inner
        if value is None:
            section.pop(last, None)
        else:
            section[last] = json.loads(value)
    return result


def command(environment: Environment, changes: Iterable[Change]) -> str:
    """
    Return the command that makes the changes, for a POSIX shell.

    All requirements are in one command, so that the installer sees them together, and each is
    quoted: `>` would redirect. Versions and names are PEP 440 and PEP 503, so nothing else can be in them.
    """
    wanted = " ".join(f"'{change.package}=={change.after}'" for change in changes if change.after is not None)
    python = _quoted(environment.executable or "python")
    if environment.installer == "uv":
        return f"uv pip install --python {python} {wanted}"
    return f"{python} -m pip install {wanted}"


def _quoted(path: str) -> str:
    if path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum() and path.isascii():
        return path
    return "'" + path.replace("'", "'\"'\"'") + "'"
