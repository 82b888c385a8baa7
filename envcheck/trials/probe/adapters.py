"""
The stages of peft (a LoRA adapter) and trl (a step of supervised fine-tuning).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import tiny
from .isolate import Wrong

if TYPE_CHECKING:
    from .plan import Work


def peft(work: Work) -> dict[str, Any]:
    """
    Train a LoRA adapter, save it, load it again.
    """
    transformers = importlib.import_module("transformers")
    library = importlib.import_module("peft")
    config = library.LoraConfig(
        r=8,
        lora_alpha=16,
        lora_dropout=0.0,  # peft 0.3 can't do without
        target_modules=["q_proj", "v_proj", "lm_head"],
        task_type="CAUSAL_LM",
    )
    model = library.get_peft_model(tiny.model(), config)
    trainer = transformers.Trainer(
        model=model,
        args=tiny.arguments(work.path("peft-trainer"), learning_rate=5e-2),
        train_dataset=tiny.Sequences(),
    )
    trainer.train()
    losses = tiny.logged(trainer)
    tiny.judge(losses)
    before = tiny.loss_of(model)
    folder = work.path("adapter")
    trainer.save_model(folder)
    loaded = library.PeftModel.from_pretrained(tiny.model(), folder)
    tiny.same(before, tiny.loss_of(loaded))
    if abs(before - tiny.loss_of(tiny.model())) <= 1e-4:
        raise Wrong("the adapter changes nothing")
    return {"losses": losses}


def tokenizer() -> Any:
    """
    One token a word, made here: nothing is fetched.
    """
    transformers = importlib.import_module("transformers")
    tokenizers = importlib.import_module("tokenizers")
    words = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    words.update({f"w{number}": number for number in range(4, tiny.VOCABULARY)})
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )


def trl(work: Work) -> dict[str, Any]:
    """
    Train with an `SFTTrainer`, from texts to weights that are others afterwards.
    """
    library = importlib.import_module("trl")
    datasets = importlib.import_module("datasets")
    transformers = importlib.import_module("transformers")
    first = [3 + (row * 7) % 40 for row in range(32)]
    texts = [" ".join(f"w{4 + (start + 3 * place) % 60}" for place in range(12)) for start in first]
    data = datasets.Dataset.from_dict({"text": texts})
    folder = work.path("sft")
    kind = getattr(library, "SFTConfig", transformers.TrainingArguments)
    more: dict[str, Any] = {"remove_unused_columns": True}
    for name, value in (("dataset_text_field", "text"), ("max_length", 32), ("max_seq_length", 32)):
        if name in kind.__dataclass_fields__:
            more[name] = value  # noqa: PERF403
    # Newer releases turn mixed precision on by themselves, older ones do not know the processor has it.
    more.update({"bf16": False, "fp16": False})
    args = tiny.settings(kind, folder, **more)
    accepted = set(_parameters(library.SFTTrainer))
    model = tiny.model()
    before = tiny.loss_of(model)
    keywords: dict[str, Any] = {"model": model, "args": args, "train_dataset": data}
    keywords["processing_class" if "processing_class" in accepted else "tokenizer"] = tokenizer()
    for name, value in (("dataset_text_field", "text"), ("max_seq_length", 32)):
        if name in accepted and name not in more:
            keywords[name] = value  # noqa: PERF403
    trainer = library.SFTTrainer(**keywords)
    trainer.train()
    losses = tiny.logged(trainer)
    result = {"losses": losses, "about": {"arguments": type(args).__name__}}
    tiny.judge(losses)
    if not isinstance(trainer, transformers.Trainer):
        raise Wrong(f"a {type(trainer).__name__} trained, not a trainer of transformers", result)
    if abs(before - tiny.loss_of(trainer.model)) <= 1e-4:
        raise Wrong("the training changes nothing", result)
    return result


def _parameters(kind: Any) -> list[str]:
    """
    Name what a class can be made with: what it takes itself, and what those above it take if it hands
    on whatever it is given.
    """
    inspect = importlib.import_module("inspect")
    names: list[str] = []
    for part in kind.__mro__:
        if "__init__" in vars(part):
            parameters = inspect.signature(part.__init__).parameters
            names += parameters
            if all(each.kind is not each.VAR_KEYWORD for each in parameters.values()):
                break
    return names
