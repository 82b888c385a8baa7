"""
Conditions on facts, with three outcomes: true, false, and unknown where the fact isn't given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from envcheck import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envcheck.model import Environment

_ABSENT = object()


class Outcome(NamedTuple):
    """
    What came of an entry's conditions beside its packages.
    """

    holds: bool | None
    because: tuple[str, ...] = ()
    "The facts that fulfil a condition, as short texts."
    unknown: tuple[str, ...] = ()
    "What would have to be known, as short texts."


def judge(facts: Mapping[str, Any], environment: Environment) -> Outcome:
    """
    Evaluate the conditions of an entry: false if one is, else unknown if one is, else true.
    """
    because: list[str] = []
    unknown: list[str] = []
    for key, condition in facts.items():
        for holds, text in _FACTS[key](condition, environment):
            if holds is False:
                return Outcome(False)
            (unknown if holds is None else because).append(text)
    return Outcome(None if unknown else True, tuple(because), tuple(unknown))


_Part = tuple[bool | None, str]


def _deepspeed_config(condition: Mapping[str, list[str]], environment: Environment) -> list[_Part]:
    config = environment.deepspeed_config
    if config is None:
        needed = " and ".join(f"{path} {_wanted(values)}" for path, values in condition.items())
        return [(None, f"the DeepSpeed configuration: it matters if {needed}")]
    return [_setting(path, values, look_up(config, path)) for path, values in condition.items()]


def _wanted(values: Sequence[str]) -> str:
    """Say a condition's values: `is true`, `is 1 or 2`, `is absent or false`, `>=2`."""
    if len(values) == 1 and values[0][:1] in "<>!":
        return values[0]
    return f"is {' or '.join(values)}"


def look_up(config: Mapping[str, Any], path: str) -> Any:
    """
    Return the value at a dotted path, or a marker that `absent` matches.
    """
    value: Any = config
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _setting(path: str, wanted: Sequence[str], value: Any) -> _Part:
    if value is _ABSENT:
        return "absent" in wanted, f"{path} is not set"
    if value == "auto" and "auto" not in wanted and "present" not in wanted:
        return None, f'{path} is "auto": what the trainer fills in decides'
    return any(_matches(each, value) for each in wanted), f"{path} is {_as_text(value)}"


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float, str)) else "a section"


def _matches(wanted: str, value: Any) -> bool:
    """Compare a JSON value with one condition of the matrix, where every scalar is text."""
    if wanted in {"absent", "present"}:
        return wanted == "present"
    text = _as_text(value)
    for operator in (">=", "<=", "!=", ">", "<"):
        if wanted.startswith(operator):
            operand = wanted[len(operator) :].strip()
            if operator == "!=":
                return not _matches(operand, value)
            return _is_number(value) and _compare(operator, float(value), float(operand))
    if _is_number(value):
        try:
            return float(wanted) == float(value)
        except ValueError:
            return False
    return text == wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _compare(operator: str, one: float, other: float) -> bool:
    if operator == ">=":
        return one >= other
    if operator == "<=":
        return one <= other
    return one > other if operator == ">" else one < other


def _model(condition: Mapping[str, list[str]], environment: Environment) -> list[_Part]:
    parts: list[_Part] = []
    for key, wanted in condition.items():
        value = (environment.model or {}).get(key)
        if value is None:
            parts.append((None, f"the model: it matters if its {_MODEL[key]} is {' or '.join(wanted)}"))
        elif key == "moe" and "any" in wanted:
            parts.append((value != "absent", f"the model has {value} expert layers"))
        else:
            parts.append((value in wanted, f"the model's {_MODEL[key]} is {value}"))
    return parts


_MODEL = {"moe": "kind of expert layers", "model-type": "type", "dtype": "dtype"}


def _python(condition: str, environment: Environment) -> list[_Part]:
    return [_version(condition, environment.python, "Python")]


def _cuda(condition: str, environment: Environment) -> list[_Part]:
    if environment.cuda == "":
        return [(False, "")]  # a CPU build of torch
    return [_version(condition, environment.cuda, "CUDA")]


def _gpu(condition: str, environment: Environment) -> list[_Part]:
    return [_version(condition, environment.gpu, "GPU compute capability")]


def _version(specifier: str, value: str | None, what: str) -> _Part:
    parsed = versions.version(value) if value else None
    if parsed is None:
        return None, f"{what}: it matters if it is {specifier}"
    return versions.contains(specifier, parsed), f"{what} is {value}"


def _platform(condition: Sequence[str], environment: Environment) -> list[_Part]:
    if environment.platform is None:
        return [(None, f"the platform: it matters if it is {' or '.join(condition)}")]
    return [(environment.platform in condition, f"the platform is {environment.platform}")]


_FACTS = {
    "deepspeed-config": _deepspeed_config,
    "model": _model,
    "python": _python,
    "platform": _platform,
    "cuda": _cuda,
    "gpu": _gpu,
}
