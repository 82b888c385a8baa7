"""
What is wrong with the file itself: repeated keys, and what only some of its readers can read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.deepspeed.consumers import ALONE, Reader
from envcheck.deepspeed.document import NO_JSON_NUMBER
from envcheck.deepspeed.flaws import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.deepspeed.grammar import Grammar
    from envcheck.model import SettingsFile

_HJSON: Final = "0.8.1"


def flaws(file: SettingsFile, who: Reader, grammar: Grammar) -> Iterator[Flaw]:
    """
    Yield what its first reader refuses in the file, or reads in its own way.
    """
    for path, line in file.repeated:
        if who.name == ALONE or not who.sure:
            yield Flaw(
                "repeated-key",
                path,
                "error" if who.name == ALONE else "warning",
                f"{path} is there twice (again in line {line})",
                why="DeepSpeed refuses a file with a repeated key.",
                verify=""
                if who.name == ALONE
                else "Does DeepSpeed read the file, or another program that takes the last one?",
            )
        else:
            yield Flaw(
                "repeated-key",
                path,
                "warning",
                f"{path} is there twice; only the last one (line {line}) counts",
                why="Python's JSON says nothing about it; DeepSpeed by itself would refuse the file.",
                silent=True,
            )
    json_only = who.name != ALONE or not grammar.at_least(_HJSON)
    beyond = [each for each in file.beyond_json if each[0] != NO_JSON_NUMBER or not json_only]
    if not beyond:
        return
    what = ", ".join(f"{kind} (line {line})" for kind, line in beyond)
    by = "DeepSpeed before 0.8.1 reads" if who.name == ALONE else "transformers and accelerate read"
    severity = "info"
    if json_only:
        severity = "error" if who.sure else "warning"
    yield Flaw(
        "not-json",
        "",
        severity,
        f"the file is Hjson, not JSON: {what}",
        why=f"{by} JSON only."
        if json_only
        else "DeepSpeed reads it; transformers and accelerate would not.",
        verify="" if who.sure or not json_only else "Does DeepSpeed itself read the file?",
    )
