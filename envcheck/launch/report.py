"""
What there is to say of a hostfile, as text and as JSON (schema `envcheck-hostfile/1`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from envcheck.clean import visible
from envcheck.formats import stream
from envcheck.formats import text as text_

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.formats.text import Row
    from envcheck.launch.hostfile import Host
    from envcheck.launch.notes import Note, Release
    from envcheck.launch.plan import Asked, Plan
    from envcheck.options import CheckOptions

SCHEMA: Final = "envcheck-hostfile/1"
_INDENT: Final = "         "
_SHOWN: Final = 16


class Result(NamedTuple):
    """
    A hostfile that was judged.
    """

    file: str
    origin: str
    "Where the version of DeepSpeed is from; empty: nowhere."
    release: Release
    pool: Mapping[str, Host]
    asked: Asked
    plan: Plan
    notes: tuple[Note, ...]

    @property
    def verdict(self) -> str:
        """
        Return `refused` (an error stands), `one-machine` (all processes are started here) or `accepted`.
        """
        if any(each.finding.severity == "error" for each in self.notes):
            return "refused"
        return "one-machine" if self.plan.local else "accepted"


def write(result: Result, options: CheckOptions) -> None:
    """
    Write the report to standard output.
    """
    to = sys.stdout
    if options.format == "json":
        import json

        to.write(json.dumps(to_dict(result), indent=1) + "\n")
        return
    stream.write(rows(result, stream.columns(to)), to, options.color)


def rows(result: Result, width: int = text_.WIDTH) -> Iterator[Row]:
    """
    Yield the rows of the report; the last one is the verdict.
    """
    yield (("Checked  ", "label"), (visible(result.file), "strong"))
    yield from text_.wrapped(_INDENT, _read_by(result), width)
    shown = list(result.pool.values())[:_SHOWN]
    longest = max((len(visible(host.name)) for host in shown), default=0)
    for number, host in enumerate(shown):
        used = result.plan.hosts.get(host.name, ())
        head = "Hosts    " if not number else _INDENT
        about = f"{visible(host.name):<{longest}}  {host.slots} slot{'s' * (host.slots != 1)}"
        if result.verdict != "refused":
            about += f", {_used(used)}"
        yield ((head, "label"), (about, ""))
    if len(result.pool) > _SHOWN:
        yield ((_INDENT, ""), (f"and {len(result.pool) - _SHOWN} more", "label"))
    for note in result.notes:
        yield ()
        yield from _note(note, width)
    yield ()
    yield _verdict(result)


def _read_by(result: Result) -> str:
    if result.release.known is None:
        unknown = "which one is installed isn't known (see --deepspeed-version)"
        return f"as DeepSpeed {result.release} reads it; {unknown}"
    if result.release.newer:
        known = f"{result.release.known} is newer than what is known here ({result.origin})"
        return f"as DeepSpeed {result.release} reads it; {known}"
    return f"as DeepSpeed {result.release.known} reads it ({result.origin})"


def _used(slots: Sequence[int]) -> str:
    if not slots:
        return "not used"
    first, count = slots[0], len(slots)
    if list(slots) == list(range(first, first + count)):
        return f"used: {first} to {first + count - 1}" if count > 1 else f"used: {first}"
    more = " …" if count > _SHOWN else ""
    return f"used: {','.join(map(str, slots[:_SHOWN]))}{more}"


def _note(note: Note, width: int) -> Iterator[Row]:
    finding = note.finding
    head = f"{finding.severity.upper():<9}"
    yield from text_.wrapped(
        head, finding.title, width, head_style=finding.severity, style="strong"
    )
    if finding.silent:
        yield (
            (_INDENT, ""),
            ("SILENT: it raises nothing; the run goes on wrong, or hangs.", "silent"),
        )
    if finding.because:
        yield from text_.wrapped(_INDENT, ": ".join(finding.because), width)
    for number, line in enumerate(note.instead.splitlines()):
        yield (
            (_INDENT, ""),
            ("write: " if not number else "       ", "label"),
            (visible(line), "command"),
        )
    if finding.verify:
        yield from text_.wrapped(_INDENT, f"verify: {finding.verify}", width, style="verify")
    yield from text_.wrapped(_INDENT, finding.why, width)
    yield ((_INDENT, ""), (visible(finding.id), "id"))


def _verdict(result: Result) -> Row:
    counts = [
        f"{number} {severity}{'s' if number != 1 else ''}"
        for severity in ("error", "warning")
        if (number := sum(1 for each in result.notes if each.finding.severity == severity))
    ]
    said = ", ".join(counts) or "nothing known to fail"
    if result.verdict != "refused":
        hosts, processes = len(result.plan.hosts), result.plan.processes
        where = "here" if result.plan.local else f"on {hosts} hosts"
        count = (
            f"{processes} process{'es' * (processes != 1)}" if hosts else "a process for each GPU"
        )
        said = f"{count} {where}; {said}"
    style = {"refused": "known-bad", "accepted": "known-good"}.get(result.verdict, "unknown")
    return ((result.verdict, style), (f": {said}", ""))


def to_dict(result: Result) -> dict[str, Any]:
    """
    Return the report as plain data.
    """
    from envcheck import __version__

    findings = [each.finding for each in result.notes]
    return {
        "schema": SCHEMA,
        "envcheck": __version__,
        "hostfile": result.file,
        "deepspeed": {
            "version": str(result.release.known) if result.release.known else None,
            "read_as": str(result.release),
            "origin": result.origin or None,
        },
        "hosts": {
            host.name: {
                "line": host.line,
                "slots": host.slots,
                "used": list(result.plan.hosts.get(host.name, ())),
            }
            for host in result.pool.values()
        },
        "asked": dict(result.asked._asdict()),
        "processes": result.plan.processes,
        "one_machine": result.plan.local,
        "verdict": result.verdict,
        "findings": [_finding(each) for each in result.notes],
        "summary": {
            severity: sum(1 for each in findings if each.severity == severity)
            for severity in ("error", "warning", "info")
        },
    }


def _finding(note: Note) -> dict[str, Any]:
    finding = note.finding
    _, _, line = note.place.rpartition(":")
    return {
        **finding._asdict(),
        "packages": dict(finding.packages),
        "because": list(finding.because),
        "evidence": list(finding.evidence),
        "line": int(line) if line.isdecimal() else None,
        "instead": note.instead,
    }
