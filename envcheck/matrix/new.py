"""
`envcheck matrix new`: a thread becomes an entry, by questions whose answers are judged one by one.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

from envcheck.clean import clean
from envcheck.errors import EnvcheckError, UsageError
from envcheck.matrix import draft
from envcheck.matrix.insert import InsertError
from envcheck.matrix.questions import NO, NOTHING, QUESTIONS, YES, Question
from envcheck.matrix.workbench import Workbench, chosen, read_entry, save

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Ask = Callable[[Question, str | None], str]
    """Shows a question with its default (`None`: there is none); raises EOFError."""

INTO: Final = Question(
    "into",
    "Matrix directory",
    "Where your own entries are kept; made if it isn't there.",
    "DIR",
)
_INTRODUCTION: Final = (
    "An empty answer takes what stands in brackets, or leaves the question out.\n"
    "Nothing is written before the last answer; Ctrl-C stops."
)
_SPELLINGS: Final = {"y": YES, "n": NO, "true": YES, "false": NO}


def new(
    given: Mapping[str, Sequence[str]], into: str | None, today: str, ask: Ask | None = None
) -> str:
    """
    Add an entry to the file of the package that is to blame.

    Args:
        given: Answers by key of a question. With all that are needed, nothing is asked.
        into: The matrix directory; `None`: ./matrices, or asked for.
        today: The date.
        ask: How to ask; else on the terminal, or from standard input.

    Returns:
        What to tell.

    Raises:
        UsageError: An answer that is needed isn't there, or one that was given makes no sense.
        MatrixError: The directory is unsound as it is.
        SourceError: The entry can't be written; it is shown, so that nothing is lost.
    """
    interview = Interview(given, today, ask or _prompt)
    bench = Workbench(interview.directory(into))
    record = interview.entry(bench)
    place = ("known-bad", draft.blamed(record["packages"]))
    try:
        addition = bench.add(place, record)
        if addition.problems:
            raise UsageError("\n".join(("not written:", *map(clean, addition.problems))))
        save(addition)
    except (EnvcheckError, InsertError) as error:
        from envcheck.matrix.as_yaml import item

        sys.stdout.write(item(record))  # nobody wants to answer all that again
        if isinstance(error, InsertError):
            path = clean(f"{bench.path}/known-bad/{place[1]}.yaml")
            raise UsageError(f"not written to {path}: {error}") from None
        raise
    on_top = f" --matrix {shlex.quote(bench.path)}" if not bench.built_in else ""
    return (
        f"{addition.text}\n"
        f"Written to {clean(addition.path)}:{addition.line}\n"
        f"See it    envcheck explain {record['id']}{on_top}\n"
        f"Use it    envcheck{on_top}\n"
    )


class Interview:
    """
    Answers, and how to come by those that are missing.
    """

    def __init__(self, given: Mapping[str, Sequence[str]], today: str, ask: Ask) -> None:
        """
        Take in what is answered already.

        Raises:
            UsageError: An answer is not of the form that was asked for.
        """
        self.answers: dict[str, list[str]] = {}
        self._given = {key: list(values) for key, values in given.items()}
        self._today = today
        self._ask = ask
        self._introduced = False
        for question in QUESTIONS:
            self._check(question)
        self._asking = any(map(self._lacks, QUESTIONS))

    def _lacks(self, question: Question) -> bool:
        """Tell whether there has to be an answer and isn't."""
        answers = {**self._given, **self.answers}
        return (
            question.default is None
            and question.key not in answers
            and self._applies(question, answers)
        )

    def _check(self, question: Question) -> None:
        key = question.key
        if key not in self._given:
            return
        if question.default == NOTHING:
            self._given[key] = [each for each in self._given[key] if each.strip()]
        elif not all(each.strip() for each in self._given[key]):
            raise UsageError(f"{question.flag}: this must not be empty")
        alone = {name: self._given[name] for name in {"package", key} if name in self._given}
        wrong = self._wrong(alone, None)
        if wrong:
            raise UsageError(f"{question.flag}: {clean(wrong)}")

    def directory(self, into: str | None) -> str:
        """
        Return the directory to write to.
        """
        try:
            return chosen(into)
        except UsageError:
            if not self._asking:
                raise
            self._introduce(INTO)
            try:
                answer = self._ask(INTO, None)
            except EOFError:
                answer = ""
            if not answer:
                raise
            return os.path.expanduser(answer)

    def entry(self, bench: Workbench) -> dict[str, Any]:
        """
        Ask for what is missing, and return the entry.
        """
        for question in QUESTIONS:
            given = self._given.get(question.key)
            wrong = self._take(question, given, bench) if given is not None else ""
            if wrong and not self._asking:
                raise UsageError(f"{question.flag}: {clean(wrong)}")
            if wrong:
                self._say(f"{question.flag}: {wrong}")
            if wrong or given is None:
                self._answer(question, bench)
        return draft.entry(self.answers, self._today)

    def _answer(self, question: Question, bench: Workbench) -> None:
        """Ask until there is an answer that makes sense, or none is needed."""
        default = question.default
        if question.key == "id":
            default = draft.proposed(self.answers, bench.matrix.ids()) or None
        if not self._applies(question, self.answers):
            return
        if self._asking:
            self._introduce(question)
        values: list[str] = []
        while True:
            enough = NOTHING if values else default
            answer, ended = self._asked(question, enough)
            if not answer and enough == NOTHING:
                return
            if ended:
                self.answers[question.key] = [answer]
                return
            wrong = self._take(question, [*values, answer], bench)
            if not wrong:
                values.append(answer)
                if not question.several:
                    return
            else:
                self._say(wrong)

    def _asked(self, question: Question, default: str | None) -> tuple[str, bool]:
        """Return an answer, and whether there can be no other one."""
        if self._asking:
            try:
                answer = self._ask(question, default)
            except EOFError:
                pass
            else:
                return answer, False
        if default is None:
            others = [each.flag for each in QUESTIONS if self._lacks(each)]
            more = f" (in all: {', '.join(others)})" if len(others) > 1 else ""
            raise UsageError(f"no answer: {question.flag} {question.metavar} is needed{more}")
        return default, True

    def _take(self, question: Question, values: list[str], bench: Workbench) -> str:
        """Keep an answer if it makes sense with those before it; else return what is wrong."""
        if question.key == "silent":
            values = [_SPELLINGS.get(each.lower(), each.lower()) for each in values]
        answers = {**self.answers, question.key: values}
        wrong = self._wrong(answers, bench)
        if not wrong:
            self.answers = answers
        return wrong

    def _wrong(self, answers: Mapping[str, list[str]], bench: Workbench | None) -> str:
        if any(not each.strip() for values in answers.values() for each in values):
            return "this must not be empty"
        if not set(answers.get("silent", ())) <= {YES, NO}:
            return "yes or no is expected here"
        if any(each.splitlines() != [each] for each in answers.get("title", ())):
            return "one line is expected here"
        try:
            record = draft.filled(draft.entry(answers, self._today))
        except draft.AnswerError as error:
            return str(error)
        problems = bench.problems(record) if bench else read_entry(record)[1]
        return problems[0] if problems else ""

    def _applies(self, question: Question, answers: Mapping[str, list[str]]) -> bool:
        """Tell whether there is anything to ask, given the answers to earlier questions."""
        if question.key == "boundary":
            return draft.bounded(answers)
        if question.key == "fix-setting":
            return "deepspeed-config" in draft.entry(answers, self._today)
        if question.key == "loss":
            return answers.get("silent") == [YES] or not answers.get("error")
        if question.key == "remove":
            return not (answers.get("fix") or answers.get("fix-setting"))
        if question.key == "advice":
            return not any(answers.get(key) for key in ("fix", "fix-setting", "remove"))
        return True

    def _introduce(self, question: Question) -> None:
        if not self._introduced:
            self._say(_INTRODUCTION)
            self._introduced = True
        self._say(f"\n{question.about}")

    def _say(self, text: str) -> None:
        lines = (clean(line) for line in text.split("\n"))
        sys.stdout.write("\n".join(lines) + "\n")


def _prompt(question: Question, default: str | None) -> str:
    """
    Ask on the terminal, or take a line of standard input.

    Raises:
        EOFError: There is none.
        UsageError: It isn't text.
    """
    import typer

    if sys.stdin is None:
        raise EOFError
    try:
        answer: str = typer.prompt(
            question.prompt, default=default, show_default=bool(default), type=str
        )
    except typer.Abort as stop:
        sys.stdout.write("\n")
        ended = isinstance(stop.__context__, EOFError)  # typer makes one of both
        raise (EOFError if ended else KeyboardInterrupt) from None
    except UnicodeDecodeError:
        raise UsageError(f"{question.flag}: the answer is not UTF-8 text") from None
    return answer.strip()
