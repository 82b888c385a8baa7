from __future__ import annotations

from typing import Any

import pytest

from envcheck.trials.probe import adapters


class Old:
    def __init__(self, model: Any, tokenizer: Any = None) -> None:
        pass


class Strict(Old):
    def __init__(self, model: Any, dataset_text_field: str = "") -> None:
        pass


class Open(Old):
    def __init__(self, model: Any, peft_config: Any = None, **more: Any) -> None:
        pass


class Silent(Open):
    pass


KINDS = [
    pytest.param(Strict, {"tokenizer"}, {"dataset_text_field"}, id="takes only its own"),
    pytest.param(Open, set(), {"peft_config", "tokenizer"}, id="hands on the rest"),
    pytest.param(Silent, set(), {"peft_config", "tokenizer"}, id="says nothing of its own"),
]


@pytest.mark.parametrize(("kind", "refused", "taken"), KINDS)
def test_a_trainer_is_given_only_what_it_takes(
    kind: type, refused: set[str], taken: set[str]
) -> None:
    names = set(adapters._parameters(kind))

    assert taken <= names
    assert not refused & names
