from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import workplaces
from builders import write
from commands import COMMAND, ROOT, envcheck, environ
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from knowledge import directory, entry, known_good, project

from envcheck.errors import EnvcheckError, MatrixError, SourceError, UsageError
from envcheck.matrix.load import load
from envcheck.matrix.new import new
from envcheck.matrix.questions import QUESTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from envcheck.matrix.questions import Question

TODAY = "2026-11-24"
NEEDED = {
    "package": ["peft>=0.15.0,<0.16"],
    "title": ["peft cannot be imported"],
    "why": ["Because."],
    "boundary": ["From the tags."],
    "evidence": ["https://github.com/huggingface/peft/issues/2469"],
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplaces.enter(tmp_path, monkeypatch)


class Person:
    """
    Somebody who answers, and remembers what was asked.
    """

    def __init__(self, **answers: str | list[str]) -> None:
        self.left = {
            key.replace("_", "-").strip("-"): [each] if isinstance(each, str) else list(each)
            for key, each in answers.items()
        }
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, question: Question, default: str | None) -> str:
        self.asked.append((question.key, default))
        left = self.left.get(question.key, [])
        answer = left.pop(0) if left else ""
        if answer == "EOF":
            raise EOFError
        return answer or default or ""


def person(**answers: str | list[str]) -> Person:
    return Person(
        **{
            "into": "mine",
            **{key: values[0] for key, values in NEEDED.items()},
            **answers,
        }
    )


def written(folder: Path, stem: str = "peft") -> str:
    return (folder / "mine/known-bad" / f"{stem}.yaml").read_text(encoding="utf-8")


def test_an_entry_is_made_of_answers(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    someone = person(with_=["torch<2.1", ""], fix=["peft==0.5.0", "torch>=2.1 and peft>=0.16", ""])

    told = new({}, None, TODAY, someone)

    assert written(workplace) == (
        "- id: peft/cannot-be-imported\n"
        "  title: peft cannot be imported\n"
        "  severity: error\n"
        "  packages: ['peft>=0.15.0,<0.16', torch<2.1]\n"
        "  why: Because.\n"
        "  fixes:\n"
        "    - packages: [peft==0.5.0]\n"
        "    - packages: [torch>=2.1, peft>=0.16]\n"
        "  boundary: From the tags.\n"
        "  evidence: ['https://github.com/huggingface/peft/issues/2469']\n"
        "  checked: 2026-11-24\n"
    )
    assert told == (
        f"{written(workplace)}\n"
        "Written to mine/known-bad/peft.yaml:1\n"
        "See it    envcheck explain peft/cannot-be-imported --matrix mine\n"
        "Use it    envcheck --matrix mine\n"
    )
    shown = capsys.readouterr().out
    assert shown.startswith("An empty answer takes what stands in brackets")
    assert all(each.about in shown for each in QUESTIONS if each.key in dict(someone.asked))


@pytest.mark.usefixtures("workplace")
def test_only_what_applies_is_asked() -> None:
    someone = person(package="peft", error="no attribute", fix="")
    with pytest.raises(UsageError):  # it answers no question about a cure
        new({"advice": ["x" * 500]}, "mine", TODAY, someone)
    new({}, "mine", TODAY, someone)

    asked = [key for key, _ in someone.asked]
    assert asked == [
        *("package", "with", "only-when", "title", "id", "severity", "silent", "error", "error"),
        *("why", "fix", "remove", "advice", "evidence", "evidence"),
    ]
    assert dict(someone.asked)["severity"] == "error"
    assert dict(someone.asked)["id"] == "cannot-be-imported"


@pytest.mark.usefixtures("workplace")
def test_settings_and_a_loss_are_asked_where_there_may_be_some() -> None:
    someone = person(only_when="zero_optimization.stage 2", silent="y", error="text", loss="nan")
    new({}, "mine", TODAY, someone)

    assert {"fix-setting", "loss", "advice", "boundary"} <= {key for key, _ in someone.asked}


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.usefixtures("workplace")
def test_nothing_is_asked_when_all_that_is_needed_is_given(silent: bool) -> None:
    someone = Person()
    more = {"silent": ["yes"], "severity": ["warning"]} if silent else {}

    told = new({**NEEDED, **more}, "mine", TODAY, someone)

    assert someone.asked == []
    assert ("silent: true" in told) is silent
    assert ("severity: warning" in told) is silent


AGAIN = [
    pytest.param({"package": "peft=1"}, "'peft=1' is not a requirement", id="no requirement"),
    pytest.param({"package": "peft==0.9"}, "peft 0.9 does not exist", id="no release"),
    pytest.param({"package": "Peft<0.16"}, "the canonical name is 'peft'", id="another spelling"),
    pytest.param({"with_": "peft"}, "peft is named twice", id="the package again"),
    pytest.param({"only_when": "python"}, "no key and value", id="no value"),
    pytest.param({"only_when": "python >3,<3"}, "can never hold", id="never"),
    pytest.param({"title": "x" * 101}, "101 characters; at most 100", id="too long"),
    pytest.param({"id": "No Id"}, "'peft/No Id' is not an id", id="no id"),
    pytest.param({"id": "torch/breaks"}, "already used in built-in", id="an id that is used"),
    pytest.param({"severity": "fatal"}, "'fatal' is none of: error", id="another word"),
    pytest.param({"silent": "perhaps"}, "yes or no is expected", id="perhaps"),
    pytest.param({"error": "ValueError"}, "found in every traceback", id="only a class"),
    pytest.param({"error": "/(/"}, "is no regular expression", id="no expression"),
    pytest.param({"loss": "zero"}, "'zero' is none of: zero-after-first-step", id="no pattern"),
    pytest.param({"why": "x" * 1201}, "1201 characters", id="too much"),
    pytest.param({"fix": "peft==0.15.1"}, "does not cure", id="no cure"),
    pytest.param({"fix": "peft==0.9"}, "peft 0.9 does not exist", id="a fix that isn't there"),
    pytest.param({"evidence": "peft#2469"}, "is not a whole web address", id="no address"),
]


@pytest.mark.parametrize(("wrong", "message"), AGAIN)
def test_what_makes_no_sense_is_told_and_asked_again(
    wrong: dict[str, str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ((name, text),) = wrong.items()
    key = name.strip("_").replace("_", "-")
    someone = person(**{name: [text, *NEEDED.get(key, [""])]})

    new({}, "mine", TODAY, someone)

    assert message in capsys.readouterr().out
    assert [each for each, _ in someone.asked].count(key) >= 2
    content, problems = load("mine")
    assert not problems
    assert len(content.entries) == 1
    assert text not in written(workplace).split("\n")


GIVEN = [
    pytest.param({"title": ["x" * 101]}, "--title: 101 characters", id="form"),
    pytest.param({"title": [" "]}, "--title: this must not be empty", id="blank"),
    pytest.param({"evidence": ["https://a.b/c", ""]}, "--evidence: this must not", id="one of two"),
    pytest.param({"fix": ["peft==0.15.1"]}, "--fix: the fix peft==0.15.1 does not", id="sense"),
    pytest.param({"id": ["torch/breaks"]}, "--id: the id 'torch/breaks' is already", id="used"),
    pytest.param({"package": ["../x"], "boundary": []}, "--package: '../x' is not", id="a path"),
    pytest.param({"title": ["損失"]}, "no answer: --id ID is needed", id="no name to make of it"),
    pytest.param({"fix-setting": ["a.b"]}, "--fix-setting: 'a.b' is no key and", id="no setting"),
    pytest.param(
        {"fix-setting": ["a.b 1"]}, "--fix-setting: the fix a.b: 1 changes", id="no condition"
    ),
    pytest.param({"title": ["a\nb"]}, "--title: one line is expected", id="two lines"),
    pytest.param({"why": ["a\x1b[31m"]}, "--why: control characters", id="control characters"),
    pytest.param({"why": ["\udcff"]}, "--why: can't be read as YAML", id="bytes that are no text"),
]


@pytest.mark.parametrize(("changes", "message"), GIVEN)
def test_an_option_that_makes_no_sense_is_wrong_usage(
    changes: dict[str, list[str]], message: str, workplace: Path
) -> None:
    someone = Person()
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        new({**NEEDED, **changes}, "mine", TODAY, someone)

    assert someone.asked == []
    assert list(workplace.iterdir()) == []


@pytest.mark.usefixtures("workplace")
def test_what_is_needed_is_asked_until_it_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    someone = person(why=["", "", "Because."])

    assert "why: Because." in new({}, "mine", TODAY, someone)
    assert capsys.readouterr().out.count("this must not be empty\n") == 2


@pytest.mark.usefixtures("workplace")
def test_an_option_that_makes_no_sense_is_asked_about_where_there_is_somebody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    someone = person(fix="peft==0.5.0")

    told = new({"fix": ["peft==0.15.1"], "with": [""]}, "mine", TODAY, someone)

    assert "--fix: the fix peft==0.15.1 does not cure" in capsys.readouterr().out
    assert "packages: [peft==0.5.0]" in told
    assert "with" not in dict(someone.asked)  # given as nothing


@pytest.mark.usefixtures("workplace")
def test_who_stops_answering_gets_the_defaults_and_hears_what_is_needed() -> None:
    done = new(
        {},
        "mine",
        TODAY,
        person(with_="EOF", severity="EOF", evidence=[*NEEDED["evidence"], "EOF"]),
    )
    assert "severity: error" in done

    with pytest.raises(
        UsageError, match=r"^no answer: --why TEXT is needed .in all: --why, --bound"
    ):
        new({}, "mine", TODAY, person(why="EOF"))
    with pytest.raises(
        UsageError, match=r"^--id: the id 'peft/cannot-be-imported' is already used"
    ):
        new({**NEEDED, "id": ["cannot-be-imported"]}, "mine", TODAY)


def test_the_directory_is_asked_for_unless_it_is_known(workplace: Path) -> None:
    for answer in ("", "EOF"):
        with pytest.raises(UsageError, match=r"^--into DIR is needed"):
            new({}, None, TODAY, person(into=answer))
    with pytest.raises(UsageError, match=r"^--into DIR is needed"):
        new(NEEDED, None, TODAY, person())
    (workplace / "matrices/known-bad").mkdir(parents=True)

    assert "Written to matrices/known-bad/peft.yaml:1" in new(NEEDED, None, TODAY)


def test_a_home_directory_is_meant_by_its_sign(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(workplace))
    new({}, None, TODAY, person(into="~/mine"))

    assert "peft/cannot-be-imported" in written(workplace)


def test_a_second_entry_of_the_same_title_gets_another_name(workplace: Path) -> None:
    new(NEEDED, "mine", TODAY)
    file = workplace / "mine/known-bad/peft.yaml"
    file.write_text("# Mine.\n" + file.read_text(), encoding="utf-8")

    told = new(NEEDED, "mine", TODAY)

    assert "Written to mine/known-bad/peft.yaml:10" in told
    assert "peft/cannot-be-imported-2" in told
    assert written(workplace).startswith("# Mine.\n- id: peft/cannot-be-imported\n")


def test_in_a_checkout_the_built_in_matrix_is_not_put_on_top_of_itself(workplace: Path) -> None:
    told = new(NEEDED, str(workplace.parent / "package" / "matrices"), TODAY)

    assert told.endswith("See it    envcheck explain peft/cannot-be-imported\nUse it    envcheck\n")


def test_what_can_not_be_written_is_shown_so_that_nothing_is_lost(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory(workplace / "mine", {"known-bad/peft.yaml": [entry("peft/other", packages=["peft"])]})
    with pytest.raises(
        UsageError, match=r"^not written to mine/known-bad/peft\.yaml: its list sta"
    ):
        new(NEEDED, "mine", TODAY)
    assert "- id: peft/cannot-be-imported\n" in capsys.readouterr().out
    directory(
        workplace / "yours",
        {"known-good/ours.yaml": project("ours", known_good("ours@1", "peft==0.15.0"))},
    )
    with pytest.raises(
        UsageError, match=r"(?s)^not written:\nknown-good/ours.yaml: peft/cannot-be"
    ):
        new(NEEDED, "yours", TODAY)
    assert "- id: peft/cannot-be-imported\n" in capsys.readouterr().out
    write(workplace / "file")
    (workplace / "ours").mkdir()
    (workplace / "ours/known-bad").symlink_to(workplace / "file")
    with pytest.raises(
        SourceError, match=r"^ours/known-bad/peft\.yaml: can't be read: Not a direc"
    ):
        new(NEEDED, "ours", TODAY)
    assert "- id: peft/cannot-be-imported\n" in capsys.readouterr().out


def test_a_directory_that_is_broken_is_told_before_anything_is_asked(workplace: Path) -> None:
    directory(workplace / "mine", {"known-bad/peft.yaml": "- id: ["})
    someone = person()

    with pytest.raises(MatrixError, match="can't be read as YAML"):
        new({}, "mine", TODAY, someone)
    assert someone.asked == []


TEXTS = st.text(max_size=90) | st.text("a b#:-'\"\\|>\n\t{}[],&*!%@é損\u2028\x85", max_size=90)


@given(title=TEXTS, why=TEXTS, error=TEXTS, advice=TEXTS, boundary=TEXTS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_comes_back_as_it_was_or_is_refused(  # noqa: PLR0917
    title: str, why: str, error: str, advice: str, boundary: str, workplace: Path
) -> None:
    texts = {"title": title, "why": why, "error": error, "advice": advice, "boundary": boundary}
    answers = {key: [text] for key, text in texts.items()}
    file = workplace / "mine/known-bad/peft.yaml"
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    count = len(load("mine")[0].entries) if before else 0
    try:
        new({**NEEDED, **answers, "id": [f"number-{count}"]}, "mine", TODAY)
    except EnvcheckError:
        assert (file.read_text(encoding="utf-8") if file.exists() else "") == before
        return

    content, problems = load("mine")
    made = content.entries[f"peft/number-{count}"]
    assert not problems
    assert (made["title"], made["why"], made["boundary"]) == (title, why, boundary)
    assert made.get("symptoms", []) == ([{"error": error}] if error.strip() else [])
    assert made.get("fixes", []) == ([{"advice": advice}] if advice.strip() else [])
    assert file.read_text(encoding="utf-8").startswith(before)


# The command itself.

OPTIONS = [
    *("--package", "peft>=0.15.0,<0.16", "--title", 'peft: "it" can\'t be imported 損失'),
    *(
        "--why",
        "Because:\n# it breaks.",
        "--evidence",
        "https://a.b/c",
        "--boundary",
        "From the tags.",
    ),
]


def test_the_command_needs_no_terminal_and_what_it_wrote_is_used(tmp_path: Path) -> None:
    done = envcheck("matrix", "new", "--into", "my matrix", *OPTIONS, "--silent", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "See it    envcheck explain peft/it-can-t-be-imported --matrix 'my matrix'" in done.stdout
    )
    shown = envcheck("explain", "peft/it-can-t-be-imported", "--matrix", "my matrix", cwd=tmp_path)
    assert 'peft: "it" can\'t be imported 損失' in shown.stdout
    assert "silent: no exception is raised" in shown.stdout
    listed = write(tmp_path / "list.txt", "peft==0.15.1\n")
    found = envcheck("--from", listed, "--matrix", "my matrix", cwd=tmp_path)
    assert (found.returncode, "peft/it-can-t-be-imported" in found.stdout) == (1, True)
    assert envcheck("matrix", "validate", "my matrix", cwd=tmp_path).returncode == 0


def test_answers_may_come_from_standard_input(tmp_path: Path) -> None:
    answers = ["peft==9", "peft", "", "", "It breaks", "", "", "n", "", "", "Why", "", "", "", ""]
    done = envcheck(
        "matrix", "new", "--into", "mine", "--evidence", "https://a.b/c",
        stdin="\n".join(answers) + "\n", cwd=tmp_path,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert "peft 9 does not exist" in done.stdout
    assert "Short name [it-breaks]" in done.stdout
    assert "Written to mine/known-bad/peft.yaml:1" in done.stdout


def test_without_answers_it_says_what_is_needed(tmp_path: Path) -> None:
    done = envcheck("matrix", "new", "--into", "mine", "--package", "peft", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr == (
        "envcheck: no answer: --title TEXT is needed (in all: --title, --why, --evidence)\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_without_even_a_standard_input_it_does_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "sh",
            "-c",
            'exec "$@" <&-',
            "sh",
            *COMMAND,
            "matrix",
            "new",
            "--into",
            str(tmp_path / "m"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT / "tests",
        env=environ(),
    )

    assert done.returncode == 2
    assert "envcheck: no answer: --package REQUIREMENT is needed" in done.stderr


def test_bytes_that_are_no_text_are_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "matrix", "new", "--into", str(tmp_path / "mine")],
        input=b"\xff\xfe\n",
        capture_output=True,
        check=False,
        cwd=ROOT / "tests",
        env=environ(PYTHONUTF8="1", PYTHONIOENCODING="utf-8:strict"),
    )

    assert done.returncode == 2
    assert b"envcheck: --package: the answer is not UTF-8 text\n" in done.stderr


@pytest.mark.parametrize(
    ("into", "code", "message"),
    [
        pytest.param("file/mine", 3, "file is no folder", id="a file in the way"),
        pytest.param("", 2, "--into DIR is needed", id="an empty name"),
        pytest.param(
            "broken", 2, "broken/known-bad/peft.yaml:2: can't be read as YAML", id="broken"
        ),
    ],
)
def test_a_directory_that_can_not_be_used_is_one_line(
    into: str, code: int, message: str, tmp_path: Path
) -> None:
    write(tmp_path / "file")
    write(tmp_path / "broken/known-bad/peft.yaml", "- id: [\n")

    done = envcheck("matrix", "new", "--into", into, *OPTIONS, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.startswith("envcheck: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        pytest.param("interrupt", 130, "", id="Ctrl-C"),
        pytest.param("\x04", 2, "envcheck: no answer: --title TEXT is needed", id="Ctrl-D"),
    ],
)
def test_on_a_terminal_one_can_stop_at_any_question(
    key: str, code: int, message: str, tmp_path: Path
) -> None:
    terminal, other = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "matrix", "new", "--into", tmp_path / "mine", "--with", "", "--only-when", ""],
        stdin=other,
        stdout=other,
        stderr=subprocess.PIPE,
        cwd=ROOT / "tests",
        env=environ(TERM="dumb"),
    ) as process:
        os.close(other)
        try:
            _until(terminal, b"Package to blame:")
            os.write(terminal, b"peft\n")
            _until(terminal, b"Title:")
            if key == "interrupt":
                _interrupt(process)
            else:
                os.write(terminal, key.encode())
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(terminal)

    assert process.returncode == code
    assert message in errors.decode()
    assert ("envcheck: " in errors.decode()) is bool(message)
    assert not (tmp_path / "mine").exists()


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C until it is heard: just before input() waits, Python only notes it for later."""
    for _ in range(10):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            return


def _until(terminal: int, text: bytes) -> None:
    seen = b""
    while text not in seen:
        assert select.select([terminal], [], [], 30)[0], seen
        seen += os.read(terminal, 4096)


def test_its_options_are_the_questions() -> None:
    shown = envcheck("matrix", "new", "--help").stdout

    assert all(f" {question.flag} " in shown for question in QUESTIONS)
