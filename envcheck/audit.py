"""
Environment and matrix in, report out: the one place where a verdict is reached. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envcheck import doubts, known_good, ran
from envcheck.checks import (
    configuration,
    experts,
    known_bad,
    launching,
    requirements,
    unknown_release,
)
from envcheck.checks import environment as environment_check
from envcheck.known_good import OUTSIDE
from envcheck.model import SEVERITIES, UNKNOWN_RELEASE, Finding, Options, Report

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Sequence

    from packaging.utils import NormalizedName

    from envcheck.checks import Hit
    from envcheck.checks.protocol import Check
    from envcheck.known_good import Candidate
    from envcheck.matrix import Matrix
    from envcheck.model import Environment, KnownGood, Ran, Suggestion

MENDED: Final[tuple[Check, ...]] = (
    known_bad,
    requirements,
    environment_check,
    configuration,
    experts,
)
"""Those of which a change of versions or settings may remove what they find."""

CHECKS: Final[tuple[Check, ...]] = (*MENDED, launching, unknown_release)

_READERS: Final = frozenset({"transformers", "accelerate", "deepspeed"})

_BY_HAND: Final = "what it names has to be corrected by hand"


def audit(environment: Environment, matrix: Matrix, options: Options = Options()) -> Report:  # noqa: B008
    """
    Judge an environment.

    Returns:
        Findings by severity (error first), certainty and id; suggestions best first, each of which
        leaves no error when it is audited again.
    """
    environment = with_model(environment, matrix, options.project)
    candidates = (
        known_good.nearest(environment, matrix, options.project)
        if not options.settings_only
        else []
    )
    pairs = [
        (check, hit)
        for check in CHECKS
        for hit in check.hits(environment, matrix)
        if not options.settings_only or about_settings(hit)
    ]
    doubted = doubts.about((hit for _, hit in pairs), candidates, environment, matrix)
    pairs = [(check, doubts.lowered(hit, doubted)) for check, hit in pairs]
    findings = [
        doubts.told(check.finding(hit, environment, matrix), doubted.get(hit.id))
        if options.in_full or hit.severity != "info" or check is unknown_release
        else _in_brief(hit)
        for check, hit in pairs
    ]
    near = known_good.closest(candidates, environment, matrix)
    whole = not options.settings_only
    if whole and options.project is not None and (near is None or not near.exact):
        reasons = known_good.limits(near, environment, matrix) if near else []
        findings.append(_outside(options, near, reasons))
    findings.sort(key=_order)
    counted = tuple(finding for finding in findings if finding.id not in options.ignore)
    hits = tuple(hit for check, hit in pairs if check in MENDED and hit.id not in options.ignore)
    in_files = [hit for check, hit in pairs if check is launching and hit.id not in options.ignore]
    unheard = frozenset(
        name for each in counted if each.id == UNKNOWN_RELEASE for name in each.packages
    )
    if unheard and near is not None:
        near = near._replace(exact=False)  # no set pins them, so none can vouch for them
    runs = ran.found(environment, matrix, unheard) if whole else ()
    by_hand = {hit.id for hit in in_files}
    wrong = any(each.severity != "info" and each.id not in by_hand for each in counted) or (
        options.in_full and any(finding.kind == "known-bad" for finding in counted)
    )
    suggestions, unresolved = (
        _suggest(environment, matrix, options, hits=hits, candidates=candidates, doubted=doubted)
        if wrong
        else ((), ())
    )
    stuck = (hit.id for hit in in_files if hit.severity == "error" and launching.by_hand(hit))
    unresolved += tuple((each, _BY_HAND) for each in dict.fromkeys(stuck))
    return Report(
        environment=environment,
        matrix=matrix.about(),
        verdict=_verdict(counted, near, runs),
        project=options.project,
        known_good=near,
        findings=counted,
        suggestions=suggestions,
        unresolved=unresolved,
        ignored=tuple(finding for finding in findings if finding.id in options.ignore),
        ran=runs,
    )


def about_settings(hit: Hit) -> bool:
    """
    Tell whether the DeepSpeed configuration takes part in a hit, who reads it, or the model that it is for.
    """
    subject = hit.subject
    if isinstance(subject, unknown_release.Unknown):
        return any(name in _READERS for name in hit.packages)
    if not isinstance(subject, known_bad.Cause):
        return isinstance(subject, configuration.Fault)
    facts = subject.rule.facts
    of_model = "model" in facts and hit.certain and "deepspeed" in hit.packages
    return "deepspeed-config" in facts or of_model


def with_model(environment: Environment, matrix: Matrix, project: str | None) -> Environment:
    """
    Add what the project is known to train, expert layers or none, where no model is given.
    """
    if environment.model is not None or project is None:
        return environment
    kind = (matrix.project(project) or {}).get("moe")
    return environment._replace(model={"moe": kind}) if kind else environment


def _in_brief(hit: Hit) -> Finding:
    """Tell no more of a note than that it is there: there are many, and their words cost a look each."""
    certainty = "certain" if hit.certain else "needs-verification"
    return Finding(
        id=hit.id, kind="", severity="info", certainty=certainty, packages={}, title="", why=""
    )


def _outside(options: Options, near: KnownGood | None, reasons: Sequence[str]) -> Finding:
    why = "No set of the project is anywhere near."
    if near is not None:
        why = "; ".join((f"The nearest is {near.id}", *reasons)) + "."
    return Finding(
        id=OUTSIDE,
        kind="environment",
        severity="error" if options.strict else "warning",
        certainty="certain",
        packages={each.package: each.installed for each in near.differs} if near else {},
        title=f"These versions are none of {options.project}'s known-good sets",
        why=why,
        evidence=tuple(item["url"] for item in near.evidence if "url" in item) if near else (),
    )


def _order(finding: Finding) -> tuple[int, bool, str, tuple[str, ...]]:
    severity = -SEVERITIES.index(finding.severity)
    return severity, finding.certainty != "certain", finding.id, tuple(finding.packages)


def _verdict(findings: Iterable[Finding], near: KnownGood | None, runs: Iterable[Ran]) -> str:
    """Return known-bad, known-good or unknown; never a pass by ignorance."""
    if any(finding.severity == "error" for finding in findings):
        return "known-bad"
    vouched = (near is not None and near.exact) or any(run.exact for run in runs)
    return "known-good" if vouched else "unknown"


def _suggest(
    environment: Environment,
    matrix: Matrix,
    options: Options,
    *,
    hits: tuple[Hit, ...],
    candidates: Sequence[Candidate],
    doubted: Container[str],
) -> tuple[tuple[Suggestion, ...], tuple[tuple[str, str], ...]]:
    # Most environments need no advice, and so none of its imports.
    from envcheck.suggest import order
    from envcheck.suggest.advisor import Advisor

    watches = [check.watch(matrix) for check in MENDED]
    stuck: frozenset[str] = frozenset()

    def again(of: Environment, about: Collection[NormalizedName] | None) -> list[Hit]:
        if about is None:
            found = (hit for check in MENDED for hit in check.hits(of, matrix))
        else:
            found = (hit for watch in watches for hit in watch(of, about))
        return [
            doubts.lowered(hit, doubted)
            for hit in found
            if hit.id not in options.ignore
            and hit.id not in stuck
            and (not options.settings_only or about_settings(hit))
        ]

    def outside(of: Environment) -> str | None:
        if options.project is None or OUTSIDE in options.ignore or options.settings_only:
            return None
        near = known_good.closest(known_good.nearest(of, matrix, options.project), of, matrix)
        return None if near is not None and near.exact else "error" if options.strict else "warning"

    mending = None
    if any(isinstance(hit.subject, configuration.Fault) for hit in hits):
        from envcheck.deepspeed.mending import mend

        # What settings mend is mended before versions are moved, and told with every suggestion.
        mending = mend(environment, hits, again)
        environment, stuck, hits = mending.environment, mending.stuck, mending.hits
    advisor = Advisor(
        matrix,
        environment,
        options,
        hits=hits,
        audit=again,
        candidates=candidates,
        outside=outside,
    )
    found = order.suggest(advisor)
    return mending.told(*found) if mending is not None else found
