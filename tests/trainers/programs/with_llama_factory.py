"""LLaMA-Factory's `get_dataset`, by each version's own `dataset_info.json`."""

import json
import sys
import tempfile
from typing import Any

from absent import absent

absent("torchaudio", "av")

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer  # noqa: E402
from llamafactory.hparams import get_train_args  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

tiny = sys.argv[1]


def read(name: str, stage: str) -> dict[str, Any]:
    model, data, training, _, _ = get_train_args(
        {
            "stage": stage,
            "do_train": True,
            "model_name_or_path": tiny,
            "dataset_dir": f"default/{name}.v1",
            "dataset": name,
            "template": "chatml",
            "cutoff_len": 256 if stage == "pt" else 2048,
            "finetuning_type": "full",
            "output_dir": tempfile.mkdtemp(),
            "report_to": "none",
            "preprocessing_num_workers": 1,
            "use_cpu": True,
        }
    )
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    template = get_template_and_fix_tokenizer(tokenizer, data)
    rows = get_dataset(template, model, data, training, stage=stage, tokenizer=tokenizer)[
        "train_dataset"
    ]
    first = rows[0]

    def text(ids: Any) -> str:
        return str(tokenizer.decode([each for each in ids if each != -100]))

    return {"rows": len(rows)} | {
        key: text(first[key]) if key.endswith(("input_ids", "labels")) else first[key]
        for key in first
        if key.endswith(("input_ids", "labels", "tags"))
    }


found = {
    name: read(name, stage)
    for name, stage in (
        ("messages", "sft"),
        ("distilled", "sft"),
        ("sharegpt", "sft"),
        ("alpaca", "sft"),
        ("alpaca_plain", "sft"),
        ("prompt_completion", "sft"),
        ("text", "pt"),
        ("preference", "rm"),
        ("kto", "kto"),
    )
}
print(json.dumps(found))
