from __future__ import annotations

import platform
import re
import sys
from typing import TYPE_CHECKING

import pytest
import workplaces
from builders import distribution, site_of, venv, write
from commands import envcheck
from hypothesis import given, settings
from hypothesis import strategies as st
from knowledge import directory, entry, known_good, project
from worlds import environment as made_up

from envcheck.errors import EnvcheckError, MatrixError, SourceError, UsageError
from envcheck.matrix.load import load
from envcheck.matrix.record import About, made_of, pinned, record
from envcheck.matrix.store import open_matrix
from envcheck.options import CheckOptions

if TYPE_CHECKING:
    from pathlib import Path

TODAY = "2026-11-24"
ABOUT = About("ours", TODAY)
LIST = "torch==2.1.0+cu118\npeft==0.5.0\n"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplaces.enter(tmp_path, monkeypatch)


def listed(folder: Path, text: str = LIST, python: str | None = "3.10") -> CheckOptions:
    return CheckOptions(from_=str(write(folder / "list.txt", text)), python_version=python)


def test_an_environment_becomes_a_set_with_evidence(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = ABOUT._replace(note='Stage "1": fine', url="https://a.b/c")

    assert record(listed(workplace), "mine", about) == 0

    text = (workplace / "mine/known-good/ours.yaml").read_text(encoding="utf-8")
    assert text == (
        "project: ours\n"
        "title: ours\n"
        "sets:\n"
        "  - id: ours@2026-11-24\n"
        "    packages: [peft==0.5.0, torch==2.1.0]\n"
        "    python: ==3.10.*\n"
        "    cuda: '11.8'\n"
        "    evidence:\n"
        "      - kind: run\n"
        "        date: 2026-11-24\n"
        "        python: '3.10'\n"
        "        checks: [train]\n"
        "        note: 'Stage \"1\": fine'\n"
        "        url: https://a.b/c\n"
    )
    assert capsys.readouterr().out == (
        "Recorded    ours@2026-11-24, 2 packages, at mine/known-good/ours.yaml:4\n"
        "Use it      envcheck --matrix mine\n"
    )


def test_a_second_one_on_the_same_day_gets_another_id_and_comments_stay(workplace: Path) -> None:
    record(listed(workplace), "mine", ABOUT)
    file = workplace / "mine/known-good/ours.yaml"
    file.write_text(f"# Ours.\n{file.read_text()}# The end.\n", encoding="utf-8")

    for _ in range(2):
        record(listed(workplace), "mine", ABOUT)

    text = file.read_text(encoding="utf-8")
    assert re.findall("id: (.*)", text) == [f"ours@{TODAY}{more}" for more in ("", "-2", "-3")]
    assert text.startswith("# Ours.\n")
    assert text.endswith("# The end.\n")


def test_a_real_environment_tells_more(workplace: Path) -> None:
    prefix = venv(workplace / "env", "torch==2.1.0", "peft==0.5.0", python="3.10.13")
    write(site_of(prefix) / "torch/version.py", "cuda = '11.8'\n")

    record(CheckOptions(python=str(prefix)), "mine", ABOUT)

    (made,) = load("mine")[0].projects["ours"]["sets"]
    assert (made["python"], made["cuda"]) == ("==3.10.*", "11.8")
    (evidence,) = made["evidence"]
    assert evidence["python"] == "3.10.13"
    assert evidence["platform"] == f"{sys.platform}-{platform.machine()}"


def test_what_a_project_is_called_and_trains_is_known_already(workplace: Path) -> None:
    record(listed(workplace), "mine", About("llava", TODAY))

    assert load("mine")[0].projects["llava"]["title"] == "LLAVA"
    assert open_matrix(["mine"]).record(f"llava@{TODAY}")


def test_in_a_checkout_a_set_is_added_to_the_built_in_matrix(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    below = workplace.parent / "package" / "matrices"
    write(
        below / "known-good/llava.yaml",
        "project: llava\ntitle: LLaVA\nsets:\n- id: llava@1\n  packages: [peft==0.5.0]\n"
        "  evidence:\n  - {kind: published, url: 'https://a.b/c'}\n",
    )

    record(listed(workplace), str(below), About("llava", TODAY))

    assert capsys.readouterr().out.endswith("Use it      envcheck\n")
    assert open_matrix().record(f"llava@{TODAY}")


PACKAGES = [
    pytest.param("peft==0.5.0", ["peft==0.5.0"], [], id="a release"),
    pytest.param("torch==2.1.0+cu118", ["torch==2.1.0"], [], id="a build of a release"),
    pytest.param("peft==9.0", ["peft==9.0"], [], id="newer than all that is known"),
    pytest.param("peft==9.0rc1", [], ["peft 9.0rc1 (no such release is known)"], id="candidate"),
    pytest.param("peft==0.4.5", [], ["peft 0.4.5 (no such release is known)"], id="no release"),
    pytest.param("peft==9.dev0", [], ["peft 9.dev0 (a development version)"], id="development"),
    pytest.param("peft", [], ["peft ? (its version isn't known)"], id="no version"),
    pytest.param("accelerate==1.0", ["accelerate==1.0"], [], id="no releases are known"),
]


@pytest.mark.parametrize(("text", "pins", "left_out"), PACKAGES)
@pytest.mark.usefixtures("workplace")
def test_what_can_be_installed_again_is_pinned(
    text: str, pins: list[str], left_out: list[str]
) -> None:
    found = pinned(made_up(text), open_matrix())

    assert (list(found.packages), list(found.left_out)) == (pins, left_out)
    assert dict(found.newer) == ({"peft": "9.0"} if "9.0" in "".join(pins) else {})


ORIGINS = [
    pytest.param(
        "editable", "file:///home/me/peft", "a working copy: /home/me/peft", id="editable"
    ),
    pytest.param("vcs", "git+https://a.b/c@1f", "a checkout: git+https://a.b/c@1f", id="checkout"),
    pytest.param("vcs", "", "a checkout", id="nothing more is known"),
    pytest.param("file", "file:///tmp/peft", "a working copy: /tmp/peft", id="folder"),
    pytest.param("file", "file:///a\x1b[0m\n", r"a working copy: /a\x1b[0m\x0a", id="hostile"),
    pytest.param("file", "https://a.b/peft-0.5.0-py3-none-any.whl#sha256=0", "", id="wheel"),
    pytest.param("file", "file:///tmp/peft-0.5.0.tar.gz", "", id="archive"),
]


@pytest.mark.parametrize(("origin", "reference", "said"), ORIGINS)
@pytest.mark.usefixtures("workplace")
def test_a_working_copy_is_named_and_not_pinned(origin: str, reference: str, said: str) -> None:
    environment = made_up("peft==0.5.0")
    packages = {
        name: package._replace(origin=origin, reference=reference)
        for name, package in environment.packages.items()
    }

    found = pinned(environment._replace(packages=packages), open_matrix())

    assert found.left_out == ((f"peft 0.5.0 ({said})",) if said else ())
    assert found.packages == (() if said else ("peft==0.5.0",))


def test_what_is_not_pinned_goes_into_the_note_and_is_said(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"{LIST}llava @ git+https://me:secret@a.b/llava@1f\ntransformers==4.0.dev0\n"
    directory(
        workplace / "mine",
        {"known-bad/transformers.yaml": [entry("transformers/x", severity="info")]},
    )

    record(listed(workplace, text), "mine", ABOUT)

    note = load("mine")[0].projects["ours"]["sets"][0]["note"]
    assert note == "Installed but not pinned: transformers 4.0.dev0 (a development version)."
    shown = capsys.readouterr().out
    assert "Not pinned  transformers 4.0.dev0 (a development version)\n" in shown


@pytest.mark.usefixtures("workplace")
def test_a_note_of_many_working_copies_is_cut() -> None:
    made = pinned(made_up("peft==0.5.0"), open_matrix())._replace(left_out=("x" * 700,))

    note = made_of(made_up("peft==0.5.0", python="3.10"), made, ABOUT, ())["note"]

    assert len(note) == 600
    assert note.endswith("…")


def test_a_version_that_is_newer_than_the_matrix_is_no_problem(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(listed(workplace, "torch==9.0\n"), "my matrix", ABOUT) == 0

    shown = capsys.readouterr().out
    assert "envcheck matrix refresh torch --into 'my matrix'" in shown
    assert "Problem" not in shown


BAD = "torch==2.0.1\npeft==0.5.0\n"


def test_what_is_known_to_fail_is_recorded_by_force_only(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(listed(workplace, BAD), "mine", ABOUT) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "envcheck: not recorded, for it is known to fail (--force records it):\n"
        "envcheck: torch/breaks: It breaks\n"
    )
    assert not (workplace / "mine").exists()

    assert record(listed(workplace, BAD), "mine", ABOUT._replace(force=True)) == 0

    made = load("mine")[0].projects["ours"]["sets"][0]
    assert made["note"] == "It trained well in spite of torch/breaks."
    assert "Problem     torch/breaks is known to break this set" in capsys.readouterr().out


def test_entries_of_ones_own_count(workplace: Path) -> None:
    mine = entry("peft/mine", packages=["peft==0.5.0"], fixes=None)
    directory(workplace / "mine", {"known-bad/peft.yaml": [mine]})

    assert record(listed(workplace), "mine", ABOUT) == 1


def test_a_problem_that_the_check_did_not_see_is_one_too(workplace: Path) -> None:
    builds = entry("torch/mine", packages=["torch!=2.1.0+cu118"], fixes=None)
    directory(workplace / "mine", {"known-bad/torch.yaml": [builds]})

    with pytest.raises(UsageError, match=r"^nothing is written:\ntorch/mine is known to break"):
        record(listed(workplace), "mine", ABOUT)
    assert not (workplace / "mine/known-good").exists()


WRONG = [
    pytest.param(ABOUT._replace(project="../ours"), "'../ours' is not a project", id="a path"),
    pytest.param(ABOUT._replace(project="Ours"), "'Ours' is not a project name", id="capitals"),
    pytest.param(ABOUT._replace(project=""), "'' is not a project", id="no name"),
    pytest.param(ABOUT._replace(url="a.b"), "'a.b' is not a whole web address", id="no address"),
    pytest.param(ABOUT._replace(note="x" * 401), "401 characters; at most 400", id="a long note"),
    pytest.param(ABOUT._replace(note="\x1b[0m"), "control characters", id="control characters"),
    pytest.param(ABOUT._replace(note="\udcff"), "can't be read as YAML", id="no text"),
]


@pytest.mark.parametrize(("about", "message"), WRONG)
def test_what_can_not_be_written_so_is_wrong_usage(
    about: About, message: str, workplace: Path
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        record(listed(workplace), "mine", about)
    assert not (workplace / "mine").exists()


@pytest.mark.parametrize(
    ("text", "python", "message"),
    [
        pytest.param(LIST, None, "Python isn't known: give --python-version X.Y", id="no Python"),
        pytest.param(LIST, "3", "Python isn't known", id="only a major version"),
        pytest.param(
            "peft==0.4.5\n", "3.10", "none of its packages can be pinned: peft", id="pins"
        ),
    ],
)
def test_what_is_missing_is_told(
    text: str, python: str | None, message: str, workplace: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        record(listed(workplace, text, python), "mine", ABOUT)
    assert not (workplace / "mine").exists()


def test_a_file_that_can_not_be_added_to_is_told(workplace: Path) -> None:
    directory(workplace / "mine", {"known-good/ours.yaml": project("ours", known_good("ours@1"))})

    with pytest.raises(
        UsageError, match=r"mine/known-good/ours\.yaml: its list stands in brackets"
    ):
        record(listed(workplace), "mine", ABOUT)


def test_what_is_broken_or_not_there_is_told(workplace: Path) -> None:
    directory(workplace / "mine", {"known-good/ours.yaml": "project: [\n"})
    with pytest.raises(MatrixError, match="can't be read as YAML"):
        record(listed(workplace), "mine", ABOUT)
    with pytest.raises(SourceError, match="no such file"):
        record(CheckOptions(from_="nowhere"), "yours", ABOUT)


def test_a_platform_of_a_report_is_another_machine() -> None:
    about = made_up("peft==0.5.0", python="3.10", platform=sys.platform)._replace(kind="report")
    pins = pinned(about, open_matrix())

    assert made_of(about, pins, ABOUT, ())["evidence"][0]["platform"] == sys.platform
    elsewhere = about._replace(kind="site-packages", platform="win32")
    assert made_of(elsewhere, pins, ABOUT, ())["evidence"][0]["platform"] == "win32"


@given(note=st.text(max_size=300) | st.text("a:#\"'\n -", max_size=50))
@settings(max_examples=40, deadline=None)
def test_any_note_comes_back_as_it_was_or_is_refused(
    note: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("record")
    mine = str(folder / "mine")
    try:
        record(listed(folder, "torch==2.1.0\n"), mine, ABOUT._replace(note=note))
    except EnvcheckError:
        assert not (folder / "mine").exists()
        return

    content, problems = load(mine)
    assert not problems
    assert content.projects["ours"]["sets"][0]["evidence"][0].get("note", "") == note


# The command itself.


def test_what_was_recorded_vouches_for_the_environment(tmp_path: Path) -> None:
    prefix = venv(tmp_path / "env", "torch==2.1.2", "transformers==4.37.2", "numpy==1.26.4")
    editable = {"url": "file:///src/timm", "dir_info": {"editable": True}}
    distribution(site_of(prefix), "timm", "0.9.12", direct=editable)
    done = envcheck(
        *("matrix", "record", "--project", "my-model", "--into", "mine", "--python", prefix),
        *("--note", "Two days\non 8 GPUs", "--url", "https://a.b/c"),
        cwd=tmp_path,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "Recorded    my-model@20" in done.stdout
    assert "Not pinned  timm 0.9.12 (a working copy: /src/timm)" in done.stdout
    assert envcheck("matrix", "validate", "mine", cwd=tmp_path).returncode == 0
    found = envcheck("--python", prefix, "--matrix", "mine", cwd=tmp_path).stdout
    assert "known-good: nothing known to fail; the versions are those of my-model@20" in found


CLI = [
    pytest.param([], 2, "--project", id="no project"),
    pytest.param(["--project", "ours"], 2, "--into", id="no directory"),
    pytest.param(["--project", "a b", "--into", "mine"], 2, "'a b' is not a project", id="a space"),
    pytest.param(["--project", "a", "--into", "list.txt"], 3, "is no folder", id="a file"),
    pytest.param(
        ["--project", "a", "--into", "m", "--path", "x"], 2, "only one of", id="two places"
    ),
    pytest.param(["--project", "a", "--into", "broken"], 2, "a.yaml:2: can't be read", id="broken"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), CLI)
def test_what_goes_wrong_is_told(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    write(tmp_path / "list.txt", "torch==2.1.2\n")
    write(tmp_path / "broken/known-good/a.yaml", "project: [\n")

    done = envcheck(
        *("matrix", "record", "--from", "list.txt", "--python-version", "3.10", *arguments),
        cwd=tmp_path,
    )

    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
