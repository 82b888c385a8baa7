"""
`envcheck hostfile`, from options to exit code.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import files, run, versions
from envcheck.clean import clean
from envcheck.errors import SourceError, UsageError
from envcheck.launch import deepspeed_env, hostfile
from envcheck.launch import plan as plan_
from envcheck.launch import report as report_
from envcheck.launch.notes import Note, Release, note
from envcheck.model import SEVERITIES

if TYPE_CHECKING:
    from packaging.version import Version

    from envcheck.launch.hostfile import Host
    from envcheck.launch.plan import Asked, Plan
    from envcheck.options import CheckOptions

_DEEPSPEED: Final = versions.normalize("deepspeed")
_ACCELERATE: Final = versions.normalize("accelerate")
_LIMIT: Final = 1024 * 1024
"Bytes; far above every hostfile there is."


class Given(NamedTuple):
    """
    What `envcheck hostfile` was asked, besides the environment.
    """

    file: str
    asked: Asked
    deepspeed_version: str | None = None
    deepspeed_env: str | None = None
    accelerate_config: str | None = None


def judge(given: Given, options: CheckOptions) -> int:
    """
    Judge a hostfile and write what is wrong with it.

    Returns:
        The exit code: 0, or 1 for errors.

    Raises:
        UsageError: The version is none.
        SourceError: A file or the environment can't be read. A hostfile that isn't there is a finding.
    """
    origin, deepspeed, accelerate = _releases(given, options)
    release = Release(deepspeed)
    data, notes = _read(given.file, release)
    pool: dict[str, Host] = {}
    if data is not None:
        text, notes = hostfile.decode(data, given.file)
        pool, more = hostfile.parse(text, release, given.file)
        notes += more
    plan, asked, more = _planned(given, pool, release, accelerate)
    unsound = any(each.finding.severity == "error" for each in notes) and data is not None
    notes += [each for each in more if not (unsound and each.finding.id in _OF_THE_WHOLE)]
    notes += _environment_file(given, plan, release)
    notes.sort(
        key=lambda each: (
            -SEVERITIES.index(each.finding.severity),
            each.finding.id != "hostfile/missing",
        )
    )
    result = report_.Result(given.file, origin, release, pool, asked, plan, tuple(notes))
    report_.write(result, options)
    return int(any(each.finding.severity == "error" for each in notes))


_OF_THE_WHOLE: Final = frozenset(
    ["hostfile/one-host", "hostfile/no-process", "hostfile/fewer-hosts", "hostfile/no-other-node"]
)
"What can't be said of a file of which lines couldn't be read."


def _releases(given: Given, options: CheckOptions) -> tuple[str, Version | None, Version | None]:
    """Return where the versions are from, and those of DeepSpeed and accelerate."""
    wanted: Version | None = None
    if given.deepspeed_version is not None:
        wanted = versions.version(given.deepspeed_version)
        if wanted is None:
            shown = clean(given.deepspeed_version)
            raise UsageError(f"--deepspeed-version {shown}: not a version; give one such as 0.15.2")
    named = options.python or options.path or options.from_
    if wanted is not None and not named:
        return "--deepspeed-version", wanted, None
    from envcheck.matrix.store import open_matrix

    try:
        environment = run.read(options, open_matrix(options.matrix))
    except SourceError:
        if named:
            raise
        return "", wanted, None
    found = [
        package.version if (package := environment.packages.get(name)) else None
        for name in (_DEEPSPEED, _ACCELERATE)
    ]
    return environment.origin, wanted or found[0], found[1]


def _read(path: str, release: Release) -> tuple[bytes | None, list[Note]]:
    """Return a hostfile's bytes; `None`: to DeepSpeed it isn't there."""
    if path == files.STDIN:
        return sys.stdin.buffer.read(_LIMIT), []
    try:
        data = files.head(path, _LIMIT + 1)
    except files.NotAFileError as error:
        return None, [_missing(path, f"it is {error}", release)]
    except (FileNotFoundError, NotADirectoryError):
        return None, [_missing(path, "there is no such file", release)]
    except OSError as error:
        raise SourceError(f"cannot read the hostfile {clean(path)}: {error.strerror}") from None
    if len(data) > _LIMIT:
        raise SourceError(f"the hostfile {clean(path)} is larger than 1 MiB; is it the right file?")
    return data, []


def _missing(path: str, why: str, release: Release) -> Note:
    return note(
        "hostfile/missing",
        "error",
        "The hostfile isn't there: the run would use this machine alone",
        f"{why[0].upper()}{why[1:]}. DeepSpeed says so in one line of the log, `Unable to find "
        "hostfile, will proceed "
        "with training with local resources only.`, and goes on. A path is relative to where the "
        "command is given.",
        release=release,
        place=path,
        silent=True,
    )


def _planned(
    given: Given, pool: dict[str, Host], release: Release, version: Version | None
) -> tuple[Plan, Asked, list[Note]]:
    if given.accelerate_config is None:
        plan = plan_.plan(pool, given.asked, release)
        return plan, given.asked, plan.notes
    from envcheck.launch import accelerate, accelerate_run

    file = given.accelerate_config
    config, notes = accelerate.read(files.read_text(file, "accelerate configuration"), file)
    if config is None:
        plan = plan_.plan(pool, given.asked, release)
        return plan, given.asked, [*notes, *plan.notes]
    rules = accelerate.release(version)
    asked = given.asked
    if accelerate_run.launcher(config) and asked == type(asked)():
        asked = accelerate_run.asked(config)
    plan = plan_.plan(pool, asked, release)
    notes += plan.notes
    notes += accelerate.examine(config, rules, file)
    notes += accelerate_run.examine(
        config, plan, hostfile=given.file, rules=rules, deepspeed=release, file=file
    )
    return plan, asked, notes


def _environment_file(given: Given, plan: Plan, release: Release) -> list[Note]:
    """Judge `.deepspeed_env`: the one that was named, else the one beside the hostfile."""
    path = given.deepspeed_env
    if path is None:
        path = os.path.join(os.path.dirname(given.file), deepspeed_env.NAME)
        if not os.path.isfile(path):
            return []
    try:
        data = files.head(path, _LIMIT)
    except OSError as error:
        reason = str(error) if isinstance(error, files.NotAFileError) else error.strerror
        raise SourceError(f"cannot read {clean(path)}: {reason}") from None
    notes = list(deepspeed_env.examine(data, release, path))
    if len(plan.hosts) > 1 or not notes:
        return notes
    return [
        note(
            "deepspeed-env/unread",
            "info",
            f"{len(notes)} lines of it would stop or mislead DeepSpeed if it were read",
            "It is read only where processes are started on several machines.",
            release=release,
            place=path,
        )
    ]
