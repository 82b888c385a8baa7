"""
How a command is declared: options that several commands share are made once, from `envcheck.options`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Optional

import typer

from envcheck.options import ABOUT, CheckOptions, default, flag

Action = Callable[[], int]
"""What a command does, once its arguments are read; returns the exit code."""

ENVIRONMENT: Final = ("python", "path", "from_", "python_version")
"""The options of `check` that say which environment, for other commands too."""

LAUNCH: Final = ("hostfile", "include", "exclude", "launch")
FACTS: Final = (*ENVIRONMENT, "project", "matrix", "deepspeed_config", "model_config")
"""Those that also say what will be run in it."""

REQUIRED: Final[Any] = inspect.Parameter.empty

MatrixOption = Annotated[
    Optional[list[str]],
    typer.Option(
        "--matrix",
        metavar="DIR",
        help="A matrix directory on top of the built-in one (repeatable).",
    ),
]


def declare(
    app: typer.Typer,
    action: Callable[..., Action],
    parameters: Iterable[inspect.Parameter],
    *,
    name: str | None = None,
) -> None:
    """
    Add a command whose parameters are made, not written: typer looks for them in its signature.
    """
    signature = inspect.Signature(list(parameters))
    action.__signature__ = signature  # type: ignore[attr-defined]
    action.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    app.command(name)(action)


def option(name: str, kind: Any, unset: Any, *flags: str, **about: Any) -> inspect.Parameter:
    """
    Return one option; `about` is what typer is told.
    """
    return _parameter(
        name, Annotated[kind, typer.Option(*(flags or (flag(name),)), **about)], unset
    )


def argument(name: str, kind: Any, unset: Any, **about: Any) -> inspect.Parameter:
    """
    Return one argument; `about` is what typer is told.
    """
    return _parameter(name, Annotated[kind, typer.Argument(**about)], unset)


def _parameter(name: str, annotation: Any, unset: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=unset, annotation=annotation
    )


def of_check(names: Iterable[str] = ABOUT) -> Iterable[inspect.Parameter]:
    """
    Yield options of `envcheck check`, by their names in `CheckOptions`.
    """
    for name in names:
        about, unset = ABOUT[name], default(name)
        kind: Any = Optional[str]
        if unset is False:
            kind = bool
        elif unset == ():
            kind = Optional[list[str]]
        yield option(
            name,
            kind,
            None if unset == () else unset,
            *filter(None, (flag(name), about.short)),
            help=about.help,
            metavar=about.metavar or "|".join(about.choices) or None,
            callback=one_of(about.choices) if about.choices else None,
        )


def given(values: Mapping[str, Any]) -> CheckOptions:
    """
    Return what was given of the options of `envcheck check`.
    """
    filled: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None
    }
    return CheckOptions(**filled)


def one_of(choices: tuple[str, ...]) -> Callable[[str | None], str | None]:
    """
    Return typer's callback of an option that takes one of a few words.
    """

    def callback(value: str | None) -> str | None:
        if value is not None and value not in choices:
            raise typer.BadParameter(f"{value!r} is none of: {', '.join(choices)}")
        return value

    return callback


def show(text: str) -> int:
    """
    Write what was asked for.
    """
    sys.stdout.write(text)
    return 0


def today() -> str:
    """
    Return the day, ISO 8601, where the user is.
    """
    import datetime as dt

    return dt.datetime.now().astimezone().date().isoformat()
