"""
The base of values: `typing.NamedTuple`, made at a third of its cost.

A plain check makes some thirty kinds of values, and `typing` compiles the text of each of their
annotations to look whether it could be a type, which is a tenth of the whole check and which the
type checker has done before. Modules that a plain check imports take `NamedTuple` from here.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:

    class _Maker(type):
        """
        Makes of a class with annotations the named tuple that these describe.
        """

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body.pop("__module__"))  # noqa: PYI024
            for key, value in body.items():
                if key != "__qualname__":
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Maker):
        """
        To derive from as from `typing.NamedTuple`: fields with annotations, defaults last, methods.
        """
