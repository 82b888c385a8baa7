"""
The `envcheck` command: the plain case at once, all else through typer.
"""

from __future__ import annotations

import sys

from envcheck import __version__

TYPE_CHECKING = False  # importing typing for this would cost more than `--version` itself
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """
    Run the command line.

    Returns:
        The exit code: 0 | 1 findings | 2 wrong usage or matrix | 3 could not check | 130 interrupted.
    """
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"envcheck {__version__}\n")
        return 0
    return guarded(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    import gc

    gc.disable()  # nothing that a check makes lives in cycles, and it is over before it matters
    from envcheck import options

    asked = options.parse(arguments)
    if asked is None:
        gc.enable()
        from envcheck.commands import app

        return app.run(arguments)
    from envcheck import run

    return run.check(asked)


def guarded(action: Callable[[], int]) -> int:
    """
    Run an action; turn what it raises on purpose into one line on standard error and an exit code.
    """
    from envcheck.errors import EnvcheckError

    try:
        code = action()
        sys.stdout.flush()
    except EnvcheckError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"envcheck: {line}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone (`| head`): not an error, but nothing more may be written at exit either.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
