"""
Launch scripts, accelerate's and trainers' YAML, read from files with those they name; none of them is run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from envcheck import files
from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.launch import hosts_file
from envcheck.launch.expand import UNKNOWN, Text
from envcheck.launch.located import is_file, located
from envcheck.launch.planned import Accelerate, Planned, Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.inline import Inline
    from envcheck.launch.launches import Launch

LIMIT: Final = 256 * 1024
"Bytes; far above every script that people write."
_ELLIPSIS: Final = "…"
"Shown in the place of what isn't known."
_CONFIGURATIONS: Final = ("deepspeed", "deepspeed_config", "ds_config")


def named(path: str, configuration: str | None) -> Planned:
    """
    Read the script or accelerate configuration that was named.

    Args:
        path: A file.
        configuration: The DeepSpeed configuration that was named beside it.

    Raises:
        SourceError: It can't be read, or starts nothing.
    """
    text = files.read_text(path, "launch script", LIMIT)
    starts = list(_starts(path, text))
    if not starts and text.lstrip()[:1] == "{":
        raise SourceError(
            f"{clean(path)} is no launch script; a DeepSpeed configuration is given by --deepspeed-config"
        )
    if not starts:
        raise SourceError(
            f"{clean(path)} starts no training that envcheck knows: neither torchrun, deepspeed, accelerate "
            "launch, srun nor python with a script, nor is it an accelerate configuration, nor "
            "a trainer's YAML that names a DeepSpeed configuration"
        )
    return _planned(starts, configuration, asked=True)


def found(names: Iterable[str]) -> Planned | None:
    """
    Read files of the working directory; `None`: none of them names a DeepSpeed configuration in full.
    """
    starts: list[Start] = []
    left = LIMIT
    for name in names:
        try:
            text = files.read_text(name, "launch script", left)
        except SourceError:
            continue
        left -= len(text)
        starts += filter(_certain, _starts(name, text))
    return _planned(starts, None, asked=False) if starts else None


def _certain(start: Start) -> bool:
    """Tell whether a command says in full which configuration it uses."""
    if start.inline is not None:
        return start.launch is not None
    return bool(start.path) and _ELLIPSIS not in start.named


def _planned(starts: list[Start], configuration: str | None, *, asked: bool) -> Planned:
    files = [(each, os.path.realpath(each.configuration)) for each in starts if each.configuration]
    paths = {real: start.configuration for start, real in files}
    chosen = ""
    if configuration is not None:
        wanted = os.path.realpath(configuration)
        here = [start for start, real in files if real == wanted]
        here = here or [each for each in starts if each.named and not each.path]
    elif len(paths) == 1:
        chosen = next(iter(paths.values()))
        here = [start for start, _ in files]
    else:
        return Planned(asked, tuple(starts), undecided=tuple(paths.values()))
    others = tuple(each for each in starts if each not in here)
    if not here:
        return Planned(asked, others)
    return Planned(asked, tuple(each._replace(checked=True) for each in here), others, chosen)


def _starts(path: str, text: str) -> Iterator[Start]:
    if path.lower().endswith((".yaml", ".yml")) or _is_yaml(text):
        yield from _of_yaml(path, text)
        return
    from envcheck.launch import launches

    folder = os.path.dirname(path) or "."
    script = launches.read(text, folder)
    for launch in script.launches:
        yield _start(path, folder, launch, script.writes)


def _is_yaml(text: str) -> bool:
    lines = text.lstrip().split("\n", 40)[:40]
    return any(line.startswith(("distributed_type:", "compute_environment:")) for line in lines)


def _of_yaml(path: str, text: str) -> Iterator[Start]:
    from envcheck.launch import accelerate, accelerate_run, inline, trainer_yaml

    folder = os.path.dirname(path) or "."
    launch = None if _is_yaml(text) else trainer_yaml.read(text, path)
    if launch is not None:
        yield _start(path, folder, launch, frozenset())
        return
    if not _is_yaml(text) and "deepspeed_config:" not in text and "distributed_type" not in text:
        return
    config, notes = accelerate.read(text, path)
    own = Accelerate(path, config, tuple(notes))
    inside = accelerate_run.inside(config) if config is not None else {}
    name = accelerate_run.text(inside, "deepspeed_config_file")
    line = inside["deepspeed_config_file"].line if name else 0
    where, expected = located(Text(name), ".", folder)
    hosts, missing = _hosts(Text(accelerate_run.text(inside, "deepspeed_hostfile")), ".", folder)
    made = inline.read(config, None) if config is not None and not name else None
    yield Start(path, line, None, own, hosts, name, where, expected, tuple(missing), made)


def _start(path: str, folder: str, launch: Launch, writes: frozenset[str]) -> Start:
    own = _accelerate(launch, folder)
    missing: list[str] = []
    name = _configuration(launch, own)
    where, expected = located(name, launch.folder, folder)
    hostfile = _hostfile(launch, own)
    read: Hosts | None = None
    if hostfile is not None and hostfile.known and hostfile.known not in writes:
        read, absent = _hosts(hostfile, launch.folder, folder, launch.variables.get("DS_ENV_FILE"))
        missing += absent
    return Start(
        path,
        launch.line,
        launch,
        own,
        read,
        name.text.replace(UNKNOWN, _ELLIPSIS),
        where,
        expected and name.text not in writes,
        tuple(missing),
        _inline(launch, own) if not name.text else None,
    )


def _inline(launch: Launch, own: Accelerate | None) -> Inline | None:
    from envcheck.launch import inline

    if own is None or own.config is None or not launch.whole:
        return None
    return inline.read(own.config, launch)


def _hostfile(launch: Launch, own: Accelerate | None) -> Text | None:
    """Return the name of the hostfile."""
    from envcheck.launch import accelerate_run

    named = launch.options.get("hostfile") or launch.options.get("deepspeed_hostfile")
    if named is None and own is not None and own.config is not None:
        named = Text(accelerate_run.text(accelerate_run.inside(own.config), "deepspeed_hostfile"))
    return named


def _hosts(
    name: Text, folder: str, of_script: str, environment: Text | None = None
) -> tuple[Hosts | None, list[str]]:
    """Read a hostfile that is named, or return its name where it isn't there."""
    place, _ = located(name, folder, of_script)
    if not place:
        return None, [name.text] if name.text else []
    sent = located(environment, folder, of_script)[0] if environment is not None else ""
    try:
        return hosts_file.read(place, sent or None), []
    except SourceError:
        return None, []


def _accelerate(launch: Launch, folder: str) -> Accelerate | None:
    """Read the accelerate configuration that a command names; `None`: none, or it isn't there."""
    from envcheck.launch import accelerate

    name = launch.options.get("config_file") if launch.launcher == "accelerate" else None
    if name is None or not name.text:
        return None
    path, _ = located(name, launch.folder, folder)
    if not path:
        return None
    try:
        text = files.read_text(path, "accelerate configuration", LIMIT)
    except SourceError:
        return Accelerate(path, None, ())
    config, notes = accelerate.read(text, path)
    return Accelerate(path, config, tuple(notes))


def _configuration(launch: Launch, own: Accelerate | None) -> Text:
    """Return the name of the DeepSpeed configuration; the program's own argument comes first."""
    from envcheck.launch import accelerate_run

    for name in _CONFIGURATIONS:
        text = launch.arguments.get(name)
        if text is not None and is_file(text.text):
            return text
    text = launch.options.get("deepspeed_config_file")
    if text is not None and text.text:
        return text
    if own is not None and own.config is not None:
        inside = accelerate_run.inside(own.config)
        return Text(accelerate_run.text(inside, "deepspeed_config_file"))
    return Text("")
