"""
Adds a record to a matrix file as text, so that comments and the form of all else stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from envcheck.matrix import as_yaml, strict_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.matrix.texts import Problem

_BY_HAND = "add it by hand"


class InsertError(ValueError):
    """
    Signal a file or a record that doesn't allow it; the text is half a sentence.
    """


def insert(text: str, record: Mapping[str, Any], key: str | None = None) -> tuple[str, int]:
    r"""
    Put a record at the end of a list of a sound matrix file.

    Args:
        text: The file, with the line ends it has.
        record: Mappings, lists, texts and flags.
        key: The key that the list stands under; `None`: the file is the list.

    Returns:
        The new text, and the line on which the record begins.

    Raises:
        InsertError: It can't be done without a change of anything else.

    >>> insert("- id: a/b  # mine\n\n# The end.\n", {"id": "a/c"})
    ('- id: a/b  # mine\n- id: a/c\n\n# The end.\n', 2)
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    at, column = _end(body, key)
    newline = "\r\n" if "\r\n" in body else "\n"
    before = body[:at]
    if not before.endswith("\n"):
        before += newline
    added = as_yaml.item(record, column).replace("\n", newline)
    result = before + added + body[at:]
    if _read(result) != _with(_read(body), record, key):
        raise InsertError(f"it would change what else is there; {_BY_HAND}")
    return mark + result, before.count("\n") + 1


def _end(text: str, key: str | None) -> tuple[int, int]:
    """Return where the last item of a list ends, and the column of its dashes."""
    try:
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InsertError(f"the file can't be read in full; {_BY_HAND}") from error
    if key is not None:
        node = next(value for name, value in node.value if name.value == key)
    if node.flow_style:
        raise InsertError(f"its list stands in brackets; {_BY_HAND}")
    column: int = node.start_mark.column
    last = node
    while not isinstance(last, yaml.ScalarNode) and not last.flow_style:
        last = last.value[-1]
        last = last[1] if isinstance(last, tuple) else last
    end = last.end_mark
    if end.column == 0:  # a text in lines ends at the start of the next one
        return end.index, column
    following = text.find("\n", end.index)
    return (len(text) if following < 0 else following + 1), column


def _read(text: str) -> Any:
    problems: list[Problem] = []
    node = strict_yaml.parse(text.replace("\r\n", "\n").replace("\r", "\n"), "", problems)
    if node is None or problems:
        raise InsertError(f"{problems[0].message}; {_BY_HAND}")
    return as_yaml.plain(node)


def _with(data: Any, record: Mapping[str, Any], key: str | None) -> Any:
    added = as_yaml.scalars(record)
    return [*data, added] if key is None else {**data, key: [*data[key], added]}
