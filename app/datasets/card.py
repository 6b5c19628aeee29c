"""The card of a version: what the rows are, how they came to be, and how to load them."""

from collections.abc import Iterator

import yaml

from app.datasets.features import TURNS, card_features
from app.datasets.manifest import Manifest


def card(manifest: Manifest) -> str:
    """README.md: its head is read by the Hugging Face `datasets` library, the rest by people."""
    head = yaml.safe_dump(_head(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n" + "\n".join(_body(manifest)) + "\n"


def _head(manifest: Manifest) -> dict[str, object]:
    filled = {name: split for name, split in manifest.splits.items() if split.rows}
    return {
        "pretty_name": manifest.dataset,
        "tags": ["synthetic"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": name, "path": _pattern(manifest, name)} for name in filled
                ],
            }
        ],
        "dataset_info": {
            "config_name": "default",
            "features": card_features(manifest.features),
            "splits": [
                {"name": name, "num_bytes": split.memory, "num_examples": split.rows}
                for name, split in filled.items()
            ],
            "download_size": manifest.bytes,
            "dataset_size": sum(split.memory for split in filled.values()),
        },
    }


def _pattern(manifest: Manifest, split: str) -> str:
    """Shards of another version in the same folder do not fit it."""
    first = next(each.path for each in manifest.files if each.split == split)
    return f"data/{split}-*{first[first.index('-of-') :]}"


def _body(manifest: Manifest) -> Iterator[str]:
    yield f"# {manifest.dataset}, version {manifest.version}\n"
    if manifest.description:
        yield f"{manifest.description}\n"
    yield (
        f"{manifest.rows:,} synthetic records from the corpus `{manifest.corpus}`, as it stood at "
        f"{manifest.snapshot_at:%Y-%m-%d %H:%M:%S} UTC. They were written by a model, and passed "
        "the filters and the deduplication of the jobs below.\n"
    )
    yield "## Load it\n"
    yield "```python\nfrom datasets import load_dataset\n"
    yield 'rows = load_dataset("path/to/this/folder")\n```\n'
    yield "## Columns\n"
    yield "| column | type |\n| --- | --- |"
    yield from (
        f"| `{name}` | {_SAID.get(kind, kind)} |" for name, kind in manifest.features.items()
    )
    yield "\n## Splits\n"
    yield "| split | rows | share | asked for |\n| --- | ---: | ---: | ---: |"
    for name, split in manifest.splits.items():
        yield f"| {name} | {split.rows:,} | {split.share:.4f} | {split.asked:g} |"
    yield (
        "\nA row's split follows from the seed row it was made from, or from its own content where "
        "there is none, and is the same in every version.\n"
    )
    yield "## How it was made\n"
    yield "| job | template | few-shot set | teacher | seeds | rows |"
    yield "| --- | --- | --- | --- | --- | ---: |"
    for each in manifest.sources:
        cells = (each.job, each.template, each.few_shot, each.teacher, each.seeds)
        yield f"| {' | '.join(_cell(cell) for cell in cells)} | {each.rows:,} |"
    yield from _funnel(manifest)
    yield from _decontamination(manifest)
    yield from _semantic(manifest)
    yield "## Limits\n"
    yield (
        "The text is a model's: it may be wrong, biased or unsafe, and nobody has read all of it. "
        "Check the licence terms of the teacher before you train on its output. `manifest.json` "
        "has the digest of every file."
    )


_SAID = {"json": "string (JSON)"} | {
    kind: f"list of turns: {', '.join(keys)}" for kind, keys in TURNS.items()
}


def _cell(text: str | None) -> str:
    return "" if text is None else "`" + " ".join(text.split()).replace("|", "\\|") + "`"


def _funnel(manifest: Manifest) -> Iterator[str]:
    funnel = manifest.funnel
    refused = sum(funnel.rejected.values())
    yield (
        f"\nThese jobs brought {funnel.generated:,} replies: {funnel.accepted:,} became records, "
        f"{refused:,} were refused."
    )
    yield ""
    if refused:
        yield "| refused because | replies |\n| --- | ---: |"
        yield from (f"| `{reason}` | {count:,} |" for reason, count in funnel.rejected.items())
        yield ""


def _decontamination(manifest: Manifest) -> Iterator[str]:
    checked = manifest.decontamination
    if checked is None:
        return
    yield "## Evaluation sets\n"
    if not checked.sets:
        yield "The rows were not checked against any evaluation set.\n"
        return
    sets = ", ".join(f"`{name}`" for name in checked.sets)
    yield (
        f"{checked.rows_checked:,} records were checked against {sets}. "
        f"{checked.rows_left_out:,} were left out: they have {checked.threshold:.0%} or more of "
        f"the words of an item, in runs of eight. {checked.rows_flagged:,} of the rows here have "
        "13 words in a row of an item.\n"
    )
    if checked.rows_left_out:
        yield f"The first {len(checked.left_out):,} left out, by record:\n"
        yield "| record | coverage | why |\n| --- | ---: | --- |"
        yield from (
            f"| `{each.record}` | {each.coverage:g} | {_cell(each.why)} |"
            for each in checked.left_out
        )
        yield ""


def _semantic(manifest: Manifest) -> Iterator[str]:
    apart = manifest.semantic
    if apart is None:
        return
    yield (
        f"## Alike in meaning\n\n{apart.alike:,} records were left out: by the vectors of "
        f"`{apart.model}`, each has a cosine of {apart.max_similarity:g} or more with an older row "
        f"here. {apart.not_compared:,} more were left out because they had not been compared yet.\n"
    )
