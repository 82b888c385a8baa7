"""
`envcheck matrix …`: the commands for people who keep a matrix.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from envcheck.commands.declared import (
    ENVIRONMENT,
    REQUIRED,
    Action,
    declare,
    given,
    of_check,
    one_of,
    option,
    show,
    today,
)
from envcheck.matrix.questions import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

IntoOption = Annotated[
    Optional[str],
    typer.Option(
        "--into", metavar="DIR", help="The matrix directory to write to; without it ./matrices."
    ),
]


def validate(
    directories: Annotated[
        Optional[list[str]],
        typer.Argument(metavar="[DIR]...", help="Matrix directories; none: the built-in one."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="text|json",
            help="How problems are written.",
            callback=one_of(("text", "json")),
        ),
    ] = "text",
) -> Action:
    """
    Report every problem of a matrix, with file and line.
    """
    from envcheck.matrix import command

    return lambda: command.validate(directories or [], form)


def schema(
    folder: Annotated[
        Optional[str],
        typer.Argument(
            metavar="[known-bad|known-good|releases]", help="Of which files; none: all."
        ),
    ] = None,
    output: Annotated[
        Optional[str],
        typer.Option("-o", "--output", metavar="DIR", help="Write a file for each to this folder."),
    ] = None,
) -> Action:
    """
    Write JSON Schemas of the files of a matrix. An editor completes and checks by them.
    """
    from envcheck.matrix import command

    return lambda: command.schema(folder, output)


def refresh(
    packages: Annotated[list[str], typer.Argument(metavar="PACKAGE...")],
    into: IntoOption = None,
) -> Action:
    """
    Ask the package index what releases of packages declare. It is written to releases/*.yaml.
    """
    from envcheck.matrix import command

    return lambda: command.refresh(packages, into)


def propose(
    files: Annotated[
        list[str], typer.Argument(metavar="TRIALS...", help="trials.jsonl of `envcheck try`.")
    ],
    *,
    into: Annotated[
        Optional[str],
        typer.Option(
            "--into",
            metavar="DIR",
            help="The matrix directory to write to; without it nothing is written.",
        ),
    ] = None,
    trial: Annotated[
        str, typer.Option("--trial", metavar="NAME", help="What the trial is to be called.")
    ] = "trial",
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="What was tried.")
    ] = "Versions that were run for real",
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Where the trial can be seen.")
    ] = "",
) -> Action:
    """
    Say what explains each break of a trial. Its cells are written, and entries for what nothing explains.

    A person reviews the entries: a run shows that versions break, and where, but not why.
    """
    from envcheck.trials import proposing

    return lambda: show(
        proposing.run(files, into, trial=trial, title=title, url=url, today=today())
    )


def record(*, project: str, into: str, note: str, url: str, force: bool, **values: Any) -> Action:
    """
    Make an environment that trained well a known-good set. It is written to a matrix of yours.

    Exit codes: 0 recorded; 1 it is known to fail; 2, 3 as everywhere.
    """
    from envcheck.matrix import record as record_

    about = record_.About(project, today(), note, url, force)
    return lambda: record_.record(given(values), into, about)


def _record() -> Iterable[inspect.Parameter]:
    yield from of_check(ENVIRONMENT)
    yield option("project", str, REQUIRED, metavar="NAME", help="What was trained.")
    yield option(
        "into", str, REQUIRED, metavar="DIR", help="Your matrix directory; made if it isn't there."
    )
    yield option("note", str, "", metavar="TEXT", help="What was run, and how it went.")
    yield option("url", str, "", metavar="URL", help="Where that can be seen.")
    yield option("force", bool, False, help="Also where the check finds an error.")


def new(*, into: str | None, **values: Any) -> Action:
    """
    Make an entry from a thread. It asks for what isn't given, and appends the entry to known-bad/*.yaml.

    Nothing is asked if all that is needed is given: --package, --title, --why, --evidence, and
    --boundary where a package has versions.
    """
    from envcheck.matrix.new import new as new_
    from envcheck.matrix.questions import NO, YES

    answers = {}
    for question in QUESTIONS:
        value = values[_parameter(question.key)]
        if isinstance(value, bool):
            value = YES if value else NO
        if value is not None and value != []:
            answers[question.key] = [value] if isinstance(value, str) else list(value)
    return lambda: show(new_(answers, into, today()))


def _new() -> Iterable[inspect.Parameter]:
    """Yield an option for each question."""
    yield inspect.Parameter(
        "into", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=IntoOption
    )
    for each in QUESTIONS:
        kind: Any = Optional[list[str]] if each.several else Optional[str]
        more = " (repeatable)" if each.several else ""
        switch = each.metavar == "yes|no"
        if switch:
            kind = Optional[bool]
        yield option(
            _parameter(each.key),
            kind,
            None,
            f"{each.flag}/--no-{each.key}" if switch else each.flag,
            metavar=None if switch else each.metavar,
            help=f"{each.prompt}{more}. {each.about}",
        )


def _parameter(key: str) -> str:
    return "answer_" + key.replace("-", "_")  # `with` alone is a keyword


def add(app: typer.Typer) -> None:
    """
    Add these commands, as `envcheck matrix`.
    """
    group = typer.Typer(
        help="For people who keep a matrix.", rich_markup_mode=None, no_args_is_help=True
    )
    for action in (validate, schema, refresh, propose):
        group.command()(action)
    declare(group, record, _record())
    declare(group, new, _new())
    app.add_typer(group, name="matrix")
