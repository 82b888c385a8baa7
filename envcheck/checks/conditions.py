"""
Conditions on facts, with three outcomes: true, false, and unknown where the fact isn't given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from envcheck.model import Environment

_ABSENT: Final = object()


class Part(NamedTuple):
    """
    What came of one condition.
    """

    holds: bool | None
    text: str
    "The fact, where it is known; else what to look at."
    option: str = ""
    "The option of the command that gives the fact, where there is one."


class Outcome(NamedTuple):
    """
    What came of an entry's conditions beside its packages.
    """

    holds: bool | None
    because: tuple[str, ...] = ()
    "The facts that fulfil a condition, as short texts."
    unknown: tuple[Part, ...] = ()
    "The conditions that can't be judged."


def judge(facts: Mapping[str, Any], environment: Environment) -> Outcome:
    """
    Evaluate the conditions of an entry: false if one is, else unknown if one is, else true.
    """
    because: list[str] = []
    unknown: list[Part] = []
    for key, condition in facts.items():
        for part in _FACTS[key](condition, environment):
            if part.holds is False:
                return Outcome(False)
            if part.holds is None:
                unknown.append(part)
            else:
                because.append(part.text)
    return Outcome(None if unknown else True, tuple(because), tuple(unknown))


def _deepspeed_config(
    condition: Mapping[str, list[str]], environment: Environment
) -> Iterator[Part]:
    config = environment.deepspeed_config
    if config is None:
        needed = " and ".join(f"{path} {_wanted(values)}" for path, values in condition.items())
        text = f"the DeepSpeed configuration: it matters if {needed}"
        yield Part(None, text, "--deepspeed-config FILE")
        return
    for path, values in condition.items():
        yield setting(path, values, look_up(config, path))


def _wanted(values: Sequence[str]) -> str:
    """Say a condition's values: `is true`, `is 1 or 2`, `is absent or false`, `>=2`."""
    if len(values) == 1 and values[0][:1] in "<>!":
        return values[0]
    return f"is {' or '.join(values)}"


def look_up(config: Mapping[str, Any], path: str) -> Any:
    """
    Return the value at a dotted path, or a marker that `absent` matches; DeepSpeed takes null for absent.
    """
    value: Any = config
    for part in path.split("."):
        if not isinstance(value, dict) or value.get(part) is None:
            return _ABSENT
        value = value[part]
    return value


def is_there(config: Mapping[str, Any], path: str) -> bool:
    """
    Tell whether a configuration has a key, with a value other than null.
    """
    return look_up(config, path) is not _ABSENT


def setting(path: str, wanted: Sequence[str], value: Any) -> Part:
    """
    Judge one value of a DeepSpeed configuration; `auto` is what the trainer makes of it.
    """
    if value is _ABSENT:
        return Part("absent" in wanted, f"{path} is not set")
    if (
        value == "auto"
        and not {"auto", "present"} & {*wanted}
        and any(each != "absent" for each in wanted)
    ):
        return Part(
            None,
            f'what the trainer makes of {path}, which is "auto": it matters if it {_wanted(wanted)}',
        )
    return Part(any(_matches(each, value) for each in wanted), f"{path} is {_as_text(value)}")


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        return "a list"
    return "a section" if isinstance(value, dict) else str(value)


def _matches(wanted: str, value: Any) -> bool:
    """Compare a JSON value with one condition of the matrix, where every scalar is text."""
    if wanted in {"absent", "present"}:
        return wanted == "present"
    for operator in (">=", "<=", "!=", ">", "<"):
        if wanted.startswith(operator):
            operand = wanted[len(operator) :].strip()
            if operator == "!=":
                return not _matches(operand, value)
            number, limit = _number(value), _number(operand)
            return number is not None and limit is not None and _compare(operator, number, limit)
    if isinstance(value, (dict, list)):
        return False
    number = _number(value)
    return _as_text(value) == wanted or (number is not None and number == _number(wanted))


def _number(value: Any) -> float | None:
    """Return a number, also one that is written as text: `5e8`, as the matrix and some configurations do."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _compare(operator: str, one: float, other: float) -> bool:
    if operator == ">=":
        return one >= other
    if operator == "<=":
        return one <= other
    return one > other if operator == ">" else one < other


def _model(condition: Mapping[str, list[str]], environment: Environment) -> Iterator[Part]:
    model = environment.model or {}
    for key, wanted in condition.items():
        value = model.get(key)
        if key == "experts":
            yield _experts(wanted, environment)
        elif value is None:
            if model.get("moe") == "absent" and key in _OF_EXPERTS:
                yield Part(False, "the model has no expert layers")
            else:
                text = f"the model: it matters if its {_MODEL[key]} {_wanted(wanted)}"
                yield Part(
                    None,
                    text,
                    "" if key in _OF_EXPERTS and "model-type" in model else "--model-config FILE",
                )
        elif key == "moe" and "any" in wanted:
            yield Part(value != "absent", f"the model has {value} expert layers")
        else:
            numeric = isinstance(value, int)
            holds = any(_matches(each, value) for each in wanted) if numeric else value in wanted
            yield Part(holds, f"the model's {_MODEL[key]} is {value}")


_MODEL: Final = {
    "moe": "kind of expert layers",
    "model-type": "type",
    "expert-type": "type of experts",
    "dtype": "dtype",
    "ep-size": "ep_size",
    "top-k": "top_k_experts",
}
_OF_EXPERTS: Final = ("expert-type", "experts", "ep-size", "top-k")
"What only a model with experts has."


def _experts(wanted: Sequence[str], environment: Environment) -> Part:
    """Judge what the model's expert block does with experts that get no tokens."""
    moe = (environment.model or {}).get("moe")
    matters = f"it matters if {' or '.join(_RUN[each] for each in wanted)}"
    if moe is None:
        return Part(None, f"the model: {matters}", "--model-config FILE")
    if moe != "transformers":
        return Part(False, "the model has no expert layers of transformers")
    from envcheck.experts import blocks

    block = blocks.of(environment)
    if block is None or not block.run:
        option = "" if "model-type" in (environment.model or {}) else "--model-config FILE"
        return Part(None, f"the code of the model's expert layers: {matters}", option)
    classes = " and ".join(block.classes)
    return Part(block.run in wanted, f"{_RUN[block.run]} ({classes})")


_RUN: Final = {
    "skipped": "its experts are modules of which those without tokens are not run",
    "all": "its experts are modules that are all run",
    "fused": "its experts are parameters of one module",
}


def _python(condition: str, environment: Environment) -> Iterator[Part]:
    yield _version(condition, environment.python, "Python", "--python-version X.Y")


def _cuda(condition: str, environment: Environment) -> Iterator[Part]:
    if environment.cuda == "":
        yield Part(False, "torch is built without CUDA")
    else:
        yield _version(condition, environment.cuda, "CUDA")


def _rocm(condition: str, environment: Environment) -> Iterator[Part]:
    if environment.rocm == "":
        yield Part(False, "torch is built without ROCm")
    else:
        yield _version(condition, environment.rocm, "ROCm")


def _gpu(condition: str, environment: Environment) -> Iterator[Part]:
    if environment.cuda == "":
        yield Part(False, "torch is built without CUDA")
    else:
        yield _version(condition, environment.gpu, "GPU compute capability")


def _version(specifier: str, value: str | None, what: str, option: str = "") -> Part:
    parsed = versions.version(value) if value else None
    if parsed is None:
        return Part(None, f"{what}: it matters if it is {specifier}", option)
    return Part(versions.contains(specifier, parsed), f"{what} is {value}")


def _platform(condition: Sequence[str], environment: Environment) -> Iterator[Part]:
    platform = environment.platform
    if platform is None:
        yield Part(None, f"the platform: it matters if it is {' or '.join(condition)}")
    else:
        yield Part(platform in condition, f"the platform is {platform}")


def _absent(condition: Sequence[NormalizedName], environment: Environment) -> Iterator[Part]:
    """Judge packages that must not be there: a list that may not be complete proves nothing missing."""
    for name in condition:
        if name in environment.packages or name in environment.untracked:
            yield Part(False, f"{name} is installed")
        elif environment.complete:
            yield Part(True, f"{name} is not installed")
        else:
            yield Part(None, f"whether {name} is installed: it matters if it is not")


_FACTS: Final[Mapping[str, Callable[[Any, Environment], Iterator[Part]]]] = {
    "deepspeed-config": _deepspeed_config,
    "model": _model,
    "python": _python,
    "platform": _platform,
    "cuda": _cuda,
    "rocm": _rocm,
    "gpu": _gpu,
    "absent": _absent,
}
