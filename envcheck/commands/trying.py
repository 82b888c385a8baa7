"""
The command that runs sets of versions for real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Optional

from envcheck.commands.declared import Action, argument, declare, of_check, one_of, option
from envcheck.options import About, flag

if TYPE_CHECKING:
    import inspect
    from collections.abc import Iterable

    import typer

_WORDS: Final = (
    "The id of a known-good set (`envcheck list sets`), a requirements file, or requirements; a "
    "requirement replaces what a set or a file says of its package."
)

ABOUT: Final[dict[str, tuple[Any, About]]] = {
    "python": (
        str,
        About(
            "The Python to try it on; versions are looked for among pyenv's and uv's, and on PATH. "
            "Without it: one on which the set is known to run, else this one.",
            "EXE|VERSION",
        ),
    ),
    "date": (
        str,
        About(
            "Resolve as of that day: what was published later isn't seen. Without it: the day of the set "
            "(then what is named beside the set may be newer), else today.",
            "YYYY-MM-DD",
        ),
    ),
    "grid": (
        list[str],
        About("Try each of these versions (repeatable: each with each).", "PKG=V1,V2,…"),
    ),
    "with_": (list[str], About("What every cell has (repeatable).", "REQ")),
    "bisect": (
        str,
        About(
            "Find the first bad release of this package between --good and --bad, with the requirements "
            "that are given.",
            "PKG",
        ),
    ),
    "good": (str, About("A release that runs well.", "V")),
    "bad": (str, About("A release that doesn't.", "V")),
    "stages": (
        str,
        About(
            "Only these of import, arguments, trainer, train, save-load, peft, trl, deepspeed-0 to -3 and "
            "the same with -two (processes), moe-split, moe-unsplit, moe-stage-3. Without it: all whose "
            "packages are there.",
            "STAGE,…",
        ),
    ),
    "jobs": (
        int,
        About(
            "Cells at the same time. Without it: as many as cores and memory allow.",
            "N",
            short="-j",
        ),
    ),
    "timeout": (
        float,
        About(
            "A cell that runs longer, once it is installed, is ended, and has failed.", "SECONDS"
        ),
    ),
    "stage_timeout": (
        float,
        About(
            "A stage that takes longer is ended, and has failed; one that compiles may take three times "
            "as long.",
            "SECONDS",
        ),
    ),
    "memory": (
        int,
        About(
            "A cell that takes more is ended, and has failed. Without it: a fair share of what is free.",
            "MIB",
        ),
    ),
    "dir": (
        str,
        About(
            "Where environments, caches and records are kept; nothing else is written to. Without it: "
            "envcheck/trials in the user's cache.",
            "DIR",
        ),
    ),
    "installer": (
        str,
        About(
            "auto: uv if it is there.",
            choices=("auto", "uv", "pip"),
        ),
    ),
    "format": (
        str,
        About(
            "How the report is written; json: a line for each record, envcheck-trial/1.",
            choices=("text", "json"),
        ),
    ),
}
"""The options of `envcheck try` that `check` doesn't have: type, what to say."""

_DEFAULTS: Final = {"timeout": 1800, "stage_timeout": 300, "installer": "auto", "format": "text"}


def try_(**values: Any) -> Action:
    """
    Run sets of versions for real, and record what happened.

    A set is resolved and installed into an environment of its own, its metadata are checked, its packages
    imported, and a tiny model that needs no download is trained with them, stage by stage. A stage is ok,
    failed, wrong (it ran, and the numbers are not right), or not run: then a GPU, a compiler or the like is
    missing, which says nothing about the versions.

    What is tried is downloaded and run: try only packages that you would install.

    Exit codes: 0 what ran went well; 1 something failed or was wrong (or the bad release was found);
    2 wrong usage; 3 nothing could be run; 130 interrupted: what was recorded is kept, and not tried again.
    """
    from envcheck.trials import command

    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None
    }
    options = command.TryOptions(**given)
    return lambda: command.run(options)


def _parameters() -> Iterable[inspect.Parameter]:
    yield argument(
        "words", Optional[list[str]], None, metavar="[SET|FILE|REQUIREMENT]...", help=_WORDS
    )
    for name, (kind, about) in ABOUT.items():
        yield option(
            name,
            kind if name in _DEFAULTS else Optional[kind],
            _DEFAULTS.get(name),
            *filter(None, (flag(name), about.short)),
            metavar=about.metavar or "|".join(about.choices),
            help=about.help,
            callback=one_of(about.choices) if about.choices else None,
        )
    yield option(
        "again",
        bool,
        False,
        "--again/--resume",
        help="Try again what has a record of this day; --resume: don't.",
    )
    yield from of_check(("matrix", "output", "color"))


def add(app: typer.Typer) -> None:
    """
    Add this command.
    """
    declare(app, try_, _parameters(), name="try")
