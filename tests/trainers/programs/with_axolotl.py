"""Axolotl's prompt strategies, by the `type` that a config names, over each layout."""

import json
import sys
from typing import Any

from axolotl.prompt_strategies import load
from axolotl.prompt_strategies.dpo import load as load_dpo
from axolotl.prompt_strategies.kto import load as load_kto
from axolotl.prompt_tokenizers import AlpacaPromptTokenizingStrategy
from axolotl.prompters import AlpacaPrompter
from axolotl.utils.dict import DictDefault
from datasets import load_dataset
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
LEARNT = -100


def text(ids: Any) -> str:
    return str(tokenizer.decode(list(ids)))


def rows(name: str) -> Any:
    return load_dataset(f"default/{name}.v1", split="train")


def config(**dataset: Any) -> DictDefault:
    return DictDefault(
        {
            "sequence_len": 2048,
            "train_on_inputs": False,
            "chat_template": "tokenizer_default",
            "datasets": [dataset],
        }
    )


def supervised(name: str, **dataset: Any) -> dict[str, str]:
    cfg = config(**dataset)
    if dataset["type"] == "alpaca":  # as `axolotl.utils.data.wrappers` does, without telemetry
        strategy: Any = AlpacaPromptTokenizingStrategy(AlpacaPrompter(), tokenizer, False, 2048)
    else:
        strategy = load(dataset["type"], tokenizer, cfg, cfg.datasets[0])
    if strategy.supports_batched:
        made = strategy.tokenize_prompt(rows(name)[:1])
        made = {key: value[0] for key, value in made.items()}
    else:
        made = strategy.tokenize_prompt(rows(name)[0])
    learnt = [each for each in made["labels"] if each != LEARNT]
    return {"read": text(made["input_ids"]), "learnt": text(learnt)}


def preferred(loader: Any, name: str, **dataset: Any) -> dict[str, Any]:
    made = loader(dataset["type"], config(**dataset), dataset_idx=0)
    change = made[0] if isinstance(made, tuple) else made
    more = {"tokenizer": tokenizer} if "chat_template" in dataset["type"] else {}
    return dict(change(dict(rows(name)[0]), **more))


found = {
    "messages": supervised("messages", type="chat_template"),
    "thoughts": supervised("thoughts", type="chat_template"),
    "sharegpt": supervised(
        "sharegpt",
        type="chat_template",
        field_messages="conversations",
        message_property_mappings={"role": "from", "content": "value"},
    ),
    "alpaca": supervised("alpaca_plain", type="alpaca"),
    "alpaca_system": supervised("alpaca", type="alpaca_w_system.load"),
    "text": supervised("text", type="completion", field="text"),
    "preference": preferred(load_dpo, "preference", type="chatml.prompt_pairs"),
    "preference_turns": preferred(
        load_dpo, "preference_turns", type="chat_template.default", field_messages="prompt"
    ),
    "kto": preferred(load_kto, "kto", type="chatml.prompt_pairs"),
}
print(json.dumps(found))
