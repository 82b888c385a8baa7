"""
The typer application: every command, its options and its help.

`envcheck check` is declared in `options`, once for this and for the quick parser of `main`. A command
here only reads its arguments and returns the action; it is run outside of typer, which would
turn a reader that has gone into exit code 1, the code for findings.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Optional

import typer

from envcheck import __version__
from envcheck.matrix.questions import QUESTIONS
from envcheck.options import ABOUT, CheckOptions, default, flag

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
matrix_app = typer.Typer(
    help="For people who keep a matrix.", rich_markup_mode=None, no_args_is_help=True
)
app.add_typer(matrix_app, name="matrix")

Action = Callable[[], int]

ENVIRONMENT = (
    "python",
    "path",
    "from_",
    "python_version",
    "project",
    "matrix",
    "deepspeed_config",
    "model_config",
)
"""The options of `check` that say where, which other commands have too."""

_ROOT_OPTIONS = ("-h", "--help", "--version")

MatrixOption = Annotated[
    Optional[list[str]],
    typer.Option(
        "--matrix",
        metavar="DIR",
        help="A matrix directory on top of the built-in one (repeatable).",
    ),
]


def _show(text: str, code: int = 0) -> int:
    sys.stdout.write(text)
    return code


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
        show = getattr(
            error, "show", None
        )  # typer's own usage errors; everything else is not ours to hide
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


def _signature(
    names: Iterable[str] = ABOUT, before: Iterable[inspect.Parameter] = ()
) -> inspect.Signature:
    """Return options of `check` as the signature of a function, which is where typer looks for them."""
    parameters = list(before)
    for name in names:
        about, unset = ABOUT[name], default(name)
        kind: Any = Optional[str]
        if unset is False:
            kind = bool
        elif unset == ():
            kind = Optional[list[str]]
        declared = typer.Option(
            *filter(None, (flag(name), about.short)),
            help=about.help,
            metavar=about.metavar or "|".join(about.choices) or None,
            callback=_one_of(about.choices) if about.choices else None,
        )
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None if unset == () else unset,
                annotation=Annotated[kind, declared],
            )
        )
    return inspect.Signature(parameters)


def _one_of(choices: tuple[str, ...]) -> Any:
    def callback(value: str | None) -> str | None:
        if value is not None and value not in choices:
            raise typer.BadParameter(f"{value!r} is none of: {', '.join(choices)}")
        return value

    return callback


def check(**values: Any) -> Action:
    """
    Check an environment: the active one, unless an option names another (this is the default command).
    """
    from envcheck import run as run_

    return lambda: run_.check(_options(values))


def _options(values: Mapping[str, Any]) -> CheckOptions:
    given: dict[str, Any] = {}
    for name, value in values.items():
        if value is not None:
            given[name] = tuple(value) if isinstance(value, list) else value
    return CheckOptions(**given)


check.__signature__ = _signature()  # type: ignore[attr-defined]
check.__annotations__ = {name: each.annotation for name, each in _signature().parameters.items()}
app.command()(check)


def diagnose(*, file: str | None, follow: bool, **values: Any) -> Action:
    """
    From a training log, a traceback or a trainer_state.json back to the entries that explain it.

    Exit codes: 0 nothing wrong; 1 something found; 3 nothing in it is known.
    """
    from envcheck.diagnose.command import diagnose as diagnose_

    return lambda: diagnose_(file or "-", _options(values), follow=follow)


_DIAGNOSE = _signature(
    (*ENVIRONMENT, "format", "color"),
    (
        inspect.Parameter(
            "file",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                Optional[str],
                typer.Argument(metavar="[FILE]", help="The log; - or none: standard input."),
            ],
        ),
        inspect.Parameter(
            "follow",
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[
                bool,
                typer.Option(
                    "--follow",
                    "-f",
                    help="Go on with a file that grows, and report what is new, until interrupted.",
                ),
            ],
        ),
    ),
)
diagnose.__signature__ = _DIAGNOSE  # type: ignore[attr-defined]
diagnose.__annotations__ = {name: each.annotation for name, each in _DIAGNOSE.parameters.items()}
app.command()(diagnose)


def config(*, file: str, fix: bool, **values: Any) -> Action:
    """
    Check one DeepSpeed configuration against the environment, before DeepSpeed reads it.

    Exit codes are those of check; with --fix, what is said of the new file counts.
    """
    from envcheck.deepspeed.command import config as config_

    return lambda: config_(_options({**values, "deepspeed_config": file}), fix=fix)


_CONFIG = _signature(
    [name for name in ABOUT if name not in {"deepspeed_config", "strict"}],
    (
        inspect.Parameter(
            "file",
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[str, typer.Argument(metavar="FILE", help="The configuration.")],
        ),
        inspect.Parameter(
            "fix",
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[
                bool,
                typer.Option(
                    "--fix", help="Write the nearest good file beside it, never over anything."
                ),
            ],
        ),
    ),
)
config.__signature__ = _CONFIG  # type: ignore[attr-defined]
config.__annotations__ = {name: each.annotation for name, each in _CONFIG.parameters.items()}
app.command()(config)


@app.command()
def explain(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="Of an entry, a known-good set, or a project.")
    ],
    matrix: MatrixOption = None,
) -> Action:
    """
    Show everything known about one entry, one known-good set or one project.
    """
    from envcheck.lookup import explain as explain_

    return lambda: _show(explain_(identifier, matrix or []))


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(metavar="entries|sets|projects|packages", help="What to list.")
    ] = "entries",
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
    matrix: MatrixOption = None,
) -> Action:
    """
    List what the matrix holds, a line each.
    """
    from envcheck.lookup import listing

    return lambda: _show(
        listing(what, matrix or [], package=package, project=project, silent=silent)
    )


@matrix_app.command()
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
            callback=_one_of(("text", "json")),
        ),
    ] = "text",
) -> Action:
    """
    Report every problem of a matrix, with file and line.
    """
    from envcheck.matrix import command

    return lambda: command.validate(directories or [], form)


@matrix_app.command()
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
    Write JSON Schemas by which an editor completes and checks the files of a matrix.
    """
    from envcheck.matrix import command

    return lambda: command.schema(folder, output)


IntoOption = Annotated[
    Optional[str],
    typer.Option(
        "--into", metavar="DIR", help="The matrix directory to write to; without it ./matrices."
    ),
]


@matrix_app.command()
def refresh(
    packages: Annotated[list[str], typer.Argument(metavar="PACKAGE...")],
    into: IntoOption = None,
) -> Action:
    """
    Ask the package index what the releases of packages declare, and write releases/*.yaml.
    """
    from envcheck.matrix import command

    return lambda: command.refresh(packages, into)


def record(*, project: str, into: str, note: str, url: str, force: bool, **values: Any) -> Action:
    """
    Make this environment, which trained well, a known-good set of a project in a matrix of yours.

    Exit codes: 0 recorded; 1 it is known to fail; 2, 3 as everywhere.
    """
    from envcheck.matrix import record as record_

    about = record_.About(project, _today(), note, url, force)
    return lambda: record_.record(_options(values), into, about)


def new(*, into: str | None, **values: Any) -> Action:
    """
    Make an entry from a thread: asks for what isn't given, and appends it to known-bad/*.yaml.

    Nothing is asked if all that is needed is given: --package, --title, --why, --evidence, and
    --boundary where a package has versions.
    """
    from envcheck.matrix.new import new as new_
    from envcheck.matrix.questions import NO, YES

    given = {}
    for question in QUESTIONS:
        value = values[_parameter(question.key)]
        if isinstance(value, bool):
            value = YES if value else NO
        if value is not None and value != []:
            given[question.key] = [value] if isinstance(value, str) else list(value)
    return lambda: _show(new_(given, into, _today()))


def _today() -> str:
    import datetime as dt

    return dt.datetime.now().astimezone().date().isoformat()


def _parameter(key: str) -> str:
    return "answer_" + key.replace("-", "_")  # `with` alone is a keyword


def _option(name: str, kind: Any, default: Any, *flags: str, **about: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, typer.Option(*flags, **about)],
    )


def _answers() -> list[inspect.Parameter]:
    """Return an option for each question."""
    declared = []
    for each in QUESTIONS:
        kind: Any = Optional[list[str]] if each.several else Optional[str]
        more = " (repeatable)" if each.several else ""
        switch = each.metavar == "yes|no"
        if switch:
            kind = Optional[bool]
        declared.append(
            _option(
                _parameter(each.key),
                kind,
                None,
                f"{each.flag}/--no-{each.key}" if switch else each.flag,
                metavar=None if switch else each.metavar,
                help=f"{each.prompt}{more}. {each.about}",
            )
        )
    return declared


def _declare(action: Any, signature: inspect.Signature) -> None:
    action.__signature__ = signature
    action.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    matrix_app.command()(action)


_REQUIRED: Any = inspect.Parameter.empty
_declare(
    record,
    _signature(
        ("python", "path", "from_", "python_version"),
        (
            _option(
                "project", str, _REQUIRED, "--project", metavar="NAME", help="What was trained."
            ),
            _option(
                "into",
                str,
                _REQUIRED,
                "--into",
                metavar="DIR",
                help="Your matrix directory; made if it isn't there.",
            ),
            _option(
                "note", str, "", "--note", metavar="TEXT", help="What was run, and how it went."
            ),
            _option("url", str, "", "--url", metavar="URL", help="Where that can be seen."),
            _option(
                "force",
                bool,
                False,
                "--force",
                help="Also where the check finds an error.",
            ),
        ),
    ),
)
_declare(
    new,
    inspect.Signature(
        [
            inspect.Parameter(
                "into", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=IntoOption
            ),
            *_answers(),
        ]
    ),
)


def hostfile(
    *,
    file: str,
    include: str,
    exclude: str,
    num_nodes: int,
    num_gpus: int,
    launcher: str,
    deepspeed_version: str | None,
    deepspeed_env: str | None,
    accelerate_config: str | None,
    **values: Any,
) -> Action:
    """
    Check one hostfile, with the filters of the run, as the installed DeepSpeed reads it.

    Exit codes: 0 no error; 1 DeepSpeed would stop, or the run would silently use one machine.
    """
    from envcheck.launch.command import Given, judge
    from envcheck.launch.plan import Asked

    asked = Asked(include, exclude, num_nodes, num_gpus, launcher)
    given = Given(file, asked, deepspeed_version, deepspeed_env, accelerate_config)
    return lambda: judge(given, _options(values))


def _hostfile() -> Iterable[inspect.Parameter]:
    """Return the options of `deepspeed` itself, and of what is beside a hostfile."""
    help_ = "The hostfile; - reads standard input."
    argument = typer.Argument(metavar="FILE", help=help_)
    file = _option("file", str, _REQUIRED)
    yield file.replace(annotation=Annotated[str, argument])
    for name, kind, unset, metavar, about in (
        ("include", str, "", "STR", "Hosts and slots to use: host[:slot,…][@host…]."),
        ("exclude", str, "", "STR", "Hosts and slots not to use."),
        ("num_nodes", int, -1, "N", "Use the first N hosts."),
        ("num_gpus", int, -1, "N", "Use N GPUs on every host."),
        ("launcher", str, "pdsh", "NAME", "pdsh, openmpi, mpich, impi, mvapich or slurm."),
        ("deepspeed_version", Optional[str], None, "X", "The DeepSpeed that reads it."),
        ("deepspeed_env", Optional[str], None, "FILE", "Where it isn't beside the hostfile."),
        ("accelerate_config", Optional[str], None, "FILE", "The YAML of `accelerate launch`."),
    ):
        yield _option(name, kind, unset, flag(name), metavar=metavar, help=about)


_HOSTFILE = _signature(
    ("python", "path", "from_", "python_version", "matrix", "format", "color"), _hostfile()
)
hostfile.__signature__ = _HOSTFILE  # type: ignore[attr-defined]
hostfile.__annotations__ = {name: each.annotation for name, each in _HOSTFILE.parameters.items()}
app.command()(hostfile)
