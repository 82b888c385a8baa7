"""
A configuration as one release of DeepSpeed sees it: what is set, what is converted, what is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.deepspeed.values import FILLED, Filled, as_object, takes, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envcheck.deepspeed.grammar import Grammar, Section

UNSET: Final = object()
"""There is no such key, or DeepSpeed acts as if there were none."""

_FALSE: Final = frozenset((False, "0", "off", "f", "false", "n", "no"))


class Settings:
    """
    Read access to a configuration with the eyes of a release.
    """

    def __init__(self, config: Mapping[str, Any], grammar: Grammar) -> None:
        self.config = config
        self.grammar = grammar

    def section(self, path: str) -> Mapping[str, Any] | None:
        """
        Return the object at a path; `None`: there is none.
        """
        value: Any = self.config
        for part in path.split(".") if path else ():
            if not isinstance(value, dict) or part not in value:
                return None
            value = as_object(value[part], self.grammar.rules) if part in value else None
        return value if isinstance(value, dict) else None

    def get(self, path: str) -> Any:
        """
        Return the value at a path, UNSET where none counts; the key's other name is looked up too.
        """
        parent, _, name = path.rpartition(".")
        inside = self.section(parent)
        if inside is None:
            return UNSET
        about = self.grammar.section(parent)
        form = about.forms.get(name) if about else None
        names = (name, form.field or name, form.name) if form else (name,)
        for each in names:
            if each in inside:
                value = inside[each]
                dropped = value == "auto" and about is not None and drops_auto(about, each)
                return UNSET if dropped else value
        return UNSET

    def given(self, path: str) -> bool:
        """
        Tell whether a key is set to something, be it null.
        """
        return self.get(path) is not UNSET

    def number(self, path: str, default: float) -> float | None:
        """
        Return a number; `None`: it isn't known, or it is none.
        """
        value = self.get(path)
        if value is UNSET:
            return default
        if isinstance(value, (Filled, dict, list)) or value is None:
            return None
        try:
            return float(value)
        except ValueError:
            return None

    def on(self, path: str, *, default: bool = False) -> bool | None:
        """
        Tell whether a switch is on: what pydantic takes for true, or what plain code does; `None`: not known.
        """
        value = self.get(path)
        if value is UNSET:
            return default
        if value is FILLED:
            return None
        about = self.grammar.section(path.rpartition(".")[0])
        if about is not None and about.reads == "model":
            key = value.lower() if isinstance(value, str) else value
            return not (isinstance(key, (list, dict)) or key in _FALSE)
        return bool(value)

    def stage(self) -> int | None:
        """
        Return the ZeRO stage; `None`: it isn't known, or it is none.
        """
        whole_section = self.config.get("zero_optimization", {})
        if isinstance(whole_section, bool):  # an old form of stage 1
            return int(whole_section)
        value = self.get("zero_optimization.stage")
        if value is UNSET:
            return 0
        if isinstance(value, Filled):
            return None
        about = self.grammar.section("zero_optimization")
        taken = about is not None and takes(about.forms["stage"], value, self.grammar.rules)
        return whole(value, 2) if taken else None


def drops_auto(about: Section, name: str) -> bool:
    """
    Tell whether DeepSpeed takes the word "auto" for nothing here.
    """
    if about.reads == "model":
        return not about.keeps_auto
    form = about.forms.get(name)
    return form is not None and form.drops_auto


def bf16_section(config: Mapping[str, Any], grammar: Grammar) -> str:
    """
    Return which of its two names bf16 is read by: the older one only where the newer isn't there.
    """
    newer = "bf16" in config and (config["bf16"] is not None or not grammar.at_least("0.17.1"))
    return "bf16" if newer or "bfloat16" not in config else "bfloat16"
