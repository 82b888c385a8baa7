from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from builders import write

from envcheck import sources, versions
from envcheck.errors import SourceError
from envcheck.sources import kinds

if TYPE_CHECKING:
    from envcheck.sources.kinds import Source

TRACKED = frozenset([versions.normalize("torch")])

FILES = [
    pytest.param("torch==2.0.1\n", "freeze", id="pip freeze"),
    pytest.param("torch==2.0.1\nnumpy>=1\n", "requirements", id="requirements"),
    pytest.param('[{"name": "torch", "version": "2.0.1"}]', "pip-list", id="pip list"),
    pytest.param(
        '{"schema": "envcheck-report/1", "environment": {"packages": {"torch": "2.0.1"}}}',
        "report",
        id="report",
    ),
]


@pytest.mark.parametrize(("text", "kind"), FILES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_recognised_by_its_contents(
    tmp_path: Path, text: str, kind: str, encoding: str
) -> None:
    path = str(write(tmp_path / "whatever.json", text.encode(encoding)))

    found = sources.file(path, TRACKED, "3.10")

    assert (found.kind, found.origin, found.python) == (kind, path, "3.10")
    assert [str(each.version) for each in found.packages.values()] == ["2.0.1"]


@pytest.mark.parametrize(("text", "kind"), FILES)
def test_exactly_one_kind_recognises_a_file(text: str, kind: str) -> None:
    assert [found for source in kinds.SOURCES if (found := source.recognises("x", text))] == [
        True
    ], kind


def test_a_kind_that_nobody_recognises_is_refused_with_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "SOURCES", kinds.SOURCES[:2])
    path = write(tmp_path / "x", "torch==1")

    with pytest.raises(
        SourceError, match="is no list of packages that envcheck knows: an envcheck"
    ):
        sources.file(str(path), TRACKED)


@pytest.mark.parametrize("source", kinds.SOURCES)
def test_a_name_is_made_for_messages(source: Source) -> None:
    assert source.NAME.isprintable()


def test_every_module_of_a_kind_is_in_the_table() -> None:
    folder = Path(kinds.__file__).parent
    made = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^NAME", path.read_text(), re.MULTILINE)
    }

    assert made == {source.__name__.rpartition(".")[2] for source in kinds.SOURCES}  # type: ignore[attr-defined]
