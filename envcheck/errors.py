"""
Everything envcheck raises on purpose.

Each message is one line that says what is wrong, where, and what to do; `envcheck.main` prints it
and exits with the class's `exit_code`. Findings are no exceptions, unless `envcheck.training` is
asked for it.
"""

from __future__ import annotations


class EnvcheckError(Exception):
    """
    Signal that envcheck could not do what it was asked for.
    """

    exit_code = 3


class UsageError(EnvcheckError):
    """
    Signal options or a configuration that make no sense.
    """

    exit_code = 2


class MatrixError(EnvcheckError):
    """
    Signal a matrix that can't be trusted; every problem is one line of `problems`.

    A broken entry never passes in silence: the whole check stops.
    """

    exit_code = 2

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SourceError(EnvcheckError):
    """
    Signal that an environment or a file about it can't be read.
    """


class RefreshError(EnvcheckError):
    """
    Signal that the package index could not be read.
    """


class TrainingError(EnvcheckError):
    """
    Signal that the training in this process goes wrong, or would; only raised where it is asked for.
    """

    exit_code = 1

    def __init__(self, found: object) -> None:
        """
        Say all of it.

        Args:
            found: The value that says what is wrong, as a function of `envcheck.training` returns it.
        """
        super().__init__(str(found))
        self.found = found
