"""
The values that cross a module boundary.

All are frozen; "could not be read" is a value too (`Oddity`). Names are PEP 503 names, versions
PEP 440, requirements PEP 508, dates ISO 8601.

They are named tuples because importing `dataclasses` and making these classes with it costs more than
reading an environment; build them with keywords, copy them with `_replace`, never unpack them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from envcheck.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from envcheck.launch.hosts_file import Hosts
    from envcheck.launch.planned import Planned

SEVERITIES: Final = ("info", "warning", "error")
"""In rising order: `SEVERITIES.index` compares two of them."""

UNKNOWN_RELEASE: Final = "environment/unknown-release"
"""The id of the finding about releases that the matrix doesn't know, which reports show by itself."""

_NONE: Final[Mapping[Any, Any]] = MappingProxyType({})


class Package(NamedTuple):
    """
    One installed (or listed) distribution that the matrix tracks.
    """

    name: NormalizedName
    version: Version | None
    "`None`: installed, but the version isn't known (a VCS requirement without one, damaged metadata)."
    location: str = ""
    "The folder it was found in, or the line of the list."
    origin: str = "index"
    "index | editable | vcs | file: a version from a working copy may not mean the release."
    reference: str = ""
    "Where a package that isn't from an index came from, as far as its `direct_url.json` says."
    installer: str = ""
    requires: tuple[str, ...] | None = None
    "PEP 508 strings as its metadata declares them; `None`: not known here (then release facts decide)."


class Oddity(NamedTuple):
    """
    Something about the environment itself that isn't as it should be.
    """

    kind: str
    "unreadable | duplicate | leftover | shadowed | unpinned"
    subject: str
    "What it is about: a distribution's name, a file, or `line 12`. Untrusted text."
    detail: str
    "One sentence without a full stop. Untrusted text."
    packages: tuple[NormalizedName, ...] = ()


class SettingsFile(NamedTuple):
    """
    What there is to know of a DeepSpeed configuration file beside what it says.
    """

    path: str
    lines: Mapping[str, int] = _NONE
    "The line of every key, by its dotted path."
    repeated: tuple[tuple[str, int], ...] = ()
    "Dotted path and line of every key that is there again."
    beyond_json: tuple[tuple[str, int], ...] = ()
    "What in it is Hjson but not JSON, with the first line of each."
    named_by: str = ""
    "The launch script that names it; empty: the user does."


class Environment(NamedTuple):
    """
    Facts about one place where training will run.
    """

    origin: str
    "What was read, as the user knows it: a prefix, an interpreter, a file."
    kind: str
    "venv | conda | python | site-packages | freeze | requirements | pip-list | report"
    packages: Mapping[NormalizedName, Package]
    "Tracked packages, the one that wins where a name occurs twice; sorted by name."
    untracked: Mapping[NormalizedName, str] = _NONE
    "Every other distribution's version, as text."
    python: str | None = None
    "`3.10` or `3.10.13`; `None`: not known. Never that of the interpreter running envcheck."
    platform: str | None = None
    "linux | darwin | win32; `None`: not known."
    cuda: str | None = None
    "The CUDA version torch was built for (`11.8`); empty: built without; `None`: not known."
    rocm: str | None = None
    "The ROCm version torch was built for (`6.2.4`); empty: built without; `None`: not known."
    gpu: str | None = None
    "Compute capability (`8.0`)."
    executable: str | None = None
    "The environment's interpreter, for commands to paste; `None`: unknown, or a plain list."
    installer: str = "pip"
    "pip | uv | conda: what can install into it."
    complete: bool = False
    "True when a package that isn't listed isn't installed (a real environment, not a list)."
    oddities: tuple[Oddity, ...] = ()
    deepspeed_config: Mapping[str, Any] | None = None
    settings_file: SettingsFile | None = None
    "Where the DeepSpeed configuration was read from; `None`: it was given as data."
    reader: str | None = None
    "transformers | accelerate | deepspeed: who reads that configuration first; `None`: not said."
    world_size: int | None = None
    "Processes that share the batch; `None`: not known."
    world_size_from: str = ""
    "What tells that; empty: the user does."
    hosts: Hosts | None = None
    "The hostfile of the run; `None`: none is given."
    planned: Planned | None = None
    "How the run is going to be started; `None`: not known."
    model: Mapping[str, Any] | None = None
    "Facts from a model's config.json, as `sources.model_config.facts` names them."


class Finding(NamedTuple):
    """
    One thing that is wrong, or needs verification, in this environment.
    """

    id: str
    kind: str
    "known-bad | requirement | configuration | environment"
    severity: str
    certainty: str
    "certain | needs-verification"
    packages: Mapping[NormalizedName, str | None]
    "Every package that takes part in it, with its installed version (`None`: not installed)."
    title: str
    why: str = ""
    because: tuple[str, ...] = ()
    "The facts of this environment that make the condition hold, as short texts."
    verify: str = ""
    "What to look at, or which option to give, where the certainty is `needs-verification`."
    silent: bool = False
    evidence: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    "What cures it beside other versions and DeepSpeed settings, in order of preference."


class Change(NamedTuple):
    """
    One package moved from one version to another; `None` on a side: not installed.
    """

    package: NormalizedName
    before: Version | None
    after: Version | None


class Suggestion(NamedTuple):
    """
    A set of changes that, applied together, leaves no error.
    """

    direction: str
    "downgrade | upgrade | mixed | settings"
    changes: tuple[Change, ...]
    settings: tuple[tuple[str, str | None], ...]
    "Dotted paths of the DeepSpeed configuration with their new value (JSON text); `None`: remove."
    resolves: tuple[str, ...]
    "Ids of the findings that are gone afterwards; sorted."
    remaining: tuple[str, ...]
    "Ids of the warnings that stay; sorted. Never an error."
    known_good: str | None
    "The set that the result agrees with."
    command: str
    "For a POSIX shell, quoted; empty where only settings change."
    note: str = ""
    advised_by: tuple[str, ...] = ()
    "Ids of the entries that recommend just this, where it was made for them; sorted."
    condition: str = ""
    "The trouble that one must have for it to be of any use; empty: it is called for as things stand."


class Difference(NamedTuple):
    """
    One package of a known-good set that is installed in another version.
    """

    package: NormalizedName
    installed: str | None
    wanted: str


class KnownGood(NamedTuple):
    """
    The known-good set nearest to an environment.
    """

    id: str
    exact: bool
    differs: tuple[Difference, ...]
    evidence: tuple[Mapping[str, str], ...] = ()


class Ran(NamedTuple):
    """
    What became of versions that are installed here when they were run for real.
    """

    trial: str
    date: str
    outcome: str
    "ok | failed | wrong | not-run"
    packages: Mapping[NormalizedName, str]
    "What the run was about."
    stages: tuple[str, ...]
    "Those that went well."
    broken: str
    "The first stage that failed or ran wrong; empty: none did."
    line: str
    "The first line of its error."
    base: tuple[str, ...]
    "What else was asked for."
    python: str
    platform: str
    exact: bool = False
    "Whether all that matters in this environment was there, so that the run vouches for it."


class Options(NamedTuple):
    """
    What a user may ask of an audit.
    """

    project: str | None = None
    "A project of the matrix."
    prefer: str = "downgrade"
    "downgrade | upgrade | fewest"
    keep: frozenset[NormalizedName] = frozenset()
    ignore: frozenset[str] = frozenset()
    "Ids of findings that don't count."
    strict: bool = False
    "An environment outside of its project's known-good sets is an error."
    settings_only: bool = False
    "Only what the DeepSpeed configuration takes part in counts."
    in_full: bool = True
    """
    Also put notes into words, and suggest what single entries recommend, under the condition that one
    has their trouble; else a note is its id and no more.
    """


class Report(NamedTuple):
    """
    What `envcheck check` found out.
    """

    environment: Environment
    matrix: Mapping[str, Any]
    "date (newest fact), sets, entries, sources"
    verdict: str
    "known-bad | known-good | unknown"
    project: str | None
    known_good: KnownGood | None
    findings: tuple[Finding, ...]
    "By severity (error first), certainty, id."
    suggestions: tuple[Suggestion, ...]
    "Best first."
    unresolved: tuple[tuple[str, str], ...] = ()
    "(finding id, what is in the way) for every error that no suggestion removes."
    ignored: tuple[Finding, ...] = ()
    ran: tuple[Ran, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """
        Return the report as plain data, in the form of schema `envcheck-report/1`.
        """
        from envcheck.formats import json as format_

        return format_.to_dict(self)
