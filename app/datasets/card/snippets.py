"""How to load a version, for each trainer that its columns serve."""

from collections.abc import Iterator
from typing import NamedTuple

from app.datasets.card.markdown import details, fence
from app.datasets.manifest import Manifest


class _Names(NamedTuple):
    alias: str
    """The version as a repository of its own."""
    ref: str
    folder: str
    url: str
    split: str


def snippets(manifest: Manifest) -> Iterator[str]:
    """The shortest way, then the others folded away. The host is the reader's to fill in."""
    namespace, _, name = manifest.dataset.partition("/")
    number = manifest.version
    names = _Names(
        alias=f"{manifest.dataset}.v{number}",
        ref=f"{manifest.dataset}@{number}",
        folder=f"{name}-v{number}",
        url=f"http://HOST:8000/v1/datasets/{namespace}/{name}/versions/{number}",
        split=next(split for split, entry in manifest.splits.items() if entry.rows),
    )
    yield fence(
        f"""\
import os
os.environ["HF_ENDPOINT"] = "http://HOST:8000/hf"  # before datasets is imported
from datasets import load_dataset

rows = load_dataset("{names.alias}", split="{names.split}")""",
        "python",
    )
    yield (
        f"`{names.alias}` is this version and no other, whatever is published later. Trainers "
        "that fetch their base model by name too should have the files first; every byte is "
        "checked:"
    )
    yield fence(f"limbeck dataset pull {names.ref}  # into ./{names.folder}", "sh")
    for title, language, text in _others(frozenset(manifest.features), names, name):
        yield details(title, fence(text, language))


_Snippet = tuple[str, str, str]


def _others(columns: frozenset[str], names: _Names, name: str) -> Iterator[_Snippet]:
    if columns >= {"prompt", "chosen", "rejected"}:
        yield from _preference(names, name)
    elif columns >= {"prompt", "completion", "label"}:
        yield "TRL", "sh", _trl("kto", names)
    elif "messages" in columns:
        yield from _chat(names, name)
    elif columns >= {"prompt", "completion"}:
        yield from _pair(names, name)
    elif "text" in columns:
        yield from _text(names, name)
    yield (
        "pandas",
        "python",
        f"""\
import pandas as pd
rows = pd.read_parquet("{names.folder}/data")  # or, with HF_ENDPOINT set:
rows = pd.read_parquet("hf://datasets/{names.alias}/data/")""",
    )
    yield (
        "curl, one JSON object a line",
        "sh",
        f"""\
curl -H 'Accept: application/x-ndjson' \\
  '{names.url}/rows?split={names.split}&stream=true'""",
    )


def _trl(command: str, names: _Names) -> str:
    return f"""\
trl {command} --dataset_name ./{names.folder} --dataset_train_split {names.split} \\
  --model_name_or_path ORGANISATION/MODEL --output_dir out"""


def _chat(names: _Names, name: str) -> Iterator[_Snippet]:
    yield "TRL", "sh", _trl("sft", names)
    yield (
        "Axolotl",
        "yaml",
        f"""\
datasets:
  - path: ./{names.folder}
    split: {names.split}
    type: chat_template
    field_messages: messages""",
    )
    yield (
        "LLaMA-Factory",
        "json",
        f"""\
{{
  "{name}": {{
    "file_name": "{names.folder}/data",
    "formatting": "sharegpt",
    "columns": {{"messages": "messages"}},
    "tags": {{
      "role_tag": "role", "content_tag": "content",
      "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"
    }}
  }}
}}""",
    )
    yield (
        "torchtune",
        "yaml",
        f"""\
dataset:
  _component_: torchtune.datasets.chat_dataset
  source: parquet
  data_files: {names.folder}/data/{names.split}-*.parquet
  split: train
  conversation_column: messages
  conversation_style: openai""",
    )
    yield (
        "OpenAI fine-tuning",
        "sh",
        f"limbeck dataset rows {names.ref} --split {names.split} > {name}.jsonl",
    )


def _pair(names: _Names, name: str) -> Iterator[_Snippet]:
    yield "TRL", "sh", _trl("sft", names)
    yield (
        "Axolotl",
        "yaml",
        f"""\
datasets:
  - path: ./{names.folder}
    split: {names.split}
    type:
      field_instruction: prompt
      field_output: completion
      format: "{{instruction}}"
      no_input_format: "{{instruction}}\"""",
    )
    yield (
        "LLaMA-Factory",
        "json",
        f"""\
{{
  "{name}": {{
    "file_name": "{names.folder}/data",
    "columns": {{"prompt": "prompt", "response": "completion"}}
  }}
}}""",
    )
    yield (
        "torchtune",
        "yaml",
        f"""\
dataset:
  _component_: torchtune.datasets.instruct_dataset
  source: parquet
  data_files: {names.folder}/data/{names.split}-*.parquet
  split: train
  column_map: {{input: prompt, output: completion}}""",
    )


def _text(names: _Names, name: str) -> Iterator[_Snippet]:
    yield "TRL", "sh", _trl("sft", names)
    yield (
        "Axolotl",
        "yaml",
        f"""\
datasets:
  - path: ./{names.folder}
    split: {names.split}
    type: completion
    field: text""",
    )
    yield (
        "LLaMA-Factory",
        "json",
        f"""\
{{
  "{name}": {{"file_name": "{names.folder}/data", "columns": {{"prompt": "text"}}}}
}}""",
    )
    yield (
        "torchtune",
        "yaml",
        f"""\
dataset:
  _component_: torchtune.datasets.text_completion_dataset
  source: parquet
  data_files: {names.folder}/data/{names.split}-*.parquet
  split: train
  column: text""",
    )


def _preference(names: _Names, name: str) -> Iterator[_Snippet]:
    yield "TRL", "sh", _trl("dpo", names)
    yield (
        "LLaMA-Factory",
        "json",
        f"""\
{{
  "{name}": {{
    "file_name": "{names.folder}/data",
    "ranking": true,
    "columns": {{"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}}
  }}
}}""",
    )
