"""
What an installer says when it doesn't do what it was asked: what of it, and whether it is about versions.
"""

from __future__ import annotations

import re
from typing import Final

_MISSING: Final = re.compile(
    r"No solution found|ResolutionImpossible|No matching distribution|requires a different Python"
    r"|conflicting dependencies",
    re.IGNORECASE,
)
_BUILD: Final = re.compile(
    r"Failed to build|metadata-generation-failed|subprocess-exited-with-error|build backend"
    r"|Failed building|Invalid version|is not a supported wheel",
    re.IGNORECASE,
)
_FULL: Final = re.compile(r"No space left on device|Disk quota exceeded|os error (?:28|122)\b")
_COMPILER: Final = re.compile(
    r"can't find Rust compiler|Cargo, the Rust package manager, is not installed"
    r"|command '[^']*' failed: No such file or directory|unable to execute '?[\w+-]+'?: No such file"
    r"|Microsoft Visual C\+\+ .* is required|CUDA_HOME environment variable is not set"
    r"|No such file or directory: '(?:[^']*/)?(?:nvcc|gcc|g\+\+|cc|c\+\+|cmake)'"
)
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME: Final = re.compile(r"^[\s×╰─▶│├┌└>*•-]+|^(?:ERROR|error|cause|Caused by):\s*")


def is_about_versions(text: str) -> bool:
    """
    Tell whether there are no such versions, or one can't be built: not the network, or the disk.
    """
    return bool(_MISSING.search(text) or _BUILD.search(text))


def is_about_space(text: str) -> bool:
    """
    Tell whether the disk is full.
    """
    return bool(_FULL.search(text))


def lacks(text: str) -> str:
    """
    Return what of this machine is missing for a build, as a reason; empty: nothing that is known.
    """
    found = _COMPILER.search(text)
    return f"needs a compiler: {found[0]}" if found else ""


def error_line(text: str) -> str:
    """
    Return the line of an installer's output that says what is wrong, in one piece.
    """
    lines = [
        _FRAME.sub("", _FRAME.sub("", line)).strip() for line in _ANSI.sub("", text).splitlines()
    ]
    for number, line in enumerate(lines):
        if line.startswith("Because "):
            whole = []
            for part in lines[number:]:
                if not part or part.startswith("hint"):
                    break
                whole.append(part)
            return " ".join(whole)
    telling = [
        (line, raw)
        for line, raw in zip(lines, text.splitlines(), strict=False)
        if line and "ResolutionImpossible" not in line and not line.startswith("hint")
    ]
    for pattern in (
        r"(?:Cannot install|No matching distribution|Could not find a version)",
        r"(?:\w+\.)*\w*(?:Error|Exception): .",
        r"Failed to build",
    ):
        for line, _ in reversed(telling):
            if re.match(pattern, line):
                return line
    return next((line for line, raw in telling if "rror" in raw or "×" in raw), "") or (
        telling[-1][0] if telling else ""
    )
