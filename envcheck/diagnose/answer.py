"""
What a log proves, put beside what is known: which entries explain it here, and what to do first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck import versions
from envcheck.model import SEVERITIES, UNKNOWN_RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envcheck.diagnose.log import Said
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, Finding, Report, Suggestion

STATUSES: Final = ("hits", "may-hit", "unknown", "misses")
"""In the order in which a person should look: the facts hold here; some of them aren't known; the versions
of its packages aren't known; they are others."""
_FULL: Final = 4
"Entries that are shown where only the shape of the curve speaks for them, and their versions are not known."


class Explanation(NamedTuple):
    """
    An entry of the matrix with a symptom that the log shows.
    """

    id: str
    title: str
    severity: str
    "That of the entry: an unknown setting makes a suspect no smaller once the symptom is there."
    silent: bool
    status: str
    matched: tuple[str, ...]
    "The symptoms that the log shows: `loss: nan`, `error: …`."
    line: int
    "Of the first error text; 0: none."
    packages: Mapping[str, str | None]
    because: tuple[str, ...]
    "The facts that make it hold here."
    against: str
    "Why it doesn't, or why that can't be told."
    verify: str
    why: str
    fixes: tuple[Mapping[str, Any], ...]
    evidence: tuple[str, ...]


class Answer(NamedTuple):
    """
    What `envcheck diagnose` found out.
    """

    origin: str
    said: Said
    environment: Environment | None
    remarks: tuple[str, ...]
    "Where the log and the environment disagree."
    matrix: Mapping[str, Any]
    verdict: str
    "found | nothing-found | not-recognised"
    explanations: tuple[Explanation, ...]
    "In the order in which to look."
    others: tuple[str, ...]
    "Ids of entries with the same symptoms, of other versions than these."
    first: tuple[str, ...]
    "What to do, most promising first."
    command: str
    "For a shell; empty: there is none."
    experiments: tuple[str, ...]
    "What decides, cheapest first."


def answer(
    said: Said,
    matrix: Matrix,
    entries: Mapping[str, Mapping[str, Any]],
    *,
    origin: str = "",
    environment: Environment | None = None,
    remarks: tuple[str, ...] = (),
    report: Report | None = None,
) -> Answer:
    """
    Put together what a log proves and what is known about it.

    Args:
        said: What the log says.
        matrix: What is known.
        entries: Its entries, by id.
        origin: What was read, as the user knows it.
        environment: Where it was written, as far as that is known.
        remarks: What there is to say about that beside what the check does.
        report: What a check of it finds.
    """
    findings = {each.id: each for each in report.findings} if report else {}
    if UNKNOWN_RELEASE in findings:
        remarks = (*remarks, f"{findings[UNKNOWN_RELEASE].title}.")
    found = [
        _explanation(
            record,
            matched,
            min((seen.line for seen in said.texts.get(identifier, ())), default=0),
            environment,
            findings.get(identifier),
        )
        for identifier, record in entries.items()
        if (matched := tuple(_matched(identifier, record, said)))
    ]
    found.sort(key=_order)
    shown, others = _selected(found, here=environment is not None)
    suggestion = _suggestion(shown, report)
    return Answer(
        origin=origin,
        said=said,
        environment=environment,
        remarks=remarks,
        matrix=matrix.about(),
        verdict=_verdict(said, shown),
        explanations=tuple(shown),
        others=tuple(each.id for each in others),
        first=tuple(_first(said, shown)),
        command=suggestion.command if suggestion else "",
        experiments=tuple(dict.fromkeys(text for each in said.proofs for text in each.experiments))[
            :4
        ],
    )


def _words(said: Said) -> list[str]:
    """Return the matrix's words for what the log proves, the most specific first."""
    proofs = [*said.proofs, *(each for _, earlier in said.earlier for each in earlier)]
    return list(dict.fromkeys(word for each in proofs for word in each.symptoms))


def _matched(identifier: str, record: Mapping[str, Any], said: Said) -> Iterator[str]:
    for seen in said.texts.get(identifier, ()):
        yield f"error: {seen.text}"
    words = _words(said)
    symptoms = {symptom.get("loss") for symptom in record.get("symptoms", ())}
    for word in words:
        if word in symptoms:
            yield f"loss: {word}"


def _explanation(
    record: Mapping[str, Any],
    matched: tuple[str, ...],
    line: int,
    environment: Environment | None,
    finding: Finding | None,
) -> Explanation:
    against, status = "", ""
    packages: dict[str, str | None] = {}
    if finding is not None:
        status = "hits" if finding.certainty == "certain" else "may-hit"
        packages = {str(name): version for name, version in finding.packages.items()}
    else:
        status, against = _against(record["packages"], environment)
    return Explanation(
        id=record["id"],
        title=record["title"],
        severity=record["severity"],
        silent=bool(record.get("silent")),
        status=status,
        matched=matched,
        line=line,
        packages=packages,
        because=finding.because if finding else (),
        against=against,
        verify=finding.verify if finding else "",
        why=" ".join(record["why"].split()),
        fixes=tuple(record.get("fixes", ())),
        evidence=tuple(
            item if isinstance(item, str) else item.get("url", "") for item in record["evidence"]
        ),
    )


def _against(pins: Iterable[str], environment: Environment | None) -> tuple[str, str]:
    """Tell whether an entry that isn't found by a check is known not to hold, and why."""
    unknown = []
    for text in pins:
        pin = versions.requirement(text)
        package = environment.packages.get(pin.name) if environment else None
        if package is None and environment is not None and environment.complete:
            return "misses", f"{pin.name} is not installed"
        if package is None or package.version is None:
            unknown.append(text)
        elif not versions.satisfies(package.version, pin.specifier):
            return "misses", f"{pin.name} is {package.version}, it takes {pin.specifier}"
    if unknown:
        return "unknown", f"it takes {' and '.join(unknown)}"
    return "misses", "its versions hold, but another of its conditions does not"


def _order(explanation: Explanation) -> tuple[int, bool, int, int, str]:
    texts = sum(each.startswith("error: ") for each in explanation.matched)
    return (
        STATUSES.index(explanation.status),
        texts == 0,
        -SEVERITIES.index(explanation.severity),
        -len(explanation.matched),
        explanation.id,
    )


def _selected(
    found: list[Explanation], *, here: bool
) -> tuple[list[Explanation], list[Explanation]]:
    """
    Choose what is worth a person's time.

    An entry of other versions counts only by an error text that no entry of these versions has; what isn't
    known to hold and has only the curve to speak for it is shown a few times.
    """
    explained = {
        text
        for each in found
        if each.status in {"hits", "may-hit"}
        for text in each.matched
        if text.startswith("error: ")
    }
    shown: list[Explanation] = []
    others: list[Explanation] = []
    vague = 0
    for each in found:
        texts = {text for text in each.matched if text.startswith("error: ")}
        possible = each.status == "may-hit" or (each.status == "unknown" and not here)
        if each.status == "hits" or (
            texts and (each.status == "may-hit" or not texts <= explained)
        ):
            shown.append(each)
        elif possible and not texts and (vague < _FULL or each.severity == "error"):
            vague += 1
            shown.append(each)
        else:
            others.append(each)
    return shown, others


def _suggestion(shown: Iterable[Explanation], report: Report | None) -> Suggestion | None:
    """Return the change that removes what explains the log, as a check suggests it."""
    ids = {each.id for each in shown if each.status == "hits"}
    for suggestion in report.suggestions if report else ():
        if ids & set(suggestion.resolves) and suggestion.command:
            return suggestion
    return None


def _verdict(said: Said, shown: Iterable[Explanation]) -> str:
    wrong = [each for each in said.proofs if each.severity != "info"]
    texts = [
        each
        for each in shown
        if each.severity != "info" and any(text.startswith("error: ") for text in each.matched)
    ]
    if wrong or said.earlier or texts or said.exceptions:
        return "found"
    return "nothing-found" if said.recognised() else "not-recognised"


def _first(said: Said, shown: list[Explanation]) -> Iterator[str]:
    """Yield what to do, in the order in which it is most likely to help."""
    certain = [each for each in shown if each.status == "hits"]
    for each in certain[:3]:
        for fix in each.fixes[:1]:
            yield f"{fix_text(fix)} ({each.id})"
    for each in [each for each in shown if each.status == "may-hit"][: 3 if not certain else 1]:
        yield f"{each.verify} ({each.id})"
    if not certain:
        for each in [each for each in shown if each.status in {"unknown", "misses"} and each.line][
            :2
        ]:
            for fix in each.fixes[:1]:
                yield f"If it is this: {fix_text(fix)} ({each.id})"
    serious = [each for each in said.proofs if each.severity == "error"]
    if serious and serious[0].experiments and not certain:
        yield serious[0].experiments[0]


def fix_text(fix: Mapping[str, Any]) -> str:
    """
    Say a fix in words.

    >>> fix_text({"packages": ["deepspeed==0.12.3"]})
    'Install deepspeed==0.12.3'
    >>> fix_text({"remove": ["torchao"]})
    'Uninstall torchao, if nothing in the run uses it'
    >>> fix_text({"deepspeed-config": {"zero_optimization.overlap_comm": "false"}})
    'Set zero_optimization.overlap_comm = false in the DeepSpeed configuration'
    """
    if "packages" in fix:
        return f"Install {' and '.join(fix['packages'])}"
    if "deepspeed-config" in fix:
        settings = [
            f"remove {path}" if value == "absent" else f"set {path} = {value}"
            for path, value in fix["deepspeed-config"].items()
        ]
        text = f"{' and '.join(settings)} in the DeepSpeed configuration"
        return text[0].upper() + text[1:]
    if "remove" in fix:
        return f"Uninstall {' and '.join(fix['remove'])}, if nothing in the run uses it"
    return str(fix["advice"]).rstrip(".")
