"""
Records of a matrix as YAML text, in the form in which people write them.

Texts are quoted only where YAML needs it, lists of words stand on one line, and what has line ends
keeps them. Whoever writes a file with this reads it back before it counts: see `insert`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.matrix.strict_yaml import Node

_UNQUOTED: Final = {"bool": "true|false", "int": r"0|-?[1-9]\d*", "float": r"-?\d+\.\d+"}
_WIDTH: Final = 110
_LINE_ENDS: Final = ("\x85", "\u2028", "\u2029")
"Line ends to YAML 1.1, which outside of double quotes come back as another one, or as a space."


class Value(str):
    """
    A value of a setting: a number or a flag stands without quotes, though a matrix reads it as text.
    """

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent lists inside of mappings too."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write everything out: a matrix has no aliases."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if any(end in text for end in _LINE_ENDS) or text[-2:] in {"\n", "\n\n"}:
        style = '"'  # a block that keeps empty lines would end the document
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _value(dumper: yaml.SafeDumper, value: Value) -> yaml.ScalarNode:
    for kind, pattern in _UNQUOTED.items():
        if re.fullmatch(pattern, value):
            return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", str(value))
    return _text(dumper, str(value))


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    words = all(isinstance(item, str) and "\n" not in item for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=words)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Value, _value)
_Dumper.add_representer(list, _list)
_Dumper.yaml_implicit_resolvers = {  # a date is text to YAML 1.2, and needs no quotes
    first: [(tag, pattern) for tag, pattern in each if not tag.endswith(":timestamp")]
    for first, each in yaml.SafeDumper.yaml_implicit_resolvers.items()
}


def dump(data: list[Any] | Mapping[str, Any]) -> str:
    """
    Return data (mappings, lists, texts and flags) as a YAML document.
    """
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
        default_flow_style=False,
    )
    return text


def item(record: Mapping[str, Any], column: int = 0) -> str:
    """
    Return a record as one item of a list whose dashes stand in this column.

    >>> print(item({"id": "a/b", "packages": ["a>=1", "b"], "silent": True}), end="")
    - id: a/b
      packages: [a>=1, b]
      silent: true
    """
    lines = dump([record]).split("\n")
    return "\n".join(" " * column + line if line else "" for line in lines)


def scalars(data: Any) -> Any:
    """
    Return data as it is read back by `strict_yaml`, to which every scalar is text.
    """
    if isinstance(data, dict):
        return {key: scalars(value) for key, value in data.items()}
    if isinstance(data, list):
        return [scalars(each) for each in data]
    return str(data).lower() if isinstance(data, bool) else data


def plain(node: Node) -> Any:
    """
    Return what a node holds, without its lines.
    """
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(each) for each in node.value]
    return node.value
