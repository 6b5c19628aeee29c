"""`dataset_info.json`: a version as LLaMA-Factory looks it up. Other loaders pass it over."""

from typing import Any

import orjson

from app.datasets.exporter import exporters
from app.datasets.manifest import Manifest
from app.names import Ref

REGISTRY = "dataset_info.json"


def registry(manifest: Manifest) -> str | None:
    """An entry for each split that has rows: `faq` for `train`, `faq_validation` and so on.

    They name the pinned repository `support/faq.v3`, so that they hold wherever the file lies. A
    layout that LLaMA-Factory cannot read has none.
    """
    described = exporters.read(manifest.layout).registry()
    if described is None:
        return None
    ref = Ref.parse(manifest.dataset)
    url = f"{ref.namespace}/{ref.name}.v{manifest.version}"
    entries: dict[str, Any] = {}
    for split, entry in manifest.splits.items():
        if entry.rows:
            name = ref.name if split == "train" else f"{ref.name}_{split}"
            entries[name] = {"hf_hub_url": url, "split": split, **described}
    return orjson.dumps(entries, option=orjson.OPT_INDENT_2).decode()
