"""
`envcheck config --fix`: the nearest good file, written beside the one that isn't.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from envcheck.apply import applied, json_text
from envcheck.audit import about_settings
from envcheck.checks import configuration, experts, known_bad
from envcheck.checks.conditions import judge
from envcheck.clean import clean
from envcheck.deepspeed.consumers import ALONE
from envcheck.deepspeed.document import NO_JSON_NUMBER, Document, parse
from envcheck.deepspeed.edit import as_json, edited, without_repeats
from envcheck.deepspeed.grammar import NEWEST, grammar
from envcheck.deepspeed.mending import changes_for
from envcheck.deepspeed.settings import Settings
from envcheck.errors import SourceError
from envcheck.versions import contains, normalize, version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.version import Version

    from envcheck.checks import Hit
    from envcheck.matrix import Matrix
    from envcheck.model import Environment

_ROUNDS: Final = 10
_MOST_FILES: Final = 100
_ZERO: Final = "zero_optimization"
_OFFLOADED: Final = ("cpu", "nvme")


class Fixed(NamedTuple):
    """
    A configuration without what could be mended.
    """

    text: str
    settings: Mapping[str, str | None]
    "What was changed: dotted paths with their new value (JSON text); `None`: removed."
    environment: Environment
    "With the new configuration."
    rewritten: bool
    "Whether the form of the file is new too."


def fixed(
    environment: Environment, matrix: Matrix, document: Document, *, offload: bool = False
) -> Fixed:
    """
    Mend a configuration: what is wrong by itself, and what the matrix knows to fail with these versions.

    Args:
        offload: In the end the optimizer is on the CPU, wherever it was.
    """
    settings: dict[str, str | None] = {}
    for _ in range(_ROUNDS):
        config = environment.deepspeed_config or {}
        changes = dict(_changes(environment, matrix))
        after = applied(config, changes)
        if after == config:
            break
        settings.update(
            {path: value for path, value in changes.items() if _differs(config, after, path)}
        )
        environment = environment._replace(deepspeed_config=after)
    if offload:
        changes = dict(_to_cpu(of(environment)))
        settings.update(changes)
        environment = environment._replace(
            deepspeed_config=applied(environment.deepspeed_config or {}, changes)
        )
    data = environment.deepspeed_config or {}
    text = edited(without_repeats(document.text), settings)
    beyond = any(what != NO_JSON_NUMBER for what, _ in document.beyond_json)
    json_only = beyond and configuration.reader(environment).name != ALONE
    rewritten = json_only or not _says(text, data)
    if rewritten:
        text = as_json(document, data)
    return Fixed(text, settings, environment._replace(settings_file=None), rewritten)


def _says(text: str, data: Mapping[str, Any]) -> bool:
    """Tell whether a text says what it should: Hjson's unquoted texts swallow what comes after them."""
    try:
        found = parse(text, "").data
    except SourceError:
        return False
    return bool(_comparable(found) == _comparable(data))


def _comparable(data: Mapping[str, Any]) -> Any:
    """Return data with words in the place of what isn't a number, which isn't equal to itself."""
    return json.loads(json.dumps(data), parse_constant=str)


def _differs(before: Any, after: Any, path: str) -> bool:
    missing = object()
    for part in path.split("."):
        before = before.get(part, missing) if isinstance(before, dict) else missing
        after = after.get(part, missing) if isinstance(after, dict) else missing
    return bool(before is not after and before != after)


def _changes(environment: Environment, matrix: Matrix) -> Iterator[tuple[str, str | None]]:
    """Yield the settings of one round."""
    changes = dict(for_experts(environment))
    if changes:
        yield from changes.items()
        return
    for hit in (*configuration.hits(environment, matrix), *experts.hits(environment, matrix)):
        if hit.certain and hit.severity != "info":
            yield from _told(hit, environment)
    for hit in known_bad.hits(environment, matrix):
        if hit.certain and hit.severity == "error" and about_settings(hit):
            yield from _told(hit, environment)


def _told(hit: Hit, environment: Environment) -> Iterator[tuple[str, str | None]]:
    if isinstance(hit.subject, configuration.Fault):
        yield from changes_for([hit.subject.flaw], environment.deepspeed_config or {}).items()
    elif isinstance(hit.subject, known_bad.Cause):
        fixes = hit.subject.record().get("fixes", ())
        settings = (each["deepspeed-config"] for each in fixes if "deepspeed-config" in each)
        for path, value in next(settings, {}).items():
            yield path, None if value == "absent" else json_text(value)


def for_experts(environment: Environment) -> Iterator[tuple[str, str | None]]:
    """
    Yield what a configuration of stage 3 needs, where the model has expert layers.
    """
    moe = (environment.model or {}).get("moe")
    if moe == "deepspeed":
        yield from _to_stage_2(environment)
    elif moe == "transformers":
        yield from _leaf_modules(environment)


def _leaf_modules(environment: Environment) -> Iterator[tuple[str, str | None]]:
    """Yield the leaf modules without which the model would hang, where DeepSpeed reads them."""
    from envcheck.experts import blocks

    package = environment.packages.get(normalize("deepspeed"))
    release = package.version if package else None
    block = blocks.of(environment)
    config = environment.deepspeed_config or {}
    if (
        block is not None
        and block.run == "skipped"
        and release is not None
        and contains(experts.READS_LEAVES, release)
        and not (block.leaf and contains(f">={block.leaf}", release))
        and judge(_WITHOUT_LEAVES, environment).holds
        and isinstance(config.get(_ZERO), dict)
    ):
        yield f"{_ZERO}.leaf_module", json.dumps({"classes": [*block.classes]})


_WITHOUT_LEAVES: Final = {
    "deepspeed-config": {
        f"{_ZERO}.stage": ["3"],
        f"{_ZERO}.leaf_module": ["absent"],
        "expert_parallel.enabled": ["absent", "false"],
    }
}


def _to_stage_2(environment: Environment) -> Iterator[tuple[str, str | None]]:
    """
    Yield what takes a configuration from stage 3 to 2, where DeepSpeed's own expert layers can be trained.

    What was offloaded stays on the CPU as far as stage 2 can offload it: the optimizer.
    """
    settings = of(environment)
    section = settings.section(_ZERO)
    about = settings.grammar.section(_ZERO)
    if settings.stage() != 3 or section is None or about is None:
        return
    yield f"{_ZERO}.stage", "2"
    if offloads(settings):
        sections = (settings.section(f"{_ZERO}.offload_{what}") for what in ("optimizer", "param"))
        kept = next(filter(None, sections), {})
        pinned = {"pin_memory": kept["pin_memory"]} if "pin_memory" in kept else {}
        yield f"{_ZERO}.offload_optimizer", json.dumps({"device": "cpu", **pinned})
    for name in section:
        form = about.forms.get(name)
        if name in {"offload_param", "cpu_offload_param", "cpu_offload"} or (
            form and form.stages == (3,)
        ):
            yield f"{_ZERO}.{name}", None


def of(environment: Environment) -> Settings:
    """
    Return the configuration as the release sees it; a release that isn't known is taken for the newest.
    """
    package = environment.packages.get(normalize("deepspeed"))
    release = (package.version if package else None) or cast("Version", version(NEWEST))
    return Settings(environment.deepspeed_config or {}, grammar(release))


def _to_cpu(settings: Settings) -> Iterator[tuple[str, str | None]]:
    """Yield what takes the optimizer to the CPU, where the stage can do that and doesn't yet."""
    if settings.stage() in {1, 2, 3} and settings.section(_ZERO) is not None:
        path = f"{_ZERO}.offload_optimizer"
        if settings.get(f"{path}.device") not in _OFFLOADED:
            yield path, json.dumps({"device": "cpu", "pin_memory": True})


def offloads(settings: Settings) -> bool:
    """
    Tell whether something is kept on the CPU or on a disk.
    """
    devices = [settings.get(f"{_ZERO}.offload_{what}.device") for what in ("param", "optimizer")]
    old = [settings.on(f"{_ZERO}.{name}") for name in ("cpu_offload", "cpu_offload_param")]
    return any(device in _OFFLOADED for device in devices if isinstance(device, str)) or any(old)


def write(path: str, text: str) -> str:
    """
    Write a text beside a file, under a name that isn't taken.

    Returns:
        The path: zero3.fixed.json for zero3.json, or zero3.fixed-2.json where there is such a file.

    Raises:
        SourceError: It can't be written.
    """
    stem, suffix = os.path.splitext(path)
    for number in range(1, _MOST_FILES):
        target = f"{stem}.fixed{'' if number == 1 else f'-{number}'}{suffix}"
        try:
            with open(target, "x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise SourceError(f"{clean(target)}: can't write it: {error.strerror}") from error
        return target
    raise SourceError(
        f"{clean(stem)}.fixed{clean(suffix)}: there are too many of these; remove some"
    )
