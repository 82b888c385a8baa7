from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from builders import write
from commands import envcheck
from knowledge import directory, entry, known_good, project

from envcheck import versions
from envcheck.errors import MatrixError
from envcheck.matrix import store
from envcheck.matrix.texts import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envcheck.matrix import Matrix

BAD = "known-bad/torch.yaml"
TORCH = versions.normalize("torch")
SOUND = {BAD: [entry()], "known-good/llava.yaml": project("llava", known_good("llava@1"))}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "envcheck"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let files count as settled at once; what a test changes must only not come in the same tick.
    """
    monkeypatch.setattr(store, "_SETTLED", -1)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Make a place that envcheck takes for its own package, with one entry in its matrix.
    """
    here = tmp_path / "package" / "matrix"
    write(here / "index.py", "the code")
    monkeypatch.setattr(store, "_HERE", str(here))
    return directory(tmp_path / "package" / "matrices", SOUND)


def rules(matrix: Matrix) -> list[str]:
    return [rule.id for _, rule in matrix.rules(TORCH)]


def test_the_matrix_lies_in_the_package_or_beside_it_in_a_checkout(
    tmp_path: Path, package: Path
) -> None:
    assert store.directory() == str(package)

    package.rename(tmp_path / "matrices")
    assert store.directory() == str(tmp_path / "matrices")
    assert rules(store.open_matrix()) == ["torch/breaks"]


def test_a_wheel_is_read_from_its_index_alone(package: Path, cache: Path) -> None:
    write(package / store.INDEX_NAME, store.compile_directory(str(package)))
    (package / BAD).unlink()

    assert rules(store.open_matrix()) == ["torch/breaks"]
    assert not cache.exists()


def _empty(data: bytes) -> bytes:  # noqa: ARG001
    return b""


def _cut_off(data: bytes) -> bytes:
    return data[:-5]


def _cut_off_early(data: bytes) -> bytes:
    return data[:50]


def _of_another_format(data: bytes) -> bytes:
    return data.replace(b'"format":', b'"format":9', 1)


def _without_a_key(data: bytes) -> bytes:
    return data.replace(b'"sets":', b'"sits":', 1)


def _of_another_type(data: bytes) -> bytes:
    return data.replace(b'"overrides":[]', b'"overrides":42', 1)


def _not_text(data: bytes) -> bytes:
    return b"\xff\xfe" + data


@pytest.mark.parametrize(
    "damage",
    [
        *(_empty, _cut_off, _cut_off_early, _of_another_format),
        *(_without_a_key, _of_another_type, _not_text),
    ],
)
def test_a_damaged_index_is_an_error(package: Path, damage: Callable[[bytes], bytes]) -> None:
    write(package / store.INDEX_NAME, damage(store.compile_directory(str(package))))

    with pytest.raises(
        MatrixError, match=r"index\.json: the index is damaged; install envcheck again"
    ):
        store.open_matrix()


def test_without_an_index_the_yaml_decides(package: Path) -> None:
    assert store.shipped() is None
    assert rules(store.open_matrix()) == ["torch/breaks"]
    assert package.exists()


@pytest.mark.usefixtures("package")
def test_directories_lie_on_top_in_their_order(tmp_path: Path) -> None:
    one = directory(
        tmp_path / "one", {BAD: [entry("torch/one"), entry(title="New", override=True)]}
    )
    two = directory(tmp_path / "two", {BAD: [entry("torch/one", override=True)]})
    matrix = store.open_matrix([str(one), str(two)])

    assert matrix.about()["sources"] == ["built-in", str(one), str(two)]
    assert rules(matrix) == ["torch/breaks", "torch/one"]
    assert (matrix.record("torch/breaks") or {})["title"] == "New"


@pytest.mark.usefixtures("package", "settled")
def test_what_was_compiled_is_kept_and_read_again(tmp_path: Path, cache: Path) -> None:
    mine = directory(tmp_path / "mine", {BAD: [entry("torch/mine")]})
    store.open_matrix([str(mine)])
    kept = {each: each.stat().st_mtime_ns for each in cache.iterdir()}
    assert len(kept) == 2

    assert rules(store.open_matrix([str(mine)])) == ["torch/breaks", "torch/mine"]
    assert {each: each.stat().st_mtime_ns for each in cache.iterdir()} == kept


def _same_size_and_time(mine: Path, cache: Path, code: Path) -> None:  # noqa: ARG001
    before = (mine / BAD).stat()
    text = (mine / BAD).read_text()
    (mine / BAD).write_text(text.replace("torch/mine", "torch/ours"))
    os.utime(mine / BAD, ns=(before.st_atime_ns, before.st_mtime_ns))


def _renamed(mine: Path, cache: Path, code: Path) -> None:  # noqa: ARG001
    directory(mine, {"known-bad/numpy.yaml": [entry("numpy/ours", packages=["numpy", "torch"])]})
    (mine / BAD).write_text((mine / BAD).read_text().replace("torch/mine", "torch/ours"))


def _other_code(mine: Path, cache: Path, code: Path) -> None:
    _same_size_and_time(mine, cache, code)
    write(code, "the new code")


def _lost(mine: Path, cache: Path, code: Path) -> None:
    _same_size_and_time(mine, cache, code)
    for each in cache.iterdir():
        each.unlink()


def _mixed_up(mine: Path, cache: Path, code: Path) -> None:
    _same_size_and_time(mine, cache, code)
    one, other = (each.read_bytes() for each in sorted(cache.iterdir()))
    for each, data in zip(sorted(cache.iterdir()), (other, one), strict=True):
        each.write_bytes(data)


def _tampered(mine: Path, cache: Path, code: Path) -> None:
    _same_size_and_time(mine, cache, code)
    for each in cache.iterdir():
        each.write_bytes(each.read_bytes().replace(b"torch/mine", b"torch/none"))


def _unwritable(mine: Path, cache: Path, code: Path) -> None:
    _same_size_and_time(mine, cache, code)
    for each in cache.iterdir():
        each.unlink()
    cache.rmdir()
    cache.write_text("a file is in the way")


@pytest.mark.parametrize(
    "change",
    [_same_size_and_time, _renamed, _other_code, _lost, _mixed_up, _tampered, _unwritable],
)
@pytest.mark.usefixtures("settled")
def test_what_changed_is_compiled_again(
    tmp_path: Path, package: Path, cache: Path, change: Callable[[Path, Path, Path], None]
) -> None:
    mine = directory(tmp_path / "mine", {BAD: [entry("torch/mine")]})
    assert rules(store.open_matrix([str(mine)])) == ["torch/breaks", "torch/mine"]
    time.sleep(0.05)
    change(mine, cache, package.parent / "matrix" / "index.py")

    for _ in range(2):
        assert rules(store.open_matrix([str(mine)])) == ["torch/breaks", "torch/ours"]


@pytest.mark.usefixtures("settled")
def test_new_code_compiles_again(tmp_path: Path, package: Path, cache: Path) -> None:
    mine = directory(tmp_path / "mine", {BAD: [entry("torch/mine")]})
    store.open_matrix([str(mine)])
    before = {each.name: each.read_bytes() for each in cache.iterdir()}
    write(package.parent / "matrix" / "index.py", "the new code")
    store.open_matrix([str(mine)])

    after = {each.name: each.read_bytes() for each in cache.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)


@pytest.mark.usefixtures("package")
def test_what_changed_a_moment_ago_is_not_kept(tmp_path: Path, cache: Path) -> None:
    """
    A second change in the same tick of the clock could not be told from the first.
    """
    mine = directory(tmp_path / "mine", {BAD: [entry("torch/mine")]})
    assert rules(store.open_matrix([str(mine)])) == ["torch/breaks", "torch/mine"]

    assert not cache.exists() or list(cache.iterdir()) == []


@pytest.mark.usefixtures("settled")
def test_every_problem_of_a_directory_is_listed_and_nothing_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: Path, cache: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    write(package / store.INDEX_NAME, store.compile_directory(str(package)))
    directory(tmp_path / "mine", {BAD: "- {}\n", "known-bad/numpy.yaml": "", "known-bad/a.yml": ""})
    with pytest.raises(MatrixError) as caught:
        store.open_matrix(["mine"])

    places = [problem.partition(": ")[0] for problem in caught.value.problems]
    assert places[:2] == ["mine/known-bad/a.yml:1", "mine/known-bad/numpy.yaml:1"]
    assert set(places[2:]) == {"mine/known-bad/torch.yaml:1"}
    assert list(cache.iterdir()) == []
    with pytest.raises(MatrixError):
        store.compile_directory("mine")


ALIAS = "mine/known-bad/torch.yaml:2: an alias (*a) is not allowed; write the value out"


@pytest.mark.usefixtures("package")
def test_the_problems_of_all_directories_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    directory(tmp_path / "one", {BAD: ""})
    directory(tmp_path / "two", {BAD: ""})
    with pytest.raises(MatrixError) as caught:
        store.open_matrix(["one", "nowhere", "two"])

    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        *("one/known-bad/torch.yaml", "nowhere", "two/known-bad/torch.yaml")
    ]


COMMANDS: list[Any] = [
    pytest.param(
        {BAD: [entry(packages=["torch>=two"])]},
        ["mine/known-bad/torch.yaml:1: 'torch>=two' is not a requirement (PEP 508)"],
        id="a bad specifier",
    ),
    pytest.param(
        {BAD: "\n- a: &a [*a, *a]\n"},
        [ALIAS, ALIAS, ALIAS.replace("alias (*", "anchor (&")],
        id="an alias bomb",
    ),
    pytest.param(
        {"known-bad/deepspeed.yaml": [entry("deepspeed/overlap-comm-nan")]},
        [
            "mine/known-bad/deepspeed.yaml:1: the id 'deepspeed/overlap-comm-nan' is already used in "
        ],
        id="an override without the word",
    ),
    pytest.param(
        {BAD: f"\n\n- {json.dumps(entry('torch/nobody-knows', override=True))}"},
        ["mine/known-bad/torch.yaml:3: 'torch/nobody-knows' overrides nothing"],
        id="an override of nothing",
    ),
    pytest.param(
        {"README.md": ""},
        [f"mine: holds no matrix (expected {', '.join(f'{each}/*.yaml' for each in FOLDERS)})"],
        id="no matrix",
    ),
]


@pytest.mark.parametrize(("files", "expected"), COMMANDS)
def test_the_command_says_what_is_wrong_and_exits_with_2(
    tmp_path: Path, files: dict[str, Any], expected: list[str]
) -> None:
    directory(tmp_path / "mine", files)
    write(tmp_path / "freeze.txt", "torch==2.0.1\n")
    result = envcheck("--matrix", "mine", "--from", "freeze.txt", cwd=tmp_path)

    assert (result.returncode, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert [line[: len(start) + 10] for line, start in zip(lines, expected, strict=True)] == [
        f"envcheck: {start}" for start in expected
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_the_command_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "mine" / "known-bad").mkdir(parents=True)
    os.mkfifo(tmp_path / "mine" / BAD)
    result = envcheck("--matrix", "mine", cwd=tmp_path)

    assert result.returncode == 2
    assert result.stderr == (
        "envcheck: mine/known-bad/torch.yaml:1: not a file (a folder, a pipe or a device)\n"
    )
