"""
How a suggestion is carried out: the configuration with its settings, the command with its versions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envcheck.model import Change, Environment


def json_text(value: str) -> str:
    """
    Return a value of the matrix, where every scalar is text, as the JSON it stands for.
    """
    try:
        json.loads(value)
    except ValueError:
        return json.dumps(value)
    return value


def applied(config: Mapping[str, Any], settings: Mapping[str, str | None]) -> dict[str, Any]:
    """
    Return a DeepSpeed configuration with some settings changed; the given one stays as it is.
    """
    result = cast("dict[str, Any]", json.loads(json.dumps(config)))
    for path, value in settings.items():
        section = result
        *parents, last = path.split(".")
        for parent in parents:
            inner = section.get(parent)
            if not isinstance(inner, dict):
                inner = {}
                if value is not None:
                    section[parent] = inner
            section = inner
        if value is None:
            section.pop(last, None)
        else:
            section[last] = json.loads(value)
    return result


def command(environment: Environment, changes: Iterable[Change]) -> str:
    """
    Return the command that makes the changes, for a POSIX shell: what is to go goes first.

    All requirements are in one command, so that the installer sees them together, and each is
    quoted: `>` would redirect. Versions and names are PEP 440 and PEP 503, so nothing else can be in them.
    """
    changes = tuple(changes)
    wanted = [f"'{change.package}=={change.after}'" for change in changes if change.after]
    gone = [change.package for change in changes if change.after is None]
    python = _quoted(environment.executable) if environment.executable else ""
    if environment.installer == "uv":
        install, remove, target = "uv pip install", "uv pip uninstall", f" --python {python}"
        install, remove = (f"{each}{target if python else ''}" for each in (install, remove))
    else:
        install = f"{python or 'python'} -m pip install"
        remove = f"{python or 'python'} -m pip uninstall -y"
    steps: list[tuple[str, Sequence[str]]] = [(remove, gone), (install, wanted)]
    return " && ".join(" ".join((step, *what)) for step, what in steps if what)


def _quoted(path: str) -> str:
    if (
        path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum()
        and path.isascii()
    ):
        return path
    return "'" + path.replace("'", "'\"'\"'") + "'"
