"""
What `envcheck matrix new` asks: each question is also an option of the command.

The command declares its options from this table, so nothing may be imported here that costs time.
"""

from __future__ import annotations

from typing import Final, NamedTuple

NO: Final = "no"
YES: Final = "yes"
NOTHING: Final = ""
"The default of a question that may be left out."


class Question(NamedTuple):
    """
    One question, and the option that answers it.
    """

    key: str
    "The option, without its dashes."
    prompt: str
    about: str
    "One line; the help of the option too."
    metavar: str = "TEXT"
    default: str | None = None
    "What an empty answer means; `None`: there has to be one."
    several: bool = False
    "Asked again until the answer is empty; the option is repeatable."

    @property
    def flag(self) -> str:
        """
        Return the option.
        """
        return f"--{self.key}"


QUESTIONS: Final = (
    Question(
        "package",
        "Package to blame",
        "With the versions that are bad, both edges where they are known: peft>=0.15.0,<0.16.",
        "REQUIREMENT",
    ),
    Question(
        "with",
        "Together with",
        "Another package that takes part in it, with its versions: accelerate<0.32.0.",
        "REQUIREMENT",
        NOTHING,
        several=True,
    ),
    Question(
        "only-when",
        "Only when",
        "A further condition: python >=3.12, platform linux, cuda <12.8, rocm >=6, gpu >=12.0, absent "
        "tf-keras, moe any, model-type mixtral, dtype bfloat16, or of DeepSpeed's configuration: "
        "zero_optimization.stage 1 or 2.",
        "'KEY VALUE'",
        NOTHING,
        several=True,
    ),
    Question(
        "title",
        "Title",
        "What one sees, in at most 100 characters: peft cannot be imported, accelerate lacks a function.",
    ),
    Question(
        "id",
        "Short name",
        "Names the entry for good, in lower case: peft/clear-device-cache, or without the package.",
        "ID",
        NOTHING,
    ),
    Question(
        "severity",
        "Severity",
        "error: fails or trains wrong for most people with these facts; warning: for some; info.",
        "error|warning|info",
        "error",
    ),
    Question(
        "silent",
        "Silent",
        "yes: no exception is raised, training goes on with wrong numbers, or hangs.",
        "yes|no",
        NO,
    ),
    Question(
        "error",
        "Error text",
        "As it stands in the traceback; or a regular expression between slashes: /no attribute '_?x'/.",
        "TEXT",
        NOTHING,
        several=True,
    ),
    Question(
        "loss",
        "Loss",
        "What the run looks like: zero-after-first-step, zero-from-first-step, nan, too-high, "
        "does-not-fall, scaled, hang, wrong-gradients, slow or memory.",
        "PATTERN",
        NOTHING,
        several=True,
    ),
    Question("why", "Why", "The cause, in two or three sentences of your own."),
    Question(
        "fix",
        "Versions that cure",
        "The best first; each one alone is enough: peft==0.14.0, or peft==0.14.0 and accelerate==0.31.0.",
        "REQUIREMENTS",
        NOTHING,
        several=True,
    ),
    Question(
        "fix-setting",
        "Setting that cures",
        "In DeepSpeed's configuration: zero_optimization.overlap_comm false; absent removes it.",
        "'KEY VALUE'",
        NOTHING,
        several=True,
    ),
    Question(
        "remove",
        "Packages to uninstall",
        "Where one of them is only loaded because it is there, and the run does without.",
        "NAMES",
        NOTHING,
        several=True,
    ),
    Question(
        "advice",
        "Other cure",
        'In words, where neither versions nor settings cure: Pass attn_implementation="eager".',
        "TEXT",
        NOTHING,
        several=True,
    ),
    Question(
        "boundary",
        "Boundary",
        "How both edges of the versions were established (tag, wheel, run), or which edge is not.",
    ),
    Question(
        "evidence",
        "Evidence",
        "The address of a thread, a release note, or source at a tag.",
        "URL",
        several=True,
    ),
)
"""In the order in which they are asked: a later answer is judged by the earlier ones."""
