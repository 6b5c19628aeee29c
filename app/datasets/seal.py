"""What is written around the rows of a version: names of its files, card, manifest, commit."""

from collections.abc import Iterator
from datetime import datetime

from app.corpus.models import Corpus
from app.datasets.card import card
from app.datasets.exporter import exporters
from app.datasets.files import Files
from app.datasets.freeze import Frozen
from app.datasets.manifest import (
    CARD,
    MANIFEST,
    FileEntry,
    FunnelEntry,
    Manifest,
    PublishedManifest,
    Source,
    SplitEntry,
    commit_of,
)
from app.datasets.models import Dataset
from app.datasets.registry import REGISTRY, registry
from app.datasets.spec import VersionSpec
from app.names import Ref


def draft(
    ref: Ref, dataset: Dataset, corpus: Corpus, spec: VersionSpec, frozen: Frozen, now: datetime
) -> Manifest:
    data = list(_data_files(frozen, spec.layout.format))
    return Manifest(
        dataset=f"{ref.namespace}/{ref.name}",
        version=ref.version or 0,
        description=dataset.description,
        corpus=f"{corpus.namespace}/{corpus.name}",
        selection=spec.selection.model_dump(mode="json"),
        layout=exporters.write(spec.layout),
        features=dict(frozen.features),
        splits=_split_entries(frozen),
        rows=frozen.rows,
        bytes=sum(each.size for each in data),
        sources=[
            Source(
                job=str(origin.job_id),
                digest=origin.digest,
                template=origin.template,
                few_shot=origin.few_shot,
                teacher=origin.teacher,
                seeds=origin.seeds,
                rows=rows,
            )
            for origin, rows in frozen.rows_of
        ],
        funnel=FunnelEntry.model_validate(frozen.funnel),
        decontamination=frozen.decontamination,
        semantic=frozen.semantic,
        snapshot_at=frozen.taken_at,
        published_at=now,
        files=data,
    )


def _split_entries(frozen: Frozen) -> dict[str, SplitEntry]:
    made = {}
    for name, asked in frozen.splits.shares.items():
        shards = [shard for shard in frozen.shards if shard.split == name]
        rows = sum(shard.rows for shard in shards)
        memory = sum(shard.memory for shard in shards)
        made[name] = SplitEntry(asked=asked, share=rows / frozen.rows, rows=rows, memory=memory)
    return made


def _data_files(frozen: Frozen, suffix: str) -> Iterator[FileEntry]:
    for split in frozen.splits.names:
        shards = [shard for shard in frozen.shards if shard.split == split]
        for number, shard in enumerate(shards):
            yield FileEntry(
                path=f"data/{split}-{number:05}-of-{len(shards):05}.{suffix}",
                sha256=shard.sha256,
                size=shard.size,
                split=split,
                rows=shard.rows,
            )


def seal(files: Files, drafted: Manifest) -> PublishedManifest:
    """Write the card, then the manifest that names it, then the commit over all of it."""
    readme = files.keep_bytes(card(drafted).encode())
    around = [_entry(CARD, readme.sha256, readme.size)]
    if (told := registry(drafted)) is not None:
        kept = files.keep_bytes(told)
        around.append(_entry(REGISTRY, kept.sha256, kept.size))
    named = drafted.model_copy(update={"files": [*around, *drafted.files]})
    written = files.keep_bytes(named.model_dump_json(indent=2).encode())
    everything = [*named.files, _entry(MANIFEST, written.sha256, written.size)]
    return PublishedManifest(
        **named.model_dump(exclude={"files"}), files=everything, commit=commit_of(everything)
    )


def _entry(path: str, sha256: str, size: int) -> FileEntry:
    return FileEntry(path=path, sha256=sha256, size=size)
