"""
The typer application.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from envcheck import __version__
from envcheck.commands import checking, keeping, knowledge, trying

app = typer.Typer(
    name="envcheck",
    help="Is this training environment going to work, and if not, what is the smallest change that "
    "makes it work?",
    epilog="Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage, configuration or "
    "matrix; 3 could not check; 130 interrupted.",
    add_completion=False,
    rich_markup_mode=None,  # help stays plain text, and rich unloaded
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (checking, trying, knowledge, keeping):
    group.add(app)

_ROOT_OPTIONS = ("-h", "--help", "--version")


def run(arguments: list[str]) -> int:
    """
    Run the command line through typer.

    Returns:
        The exit code; 2 for wrong usage, which typer reports itself.
    """
    if arguments and arguments[0].startswith("-") and arguments[0] not in _ROOT_OPTIONS:
        arguments = ["check", *arguments]  # `envcheck --from f` is `envcheck check --from f`
    try:
        result = app(args=arguments, prog_name="envcheck", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return 130
    except Exception as error:
        # typer's own usage errors; everything else is not ours to hide
        show = getattr(error, "show", None)
        if show is None:
            raise
        show(file=sys.stderr)
        return 2
    return result() if callable(result) else int(result or 0)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        typer.echo(f"envcheck {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
