"""
The cases that releases of DeepSpeed have judged, and what they said.

`generate` makes them of what people write into hostfiles, by hand and drawn; `verdicts.json` keeps them with
the answers, since another Python may draw other numbers.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
VERDICTS = os.path.join(HERE, "verdicts.json")


class Case(NamedTuple):
    """
    One launch: the hostfile's text (`None`: there is none) and the options.
    """

    hostfile: str | None
    "Bytes that are no UTF-8 are lone surrogates."
    include: str = ""
    exclude: str = ""
    num_nodes: int = -1
    num_gpus: int = -1
    launcher: str = "pdsh"
    deepspeed_env: str | None = None


_TWO = "worker-0 slots=4\nworker-1 slots=4\n"
_ODD = "worker-0 slots=2\nworker-1 slots=8\n"

LINES = [
    *(
        "worker-0 slots=8",
        "worker-1 slots=4",
        "  worker-2   slots=2  ",
        "worker-3\tslots=1",
        "10.0.0.1 slots=8",
    ),
    *(
        "user@worker-4 slots=2",
        "worker-5:2222 slots=2",
        "fe80::1 slots=2",
        "worker-6 slots=0",
        "worker-7 slots=-1",
    ),
    *(
        "worker-8 slots=8 max_slots=16",
        "worker-9 slots=8,",
        "worker-a slots=8x",
        "worker-b slots=8 # big",
        "w slots=08",
    ),
    *(
        "worker-c slots = 8",
        "worker-d slots= 8",
        "worker-e slots =8",
        "worker-f 8",
        "worker-g:8",
        "worker-h",
        "host slots=",
    ),
    *(
        "worker-i gpus=8",
        "worker-j lots=8",
        "worker-k Slots=8",
        "a b slots=1",
        "a,b slots=1",
        "host # x slots=8",
    ),
    *(
        "# a comment",
        "#",
        "   # indented",
        "",
        "   ",
        "\t",
        "// no comment",
        "; no comment",
        "slots=8",
        "=",
        "worker-l slots=8=8",
    ),
    *(
        "worker-m slots=1_0",
        "worker-n slots=+3",
        "worker-o slots=\uff18",
        "worker-p\u00a0slots=8",
        "worker-q slots=8.5",
    ),
    *(
        "w\u00f6rker slots=2",
        "worker-r\u200b slots=2",
        "worker-s slots=2\x0bx",
        "worker-t\x00 slots=2",
        "\ufeffworker-u slots=2",
    ),
    *(
        "\ufeff# comment",
        "\ufeff",
        "worker-v\rslots=2",
        "worker-w slots=99999999999999999999",
        "worker-x slots=4611686018427387904",
    ),
    *(
        "localhost slots=2",
        "worker-0 slots=8",
        "Worker-0 slots=8",
        "worker-y slots=1e3",
        "worker-z slots=0x8",
        "node[1-4] slots=8",
    ),
    *(
        "x =3",
        "x =",
        "x a=b",
        "x slots=8;",
        "worker-0 slots='8'",
        'worker-0 slots="8"',
        "x slots=\u0663",
        "x\x1cslots=2",
        "\x85",
        "\u2028",
    ),
]
FILTERS = [
    *(
        "worker-0",
        "worker-1",
        "worker-0@worker-1",
        "worker-0:0",
        "worker-0:0,1",
        "worker-0:1,0",
        "worker-1:0,2",
        "worker-0:0,0",
    ),
    *(
        "worker-0:0@worker-0:1",
        "worker-0@worker-0:0",
        "worker-0:0@worker-0",
        "worker-0@worker-1:0",
        "worker-9",
        "worker-0:9",
    ),
    *(
        "worker-0:0-3",
        "worker-0:",
        ":0",
        "@",
        "worker-0@",
        "@worker-0",
        "worker-0:0:1",
        "fe80::1",
        "worker-0:a",
        "worker-0:-1",
    ),
    *(
        "worker-0: 0",
        "worker-0 :0",
        " worker-0",
        "worker-0,worker-1",
        "worker-0 worker-1",
        "worker-0:0,",
        "worker-0:,0",
        "worker-0:1_0",
    ),
    *(
        "worker-0:+1",
        "worker-0:0.0",
        "worker-0:0,1,2,3@worker-1:0,1,2,3",
        "worker-0@worker-1@worker-2",
        "Worker-0",
        "*",
        "worker-*",
    ),
    *(
        "user@worker-4",
        "worker-5:2222",
        "worker-5:2222:0",
        "localhost",
        "localhost:0",
        "worker-0:0,1,2,3,4,5,6,7",
        "worker-0:100000000000",
    ),
]
ENVIRONMENTS = [
    *(
        "A=1\nB=2\n",
        "A=1\n\nB=2\n",
        "# comment\nA=1\n",
        "export A=1\n",
        "A=1=2\n",
        "A\n",
        "A=\n",
        "=1\n",
        "A=b c\n",
        "",
        "\n",
        "# A=1\n",
    ),
    *(
        "A=1",
        "A = 1\n",
        "A=1\r\n\r\n",
        "A=1\rB\r",
        "  A=1\n",
        "A='x'\n",
        "A=#\n",
        "\ufeffA=1\n",
        "A=\udcff\n",
        "A:1\n",
        "a=b=c=d\n",
        "A==\n",
    ),
]
FILES = [
    *(
        None,
        "",
        "\n",
        "\n\n",
        "#\n",
        "# only\n# comments\n",
        _TWO,
        _ODD,
        _TWO.replace("\n", "\r\n"),
        _TWO.replace("\n", "\r"),
        _TWO[:-1],
    ),
    *(
        "\ufeff" + _TWO,
        "\ufeff\n" + _TWO,
        "worker-0 slots=8\n",
        "localhost slots=8\n",
        "worker-0 slots=0\nworker-1 slots=0\n",
        "\n" + _TWO,
    ),
    *(
        _TWO + _TWO,
        _TWO + "worker-0 slots=2\n",
        _TWO + "\n\n# end\n",
        "worker-0 slots=8\n\nworker-1 slots=8\n",
        "\udcff\udcfe" + "\0".join(_TWO),
    ),
    *(
        "w\udcf6rker slots=2\n",
        _TWO + "# \udce4\n",
        "worker-0 slots=0\nworker-1 slots=2\n",
        "a slots=1\n" * 3,
        "[hosts]\n" + _TWO,
        "---\n" + _TWO,
    ),
    *(
        '{"worker-0": 8}\n',
        "worker-0: 8\nworker-1: 8\n",
        "worker-0,worker-1\n",
        "worker-0 worker-1\n",
        "10.0.0.1\n10.0.0.2\n",
    ),
    *(
        "worker-0:8\nworker-1:8\n",
        "10.0.0.1 slots=8 ansible_user=me\n",
        "worker-0 slots=8 max-slots=8\nworker-1 slots=8 max-slots=8\n",
    ),
]


def generate(seed: int = 4) -> list[Case]:
    """
    Make all cases anew.
    """
    draw = random.Random(seed)
    cases = [Case(text) for text in FILES]
    cases += [Case(line + "\n") for line in LINES]
    cases += [Case(f"worker-0 slots=8\n{line}\nworker-1 slots=8\n") for line in LINES]
    for text in (_TWO, _ODD, "worker-0 slots=4\n", "localhost slots=2\n", None):
        cases += [Case(text, include=each) for each in FILTERS]
        cases += [Case(text, exclude=each) for each in FILTERS]
    cases += [
        Case(_TWO, include=draw.choice(FILTERS), exclude=draw.choice(FILTERS)) for _ in range(5)
    ]
    for text in (None, "worker-0 slots=4\n", _TWO, _ODD, "worker-0 slots=0\nworker-1 slots=2\n"):
        for nodes in (-1, 0, 1, 2, 3, -5):
            cases += [Case(text, num_nodes=nodes, num_gpus=gpus) for gpus in (-1, 0, 1, 4, 16)]
    cases += [
        Case(_TWO, include="worker-0:0", num_nodes=n, num_gpus=g)
        for n in (-2, -1, 0, 1)
        for g in (-2, -1, 0, 1)
    ]
    for launcher in (
        "pdsh",
        "PDSH",
        "openmpi",
        "mpich",
        "impi",
        "mvapich",
        "slurm",
        "standard",
        "ssh",
        "",
    ):
        for text in (_TWO, _ODD, "worker-0 slots=4\n"):
            cases += [
                Case(text, launcher=launcher),
                Case(text, launcher=launcher, num_nodes=2),
                Case(text, launcher=launcher, num_gpus=1),
            ]
            cases += [
                Case(text, launcher=launcher, num_nodes=1, num_gpus=0),
                Case(text, launcher=launcher, include="worker-0:0,1@worker-1:0,1"),
            ]
            cases += [
                Case(text, launcher=launcher, exclude="worker-0:0@worker-1:0"),
                Case(text, launcher=launcher, include="worker-0:0,1"),
            ]
    cases += [
        Case(text, deepspeed_env=each)
        for text in (_TWO, "worker-0 slots=4\n")
        for each in ENVIRONMENTS
    ]
    plain = [line for line in LINES if line.startswith("worker-") and " slots=" in line]
    for _ in range(250):
        lines = [
            draw.choice(plain if draw.random() < 0.9 else LINES) for _ in range(draw.randint(1, 5))
        ]
        lines += ["worker-0 slots=4"] * (draw.random() < 0.5)
        text = draw.choice(["\n", "\n", "\r\n"]).join(lines) + draw.choice(["\n", ""])
        include = draw.choice(FILTERS) if draw.random() < 0.3 else ""
        exclude = draw.choice(FILTERS) if not include and draw.random() < 0.3 else ""
        limits = (
            (-1, -1)
            if include or exclude
            else (draw.choice((-1, 1, 2)), draw.choice((-1, 1, 2, 8)))
        )
        cases.append(
            Case(
                text,
                include,
                exclude,
                *limits,
                draw.choice(("pdsh", "pdsh", "slurm", "mpich", "openmpi")),
            )
        )
    for _ in range(150):
        text = "".join(
            "".join(
                draw.choice(
                    (
                        "host",
                        "a",
                        " ",
                        "\t",
                        "slots",
                        "=",
                        "8",
                        "0",
                        "#",
                        ":",
                        ",",
                        "@",
                        "\u00a0",
                        "\n",
                    )
                )
                for _ in range(draw.randint(1, 9))
            )
            + draw.choice(("", " slots=8", " slots=8"))
            + "\n"
            for _ in range(draw.randint(1, 3))
        )
        cases.append(Case(text))
    return list(dict.fromkeys(cases))


def cases() -> list[Case]:
    """
    Return the cases that are kept; all anew where there are none.
    """
    if not os.path.exists(VERDICTS):
        return generate()
    return [Case(*each) for each in _kept()["cases"]]


def verdicts() -> tuple[list[Any], dict[str, list[int]]]:
    """
    Return outcomes, and for each release the number of the outcome of each case.
    """
    kept = _kept()
    return kept["outcomes"], kept["verdicts"]


def keep(outcomes: list[Any], answers: dict[str, list[int]]) -> None:
    """
    Write the cases with their answers.
    """
    rows = [
        f' "cases": [\n{_lines(cases())}\n ]',
        f' "outcomes": [\n{_lines(outcomes)}\n ]',
        ' "verdicts": {\n'
        + ",\n".join(f'  "{release}": {_text(each)}' for release, each in answers.items())
        + "\n }",
    ]
    with open(VERDICTS, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(rows) + "\n}\n")


def _kept() -> Any:
    with open(VERDICTS, encoding="utf-8") as file:
        return json.load(file)


def _lines(values: list[Any]) -> str:
    return ",\n".join(f"  {_text(each)}" for each in values)


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
