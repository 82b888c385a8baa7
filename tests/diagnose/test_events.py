from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envcheck.diagnose.log import Log

if TYPE_CHECKING:
    from envcheck.diagnose.log import Said


def said(text: str) -> Said:
    log = Log(())
    log.feed(text.encode())
    return log.said()


@pytest.mark.parametrize(
    ("text", "versions", "python"),
    [
        pytest.param(
            "[Rank 0] DeepSpeed info: version=0.14.0, git-hash=x",
            {"deepspeed": "0.14.0"},
            None,
            id="DeepSpeed",
        ),
        pytest.param(
            'loading\nModel config LlamaConfig {\n  "transformers_version": "4.37.2",\n}\n',
            {"transformers": "4.37.2"},
            None,
            id="transformers, of the model it prints",
        ),
        pytest.param(
            '"transformers_version": "4.31.0",\n', {}, None, id="of a file that is printed"
        ),
        pytest.param(
            "- `transformers` version: 4.45.2\n- Python version: 3.10.16\n"
            "- PyTorch version (GPU?): 2.1.0 (True)\n"
            "- Huggingface_hub version: 0.20.3\n- NPU type: x\n- GPU version: 7\n",
            {"transformers": "4.45.2", "torch": "2.1.0", "huggingface-hub": "0.20.3"},
            "3.10.16",
            id="as people list them",
        ),
        pytest.param(
            '  File "/env/lib/python3.12/site-packages/trl/x.py", line 1\n'
            '  File "/env/lib/python3.9/site-packages/x"\n',
            {},
            "3.12",
            id="Python, by its folder",
        ),
        pytest.param("many packages of no version\n", {}, None, id="nothing"),
    ],
)
def test_versions_are_read_from_the_log(
    text: str, versions: dict[str, str], python: str | None
) -> None:
    found = said(f"{text}\n")

    assert found.versions == versions
    assert found.python == python


PRINTED = """\
[x] [INFO] [config.py:993:{}]   json = {{
    "zero_optimization": {{
        "stage": 2,
        "reduce_bucket_size": 5.000000e+08
    }},
    "steps_per_print": inf
}}
[x] [INFO] more
"""


@pytest.mark.parametrize("name", ["print", "print_user_config"])
def test_the_configuration_that_deepspeed_prints_is_taken(name: str) -> None:
    config = said(PRINTED.format(name)).deepspeed_config

    assert config == {
        "zero_optimization": {"stage": 2, "reduce_bucket_size": 5e8},
        "steps_per_print": float("inf"),
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[config.py:1:print] json = {\nno JSON\n}\n", id="no JSON"),
        pytest.param("[config.py:1:print] json = {\n" + "x" * 99 + "\n", id="never ends"),
        pytest.param("[config.py:1:print] json = {\n" + "[" * 50_000 + "\n}\n", id="too deep"),
        pytest.param("[config.py:1:print] json: none\n", id="other words"),
    ],
)
def test_what_is_no_configuration_is_dropped(text: str) -> None:
    assert (
        said(text + "{'loss': 1.0, 'learning_rate': 1e-5, 'epoch': 0.1}\n").deepspeed_config is None
    )


def test_a_configuration_without_end_is_given_up() -> None:
    log = Log(())
    log.feed(b"[config.py:1:print] json = {\n" + b'  "x": 1,\n' * 10_000)

    assert log._shapes.grab is None
    assert log.said().records == 0


def test_records_inside_what_is_taken_still_count() -> None:
    found = said(
        "[config.py:1:print] json = {\n{'loss': 1.0, 'learning_rate': 1e-5, 'epoch': 0.1}\n}\n"
    )

    assert found.records == 1
