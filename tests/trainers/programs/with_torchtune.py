"""torchtune's dataset builders read each layout; says the first row's text and what is learnt."""

import json
import sys
from pathlib import Path
from typing import Any

from absent import absent

absent(
    "torchao",
    "torchao.dtypes",
    "torchao.dtypes.nf4tensor",
    "torchao.float8",
    "torchao.optim",
    "torchao.prototype",
    "torchao.prototype.quantization",
    "torchao.quantization",
    "torchao.quantization.qat",
    "torchao.quantization.qat.linear",
    "torchao.utils",
)

from torchtune.data import CROSS_ENTROPY_IGNORE_IDX  # noqa: E402
from torchtune.datasets import (  # noqa: E402
    alpaca_dataset,
    chat_dataset,
    instruct_dataset,
    preference_dataset,
    text_completion_dataset,
)
from torchtune.modules.transforms.tokenizers import HuggingFaceBaseTokenizer  # noqa: E402


class Tokenizer:
    """The least that torchtune calls a model tokenizer."""

    def __init__(self, folder: Path) -> None:
        self.base = HuggingFaceBaseTokenizer(
            str(folder / "tokenizer.json"),
            tokenizer_config_json_path=str(folder / "tokenizer_config.json"),
        )
        self.max_seq_len = None

    def tokenize_messages(self, messages: Any, *, add_end_tokens: bool = True) -> Any:
        tokens: list[int] = []
        masked: list[bool] = []
        for message in messages:
            said = self.encode(message.text_content)
            tokens += said
            masked += [message.masked] * len(said)
        return tokens, masked

    def encode(self, text: str, **_: Any) -> list[int]:
        return list(self.base.encode(text, add_bos=False, add_eos=False))

    def __call__(self, sample: dict[str, Any], **_: Any) -> dict[str, Any]:
        messages = sample.pop("messages")
        sample["tokens"], sample["mask"] = self.tokenize_messages(messages)
        sample["roles"] = [message.role for message in messages]
        return sample


tokenizer = Tokenizer(Path(sys.argv[1]))


def source(name: str) -> dict[str, Any]:
    return {"source": f"default/{name}.v1", "tokenizer": tokenizer}


def text(ids: Any) -> str:
    return str(tokenizer.base.decode([int(each) for each in ids if each > 2]))


def shown(rows: Any) -> dict[str, Any]:
    first = rows[0]
    learnt = [each for each in first["labels"] if each != CROSS_ENTROPY_IGNORE_IDX]
    return {"rows": len(rows), "read": text(first["tokens"]), "learnt": text(learnt)}


found = {
    "messages": shown(
        chat_dataset(
            **source("messages"), conversation_column="messages", conversation_style="openai"
        )
    ),
    "sharegpt": shown(
        chat_dataset(
            **source("sharegpt"),
            conversation_column="conversations",
            conversation_style="sharegpt",
        )
    ),
    "prompt_completion": shown(
        instruct_dataset(
            **source("prompt_completion"),
            column_map={"input": "prompt", "output": "completion"},
        )
    ),
    "alpaca": shown(alpaca_dataset(**source("alpaca_plain"), train_on_input=False)),
    "text": shown(text_completion_dataset(**source("text"))),
}
first = preference_dataset(**source("preference_whole"))[0]
found["preference"] = {
    key: text(each for each in first[f"{key}_labels"] if each != CROSS_ENTROPY_IGNORE_IDX)
    for key in ("chosen", "rejected")
}
print(json.dumps(found))
