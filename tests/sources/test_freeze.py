from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck import versions
from envcheck.errors import SourceError
from envcheck.sources import freeze

if TYPE_CHECKING:
    from envcheck.model import Environment

TRACKED = frozenset(
    map(versions.normalize, ("torch", "transformers", "deepspeed", "moellava", "numpy", "peft"))
)
WHEEL = "https://download.pytorch.org/whl/cu118/torch-2.0.1%2Bcu118-cp310-cp310-linux_x86_64.whl"
GIT = "git+https://github.com/huggingface/transformers.git@4cb41e"


def read(text: str, python: str | None = None) -> Environment:
    return freeze.read("freeze.txt", text, TRACKED, python)


def packages(found: Environment) -> dict[str, tuple[str | None, str, str]]:
    """Return version, place and origin of each tracked package."""
    return {
        name: (None if each.version is None else str(each.version), each.location, each.origin)
        for name, each in found.packages.items()
    }


def oddities(found: Environment) -> list[tuple[str, str, str]]:
    return [(each.kind, each.subject, each.detail) for each in found.oddities]


LINES = [
    pytest.param("torch==2.0.1", "torch", ("2.0.1", "line 1", "index"), id="pin"),
    pytest.param("torch==2.0.1+cu117", "torch", ("2.0.1+cu117", "line 1", "index"), id="label"),
    pytest.param("torch == 2.0.1", "torch", ("2.0.1", "line 1", "index"), id="spaces"),
    pytest.param("\ttorch==2.0.1\t# why", "torch", ("2.0.1", "line 1", "index"), id="tabs"),
    pytest.param("torch===2.0.1", "torch", ("2.0.1", "line 1", "index"), id="arbitrary equality"),
    pytest.param("torch (==2.0.1)", "torch", ("2.0.1", "line 1", "index"), id="in brackets"),
    pytest.param("Torch[opt_einsum]==2.0.1", "torch", ("2.0.1", "line 1", "index"), id="extras"),
    pytest.param("torch==2.0.1 # via x", "torch", ("2.0.1", "line 1", "index"), id="comment"),
    pytest.param("torch==2.0.1;python_version>'3'", "torch", ("2.0.1", "line 1", "index"), id="m"),
    pytest.param("torch>=2,==2.0.1", "torch", ("2.0.1", "line 1", "index"), id="pin and range"),
    pytest.param(
        "torch==2.0.1 --hash=sha256:ab --hash=sha256:cd",
        "torch",
        ("2.0.1", "line 1", "index"),
        id="hashes",
    ),
    pytest.param(
        "torch==2.0.1 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\n    # via x",
        "torch",
        ("2.0.1", "line 1", "index"),
        id="hashes on lines of their own",
    ),
    pytest.param("\n\ntor\\\nch==\\\n2.0.1", "torch", ("2.0.1", "line 3", "index"), id="joined"),
    pytest.param("torch==2.0.1 \\", "torch", ("2.0.1", "line 1", "index"), id="joined to nothing"),
    pytest.param(
        f"torch @ {WHEEL}", "torch", ("2.0.1+cu118", "line 1", "file"), id="the URL of a wheel"
    ),
    pytest.param(
        f"torch @ {WHEEL}#sha256=ab", "torch", ("2.0.1+cu118", "line 1", "file"), id="with a hash"
    ),
    pytest.param(WHEEL, "torch", ("2.0.1+cu118", "line 1", "file"), id="only the URL of a wheel"),
    pytest.param(
        "./wheels/torch-2.0.1-1-cp310-cp310-any.whl",
        "torch",
        ("2.0.1", "line 1", "file"),
        id="a wheel with a build number",
    ),
    pytest.param(
        "torch-2.0.1-cp310-cp310-any.whl", "torch", ("2.0.1", "line 1", "file"), id="file name"
    ),
    pytest.param(
        "deepspeed @ file:///a/deepspeed-0.9.5.tar.gz",
        "deepspeed",
        ("0.9.5", "line 1", "file"),
        id="a source archive",
    ),
    pytest.param(
        "torch @ https://a/numpy-1.26.4-cp310-cp310-any.whl",
        "torch",
        (None, "line 1", "file"),
        id="the wheel of another package",
    ),
    pytest.param("torch @ https://a/v2.zip", "torch", (None, "line 1", "file"), id="any archive"),
    pytest.param(
        "torch @ https://a/torch-x.zip", "torch", (None, "line 1", "file"), id="no number"
    ),
    pytest.param("torch @ https://a/t-1.whl", "torch", (None, "line 1", "file"), id="no wheel"),
    pytest.param("torch @ file:///src/torch", "torch", (None, "line 1", "file"), id="a folder"),
    pytest.param(
        f"transformers @ {GIT}", "transformers", (None, "line 1", "vcs"), id="a repository"
    ),
    pytest.param(
        f"{GIT}#egg=transformers", "transformers", (None, "line 1", "vcs"), id="the old form"
    ),
    pytest.param(
        f"-e {GIT}#egg=transformers&subdirectory=x",
        "transformers",
        (None, "line 1", "editable"),
        id="editable repository",
    ),
    pytest.param(
        f"--editable={GIT}#egg=transformers",
        "transformers",
        (None, "line 1", "editable"),
        id="the option's long form",
    ),
    pytest.param(
        "# Editable install with no version control (moellava==1.0.0)\n-e /home/me/MoE-LLaVA",
        "moellava",
        ("1.0.0", "line 2", "editable"),
        id="editable folder",
    ),
    pytest.param(
        "# Editable Git install with no remote (moellava==1.0.0)\n-e /home/me/MoE-LLaVA",
        "moellava",
        ("1.0.0", "line 2", "editable"),
        id="editable repository without remote",
    ),
    pytest.param(
        "# Editable Git install (moellava===1.0.0) with either a deleted local remote or "
        "invalid URI:\n# 'https://a'\n-e /home/me/MoE-LLaVA",
        "moellava",
        ("1.0.0", "line 3", "editable"),
        id="editable repository with a bad remote",
    ),
]


@pytest.mark.parametrize(("text", "name", "expected"), LINES)
def test_a_line_pins_a_package(text: str, name: str, expected: tuple[str | None, str, str]) -> None:
    found = read(text)

    assert packages(found) == {name: expected}
    assert not found.oddities


ODD = [
    pytest.param("torch", "unpinned", "torch does not say which version is installed", id="name"),
    pytest.param(
        "torch >= 2.0", "unpinned", "torch>=2.0 does not say which version is installed", id="range"
    ),
    pytest.param(
        "torch==2.0.*", "unpinned", "torch==2.0.* does not say which version is installed", id=".*"
    ),
    pytest.param(
        "-e /home/me/x",
        "unpinned",
        "an editable install whose name and version aren't stated: /home/me/x",
        id="editable folder without its comment",
    ),
    pytest.param(
        "git+https://a/b", "unpinned", "it says neither name nor version: git+https://a/b", id="url"
    ),
    pytest.param(
        "https://me:secret@host/x",
        "unpinned",
        "it says neither name nor version: https://****@host/x",
        id="a password",
    ),
    pytest.param(
        "torch @ file:///home/conda/feedstock_root/build_artifacts/torch_1702/work",
        "unpinned",
        "conda's build folder hides the version; give pip list --format=json instead",
        id="conda-forge",
    ),
    pytest.param(
        "torch @ file:///croot/torch_1702400/work",
        "unpinned",
        "conda's build folder hides the version; give pip list --format=json instead",
        id="conda",
    ),
    pytest.param("torch 2.0.1", "unreadable", "it is no requirement: torch 2.0.1", id="columns"),
    pytest.param("torch=2.0.1", "unreadable", "it is no requirement: torch=2.0.1", id="one ="),
    pytest.param("!!", "unreadable", "it is no requirement: !!", id="nonsense"),
    pytest.param("<<<<<<< HEAD", "unreadable", "it is no requirement: <<<<<<< HEAD", id="conflict"),
    pytest.param(
        "\x1b[31mx\u202e", "unreadable", r"it is no requirement: \x1b[31mx\u202e", id="escapes"
    ),
    pytest.param(
        "torch==2.0.1;" + "x" * 5000, "unreadable", "it is too long for a requirement", id="long"
    ),
    pytest.param(
        "-r other.txt",
        "unreadable",
        "other.txt is not followed; check what pip freeze prints instead",
        id="another file",
    ),
    pytest.param(
        "--requirement=other.txt",
        "unreadable",
        "other.txt is not followed; check what pip freeze prints instead",
        id="another file, the option's long form",
    ),
]


@pytest.mark.parametrize(("line", "kind", "detail"), ODD)
def test_a_line_that_pins_nothing_is_an_oddity(line: str, kind: str, detail: str) -> None:
    found = read(f"pyyaml==6.0.1\n\n{line}\nnumpy==1.26.4\n")

    assert packages(found) == {"numpy": ("1.26.4", "line 4", "index")}
    assert dict(found.untracked) == {"pyyaml": "6.0.1"}
    assert oddities(found) == [(kind, "line 3", detail)]


SKIPPED = [
    "--index-url https://a/simple",
    "-i https://a/simple",
    "--extra-index-url=https://a/simple",
    "-f https://a",
    "-c constraints.txt",
    "--pre",
    "-",
    "# torch==2.0.1",
    "   # torch==2.0.1 \\",
    "## The following requirements were added by pip freeze:",
]


@pytest.mark.parametrize("line", SKIPPED)
def test_other_options_and_comments_are_passed_over(line: str) -> None:
    found = read(f"{line}\nnumpy==1.26.4\n")

    assert packages(found) == {"numpy": ("1.26.4", "line 2", "index")}
    assert not found.oddities


def test_a_comment_of_pip_freeze_is_only_about_the_next_line() -> None:
    found = read(
        "# Editable install with no version control (moellava==1.0.0)\nnumpy==1.26.4\n-e /x\n"
    )

    assert "moellava" not in found.packages
    assert [each.subject for each in found.oddities] == ["line 3"]


@pytest.mark.parametrize(
    ("marker", "python", "expected"),
    [
        pytest.param("python_version < '3.9'", "3.10", False, id="false"),
        pytest.param("python_version >= '3.9'", "3.10", True, id="true"),
        pytest.param("python_version < '3.9'", None, True, id="Python not known"),
        pytest.param("sys_platform == 'win32'", "3.10", True, id="platform not known"),
        pytest.param("no marker", "3.10", True, id="nonsense"),
        pytest.param("(" * 2000 + "python_version", "3.10", True, id="too deep"),
    ],
)
def test_a_line_whose_marker_is_false_is_left_out(
    marker: str, python: str | None, expected: bool
) -> None:
    found = read(f"pyyaml==6.0\ntorch==2.0.1 ; {marker}\n", python)

    assert expected is ("torch" in found.packages)
    assert found.kind == "requirements"


def test_of_two_lines_for_different_pythons_the_one_that_holds_counts() -> None:
    text = "numpy==1.24.4; python_version < '3.9'\nnumpy==1.26.4; python_version >= '3.9'\n"

    assert packages(read(text, "3.8")) == {"numpy": ("1.24.4", "line 1", "index")}
    assert not read(text, "3.8").oddities
    assert packages(read(text)) == {"numpy": ("1.26.4", "line 2", "index")}
    assert [each.kind for each in read(text).oddities] == ["duplicate"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("torch==2.0.1\n-e git+https://a#egg=peft\n# x", "freeze", id="freeze"),
        pytest.param("torch==2.0.1\nnumpy>=1", "requirements", id="range"),
        pytest.param("torch==2.0.1 --hash=sha256:ab", "requirements", id="hash"),
        pytest.param("-i https://a\ntorch==2.0.1", "requirements", id="option"),
        pytest.param(WHEEL, "requirements", id="URL without a name"),
    ],
)
def test_what_pip_freeze_does_not_print_makes_it_requirements(text: str, expected: str) -> None:
    assert expected == read(text).kind


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing\n", "-r other.txt\n", "numpy\n", "%PDF-1.7"]
)
def test_a_file_without_packages_is_refused(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(text)

    assert str(caught.value).startswith("freeze.txt lists no package with a version")
    assert "expected lines such as name==1.0" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(" " * 1_000_000, id="spaces"),
        pytest.param("\t" * 1_000_000 + "#", id="tabs"),
        pytest.param("a-" * 500_000, id="dashes"),
        pytest.param("a==1 " + "--hash=x " * 100_000, id="hashes"),
        pytest.param("# Editable " + "(a" * 500_000, id="brackets in a comment"),
        pytest.param("[" * 1_000_000, id="brackets"),
        pytest.param("\\\n" * 300_000, id="continuations"),
        pytest.param("torch==" + "9" * 4000, id="digits"),
        pytest.param("(" * 4000, id="open brackets"),
        pytest.param("-" * 1_000_000, id="option"),
    ],
)
def test_a_hostile_line_costs_little(line: str) -> None:
    start = time.process_time()
    read(f"numpy==1.26.4\n{line}\n")

    assert time.process_time() - start < 5


@given(
    st.lists(
        st.text(alphabet="torch=<>!~ @;#-e'\"\\()[].*+0123456789gith:/\n\té\x00\x1b", max_size=60)
    )
)
def test_no_text_makes_it_fail(lines: list[str]) -> None:
    found = read("\n".join(["numpy==1.26.4", "", *lines, "", "numpy==1.26.4"]))

    assert all(each.detail.isprintable() for each in found.oddities)


@given(st.permutations(["torch==2.0.1", "numpy==1.26.4", "peft==0.4.0", "!!", "", "pyyaml==6.0"]))
def test_the_order_of_lines_does_not_matter(lines: list[str]) -> None:
    found = read("\n".join(lines))

    assert [str(each.version) for each in found.packages.values()] == ["1.26.4", "0.4.0", "2.0.1"]


@pytest.mark.parametrize(
    ("text", "expected"), [("torch==1", True), ("", True), (" {", False), ("\n[", False)]
)
def test_every_text_but_json_is_recognised(text: str, expected: bool) -> None:
    assert expected is freeze.recognises("x", text)
