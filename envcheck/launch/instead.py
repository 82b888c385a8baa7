"""
What was meant by a line that is no entry of a hostfile.
"""

from __future__ import annotations

import re
from typing import Final

_HOST: Final = r"[A-Za-z0-9_][\w.@-]*[A-Za-z0-9]|[A-Za-z0-9]"
_NAME: Final = re.compile(_HOST)
_COUNTED: Final = re.compile(
    rf"""["'{{\s-]*(?P<host>{_HOST})["']?(?:\s*[:=,;]?\s*|\s+\w+\s*[=:]?\s*["']?|\s+\#.*slots=)(?P<slots>\d{{1,3}})["'\s,;}}]*"""
)
_LISTED: Final = re.compile(rf"(?:{_HOST})(?:\s*[,;]\s*(?:{_HOST}))+")
_UNNAMED: Final = re.compile(r"[/;%-]{1,2}\s")


def instead(line: str) -> str:
    r"""
    Return what to write for a line, as far as it can be guessed; empty: it can't.

    >>> instead("worker-0 slots = 8"), instead("worker-0:8"), instead("worker-0 gpus=4"), instead("worker-0")
    ('worker-0 slots=8', 'worker-0 slots=8', 'worker-0 slots=4', 'worker-0 slots=8')
    >>> instead("a, b"), instead("// the big ones")
    ('a slots=8\nb slots=8', '# the big ones')
    """
    line = line.strip().lstrip("\ufeff")
    if not line.isascii():
        return ""
    if line.startswith("#"):
        return line
    if _UNNAMED.match(line):
        return f"# {line.lstrip('/;%-').strip()}"
    if _LISTED.fullmatch(line):
        return "\n".join(f"{host} slots=8" for host in _NAME.findall(line))
    if _NAME.fullmatch(line) or re.fullmatch(rf"(?:{_HOST})\s+[Ss]lots?\s*=?", line):
        return f"{line.split()[0]} slots=8"
    counted = _COUNTED.fullmatch(line)
    return f"{counted['host']} slots={int(counted['slots'])}" if counted else ""
