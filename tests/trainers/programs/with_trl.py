"""TRL's trainers take a step on each layout; says what the first row became."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import (
    DPOConfig,
    DPOTrainer,
    GRPOConfig,
    GRPOTrainer,
    KTOConfig,
    KTOTrainer,
    RewardConfig,
    RewardTrainer,
    SFTConfig,
    SFTTrainer,
)
from trl.experimental.gkd import GKDConfig, GKDTrainer

tiny = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(tiny)
out = Path(tempfile.mkdtemp())
ONE_STEP: dict[str, Any] = {
    "max_steps": 1,
    "per_device_train_batch_size": 2,
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "save_strategy": "no",
    "gradient_checkpointing": False,
    "disable_tqdm": True,
}
SHORT = {"max_new_tokens": 4}


def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny)


def judge() -> Any:
    return AutoModelForSequenceClassification.from_pretrained(tiny, num_labels=1)


def step(kind: Any, config: Any, name: str, made: Any = None, **more: Any) -> Any:
    rows = load_dataset(f"default/{name}.v1", split="train")
    settings = config(output_dir=str(out), **(ONE_STEP | more.pop("settings", {})))
    trainer = kind(
        made or model(), args=settings, train_dataset=rows, processing_class=tokenizer, **more
    )
    trainer.loss = trainer.train().training_loss
    assert torch.isfinite(torch.tensor(trainer.loss)), trainer.loss
    return trainer


def batch(trainer: Any) -> dict[str, Any]:
    return next(
        iter(
            torch.utils.data.DataLoader(trainer.train_dataset, 1, collate_fn=trainer.data_collator)
        )
    )


def text(ids: Any) -> str:
    return str(tokenizer.decode([int(each) for each in ids]))


found: dict[str, Any] = {}
for name in (
    "messages",
    "distilled",
    "thoughts",
    "inline",
    "prompt_completion",
    "turns",
    "text",
    "custom",
    "openai",
):
    trainer = step(SFTTrainer, SFTConfig, name)
    got = batch(trainer)
    learnt = got["labels"][0]
    found[name] = {"read": text(got["input_ids"][0]), "learnt": text(learnt[learnt != -100])}
trainer = step(SFTTrainer, SFTConfig, "distilled", settings={"assistant_only_loss": True})
learnt = batch(trainer)["labels"][0]
found["assistant_only"] = {"learnt": text(learnt[learnt != -100])}
trainer = step(GKDTrainer, GKDConfig, "distilled", teacher_model=model(), settings=SHORT)
found["gkd"] = {"loss": trainer.loss}
for name in ("preference", "preference_turns", "preference_whole"):
    got = batch(step(DPOTrainer, DPOConfig, name))
    found[name] = {"pair": [text(ids) for ids in got["input_ids"]]}
trainer = step(RewardTrainer, RewardConfig, "preference_whole", made=judge())
found["reward"] = {"loss": trainer.loss}
for name in ("kto", "kto_turns"):
    trainer = step(KTOTrainer, KTOConfig, name)
    found[name] = {"labels": list(trainer.train_dataset["label"])}
trainer = step(
    GRPOTrainer,
    GRPOConfig,
    "prompt_only",
    reward_funcs=lambda completions, **_: [float(len(str(each))) for each in completions],
    settings={"num_generations": 2, "max_completion_length": 4},
)
found["prompt_only"] = {"loss": trainer.loss}
print(json.dumps(found))
