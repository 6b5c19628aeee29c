"""The page itself: its sections in their order."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.datasets.card import counts, made
from app.datasets.card.front_matter import front_matter
from app.datasets.card.left_out import left_out
from app.datasets.card.markdown import code, details, fence, line, quote, table
from app.datasets.card.snippets import snippets
from app.datasets.features import TURNS
from app.datasets.manifest import Manifest

_SAID = {"json": "string (JSON)"} | {
    kind: f"list of turns: {', '.join(keys)}" for kind, keys in TURNS.items()
}
_LONGEST_VALUE = 1_200
"""Characters of a value in a sample row; what is longer is cut."""


def card(manifest: Manifest, samples: Sequence[Mapping[str, Any]] = ()) -> str:
    """README.md: its head is read by the Hugging Face `datasets` library, the rest by people."""
    return front_matter(manifest) + "\n" + "\n\n".join(_sections(manifest, samples)) + "\n"


def _sections(manifest: Manifest, samples: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"# {manifest.dataset}, version {manifest.version}"
    yield from _warned(manifest)
    if manifest.description.strip():
        yield quote(manifest.description)
    yield _what(manifest)
    if manifest.before is not None:
        yield from _since(manifest)
    yield "## Load it"
    yield from snippets(manifest)
    yield "## What is in it"
    yield table(
        ("column", "type"),
        ((code(name), _SAID.get(kind, kind)) for name, kind in manifest.features.items()),
    )
    yield from _splits(manifest)
    yield from _samples(samples)
    yield from counts.strata(manifest)
    yield from counts.lengths(manifest)
    yield "## How it was made"
    yield from made.how(manifest)
    yield from counts.funnel(manifest)
    yield from counts.duplicates(manifest)
    yield from left_out(manifest)
    yield "## Limits"
    yield "\n".join(f"- {each}" for each in _limits(manifest))
    yield "## Cite it"
    yield from _cite(manifest)


def _warned(manifest: Manifest) -> Iterator[str]:
    told = manifest.terms_override
    if told is not None:
        names = ", ".join(code(name) for name in told.teachers)
        yield (
            f"> [!WARNING]\n> **Published against terms of use.** The terms of {names} forbid "
            f"training on it. It was published all the same, by {line(told.by)}, for this reason: "
            f"{line(told.reason, 2_000)}"
        )


def _what(manifest: Manifest) -> str:
    shares = manifest.statistics.languages if manifest.statistics else {}
    spoken = ", ".join(f"{code} ({share:.0%})" for code, share in shares.items())
    names = [each.corpus for each in manifest.corpora] or [manifest.corpus]
    corpora = " and ".join(code(name) for name in names)
    these = "corpus" if len(names) == 1 else "corpora"
    brought = manifest.provenance.imported if manifest.provenance else 0
    wrote = f"All but {brought:,} imported ones were" if brought else "They were"
    return (
        f"{manifest.rows:,} synthetic records from the {these} {corpora}, at "
        f"{manifest.snapshot_at:%Y-%m-%d %H:%M:%S} UTC. {wrote} written by a model; all passed "
        "the filters and the deduplication of the jobs below."
        + (f" Languages, as found in a sample: {spoken}." if spoken else "")
    )


def _since(manifest: Manifest) -> Iterator[str]:
    before = manifest.before
    if before is None:
        return
    yield f"## Since version {before.version}"
    more = manifest.rows - before.rows
    first = f"{before.rows:,} rows became {manifest.rows:,} ({more:+,})"
    yield "\n".join(f"- {each}" for each in (first, *map(line, before.changes)))


def _splits(manifest: Manifest) -> Iterator[str]:
    yield "### Splits"
    yield table(
        ("split", "rows:", "share:", "asked for:"),
        (
            (code(name), f"{split.rows:,}", f"{split.share:.4f}", f"{split.asked:g}")
            for name, split in manifest.splits.items()
        ),
    )
    yield _TOGETHER.get(manifest.split_by, "") + "A row's split is the same in every version."


_TOGETHER = {
    "seed": "Rows that were made from one seed row are in one split. ",
    "cluster": "Rows that are near-duplicates of each other are in one split. ",
}


def _samples(samples: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not samples:
        return
    yield f"### {len(samples)} of the rows" if len(samples) > 1 else "### One of the rows"
    first = next(iter(samples))
    yield fence(_row(first), "json")
    if len(samples) > 1:
        blocks = [fence(_row(row), "json") for row in samples[1:]]
        yield details(f"{len(blocks)} more", *blocks)


def _row(row: Mapping[str, Any]) -> str:
    return json.dumps(_cut(row), indent=2, ensure_ascii=False)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return f"{value[:_LONGEST_VALUE]}… ({len(value) - _LONGEST_VALUE:,} more characters)"
    if isinstance(value, Mapping):
        return {key: _cut(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        kept = [_cut(each) for each in value[:_LONGEST_LIST]]
        left = len(value) - len(kept)
        return [*kept, f"… ({left:,} more)"] if left else kept
    return value


_LONGEST_LIST = 40


def _limits(manifest: Manifest) -> Iterator[str]:
    yield (
        "The text is a model's: it may be wrong, biased or unsafe, and nobody has read all of it."
    )
    provenance = manifest.provenance
    unknown = [t.name for t in provenance.teachers if t.training == "unknown"] if provenance else []
    if unknown:
        names = ", ".join(code(name) for name in unknown)
        yield (
            f"Whether the terms of {names} allow training on its output was not said: read them "
            "before you train."
        )
    if provenance is not None and provenance.imported:
        yield (
            f"{provenance.imported:,} rows were imported from files; who made them, and on what "
            "terms, their jobs do not say."
        )
    if manifest.semantic is None:
        yield (
            "Rows that mean the same in other words were let through; only equal texts and "
            "near-copies were not."
        )
    checked = manifest.decontamination
    if checked is None or not checked.sets:
        yield "Nobody checked whether a row copies an item of an evaluation set."
    else:
        yield "Copies of evaluation items were told by their wording, and by that of no other set."


def _cite(manifest: Manifest) -> Iterator[str]:
    name, number = manifest.dataset, manifest.version
    yield (
        f"{code(f'{name}@{number}')}, published {manifest.published_at:%Y-%m-%d}. A version never "
        "changes. `manifest.json` has the SHA-256 of every file; the commit is the SHA-256 over "
        "the sorted paths and digests of all of them, cut to 40 digits, and stands in the manifest "
        "that the API answers. The data files:"
    )
    files = [each for each in manifest.files if each.split is not None]
    rows = (
        (code(each.path), f"{each.rows or 0:,}", f"{each.size:,}", code(each.sha256))
        for each in files[:_MOST_FILES]
    )
    yield table(("file", "rows:", "bytes:", "sha256"), rows)
    if len(files) > _MOST_FILES:
        yield f"{len(files) - _MOST_FILES:,} more are in `manifest.json`."


_MOST_FILES = 20
