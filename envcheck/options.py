"""
The options of `envcheck check`, declared once: the quick parser and the typer command both read this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class CheckOptions(NamedTuple):
    """
    What `envcheck check` was asked; field names are option names with `_` for `-`.
    """

    python: str | None = None
    path: tuple[str, ...] = ()
    from_: str | None = None
    python_version: str | None = None
    project: str | None = None
    matrix: tuple[str, ...] = ()
    deepspeed_config: str | None = None
    model_config: str | None = None
    hostfile: str | None = None
    include: str | None = None
    exclude: str | None = None
    launch: str | None = None
    world_size: str | None = None
    reader: str | None = None
    keep: tuple[str, ...] = ()
    prefer: str = "downgrade"
    ignore: tuple[str, ...] = ()
    strict: bool = False
    fail_on: str = "error"
    exit_zero: bool = False
    format: str = "text"
    output: str | None = None
    color: str = "auto"
    quiet: bool = False
    verbose: bool = False


class About(NamedTuple):
    """
    What there is to say of an option.
    """

    help: str
    metavar: str = ""
    short: str = ""
    choices: tuple[str, ...] = ()


ABOUT: Final[dict[str, About]] = {
    "python": About(
        "Check the environment of this interpreter, or of the one in this prefix. It is never run.",
        "EXE_OR_PREFIX",
    ),
    "path": About("Check this site-packages folder (repeatable).", "FOLDER"),
    "from_": About(
        "Check a list: pip freeze, pinned requirements, pip list --format=json, or a JSON report of "
        "envcheck. - reads standard input.",
        "FILE",
    ),
    "python_version": About(
        "The Python that the environment has, where that can't be seen.", "X.Y"
    ),
    "project": About(
        "The project that will be trained; `envcheck list projects` shows them.", "NAME"
    ),
    "matrix": About("A matrix directory on top of the built-in one (repeatable).", "DIR"),
    "deepspeed_config": About("The DeepSpeed configuration of the run.", "FILE"),
    "model_config": About("The model's config.json, or the folder it is in.", "FILE"),
    "hostfile": About(
        "The hostfile of the run, judged as the installed DeepSpeed reads it.", "FILE"
    ),
    "include": About("Hosts and slots of the hostfile to use: host[:slot,…][@host…].", "STR"),
    "exclude": About("Hosts and slots of the hostfile not to use.", "STR"),
    "launch": About(
        "The shell or Slurm script that starts the run, or its accelerate configuration; read, never "
        "run. Without it those in the working directory count, if they name one DeepSpeed "
        "configuration; none: not even those.",
        "FILE",
    ),
    "world_size": About("On how many processes (GPUs) the batch is divided.", "N"),
    "reader": About(
        "Who reads the DeepSpeed configuration first, where that can't be seen.",
        choices=("transformers", "accelerate", "deepspeed"),
    ),
    "keep": About("Never suggest to change this package (repeatable).", "PKG"),
    "prefer": About("What to suggest first.", choices=("downgrade", "upgrade", "fewest")),
    "ignore": About("A finding that doesn't count (repeatable).", "ID"),
    "strict": About("Versions outside of the project's known-good sets are an error."),
    "fail_on": About(
        "From which severity on the exit code is 1; unknown: also where nothing vouches for the versions.",
        choices=("error", "warning", "unknown", "never"),
    ),
    "exit_zero": About("Exit with 0 whatever is found (2 and 3 stay)."),
    "format": About("How the report is written.", choices=("text", "json")),
    "output": About("Write the report to this file.", "FILE", "-o"),
    "color": About("Colour on the terminal.", choices=("auto", "always", "never")),
    "quiet": About("Only the verdict.", short="-q"),
    "verbose": About("Also notes, and all there is to know of each finding.", short="-v"),
}
"""By field of CheckOptions; the order is that of the help."""


def flag(name: str) -> str:
    """
    Return the command-line spelling of a field.

    >>> flag("from_"), flag("fail_on")
    ('--from', '--fail-on')
    """
    return "--" + name.strip("_").replace("_", "-")


def default(name: str) -> Any:
    """
    Return what an option is without being given: `False` for a switch, `()` for a repeatable one.
    """
    return CheckOptions._field_defaults[name]


def parse(arguments: Sequence[str]) -> CheckOptions | None:
    """
    Read arguments that are plainly well formed, without the cost of a command-line library.

    Returns:
        `None` for everything else (help, a mistake, another command): then typer decides.
    """
    known = {flag(name): name for name in ABOUT}
    known.update({about.short: name for name, about in ABOUT.items() if about.short})
    values: dict[str, Any] = {}
    rest = list(arguments)
    if rest[:1] == ["check"]:
        del rest[0]
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        name = known.get(word)
        if name is None or (equals and not word.startswith("--")):
            return None
        if default(name) is False:
            if equals:
                return None
            values[name] = True
            continue
        if not equals:
            if not rest or (rest[0].startswith("-") and rest[0] != "-"):
                return None
            value = rest.pop(0)
        choices = ABOUT[name].choices
        if choices and value not in choices:
            return None
        values[name] = (*values.get(name, ()), value) if default(name) == () else value
    return CheckOptions(**values)
