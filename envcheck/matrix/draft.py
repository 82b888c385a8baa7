"""
A known-bad entry from answers, as far as they have been given. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from envcheck import versions
from envcheck.matrix.as_yaml import Value
from envcheck.matrix.questions import YES
from envcheck.matrix.strict_yaml import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Answers = Mapping[str, Sequence[str]]

_FACTS: Final = ("python", "platform", "cuda", "rocm", "gpu", "absent")
_MODEL: Final = ("moe", "model-type", "expert-type", "experts", "dtype", "ep-size", "top-k")
_CONDITION: Final = re.compile(
    r"\s*(?P<key>[\w.-]+)(?:\s*[:=](?!=)\s*|\s+|(?=[<>=!~]))(?P<value>\S.*)", re.DOTALL
)
_LENGTH: Final = 50
"Characters of a made-up id, without the package."


class AnswerError(ValueError):
    """
    Signal an answer that isn't of the form that was asked for.
    """


def entry(answers: Answers, today: str) -> dict[str, Any]:
    """
    Return the entry that answers make, without what hasn't been answered.

    Args:
        answers: By key of a question; those to a question that is asked once are one.
        today: The date, for `checked`.

    Raises:
        AnswerError: A condition or a setting isn't one.
    """
    settings, model, facts = _conditions(answers.get("only-when", ()))
    symptoms = [{"error": text} for text in answers.get("error", ())]
    symptoms += [{"loss": word} for word in answers.get("loss", ())]
    fixes: list[dict[str, Any]] = [
        {"deepspeed-config": {key: Value(value)}}
        for key, value in map(_pair, answers.get("fix-setting", ()))
    ]
    fixes += [{"packages": split(text)} for text in answers.get("fix", ())]
    fixes += [{"remove": text.split()} for text in answers.get("remove", ())]
    fixes += [{"advice": text} for text in answers.get("advice", ())]
    record: dict[str, Any] = {
        "id": identifier(answers),
        "title": _one(answers, "title"),
        "severity": _one(answers, "severity"),
        "silent": _one(answers, "silent") == YES,
        "packages": [*answers.get("package", ()), *answers.get("with", ())],
        "deepspeed-config": settings,
        "model": model,
        **facts,
        "symptoms": symptoms,
        "why": _one(answers, "why"),
        "fixes": fixes,
        "boundary": _one(answers, "boundary"),
        "evidence": list(answers.get("evidence", ())),
        "checked": today,
    }
    return {key: value for key, value in record.items() if value}


def filled(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return an entry in which nothing is missing: what hasn't been answered is made up.
    """
    package = blamed(record["packages"]) if "packages" in record else "unknown"
    return {
        "id": f"{package}/not-yet-named",
        "title": "Not yet told",
        "severity": "warning",
        "packages": [package],
        "why": "Not yet told.",
        "boundary": "Not yet told.",
        "evidence": ["https://example.org/not-yet-told"],
        **record,
    }


def blamed(packages: Sequence[str]) -> str:
    """
    Return the package that an entry is filed under; one that is none is found out elsewhere.
    """
    try:
        return versions.requirement(packages[0]).name
    except ValueError:
        return "unknown"


def bounded(answers: Answers) -> bool:
    """
    Tell whether a package is given with versions, the edges of which have to be explained.
    """
    texts = [*answers.get("package", ()), *answers.get("with", ())]
    return any(re.search("[<>=!~]", text) for text in texts)


def identifier(answers: Answers) -> str:
    """
    Return the id, with the package in front of it; empty: not known yet.
    """
    given = _one(answers, "id")
    if not given or "/" in given:
        return given
    return f"{blamed(answers['package'])}/{given}" if "package" in answers else ""


def proposed(answers: Answers, taken: Collection[str]) -> str:
    """
    Make an id of the title, without the package; empty: there are no letters in it.
    """
    package = blamed(answers.get("package", ("",)))
    title = unicodedata.normalize("NFKD", _one(answers, "title").lower())
    words = re.findall(r"[a-z0-9]+", title.encode("ascii", "ignore").decode())
    if words[:1] == [package]:
        del words[0]
    while len("-".join(words)) > _LENGTH and len(words) > 1:
        words.pop()
    name = made = "-".join(words)[:_LENGTH]
    number = 2
    while name and f"{package}/{made}" in taken:
        made = f"{name}-{number}"
        number += 1
    return made


def split(text: str) -> list[str]:
    """
    Return the requirements that are joined by the word "and".

    >>> split("peft==0.14.0 and accelerate<1")
    ['peft==0.14.0', 'accelerate<1']
    """
    return re.split(r"\s+and\s+", text)


def _one(answers: Answers, key: str) -> str:
    return next(iter(answers.get(key, ())), "")


def _conditions(
    texts: Sequence[str],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return conditions on the DeepSpeed configuration, on the model, and on all else."""
    settings: dict[str, Any] = {}
    model: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for text in texts:
        key, value = _pair(text)
        target = model if key in _MODEL else facts if key in _FACTS else settings
        if target is settings and "." not in key and "_" not in key:
            known = ", ".join((*_FACTS, *_MODEL))
            raise AnswerError(
                f"{quoted(key)} is none of {known}, and no dotted path such as zero_optimization.stage"
            )
        if key in target:
            raise AnswerError(f"{quoted(key)} is given twice; join its values: {key} 1 or 2")
        if key == "absent":
            target[key] = re.split(r"\s+and\s+", value)
            continue
        values = [Value(each) for each in re.split(r"\s+or\s+", value)]
        specifier = key in _FACTS and key != "platform"
        target[key] = value if specifier else values if len(values) > 1 else values[0]
    return settings, model, facts


def _pair(text: str) -> tuple[str, str]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise AnswerError(f"{quoted(text)} is no key and value, such as zero_optimization.stage 2")
    return found["key"], found["value"].rstrip()
