"""Publish a version: freeze the rows, write the card and the manifest, then list it all at once."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.models import Corpus
from app.datasets import membership, store
from app.datasets.blob import named
from app.datasets.dress import Dresser
from app.datasets.files import Files
from app.datasets.freeze import Frozen, freeze
from app.datasets.manifest import FileEntry, PublishedManifest
from app.datasets.membership import History
from app.datasets.models import Dataset, DatasetVersion
from app.datasets.seal import draft, seal
from app.datasets.shards import Shard, Sizes
from app.datasets.spec import PublishSpec, VersionSpec
from app.datasets.splits import Splits
from app.db import Database
from app.errors import Conflict, NotFound, Unavailable
from app.evaluations.pin import pinned
from app.names import Ref


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    ref: Ref
    """With its number: `support/faq@3`."""
    commit: str
    rows: int
    manifest: PublishedManifest


async def publish(
    database: Database,
    data_dir: Path,
    corpus_id: UUID,
    spec: PublishSpec,
    sizes: Sizes = Sizes(),  # noqa: B008  (frozen)
    dresser: Dresser | None = None,
) -> PublishedVersion:
    """Publish from a corpus, making the dataset if need be. For those without a request."""
    files = Files(data_dir)
    async with database.unit_of_work() as session:
        dataset, corpus = await define(session, spec.dataset, [corpus_id])
    frozen = await prepare(database, files, dataset, spec, dresser, sizes)
    async with database.unit_of_work() as session:
        return await enlist(session, files, dataset, corpus, spec, frozen)


async def define(
    session: AsyncSession, ref: Ref, corpora: Sequence[UUID], description: str = ""
) -> tuple[Dataset, Corpus]:
    """The dataset of this name over these corpora; one over others is refused. One corpus may be
    named alone of several that there are already.
    """
    await store.define(session, ref, corpora, description)
    return await over(session, ref, corpora)


async def over(session: AsyncSession, ref: Ref, corpora: Sequence[UUID]) -> tuple[Dataset, Corpus]:
    dataset, corpus = await get(session, ref)
    theirs = await store.corpora(session, dataset)
    ids = [each.id for each in theirs]
    if list(corpora) != ids and not (len(corpora) == 1 and corpora[0] in ids):
        said = " and ".join(f"{each.namespace}/{each.name}" for each in theirs)
        raise Conflict(
            "dataset.other_corpus",
            f"dataset {ref.namespace}/{ref.name} is published from corpus {said}",
            hint="A dataset keeps its corpora; take another name for this one.",
        )
    return dataset, corpus


async def get(session: AsyncSession, ref: Ref) -> tuple[Dataset, Corpus]:
    found = await store.find(session, ref)
    if found is None:
        raise NotFound(
            "dataset.not_found",
            f"there is no dataset {ref.namespace}/{ref.name}",
            hint="GET /v1/datasets lists them.",
        )
    return found


async def check(session: AsyncSession, corpus: Corpus, spec: PublishSpec) -> None:
    """Refuse now what publishing would refuse later; for jobs that publish when they end."""
    found = await store.find(session, spec.dataset)
    if found is not None:
        await over(session, spec.dataset, [corpus.id])
        splits_for(found[0], spec)


async def prepare(
    database: Database,
    files: Files,
    dataset: Dataset,
    spec: VersionSpec,
    dresser: Dresser | None,
    sizes: Sizes = Sizes(),  # noqa: B008  (frozen)
) -> Frozen:
    """Write the files; no transaction but the snapshot's is open meanwhile."""
    splits = splits_for(dataset, spec)
    async with database.unit_of_work() as session:
        sets = await pinned(session, dataset.namespace, spec.decontaminate, "/decontaminate")
    with _disk():
        await asyncio.to_thread(files.sweep)
        return await freeze(
            database, files, dataset, spec, splits, sizes, against=sets, dresser=dresser
        )


async def enlist(
    session: AsyncSession,
    files: Files,
    dataset: Dataset,
    corpus: Corpus,
    spec: VersionSpec,
    frozen: Frozen,
    *,
    by: str = "a job",
) -> PublishedVersion:
    """Give frozen rows the next number. Whoever else publishes waits until this commits.
    `by` is who asked for it.
    """
    dataset = await store.lock(session, dataset.id)
    splits = splits_for(dataset, spec, frozen.splits)
    dataset.splits, dataset.split_by = splits.shares, splits.by
    number = await store.last_number(session, dataset.id) + 1
    before = frozen.before
    if before.version != number - 1:
        # Another version was listed since: what changes is told against that one.
        before = await membership.history(session, dataset.id, number - 1)
        _check_splits(before, frozen)
    ref = Ref(dataset.namespace, dataset.name, number)
    now = await store.moment(session)
    last = await store.version(session, dataset.id, number - 1)
    told = None if last is None else PublishedManifest.model_validate(last.manifest)
    drafted = draft(ref, dataset, corpus, spec, frozen, now, by=by, before=told)
    with _disk():
        manifest = await asyncio.to_thread(seal, files, drafted, frozen.samples)
        blob_ids = [named(files, each) for each in manifest.files]
    version = DatasetVersion(
        dataset_id=dataset.id,
        version=number,
        commit=manifest.commit,
        selection=manifest.selection,
        layout=manifest.layout,
        splits=splits.shares,
        rows=manifest.rows,
        bytes=sum(each.size for each in manifest.files),
        manifest=manifest.model_dump(mode="json"),
        shape=frozen.shape if before is frozen.before else None,
    )
    shards = {shard.sha256: shard for shard in frozen.shards}
    listed = [_listed(each, shards.get(each.sha256)) for each in manifest.files]
    for row, blob_id in zip(listed, blob_ids, strict=True):
        row["blob_id"] = blob_id
    await store.enlist(session, version, listed)
    changed = membership.changes(before, frozen.members, frozen.reasons)
    await membership.write(session, dataset.id, number, changed)
    return PublishedVersion(ref, manifest.commit, manifest.rows, manifest)


def _listed(entry: FileEntry, shard: Shard | None) -> dict[str, Any]:
    row = entry.model_dump() | {"memory": None, "lengths": None, "values": None}
    if shard is not None:
        lengths = {name: each.model_dump(mode="json") for name, each in shard.lengths.items()}
        row |= {"memory": shard.memory, "lengths": lengths, "values": shard.values}
    return row


def _check_splits(before: History, frozen: Frozen) -> None:
    """Two publications at once may see other clusters, and put the same row into two splits."""
    for member in frozen.members:
        if before.split_of(member.id, member.key) not in {None, member.split}:
            raise Conflict(
                "dataset.raced",
                "another version was published meanwhile, which has rows in other splits",
                hint="Publish again: the next version follows that one.",
            )


@contextmanager
def _disk() -> Iterator[None]:
    """A disk that is full, or not ours to write, is told as what it is."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "dataset.storage",
            f"the data directory takes no files: {error.strerror or error}",
            hint="Nothing was published. Make room, or set LIMBECK_DATA_DIR elsewhere.",
        ) from error


def splits_for(dataset: Dataset, spec: VersionSpec, taken: Splits | None = None) -> Splits:
    """The splits of the next version. `taken` are those that its rows are in already."""
    wanted = taken or spec.splits
    if dataset.splits is None:
        return wanted or Splits()
    kept = Splits.of(dataset.splits, dataset.split_by)
    if wanted is not None and (wanted.shares, wanted.by) != (kept.shares, kept.by):
        said = ", ".join(f"{name} {share:g}" for name, share in kept.shares.items())
        said += f" by {kept.by}"
        raise Conflict(
            "dataset.splits",
            f"the splits of {dataset.namespace}/{dataset.name} are {said}, and stay so: a row must "
            "not move from one split to another",
            hint="Leave `splits` out, or publish another dataset from the same corpus.",
        )
    return kept
