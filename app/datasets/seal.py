"""What is written around the rows of a version: names of its files, card, manifest, commit."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.corpus.models import Corpus
from app.datasets.card import card, plots
from app.datasets.exporter import exporters
from app.datasets.files import Files
from app.datasets.freeze import Frozen
from app.datasets.lengths import added
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
from app.datasets.provenance.entries import Override
from app.datasets.registry import REGISTRY, registry
from app.datasets.since import since
from app.datasets.spec import VersionSpec
from app.datasets.terms import FORBIDDEN
from app.names import Ref


def draft(
    ref: Ref,
    dataset: Dataset,
    corpus: Corpus,
    spec: VersionSpec,
    frozen: Frozen,
    now: datetime,
    *,
    by: str,
    before: PublishedManifest | None,
) -> Manifest:
    """`by` is who publishes, `before` the version before this one."""
    data = list(_data_files(frozen, spec.layout.format))
    drafted = Manifest(
        dataset=f"{ref.namespace}/{ref.name}",
        version=ref.version or 0,
        description=dataset.description,
        corpus=f"{corpus.namespace}/{corpus.name}",
        corpora=list(frozen.corpora),
        selection=spec.selection.model_dump(mode="json"),
        layout=exporters.write(spec.layout),
        features=dict(frozen.features),
        splits=_split_entries(frozen),
        split_by=frozen.splits.by,
        mix=list(frozen.mix),
        left_out=dict(frozen.left_out),
        lengths=added(shard.lengths for shard in frozen.shards),
        near=frozen.near,
        rows=frozen.rows,
        bytes=sum(each.size for each in data),
        sources=[
            Source(
                job=str(origin.job_id),
                arm=origin.arm,
                digest=origin.digest,
                template=origin.template,
                few_shot=origin.few_shot,
                teacher=origin.teacher,
                seeds=origin.seeds,
                rows=rows,
                corpus=origin.corpus,
            )
            for origin, rows in frozen.rows_of
        ],
        funnel=FunnelEntry.model_validate(frozen.funnel),
        decontamination=frozen.decontamination,
        semantic=frozen.semantic,
        provenance=frozen.provenance,
        statistics=frozen.statistics,
        terms_override=_override(spec, frozen, by),
        snapshot_at=frozen.taken_at,
        published_at=now,
        files=data,
    )
    return (
        drafted if before is None else drafted.model_copy(update={"before": since(before, drafted)})
    )


def _override(spec: VersionSpec, frozen: Frozen, by: str) -> Override | None:
    against = [t.name for t in frozen.provenance.teachers if t.training == FORBIDDEN]
    if spec.terms_override is None or not against:
        return None
    return Override(reason=spec.terms_override.reason, by=by, teachers=against)


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


def seal(
    files: Files, drafted: Manifest, samples: Sequence[Mapping[str, Any]] = ()
) -> PublishedManifest:
    """Write plots and card, then the manifest that names them, then the commit over all of it."""
    page = _kept(files, CARD, card(drafted, samples))
    drawn = [_kept(files, path, plot) for path, plot in plots(drafted).items()]
    if (entries := registry(drafted)) is not None:
        drawn.append(_kept(files, REGISTRY, entries))
    named = drafted.model_copy(update={"files": [page, *drafted.files, *drawn]})
    everything = [*named.files, _kept(files, MANIFEST, named.model_dump_json(indent=2))]
    return PublishedManifest(
        **named.model_dump(exclude={"files"}), files=everything, commit=commit_of(everything)
    )


def _kept(files: Files, path: str, text: str) -> FileEntry:
    stored = files.keep_bytes(text.encode())
    return FileEntry(path=path, sha256=stored.sha256, size=stored.size)
