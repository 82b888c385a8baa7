"""
The commands that show what is known.
"""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from envcheck.commands.declared import Action, MatrixOption, show


def explain(
    identifier: Annotated[
        str,
        typer.Argument(metavar="ID", help="Of an entry, a known-good set, a project, or a check."),
    ],
    matrix: MatrixOption = None,
) -> Action:
    """
    Show everything known about one entry, set, project or check.
    """
    from envcheck.lookup import explain as explain_

    return lambda: show(explain_(identifier, matrix or []))


def listing(
    what: Annotated[
        str,
        typer.Argument(
            metavar="entries|sets|projects|packages|trials|checks", help="What to list."
        ),
    ] = "entries",
    *,
    package: Annotated[
        Optional[str],
        typer.Option("--package", metavar="PKG", help="Only what names this package."),
    ] = None,
    project: Annotated[
        Optional[str], typer.Option("--project", metavar="NAME", help="Only sets of this project.")
    ] = None,
    silent: Annotated[
        bool, typer.Option("--silent", help="Only entries that raise no exception.")
    ] = False,
    trials: Annotated[
        bool, typer.Option("--trials", help="The same as `list trials`: what was run for real.")
    ] = False,
    matrix: MatrixOption = None,
) -> Action:
    """
    List what the matrix holds, or what checks can say, a line each. Of trials it shows which versions ran
    with which.
    """
    from envcheck import lookup

    what = "trials" if trials else what
    return lambda: show(
        lookup.listing(what, matrix or [], package=package, project=project, silent=silent)
    )


def add(app: typer.Typer) -> None:
    """
    Add these commands.
    """
    app.command()(explain)
    app.command("list")(listing)
