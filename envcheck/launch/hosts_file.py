"""
A hostfile and the `.deepspeed_env` that belongs to it, as bytes; `hostfile_check` judges them.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple

from envcheck import files
from envcheck.clean import clean
from envcheck.errors import SourceError
from envcheck.launch import deepspeed_env
from envcheck.launch.plan import Asked

_LIMIT: Final = 1024 * 1024
"Bytes; far above every hostfile there is."


class Variables(NamedTuple):
    """
    A `.deepspeed_env` that was read.
    """

    path: str
    data: bytes


class Hosts(NamedTuple):
    """
    A hostfile that was read.
    """

    path: str
    data: bytes | None
    "`None`: to DeepSpeed it isn't there."
    why: str = ""
    "Then: why."
    variables: tuple[Variables, ...] = ()
    "Every `.deepspeed_env` of the run, in the order in which DeepSpeed reads them: a later one wins."
    asked: Asked | None = None
    "The filter that was given beside it; `None`: none was."


def read(
    path: str,
    environment: str | None = None,
    *,
    folder: str = ".",
    include: str | None = None,
    exclude: str | None = None,
) -> Hosts:
    """
    Read a hostfile, and the `.deepspeed_env` that belongs to it.

    Args:
        path: The hostfile.
        environment: The other file; `None`: it is in the home folder, and where the run is started, or else
            beside the hostfile.
        folder: Where the run is started.
        include: Hosts and slots of it to use, where that is given beside it.
        exclude: Those not to use.

    Raises:
        SourceError: It can't be read. A hostfile that isn't there is a finding.
    """
    data, why = _hostfile(path)
    asked = Asked(include or "", exclude or "") if include or exclude else None
    hosts = Hosts(path, data, why, asked=asked)
    if environment is not None:
        return hosts._replace(variables=(_variables(environment),))
    name = deepspeed_env.NAME
    beside = [
        os.path.normpath(os.path.join(each, name)) for each in (folder, os.path.dirname(path))
    ]
    found = [os.path.join(os.path.expanduser("~"), name), next(filter(os.path.isfile, beside), "")]
    there = {os.path.realpath(each): each for each in found if os.path.isfile(each)}
    return hosts._replace(variables=tuple(map(_variables, there.values())))


def _variables(path: str) -> Variables:
    try:
        return Variables(path, files.head(path, _LIMIT))
    except OSError as error:
        reason = str(error) if isinstance(error, files.NotAFileError) else error.strerror
        raise SourceError(f"cannot read {clean(path)}: {reason}") from None


def _hostfile(path: str) -> tuple[bytes | None, str]:
    try:
        many = _LIMIT + 1
        data = sys.stdin.buffer.read(many) if path == files.STDIN else files.head(path, many)
    except files.NotAFileError as error:
        return None, f"it is {error}"
    except (FileNotFoundError, NotADirectoryError):
        return None, "there is no such file"
    except OSError as error:
        raise SourceError(f"cannot read the hostfile {clean(path)}: {error.strerror}") from None
    if len(data) > _LIMIT:
        raise SourceError(f"the hostfile {clean(path)} is larger than 1 MiB; is it the right file?")
    return data, ""
