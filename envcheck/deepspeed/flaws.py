"""
What can be wrong with a configuration, before it becomes a finding of a report.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

REMOVE: Final = "\0remove"
"""As the new value of a setting: the key is to go."""


class Flaw(NamedTuple):
    """
    One thing that is wrong with a configuration.
    """

    what: str
    "unknown-key | wrong-value | batch … : the middle of a finding's id."
    path: str
    "The dotted path it is about; empty: the file as a whole."
    severity: str
    "error: this release refuses the file | warning: it fails later, or does something else | info"
    title: str
    why: str = ""
    verify: str = ""
    "What to look at, where it isn't certain."
    silent: bool = False
    fix: tuple[tuple[str, Any], ...] = ()
    "Settings that mend it: dotted path and new value, or REMOVE; empty: only a person can."

    @property
    def id(self) -> str:
        """
        Return the id that a finding of it has.
        """
        return f"configuration/{self.what}" + (f"/{self.path}" if self.path else "")


def quoted(value: Any) -> str:
    """
    Return a value as a message shows it: JSON, and not more than a few words of it.

    >>> quoted(True), quoted(None), quoted("auto"), quoted({"a": 1})
    ('true', 'null', '"auto"', 'an object')
    """
    import json

    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"
