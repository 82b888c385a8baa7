"""
The report as JSON, schema `envcheck-report/1`: fields may be added, none changes its meaning.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envcheck import __version__

if TYPE_CHECKING:
    from envcheck.model import Finding, Ran, Report, Suggestion

SCHEMA = "envcheck-report/1"


def render(report: Report) -> str:
    """
    Return the report as indented ASCII JSON, with a newline at the end.
    """
    return json.dumps(to_dict(report), indent=1) + "\n"


def to_dict(report: Report) -> dict[str, Any]:
    """
    Return the report as plain data.
    """
    environment = report.environment
    packages = {name: _text(package.version) for name, package in environment.packages.items()}
    packages.update(environment.untracked)
    near = report.known_good
    return {
        "schema": SCHEMA,
        "envcheck": __version__,
        "matrix": dict(report.matrix),
        "environment": {
            "origin": environment.origin,
            "kind": environment.kind,
            "python": environment.python,
            "platform": environment.platform,
            "cuda": environment.cuda,
            "rocm": environment.rocm,
            "packages": dict(sorted(packages.items())),
            "not-from-index": {
                name: {"origin": package.origin, "reference": package.reference}
                for name, package in environment.packages.items()
                if package.origin != "index"
            },
            "unreadable": [
                {"name": oddity.subject, "reason": oddity.detail}
                for oddity in environment.oddities
                if oddity.kind == "unreadable"
            ],
        },
        **_launch(report),
        "verdict": report.verdict,
        "project": report.project,
        "known_good": near
        and {
            "id": near.id,
            "exact": near.exact,
            "differs": [
                {"package": each.package, "installed": each.installed, "set": each.wanted}
                for each in near.differs
            ],
        },
        "ran": [_ran(run) for run in report.ran],
        "findings": [_finding(finding) for finding in report.findings],
        "suggestions": [_suggestion(suggestion) for suggestion in report.suggestions],
        "unresolved": [
            {"id": identifier, "in_the_way": reason} for identifier, reason in report.unresolved
        ],
        "ignored": [finding.id for finding in report.ignored],
        "summary": {
            severity: sum(1 for finding in report.findings if finding.severity == severity)
            for severity in ("error", "warning", "info")
        },
    }


def _launch(report: Report) -> dict[str, Any]:
    """Return how the run is started, where something was read about it."""
    planned = report.environment.planned
    return {"launch": dict(planned.about or {})} if planned is not None else {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "kind": finding.kind,
        "severity": finding.severity,
        "certainty": finding.certainty,
        "silent": finding.silent,
        "packages": dict(finding.packages),
        "title": finding.title,
        "why": finding.why,
        "because": list(finding.because),
        "verify": finding.verify,
        "evidence": list(finding.evidence),
        "advice": list(finding.advice),
    }


def _ran(run: Ran) -> dict[str, Any]:
    return {
        "trial": run.trial,
        "date": run.date,
        "packages": dict(run.packages),
        "with": list(run.base),
        "python": run.python,
        "platform": run.platform,
        "outcome": run.outcome,
        "stages": list(run.stages),
        "broken": run.broken or None,
        "line": run.line,
        "exact": run.exact,
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "direction": suggestion.direction,
        "changes": [
            {"package": change.package, "from": _text(change.before), "to": _text(change.after)}
            for change in suggestion.changes
        ],
        "settings": [
            {
                "path": path,
                "value": None if value is None else json.loads(value),
                "remove": value is None,
            }
            for path, value in suggestion.settings
        ],
        "resolves": list(suggestion.resolves),
        "remaining": list(suggestion.remaining),
        "known_good": suggestion.known_good,
        "verified": "matrix",
        "command": suggestion.command,
        "advised_by": list(suggestion.advised_by),
        "condition": suggestion.condition or None,
    }
