"""
The report for people.

The layout is made once, as rows of styled pieces; `terminal` colours them with rich, and `plain` joins
them, the same on every machine. The first row names what was checked, the last one is the verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clean, visible
from envcheck.model import UNKNOWN_RELEASE
from envcheck.ran import trained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envcheck.model import Finding, Ran, Report, Suggestion

    Piece = tuple[str, str]
    Row = tuple[Piece, ...]

WIDTH: Final = 80
_INDENT: Final = "         "
_SHOWN_EVIDENCE: Final = 2
_SHOWN_RUNS: Final = 3
_KINDS: Final = {
    "venv": "virtual environment",
    "conda": "conda environment",
    "python": "Python installation",
    "site-packages": "site-packages",
    "freeze": "pip freeze",
    "requirements": "pinned requirements",
    "pip-list": "pip list",
    "report": "envcheck report",
}


def plain(rows: Iterable[Row]) -> str:
    """
    Join rows without any style.
    """
    return "".join("".join(text for text, _ in harmless(row)).rstrip() + "\n" for row in rows)


def harmless(row: Row) -> Row:
    """
    Break up what a continuous-integration log would obey: a command at the start of a row, or inside it.
    """
    line = "".join(text for text, _ in row)
    if line.lstrip().startswith("::") or "##[" in line:
        return ((clean(line), row[-1][1]),)
    return row


def rows(
    report: Report, *, width: int = WIDTH, quiet: bool = False, verbose: bool = False
) -> Iterator[Row]:
    """
    Yield the report's rows.

    Args:
        width: Columns at which prose is wrapped; commands and addresses are never broken.
        quiet: Only the verdict.
        verbose: Also findings of severity `info`, and every finding in full.
    """
    if quiet:
        yield _verdict(report)
        return
    yield (("Checked  ", "label"), (visible(report.environment.origin), "strong"))
    yield from wrapped(_INDENT, _checked(report), width)
    yield from wrapped("Matrix   ", matrix(report.matrix), width, head_style="label")
    planned = report.environment.planned
    if planned is not None and planned.summary:
        yield from wrapped("Launch   ", planned.summary, width, head_style="label")
    if report.project:
        yield from wrapped("Project  ", report.project, width, head_style="label")
    for text in _ran(report.ran, in_full=verbose):
        yield from wrapped("Ran      ", text, width, head_style="label")
    unheard = _unheard(report)
    if unheard is not None:
        yield from wrapped("Unknown  ", unheard.title, width, head_style="unknown")
    notes = [] if verbose else [each for each in report.findings if each.severity == "info"]
    for finding in report.findings:
        if finding in notes:
            continue
        yield ()
        yield from _finding(finding, width, in_full=verbose or finding.severity == "error")
    notes = [each for each in notes if each is not unheard]
    if notes:
        open_ = sum(1 for each in notes if each.certainty != "certain")
        more = "more " if any(each.severity != "info" for each in report.findings) else ""
        depend = f", {open_} of them if facts that weren't given say so" if open_ else ""
        yield ()
        yield from wrapped(
            "INFO     ",
            f"{len(notes)} {more}worth knowing{depend}: -v shows all",
            width,
            style="label",
        )
    yield from _suggestions(report, width)
    yield ()
    yield _verdict(report)


def _unheard(report: Report) -> Finding | None:
    """Return the finding about releases that the matrix doesn't know, which has lines of its own."""
    return next((each for each in report.findings if each.id == UNKNOWN_RELEASE), None)


def _checked(report: Report) -> str:
    environment = report.environment
    known = len(environment.packages)
    kind = _KINDS.get(environment.kind, environment.kind)
    facts = [
        kind,
        f"Python {environment.python}"
        if environment.python
        else "Python unknown (see --python-version)",
    ]
    if environment.cuda:
        facts.append(f"torch for CUDA {environment.cuda}")
    if environment.rocm:
        facts.append(f"torch for ROCm {environment.rocm}")
    count = known + len(environment.untracked)
    facts.append(f"{count} package{'s' if count != 1 else ''}, {known} of them known")
    return ", ".join(facts)


def matrix(about: Mapping[str, Any]) -> str:
    """
    Say which matrix was asked: its date, and what is in it.
    """
    sources = "" if len(about["sources"]) == 1 else f" ({', '.join(about['sources'])})"
    runs = f", {about['trials']} trials" if about.get("trials") else ""
    return f"{about['date']}, {about['entries']} entries, {about['sets']} known-good sets{runs}{sources}"


def _ran(runs: Sequence[Ran], *, in_full: bool) -> Iterator[str]:
    """Say what was run: in one sentence for all that went as well on the same day."""
    told: dict[str, list[str]] = {}
    for run in runs:
        if run.outcome in {"failed", "wrong"}:
            how = "failed" if run.outcome == "failed" else "ran wrong"
            reason = f": {run.line}" if run.line and in_full else ""
            key = f"together {how} at {run.broken} on {run.date}{reason}"
        elif run.outcome == "ok":
            did = "trained" if trained(run) else "were imported"
            key = f"{did} together on {run.date}"
        else:
            continue
        versions = " and ".join(f"{name} {version}" for name, version in run.packages.items())
        pairs = told.setdefault(key, [])
        if versions not in pairs:
            pairs.append(versions)
    for key, pairs in told.items():
        shown = pairs if in_full else pairs[:_SHOWN_RUNS]
        more = len(pairs) - len(shown)
        rest = f" (and {more} more: -v)" if more else ""
        yield f"{'; '.join(shown)}{rest} {key}"


def _finding(finding: Finding, width: int, *, in_full: bool) -> Iterator[Row]:
    head = finding.severity.upper()
    yield from wrapped(
        f"{head:<9}", finding.title, width, head_style=finding.severity, style="strong"
    )
    if finding.silent:
        text = "SILENT: it raises nothing; the run goes on wrong, or hangs."
        yield from wrapped(_INDENT, text, width, style="silent")
    versions = ", ".join(
        f"{name} {version or '(not installed)'}" for name, version in finding.packages.items()
    )
    facts = "; ".join(filter(None, (versions, *finding.because)))
    if facts:
        certain = "certain" if finding.certainty == "certain" else "needs verification"
        yield from wrapped(_INDENT, f"{certain}: {facts}", width)
    if finding.verify:
        yield from wrapped(_INDENT, f"verify: {finding.verify}", width, style="verify")
    if in_full and finding.why:
        yield from wrapped(_INDENT, finding.why, width)
    for text in finding.advice if in_full else finding.advice[:1]:
        yield from wrapped(_INDENT, f"do: {text}", width, style="advice")
    if in_full:
        for url in finding.evidence[:_SHOWN_EVIDENCE]:
            yield ((_INDENT, ""), (visible(url), "link"))
    more = len(finding.evidence) - _SHOWN_EVIDENCE if in_full else 0
    rest = f" ({more} more: envcheck explain)" if more > 0 else ""
    yield ((_INDENT, ""), (visible(finding.id), "id"), (visible(rest), "label"))


def _suggestions(report: Report, width: int) -> Iterator[Row]:
    needed = [each for each in report.suggestions if not each.condition]
    conditional = [each for each in report.suggestions if each.condition]
    if needed:
        yield ()
        yield (
            ("What to do", "strong"),
            (" (each of these alone is enough)" if len(needed) > 1 else "", "label"),
        )
    for number, suggestion in enumerate(needed, 1):
        yield from _suggestion(number, suggestion, width)
    if conditional:
        yield ()
        yield (
            ("What helps who has just this trouble", "strong"),
            (" (others need nothing)", "label"),
        )
    for number, suggestion in enumerate(conditional, len(needed) + 1):
        yield from _suggestion(number, suggestion, width)
    for reason in dict.fromkeys(reason for _, reason in report.unresolved):
        yield ()
        these = [identifier for identifier, why in report.unresolved if why == reason]
        yield from wrapped(
            "", f"No change of versions removes {_all(these)}: {reason}.", width, style="error"
        )


def _all(names: list[str]) -> str:
    """
    Join names as a sentence has them.

    >>> _all(["a"]), _all(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _suggestion(number: int, suggestion: Suggestion, width: int) -> Iterator[Row]:
    if suggestion.condition:
        head = suggestion.condition
    elif suggestion.advised_by:
        head = f"{suggestion.direction.capitalize()}, as {' and '.join(suggestion.advised_by)} recommends"
    elif suggestion.known_good:
        head = f"{suggestion.direction.capitalize()} to the known-good set {suggestion.known_good}"
    elif suggestion.direction == "settings":
        head = "Keep the versions, and in the DeepSpeed configuration"
    elif all(change.after is None for change in suggestion.changes):
        head = "Uninstall what is only loaded because it is there"
    else:
        head = f"{suggestion.direction.capitalize()}, the smallest change"
    yield ()
    yield from wrapped(f"  {number}. ", head, width, head_style="label", style="strong")
    longest = max((len(change.package) for change in suggestion.changes), default=0)
    for change in suggestion.changes:
        before = change.before or "not installed"
        yield (
            (f"     {change.package:<{longest}}  {before} -> ", ""),
            (str(change.after or "removed"), "strong"),
        )
    for path, value in suggestion.settings:
        yield (
            (f"     {visible(path)} ", ""),
            ("is to be removed" if value is None else f"= {visible(value)}", "strong"),
        )
    if suggestion.note:
        yield from wrapped("     ", suggestion.note, width)
    if suggestion.remaining:
        yield from wrapped(
            "     ", f"stays: {', '.join(suggestion.remaining)}", width, style="label"
        )
    if suggestion.command:
        yield (("     ", ""), (suggestion.command, "command"))


def _verdict(report: Report) -> Row:
    counts = [
        f"{number} {severity}{'s' if number != 1 else ''}"
        for severity in ("error", "warning")
        if (number := sum(1 for finding in report.findings if finding.severity == severity))
    ]
    silent = sum(1 for finding in report.findings if finding.silent and finding.severity == "error")
    if silent:
        counts[0] += f" ({silent} silent)"
    text = ", ".join(counts) or "nothing known to fail"
    unheard = _unheard(report)
    if unheard is not None:
        count = len(unheard.packages)
        text += ", but " if report.verdict == "unknown" else "; "
        text += f"{count} release{'s are' if count > 1 else ' is'} unknown to this matrix"
    near = report.known_good
    vouching = next((run for run in report.ran if run.exact), None)
    if report.verdict == "known-good" and near and near.exact:
        text += f"; the versions are those of {near.id}"
    elif report.verdict == "known-good" and vouching:
        text += f"; these versions trained together on {vouching.date}"
    elif near:
        text += f"; nearest known-good: {near.id}"
    if report.ignored:
        text += f"; {len(report.ignored)} ignored"
    return ((f"{report.verdict}", report.verdict), (f": {visible(text)}", ""))


def wrapped(
    first: str, text: str, width: int, *, head_style: str = "", style: str = ""
) -> Iterator[Row]:
    """
    Wrap prose with a hanging indent; a word longer than the line (an address) stays whole.
    """
    indent = " " * len(first)
    line: list[str] = []
    used = len(indent)
    head = first
    for word in visible(text).split():
        if line and used + 1 + len(word) > width:
            yield ((head, head_style), (" ".join(line), style))
            head, line, used = indent, [], len(indent)
        line.append(word)
        used += len(word) + (1 if len(line) > 1 else 0)
    yield ((head, head_style), (" ".join(line), style))
