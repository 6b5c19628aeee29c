"""The head of a card, which programs read: the `datasets` library, hubs, search engines."""

from collections.abc import Iterator, Sequence

import yaml

from app.datasets.features import card_features
from app.datasets.manifest import Manifest

# ruff: noqa: SIM905  (rows of words read better than a column of quotes)
_LICENCES = frozenset(
    (
        "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bsd bsd-2-clause "
        "bsd-3-clause bsl-1.0 cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 "
        "cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 "
        "cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 "
        "cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 "
        "agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 "
        "odc-by odbl osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl llama2 llama3 llama3.1 "
        "llama3.2 llama3.3 llama4 gemma"
    ).split()
)
"""The identifiers that the Hugging Face Hub knows; any other text is `other` to it."""

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_LARGE = ((10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))


def front_matter(manifest: Manifest) -> str:
    """YAML between two lines of dashes. What it says of columns and rows is exactly what the files
    hold: `datasets` refuses anything else.
    """
    head = yaml.safe_dump(_head(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n"


def _head(manifest: Manifest) -> dict[str, object]:
    filled = {name: split for name, split in manifest.splits.items() if split.rows}
    return {
        "pretty_name": manifest.dataset,
        **_licence(manifest),
        **_languages(manifest),
        **_tasks(manifest),
        "size_categories": [_size(manifest.rows)],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "tags": list(_tags(manifest)),
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


def _licence(manifest: Manifest) -> dict[str, object]:
    """Of the teachers' outputs, as far as it was said for all of them."""
    made = manifest.provenance
    if made is None or not made.teachers or made.imported:
        return {"license": "unknown"}
    said = [teacher.licence for teacher in made.teachers]
    named = sorted({each.strip() for each in said if each})
    if None in said:
        return {"license": "unknown"}
    known = [each.lower() for each in named if each.lower() in _LICENCES]
    if len(known) < len(named):
        return {"license": "other", "license_name": _short(named)}
    return {"license": known[0] if len(known) == 1 else known}


def _short(names: Sequence[str]) -> str:
    first = " ".join(" and ".join(names).split())
    return first if len(first) <= 100 else f"{first[:99]}…"  # noqa: PLR2004


def _languages(manifest: Manifest) -> dict[str, object]:
    found = manifest.statistics.languages if manifest.statistics else {}
    return {"language": list(found)} if found else {}


def _tasks(manifest: Manifest) -> dict[str, object]:
    """Only where the layout says it: what raw records are good for, their columns do not tell."""
    return {"task_categories": ["text-generation"]} if _is_for_trainers(manifest) else {}


def _is_for_trainers(manifest: Manifest) -> bool:
    return (
        any(
            wanted <= manifest.features.keys()
            for wanted in ({"messages"}, {"prompt"}, {"text"}, {"instruction", "output"})
        )
        and manifest.layout.get("name") != "records"
    )


def _size(rows: int) -> str:
    return next((name for below, name in (*_SIZES, *_LARGE) if rows < below), "1B<n<10B")


def _tags(manifest: Manifest) -> Iterator[str]:
    yield from ("synthetic", "distillation", "limbeck")
    columns = manifest.features.keys()
    if columns >= {"chosen", "rejected"}:
        yield "dpo"
    elif columns >= {"prompt", "completion", "label"}:
        yield "kto"
    elif _is_for_trainers(manifest):
        yield "sft"
