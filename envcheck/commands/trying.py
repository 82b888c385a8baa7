"""
The command that runs sets of versions for real.
"""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from envcheck.commands.declared import Action, MatrixOption, one_of


def try_(  # noqa: PLR0917 - typer calls it by name
    words: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[SET|FILE|REQUIREMENT]...",
            help="The id of a known-good set (`envcheck list sets`), a requirements file, or "
            "requirements; a requirement replaces what a set or a file says of its package.",
        ),
    ] = None,
    python: Annotated[
        Optional[str],
        typer.Option(
            "--python",
            metavar="EXE|VERSION",
            help="The Python to try it on; versions are looked for among pyenv's and uv's, and on "
            "PATH. Without it: one on which the set is known to run, else this one.",
        ),
    ] = None,
    date: Annotated[
        Optional[str],
        typer.Option(
            "--date",
            metavar="YYYY-MM-DD",
            help="Resolve as of that day: what was published later isn't seen. Without it: the day of "
            "the set (then what is named beside the set may be newer), else today.",
        ),
    ] = None,
    grid: Annotated[
        Optional[list[str]],
        typer.Option(
            "--grid",
            metavar="PKG=V1,V2,…",
            help="Try each of these versions (repeatable: each with each).",
        ),
    ] = None,
    with_: Annotated[
        Optional[list[str]],
        typer.Option("--with", metavar="REQ", help="What every cell has (repeatable)."),
    ] = None,
    bisect: Annotated[
        Optional[str],
        typer.Option(
            "--bisect",
            metavar="PKG",
            help="Find the first bad release of this package between --good and --bad, with the "
            "requirements that are given.",
        ),
    ] = None,
    good: Annotated[
        Optional[str], typer.Option("--good", metavar="V", help="A release that runs well.")
    ] = None,
    bad: Annotated[
        Optional[str], typer.Option("--bad", metavar="V", help="A release that doesn't.")
    ] = None,
    stages: Annotated[
        Optional[str],
        typer.Option(
            "--stages",
            metavar="STAGE,…",
            help="Only these of import, arguments, trainer, train, save-load, peft, trl, deepspeed-0 "
            "to -3 and the same with -two (processes), moe-split, moe-unsplit, moe-stage-3. "
            "Without it: all whose packages are there.",
        ),
    ] = None,
    jobs: Annotated[
        Optional[int],
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            help="Cells at the same time. Without it: as many as cores and memory allow.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            help="A cell that runs longer, once it is installed, is ended, and has failed.",
        ),
    ] = 1800,
    stage_timeout: Annotated[
        float,
        typer.Option(
            "--stage-timeout",
            metavar="SECONDS",
            help="A stage that takes longer is ended, and has failed; one that compiles may take "
            "three times as long.",
        ),
    ] = 300,
    memory: Annotated[
        Optional[int],
        typer.Option(
            "--memory",
            metavar="MIB",
            help="A cell that takes more is ended, and has failed. Without it: a fair share of what "
            "is free.",
        ),
    ] = None,
    dir_: Annotated[
        Optional[str],
        typer.Option(
            "--dir",
            metavar="DIR",
            help="Where environments, caches and records are kept; nothing else is written to. "
            "Without it: envcheck/trials in the user's cache.",
        ),
    ] = None,
    installer: Annotated[
        str,
        typer.Option(
            "--installer",
            metavar="auto|uv|pip",
            help="auto: uv if it is there.",
            callback=one_of(("auto", "uv", "pip")),
        ),
    ] = "auto",
    again: Annotated[
        bool,
        typer.Option(
            "--again/--resume",
            help="Try again what has a record of this day; --resume: don't.",
        ),
    ] = False,
    matrix: MatrixOption = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="text|json",
            help="How the report is written; json: a line for each record, envcheck-trial/1.",
            callback=one_of(("text", "json")),
        ),
    ] = "text",
    output: Annotated[
        Optional[str],
        typer.Option("-o", "--output", metavar="FILE", help="Write the report to this file."),
    ] = None,
    color: Annotated[
        str,
        typer.Option(
            "--color",
            metavar="auto|always|never",
            help="Colour on the terminal.",
            callback=one_of(("auto", "always", "never")),
        ),
    ] = "auto",
) -> Action:
    """
    Run sets of versions for real: installed, imported, and a small training on the CPU.

    A set is resolved and installed into an environment of its own, its metadata are checked, its packages
    imported, and a tiny model that needs no download is trained with them, stage by stage. A stage is ok,
    failed, wrong (it ran, and the numbers are not right), or not run: then a GPU, a compiler or the like is
    missing, which says nothing about the versions.

    What is tried is downloaded and run: try only packages that you would install.

    Exit codes: 0 what ran went well; 1 something failed or was wrong (or the bad release was found);
    2 wrong usage; 3 nothing could be run; 130 interrupted: what was recorded is kept, and not tried again.
    """
    from envcheck.trials import command

    options = command.TryOptions(
        tuple(words or ()),
        python,
        date,
        tuple(grid or ()),
        tuple(with_ or ()),
        bisect,
        good,
        bad,
        stages,
        jobs,
        timeout,
        stage_timeout,
        memory,
        dir_,
        installer,
        again,
        tuple(matrix or ()),
        form,
        output,
        color,
    )
    return lambda: command.run(options)


def add(app: typer.Typer) -> None:
    """
    Add this command.
    """
    app.command("try")(try_)
