"""
The diagnosis for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck.clean import clip, visible
from envcheck.formats.text import WIDTH, matrix, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.diagnose.answer import Answer, Explanation
    from envcheck.diagnose.proof import Proof
    from envcheck.formats.text import Row

_INDENT: Final = "         "
_HEADS: Final = {"certain": "PROVEN", "likely": "LIKELY", "note": "NOTE"}
_STATUS: Final = {
    "hits": "certain here",
    "may-hit": "possible here",
    "unknown": "not known to hold here",
    "misses": "does not hold here",
}
_SHOWN: Final = 3
"Exceptions and ids that are shown before the rest is counted."
_TEXT: Final = 160
"Characters of an error text that are shown."


def rows(answer: Answer, *, width: int = WIDTH) -> Iterator[Row]:
    """
    Yield the report's rows, the verdict last.
    """
    said = answer.said
    yield (("Checked  ", "label"), (visible(answer.origin), "strong"))
    yield from wrapped(_INDENT, _read(answer), width)
    yield from wrapped("Against  ", _against(answer), width, head_style="label")
    yield from wrapped("Matrix   ", matrix(answer.matrix), width, head_style="label")
    for remark in answer.remarks:
        yield from wrapped(_INDENT, remark, width, style="verify")
    for proof in said.proofs:
        yield ()
        yield from _proof(proof, width)
    for number, proofs in said.earlier:
        yield ()
        text = "; ".join(proof.title for proof in proofs)
        yield from wrapped(
            "EARLIER  ",
            f"Run {number} of {said.runs} in this log: {text}.",
            width,
            head_style="warning",
        )
    yield from _exceptions(answer, width)
    for explanation in answer.explanations:
        yield ()
        yield from _explanation(explanation, width)
    if answer.others:
        yield ()
        count = len(answer.others)
        ids = ", ".join(answer.others[:_SHOWN]) + (" and more" if count > _SHOWN else "")
        here = "of other versions or parts" if answer.environment else "too"
        text = f"{count} more {'entries have' if count > 1 else 'entry has'} these symptoms, {here}: {ids}"
        yield from wrapped(_INDENT, text, width, style="label")
    yield from _advice(answer, width)
    yield ()
    yield _verdict(answer)


def _read(answer: Answer) -> str:
    said = answer.said
    parts = [_number(said.lines, "line")] if said.lines or not said.records else []
    if said.records:
        written = f" ({', '.join(said.styles)})" if said.styles else ""
        parts.append(f"{_number(said.records, 'training record')}{written}")
    else:
        parts.append("no training record")
    if said.evaluations:
        parts.append(_number(said.evaluations, "evaluation"))
    if said.runs > 1:
        parts.append(f"{said.runs} runs, of which the last is judged")
    if said.ranks > 1:
        parts.append(f"{said.ranks} processes, of which the first is followed")
    return ", ".join(parts)


def _against(answer: Answer) -> str:
    environment = answer.environment
    if environment is None:
        return "no environment: name it with --python, --path or --from to see what holds there"
    shown = ("transformers", "accelerate", "deepspeed", "torch", "trl", "peft")
    packages = {str(name): package for name, package in environment.packages.items()}
    parts = [environment.origin]
    if environment.python:
        parts.append(f"Python {environment.python}")
    parts += [
        f"{name} {packages[name].version or '(version unknown)'}"
        for name in shown
        if name in packages
    ]
    text = ", ".join(parts)
    if answer.said.deepspeed_config is not None:
        text += "; the DeepSpeed configuration is that of the log"
    return text


def _proof(proof: Proof, width: int) -> Iterator[Row]:
    style = proof.severity if proof.certainty != "note" else "info"
    yield from wrapped(
        f"{_HEADS[proof.certainty]:<9}", proof.title, width, head_style=style, style="strong"
    )
    for fact in proof.facts:
        yield from wrapped(_INDENT, fact, width)
    place = f" (line {proof.line})" if proof.line and proof.place is None else ""
    yield ((_INDENT, ""), (f"{proof.id}{place}", "id"))


def _exceptions(answer: Answer, width: int) -> Iterator[Row]:
    said = answer.said
    known = {seen.line for texts in said.texts.values() for seen in texts}
    for seen in said.exceptions[:_SHOWN]:
        yield ()
        yield from wrapped(
            "EXCEPTION ", clip(seen.text, 2 * _TEXT), width, head_style="error", style="strong"
        )
        times = f", {seen.times} times" if seen.times > 1 else ""
        unknown = "" if seen.line in known else "; no entry has this text"
        yield ((_INDENT, ""), (f"line {seen.line}{times}{unknown}", "label"))
    more = len(said.exceptions) - _SHOWN
    if more > 0:
        yield ((_INDENT, ""), (f"and {more} other{'s' if more > 1 else ''} after it", "label"))
    if said.survived:
        yield ()
        last = said.survived[-1]
        count = _number(len(said.survived), "exception")
        text = f"{count} did not end the training, the last in line {last.line}"
        yield from wrapped(
            "NOTE     ", f"{text}: {clip(last.text, _TEXT)}", width, head_style="info"
        )


def _explanation(each: Explanation, width: int) -> Iterator[Row]:
    head = each.severity.upper() if each.status in {"hits", "may-hit"} else "ENTRY"
    style = each.severity if head != "ENTRY" else "label"
    yield from wrapped(f"{head:<9}", each.title, width, head_style=style, style="strong")
    if each.silent:
        yield from wrapped(_INDENT, "SILENT: no exception is raised.", width, style="silent")
    facts = [f"{name} {version or '(not installed)'}" for name, version in each.packages.items()]
    detail = "; ".join([", ".join(facts), *each.because]).strip("; ") or each.against
    yield from wrapped(_INDENT, f"{_STATUS[each.status]}: {detail}", width)
    if each.verify:
        yield from wrapped(_INDENT, f"verify: {each.verify}", width, style="verify")
    curve = [text.partition(": ")[2] for text in each.matched if text.startswith("loss: ")]
    texts = [text.partition(": ")[2] for text in each.matched if text.startswith("error: ")]
    if texts:
        more = f", and {len(texts) - 1} more" if len(texts) > 1 else ""
        yield from wrapped(_INDENT, f"in line {each.line}: {clip(texts[0], _TEXT)}{more}", width)
    if curve:
        yield from wrapped(_INDENT, f"symptoms: {', '.join(curve)}", width)
    if each.status == "hits" or (each.status != "misses" and each.severity == "error"):
        yield from wrapped(_INDENT, each.why, width)
    if each.status != "misses":
        for url in each.evidence[:1]:
            yield ((_INDENT, ""), (visible(url), "link"))
    yield ((_INDENT, ""), (visible(each.id), "id"))


def _advice(answer: Answer, width: int) -> Iterator[Row]:
    if answer.first:
        yield ()
        yield (("What to do first", "strong"),)
        for number, text in enumerate(answer.first, 1):
            yield from wrapped(f"  {number}. ", text, width, head_style="label")
        if answer.command:
            yield (("     The change of versions that `envcheck check` suggests:", "label"),)
            yield (("     ", ""), (answer.command, "command"))
    left = [text for text in answer.experiments if text not in answer.first]
    if left:
        yield ()
        yield (("The experiments that decide", "strong"), (", cheapest first", "label"))
        for text in left:
            yield from wrapped("  -  ", text, width, head_style="label")


def _verdict(answer: Answer) -> Row:
    said = answer.said
    if answer.verdict == "not-recognised":
        text = "no training record, error text or exception that is known is in this log"
        return (("not recognised", "unknown"), (f": {text}", ""))
    if answer.verdict == "nothing-found":
        course = "" if said.records else " and no record to judge"
        return (
            ("nothing found", "known-good"),
            (f": no sign of anything that is known to go wrong{course}", ""),
        )
    parts = [each.title for each in said.proofs if each.severity != "info"][:1]
    if not parts and said.exceptions:
        parts = [clip(said.exceptions[0].text, 60)]
    if not parts and said.earlier:
        parts = [f"something was wrong in an earlier run ({said.earlier[-1][1][0].id})"]
    if not parts:
        parts = [answer.explanations[0].title]
    parts.append(_explained(answer))
    return (("found", "known-bad"), (f": {visible('; '.join(parts))}", ""))


def _explained(answer: Answer) -> str:
    """Say in a few words which entries explain it."""
    counts = {
        status: sum(1 for each in answer.explanations if each.status == status)
        for status in _STATUS
    }
    parts = [
        f"{counts[status]} {'entries explain' if counts[status] > 1 else 'entry explains'} it {words}"
        for status, words in (("hits", "here"), ("may-hit", "possibly here"))
        if counts[status]
    ]
    if parts:
        return ", ".join(parts)
    if answer.environment is None and counts["unknown"]:
        return f"{_number(counts['unknown'], 'entry')} may explain it: name the environment"
    if counts["unknown"] or counts["misses"]:
        return "the entries that know it do not hold here, as far as is known"
    return "no entry is known to explain it"


def _number(count: int, word: str) -> str:
    if word.endswith("y") and count != 1:
        word = f"{word[:-1]}ie"
    return f"{count} {word}{'s' if count != 1 else ''}"
