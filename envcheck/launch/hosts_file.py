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

_LIMIT: Final = 1024 * 1024
"Bytes; far above every hostfile there is."


class Hosts(NamedTuple):
    """
    A hostfile that was read.
    """

    path: str
    data: bytes | None
    "`None`: to DeepSpeed it isn't there."
    why: str = ""
    "Then: why."
    environment_path: str = ""
    environment: bytes | None = None
    "The `.deepspeed_env` of the run; `None`: there is none."


def read(path: str, environment: str | None = None) -> Hosts:
    """
    Read a hostfile, and the `.deepspeed_env` that was named, or else is beside it.

    Raises:
        SourceError: It can't be read. A hostfile that isn't there is a finding.
    """
    data, why = _hostfile(path)
    beside = environment
    if beside is None:
        beside = os.path.join(os.path.dirname(path), deepspeed_env.NAME)
        if not os.path.isfile(beside):
            return Hosts(path, data, why)
    try:
        return Hosts(path, data, why, beside, files.head(beside, _LIMIT))
    except OSError as error:
        reason = str(error) if isinstance(error, files.NotAFileError) else error.strerror
        raise SourceError(f"cannot read {clean(beside)}: {reason}") from None


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
