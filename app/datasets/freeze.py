"""Freeze a selection: the records of one moment, in files that are stored and not yet listed."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.selection import Selection
from app.datasets import store
from app.datasets.dress import Dresser
from app.datasets.exporter import Origin, Row
from app.datasets.features import Features, features_of
from app.datasets.files import Files
from app.datasets.gate import Gate
from app.datasets.manifest import DecontaminationEntry, SemanticEntry
from app.datasets.shards import Shard, ShardWriter, Sizes
from app.datasets.spec import VersionSpec
from app.datasets.splits import Splits
from app.db import Database
from app.errors import Conflict, FieldError, Invalid
from app.evaluations import load as evaluations
from app.names import Ref
from app.semantic.screen import Screen, screen


@dataclass(frozen=True, slots=True)
class Frozen:
    shards: tuple[Shard, ...]
    features: Features
    splits: Splits
    rows_of: tuple[tuple[Origin, int], ...]
    """The jobs behind the rows, oldest first, and how many each made."""
    funnel: Mapping[str, Any]
    decontamination: DecontaminationEntry
    semantic: SemanticEntry | None
    taken_at: datetime

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)


async def freeze(
    database: Database,
    files: Files,
    corpus_id: UUID,
    spec: VersionSpec,
    splits: Splits,
    sizes: Sizes = Sizes(),  # noqa: B008  (frozen)
    *,
    against: Sequence[Ref] = (),
    dresser: Dresser | None = None,
) -> Frozen:
    """Membership is what one snapshot sees; what commits meanwhile is left to a later version.

    Oldest first, so that the full shards of an earlier version come out the same again. Rows
    that copy an item of the evaluation sets `against` are left out. Refuses an empty selection, a
    layout that the corpus cannot fill, and a record that does not fit. A layout that takes more
    than a record's fields needs a `dresser`.
    """
    async with database.unit_of_work() as session:
        await store.take_snapshot(session)
        columns = await columns_of(session, corpus_id)
        if dresser is None:
            spec.layout.check(columns)
        else:
            await dresser.check(spec.layout, columns)
        known = await store.origins(session, corpus_id)
        jobs = chosen(spec.selection, known)
        writer = ShardWriter(files, spec.layout, columns, splits, sizes)
        gate = Gate(against, await evaluations.load(session, against))
        apart = await screen(session, corpus_id, spec.semantic) if spec.semantic else None
        made_by: Counter[Origin] = Counter()
        decided: set[UUID] = set()
        try:
            async with aclosing(
                store.rows(session, corpus_id, jobs, spec.selection, known)
            ) as pages:
                async for page in pages:
                    kept = await asyncio.to_thread(_passed, page, gate, apart)
                    if dresser is not None:
                        kept = await dresser.dressed(session, spec.layout, columns, kept)
                    await asyncio.to_thread(writer.add, kept)
                    made_by.update(row.origin for row in kept)
                    decided.update(row.decided_by or row.origin.job_id for row in kept)
            if not made_by:
                left_out = gate.entry.rows_left_out or (apart and apart.left_out)
                raise _all_left_out() if left_out else _nothing(spec.selection)
            shards = await asyncio.to_thread(writer.finish)
        finally:
            writer.abandon()
        return Frozen(
            shards=tuple(shards),
            features=spec.layout.features(columns),
            splits=splits,
            rows_of=tuple(sorted(made_by.items(), key=lambda entry: entry[0].job_id)),
            funnel=await store.funnel(session, [each.job_id for each in made_by], decided),
            decontamination=gate.entry,
            semantic=_entry(apart),
            taken_at=await store.moment(session),
        )


def _passed(page: Sequence[Row], gate: Gate, apart: Screen | None) -> Sequence[Row]:
    kept = gate.passed(page)
    return kept if apart is None else [row for row in kept if apart.passes(row.id)]


def _entry(apart: Screen | None) -> SemanticEntry | None:
    if apart is None:
        return None
    return SemanticEntry(
        model=apart.model,
        max_similarity=apart.max_similarity,
        alike=apart.left_out["alike"],
        not_compared=apart.left_out["not_compared"],
    )


async def columns_of(session: AsyncSession, corpus_id: UUID) -> Features:
    """Refuses a corpus that no job has given columns yet."""
    corpus = await store.corpus_by_id(session, corpus_id)
    if corpus.columns is None:
        raise _nothing(Selection())
    return features_of(corpus.columns)


def chosen(selection: Selection, known: Mapping[UUID, Origin]) -> Collection[UUID] | None:
    """The jobs whose records are meant; nothing where any job's are."""
    if not selection.jobs and not selection.templates:
        return None
    foreign = [
        FieldError(f"/selection/jobs/{number}", "no job of this corpus has this id", str(job))
        for number, job in enumerate(selection.jobs)
        if job not in known
    ]
    if foreign:
        raise Invalid(
            "request.invalid", f"{foreign[0].field}: {foreign[0].problem}", errors=foreign
        )
    wanted = selection.jobs or known
    return [job for job in wanted if selection.covers_template(_template(known[job]))]


def _template(origin: Origin) -> Ref | None:
    return None if origin.template is None else Ref.parse(origin.template)


def _nothing(selection: Selection) -> Conflict:
    whole = selection == Selection()
    return Conflict(
        "dataset.empty",
        "the corpus has no records yet"
        if whole
        else "no record of the corpus is in this selection",
        hint="A version has at least one row. Run a job first."
        if whole
        else "A version has at least one row. An empty selection means the whole corpus.",
    )


def _all_left_out() -> Conflict:
    return Conflict(
        "dataset.empty",
        "every record of the selection is left out, as a copy of an evaluation item or for what "
        "the semantic report says of it",
        hint="A version has at least one row. The detail of a job's rejects says which items.",
    )
