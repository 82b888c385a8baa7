"""
`envcheck hostfile`, from options to exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envcheck import files, run, versions
from envcheck.clean import clean
from envcheck.errors import SourceError, UsageError
from envcheck.launch import hostfile_check, hosts_file
from envcheck.launch import report as report_
from envcheck.launch.notes import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.version import Version

    from envcheck.launch.notes import Note
    from envcheck.launch.plan import Asked, Plan
    from envcheck.options import CheckOptions

_DEEPSPEED: Final = versions.normalize("deepspeed")
_ACCELERATE: Final = versions.normalize("accelerate")


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
    hosts = hosts_file.read(given.file, given.deepspeed_env)
    asked, more = _asked(given, release, accelerate)
    found = hostfile_check.examine(hosts, asked, release, more)
    result = report_.Result(
        given.file, origin, release, found.pool, asked, found.plan, tuple(found.notes)
    )
    report_.write(result, options)
    return int(any(each.finding.severity == "error" for each in found.notes))


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


def _asked(
    given: Given, release: Release, version: Version | None
) -> tuple[Asked, Callable[[Plan], list[Note]]]:
    """Return the options of `deepspeed`, and what there is to say of the accelerate configuration."""
    if given.accelerate_config is None:
        return given.asked, lambda _: []
    from envcheck.launch import accelerate, accelerate_run

    file = given.accelerate_config
    config, odd = accelerate.read(files.read_text(file, "accelerate configuration"), file)
    if config is None:
        return given.asked, lambda _: odd
    rules = accelerate.release(version)

    def more(plan: Plan) -> list[Note]:
        return [
            *odd,
            *accelerate.examine(config, rules, file),
            *accelerate_run.examine(
                config, plan, hostfile=given.file, rules=rules, deepspeed=release, file=file
            ),
        ]

    unset = given.asked == type(given.asked)()
    asked = (
        accelerate_run.asked(config) if accelerate_run.launcher(config) and unset else given.asked
    )
    return asked, more
