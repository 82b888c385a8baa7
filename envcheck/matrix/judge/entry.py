"""
Whether a known-bad entry makes sense: it can hold, its fixes cure it, and its evidence is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck import versions
from envcheck.matrix import witness
from envcheck.matrix.judge.parts import (
    at,
    evidence_problems,
    pin_problems,
    symptom_problems,
    twice,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envcheck.matrix import Matrix
    from envcheck.matrix.judge.parts import Found
    from envcheck.versions import Requirement


class Entry:
    """
    A known-bad entry on trial.
    """

    def __init__(self, identifier: str, entry: Mapping[str, Any], matrix: Matrix) -> None:
        self.identifier = identifier
        self.entry = entry
        self.matrix = matrix
        self.pins = [versions.requirement(text) for text in entry["packages"]]

    def problems(self) -> Iterator[Found]:
        """
        Yield which part of the entry makes no sense, and why.
        """
        blamed = self.identifier.partition("/")[0]
        if self.pins[0].name != blamed:
            yield (
                "packages",
                f"the first package must be the one to blame, {blamed!r}, like the file",
            )
        if any(pin.specifier for pin in self.pins) and "boundary" not in self.entry:
            yield (
                "",
                "the key 'boundary' is missing: how were the edges of the versions established?",
            )
        yield from at("packages", twice(self.pins))
        for pin in self.pins:
            yield from at("packages", pin_problems(pin, self.matrix, "this can never hold"))
        yield from self._condition_problems()
        for number, symptom in enumerate(self.entry.get("symptoms", ())):
            if "error" in symptom:
                yield from at(f"symptoms {number}", symptom_problems(symptom["error"]))
        yield from at("evidence", evidence_problems(self.entry["evidence"], self.matrix))
        if not any(isinstance(item, str) or "url" in item for item in self.entry["evidence"]):
            yield "evidence", "the evidence names no web address"
        for number, fix in enumerate(self.entry.get("fixes", ())):
            yield from at(f"fixes {number}", self._fix_problems(fix))

    def _condition_problems(self) -> Iterator[Found]:
        for key in ("python", "cuda", "rocm", "gpu"):
            if key in self.entry and witness.value(key, self.entry[key]) is None:
                yield key, f"{key} {self.entry[key]!r} can never hold"
        for name in self.entry.get("absent", ()):
            if any(pin.name == name for pin in self.pins):
                yield "absent", f"{name} can't be missing: it is in packages"
        if "deepspeed-config" in self.entry and self._config is None:
            yield (
                "deepspeed-config",
                "the conditions on the DeepSpeed configuration can never all hold",
            )

    def _fix_problems(self, fix: Mapping[str, Any]) -> Iterator[str]:
        if "packages" in fix:
            yield from self._version_fix_problems(fix["packages"])
        elif "deepspeed-config" in fix:
            yield from self._settings_fix_problems(fix["deepspeed-config"])
        elif "remove" in fix and not {pin.name for pin in self.pins} & {*fix["remove"]}:
            yield f"the fix remove {', '.join(fix['remove'])} does not cure: it is not in packages"

    @property
    def _config(self) -> dict[str, Any] | None:
        return witness.settings(self.entry["deepspeed-config"])

    def _version_fix_problems(self, texts: Sequence[str]) -> Iterator[str]:
        wanted = [versions.requirement(text) for text in texts]
        shown = ", ".join(texts)
        yield from twice(wanted)
        for pin in wanted:
            yield from pin_problems(pin, self.matrix, f"the fix {shown} can't be had")
            releases = self.matrix.releases(pin.name)
            fitting = [each for each in releases if versions.contains(pin.specifier, each.version)]
            if fitting and all(each.yanked for each in fitting):
                yield f"the fix {shown} can't be had: only yanked releases are in {str(pin)!r}"
        cured = (
            bad.name == good.name and not self._overlap(bad, good)
            for bad in self.pins
            for good in wanted
        )
        installs = any(good.name in self.entry.get("absent", ()) for good in wanted)
        if not (installs or any(cured)):
            yield f"the fix {shown} does not cure: all of it can still be within the entry's own ranges"
            return
        condemned = witness.condemned(wanted, self.pins, self.matrix)
        if condemned:
            yield f"the fix {shown} is no cure: {condemned} is known to break all of it"

    def _overlap(self, bad: Requirement, good: Requirement) -> bool:
        """Tell whether a version that a fix admits is still bad, as far as known and named ones show."""
        known = [release.version for release in self.matrix.releases(bad.name)]
        known = known or witness.around(bad.specifier, good.specifier)
        known += witness.named(bad.specifier) + witness.named(good.specifier)
        return any(
            versions.contains(bad.specifier, each) and versions.contains(good.specifier, each)
            for each in known
        )

    def _settings_fix_problems(self, fix: Mapping[str, str]) -> Iterator[str]:
        shown = ", ".join(f"{path}: {value}" for path, value in fix.items())
        if "deepspeed-config" not in self.entry:
            yield f"the fix {shown} changes the DeepSpeed configuration, which is no condition here"
        elif self._config is not None:
            config = self._config
            for path, value in fix.items():
                config = witness.changed(config, path, witness.literal(value))
            if witness.holds(self.entry["deepspeed-config"], config):
                yield f"the fix {shown} does not cure: the conditions still hold"
