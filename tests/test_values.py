"""
Tests of the named tuples that are made without a look at their annotations.
"""

from __future__ import annotations

import pickle
import typing

from envcheck import values


class Quick(values.NamedTuple):
    """
    A value.
    """

    name: str
    parts: tuple[Nowhere, ...] = ()  # type: ignore[name-defined]  # noqa: F821
    "Nobody looks whether there is such a type."

    @property
    def size(self) -> int:
        return len(self.parts)

    def __str__(self) -> str:
        return f"<{self.name}>"

    @classmethod
    def of(cls, *parts: str) -> Quick:
        return cls("".join(parts), parts)


class Usual(typing.NamedTuple):
    """
    The same, as `typing` makes it.
    """

    name: str
    parts: tuple[str, ...] = ()


def test_it_is_a_named_tuple_with_defaults_and_methods() -> None:
    made = Quick.of("a", "b")

    assert (*made,) == ("ab", ("a", "b"))
    assert (made.name, made.size, str(made)) == ("ab", 2, "<ab>")
    assert repr(Quick("a")) == "Quick(name='a', parts=())"
    assert made._replace(name="c") == Quick("c", ("a", "b"))
    assert pickle.loads(pickle.dumps(made)) == made
    assert "A value." in str(Quick.__doc__)


def test_it_is_made_like_those_of_typing() -> None:
    for name in ("_fields", "_field_defaults", "__module__", "__slots__", "__match_args__"):
        assert getattr(Quick, name) == getattr(Usual, name), name
    assert set(vars(Usual)) - {"__orig_bases__"} <= {*vars(Quick), "__annotations_cache__"}
