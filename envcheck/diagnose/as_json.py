"""
The diagnosis as JSON, schema `envcheck-diagnosis/1`: `envcheck.diagnose` says what each field means.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from envcheck import __version__

if TYPE_CHECKING:
    from envcheck.diagnose.answer import Answer
    from envcheck.diagnose.errors import Seen
    from envcheck.diagnose.patterns import Place
    from envcheck.diagnose.proof import Proof

SCHEMA: Final = "envcheck-diagnosis/1"


def to_json(answer: Answer, *, indent: int | None = 1) -> str:
    """
    Return the diagnosis as ASCII JSON with a newline at the end; without an indent on one line.
    """
    return json.dumps(to_dict(answer), indent=indent) + "\n"


def to_dict(answer: Answer) -> dict[str, Any]:
    """
    Return the diagnosis as plain data, in the form that `envcheck.diagnose` describes.
    """
    said, environment = answer.said, answer.environment
    return {
        "schema": SCHEMA,
        "envcheck": __version__,
        "matrix": dict(answer.matrix),
        "log": {
            "origin": answer.origin,
            "lines": said.lines,
            "bytes": said.bytes,
            "records": said.records,
            "evaluations": said.evaluations,
            "runs": said.runs,
            "ranks": said.ranks,
            "written_by": list(said.styles),
            "versions": dict(said.versions),
            "python": said.python,
            "deepspeed_config": said.deepspeed_config is not None,
        },
        "environment": environment
        and {
            "origin": environment.origin,
            "kind": environment.kind,
            "python": environment.python,
            "packages": {
                str(name): str(package.version) if package.version else None
                for name, package in environment.packages.items()
            },
            "remarks": list(answer.remarks),
        },
        "verdict": answer.verdict,
        "proofs": [_as_dict(proof) for proof in said.proofs],
        "earlier": [
            {"run": number, "proofs": [_as_dict(proof) for proof in proofs]}
            for number, proofs in said.earlier
        ],
        "exceptions": [_seen(seen) for seen in said.exceptions],
        "survived": [_seen(seen) for seen in said.survived],
        "explanations": [
            {
                "id": each.id,
                "title": each.title,
                "severity": each.severity,
                "silent": each.silent,
                "status": each.status,
                "matched": list(each.matched),
                "line": each.line or None,
                "packages": dict(each.packages),
                "because": list(each.because),
                "against": each.against,
                "verify": each.verify,
                "why": each.why,
                "fixes": [dict(fix) for fix in each.fixes],
                "evidence": list(each.evidence),
            }
            for each in answer.explanations
        ],
        "others": list(answer.others),
        "first": list(answer.first),
        "command": answer.command,
        "experiments": list(answer.experiments),
    }


def _as_dict(proof: Proof) -> dict[str, Any]:
    return {
        "id": proof.id,
        "certainty": proof.certainty,
        "severity": proof.severity,
        "title": proof.title,
        "facts": list(proof.facts),
        "symptoms": list(proof.symptoms),
        "at": _place(proof.place) or ({"line": proof.line} if proof.line else None),
        "count": proof.times or None,
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return place and {
        "line": place.line,
        "record": place.record,
        "step": place.step,
        "epoch": place.epoch,
    }


def _seen(seen: Seen) -> dict[str, Any]:
    return {"text": seen.text, "line": seen.line, "count": seen.times}
