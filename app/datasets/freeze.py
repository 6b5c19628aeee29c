"""Freeze a selection: the records of one moment, in files that are stored and not yet listed."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.selection import Selection
from app.datasets import store, terms
from app.datasets.assign import Assigned, assign
from app.datasets.dress import Dressed, Dresser
from app.datasets.exporter import Origin, Row
from app.datasets.features import Features
from app.datasets.files import Files
from app.datasets.funnel import funnel as funnel_of
from app.datasets.gate import Gate
from app.datasets.ground import Ground, picked, survey
from app.datasets.manifest import (
    CorpusEntry,
    DecontaminationEntry,
    MixEntry,
    NearEntry,
    SemanticEntry,
    StratumEntry,
)
from app.datasets.membership import History, Member
from app.datasets.mix import mixed
from app.datasets.models import Dataset
from app.datasets.pick import Pick, drawn
from app.datasets.provenance import read as provenance
from app.datasets.provenance.entries import Provenance
from app.datasets.reuse import parts
from app.datasets.screens import screened
from app.datasets.shards import Shard, ShardWriter, Sizes
from app.datasets.sieve import Sieve, Tally
from app.datasets.spec import VersionSpec
from app.datasets.splits import Splits
from app.datasets.statistics.entries import Statistics
from app.datasets.statistics.gather import gather
from app.datasets.sweep import Signed, Texts, swept
from app.datasets.twins import Twins
from app.db import Database
from app.errors import Conflict
from app.evaluations import load as evaluations
from app.names import Ref

_MOST_STRATA = 1000


@dataclass(frozen=True, slots=True)
class Frozen:
    shards: tuple[Shard, ...]
    shape: str
    """By what they follow from their rows."""
    features: Features
    splits: Splits
    rows_of: tuple[tuple[Origin, int], ...]
    """The jobs behind the rows, oldest first, and how many each made."""
    corpora: tuple[CorpusEntry, ...]
    funnel: Mapping[str, Any]
    decontamination: DecontaminationEntry
    semantic: SemanticEntry | None
    near: NearEntry | None
    mix: tuple[MixEntry, ...]
    left_out: Mapping[str, int]
    """Selected and not published, by reason."""
    before: History
    """What the dataset's earlier versions had."""
    members: Sequence[Member]
    provenance: Provenance
    statistics: Statistics
    samples: tuple[Mapping[str, Any], ...]
    """A few rows, as they are published."""
    reasons: Mapping[UUID, str]
    """Why rows of the version before were left out, where a check said so."""
    taken_at: datetime

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)


async def freeze(
    database: Database,
    files: Files,
    dataset: Dataset,
    spec: VersionSpec,
    splits: Splits,
    sizes: Sizes = Sizes(),  # noqa: B008  (frozen)
    *,
    against: Sequence[Ref] = (),
    dresser: Dresser | None = None,
) -> Frozen:
    """Membership is what one snapshot sees; what commits meanwhile is left to a later version.

    Rows come in the order in which they first came to the dataset, so that the full shards of the
    version before are those of this one. Rows that copy an item of the evaluation sets `against`
    are left out. Refuses an empty selection, corpora and layouts that do not go together, and a
    record that does not fit. A layout that takes more than a record's fields needs a `dresser`.
    """
    async with database.unit_of_work() as session:
        await store.take_snapshot(session)
        ground = await survey(session, dataset, spec, sizes)
        dressed = Dressed(session, dresser, spec.layout, ground.columns)
        await dressed.check()
        picks = await picked(session, ground, spec)
        if not picks:
            raise _nothing(spec.selection)
        if spec.terms_override is None:
            await terms.check(session, _rows_of(ground, picks))
        tally = Tally(ground.before.current)
        gate = Gate(against, await evaluations.load(session, against))
        selected = Counter(pick.corpus_id for pick in picks)
        sieve = _sieve(ground, spec, splits, gate, tally)
        picks = await _passed(session, ground, sieve, picks)
        near = None
        if ground.near.sweeps:
            picks = await _swept(session, ground, sieve, picks)
            near = _near(ground, tally)
        picks, semantic = await screened(session, ground, spec.semantic, picks, tally)
        before_mix = picks
        picks, strata = mixed(spec.mix, picks)
        taken = {pick.id for pick in picks}
        for pick in before_mix:
            if pick.id not in taken:
                tally.leave_out(pick.id, "mix")
        assigned = await assign(session, ground, splits, sieve, picks, tally)
        if not assigned.picks:
            raise _all_left_out()
        writer = ShardWriter(files, spec.layout, ground.columns, sizes)
        try:
            members = await _write(dressed, files, ground, assigned, writer, sizes)
            shards = await asyncio.to_thread(writer.finish)
        finally:
            writer.abandon()
        rows_of = _rows_of(ground, assigned.picks)
        asked = {origin.job_id for origin in rows_of}
        decided = {pick.job_id for pick in assigned.picks}
        funnel = await funnel_of(session, asked, decided)
        sample = await _sample(session, ground, assigned.picks)
        statistics = await gather(
            session,
            counted=[shard.values for shard in shards],
            sample=sample,
            matrix=await provenance.axes(session, rows_of),
            asked=asked,
            decided=decided,
            rows=len(assigned.picks),
            rejected=funnel["rejected"],
        )
        return Frozen(
            shards=tuple(shards),
            shape=ground.shape,
            features=spec.layout.features(ground.columns),
            splits=splits,
            rows_of=tuple(
                sorted(rows_of.items(), key=lambda entry: (entry[0].job_id, entry[0].arm or 0))
            ),
            corpora=tuple(_corpora(ground, selected, assigned.picks)),
            funnel=funnel,
            provenance=await provenance.read(session, rows_of),
            statistics=statistics,
            samples=await _shown(dressed, sample, members, splits),
            decontamination=gate.entry,
            semantic=semantic,
            near=near,
            mix=tuple(_mix(spec, strata)),
            left_out=dict(sorted(tally.counts.items())),
            before=ground.before,
            members=members,
            reasons=tally.reasons,
            taken_at=await store.moment(session),
        )


def _sieve(ground: Ground, spec: VersionSpec, splits: Splits, gate: Gate, tally: Tally) -> Sieve:
    ids = [corpus.id for corpus in ground.corpora]
    sweeps = not ground.near.idle(ids)
    clusters = splits.by == "cluster"
    signed = None
    if sweeps or clusters:
        signed = Signed(ground.near.near, [] if sweeps else None, [] if clusters else None)
    return Sieve(tally, gate, spec.mix, ground.equal_in, signed)


async def _passed(
    session: AsyncSession, ground: Ground, sieve: Sieve, picks: list[Pick]
) -> list[Pick]:
    if len(ground.corpora) > 1 and ground.equal_in is None:
        picks = _apart(picks, sieve.tally)
    if not sieve.reads:
        return picks
    start = 0
    async for page in store.rows(session, picks, ground.origins):
        pairs = list(zip(picks[start : start + len(page)], page, strict=True))
        await asyncio.to_thread(sieve.add, pairs)
        start += len(page)
    return sieve.passed


def _apart(picks: Sequence[Pick], tally: Tally) -> list[Pick]:
    """Those whose digest, over the same fields in every corpus, none before them has."""
    first: dict[bytes, Pick] = {}
    for pick in picks:
        if first.setdefault(pick.digest, pick) is not pick:
            tally.leave_out(pick.id, "exact")
    return list(first.values())


async def _swept(
    session: AsyncSession, ground: Ground, sieve: Sieve, picks: list[Pick]
) -> list[Pick]:
    signed = sieve.signed
    if signed is None or not signed.strict:
        return picks
    rule = ground.near.near
    twins = await asyncio.to_thread(Twins, signed.strict, signed.sketches, rule.threshold)
    gone = await swept(twins, Texts(session, rule, picks))
    for number, (like, similarity) in gone.items():
        sieve.tally.leave_out_near(picks[number].id, picks[like].id, similarity)
    return [pick for number, pick in enumerate(picks) if number not in gone]


async def _write(
    dressed: Dressed,
    files: Files,
    ground: Ground,
    assigned: Assigned,
    writer: ShardWriter,
    sizes: Sizes,
) -> list[Member]:
    before = ground.before
    done, rest = await asyncio.to_thread(parts, files, before, ground.shards, assigned.picks, sizes)
    members: list[Member] = []

    async def write(picks: Sequence[Pick]) -> None:
        start = 0
        async for page in store.rows(dressed.session, picks, ground.origins):
            there = picks[start : start + len(page)]
            start += len(page)
            made = [assigned.member(pick, row) for pick, row in zip(there, page, strict=True)]
            members.extend(made)
            rows = zip(await dressed.rows(page), (member.split for member in made), strict=True)
            await asyncio.to_thread(writer.add, list(rows))

    for part in done:
        if part.shard is None:
            await write(part.picks)
            await asyncio.to_thread(writer.close, part.split)
        else:
            writer.take(part.shard)
            members += [before.current[pick.id] for pick in part.picks]
    await write(rest)
    return members


async def _sample(session: AsyncSession, ground: Ground, picks: Sequence[Pick]) -> list[Row]:
    """Some of the rows, read again: shards that stay as they are were not read at all."""
    pages = store.rows(session, drawn(picks, _SAMPLED), ground.origins)
    return [row async for page in pages for row in page]


async def _shown(
    dressed: Dressed, sample: Sequence[Row], members: Sequence[Member], splits: Splits
) -> tuple[Mapping[str, Any], ...]:
    """Of the first split: nobody should read what students will be examined on."""
    wanted = {row.id for row in sample}
    shown = {each.id for each in members if each.id in wanted and each.split == splits.names[0]}
    first = await dressed.rows([row for row in sample if row.id in shown][:_SHOWN])
    return tuple(map(dressed.written, first))


_SAMPLED, _SHOWN = 200, 3


def _rows_of(ground: Ground, picks: Sequence[Pick]) -> dict[Origin, int]:
    counted = Counter(pick.asked for pick in picks)
    return {ground.origins.get(job) or Origin(job[1]): count for job, count in counted.items()}


def _near(ground: Ground, tally: Tally) -> NearEntry:
    near = ground.near.near
    return NearEntry(
        threshold=near.threshold,
        fields=list(near.fields),
        same=list(near.same),
        guarded=[
            f"{corpus.namespace}/{corpus.name}"
            for corpus in ground.corpora
            if corpus.id in ground.near.guarded
        ],
        rows_left_out=tally.counts["near"],
        left_out=tally.near,
    )


def _mix(spec: VersionSpec, told: Sequence[Mapping[str, tuple[int, int]]]) -> list[MixEntry]:
    return [
        MixEntry(
            by=list(rule.by),
            cap=rule.cap,
            weights=rule.weights,
            rows_left_out=sum(there - taken for there, taken in strata.values()),
            strata=[
                StratumEntry(stratum=name, available=there, rows=taken)
                for name, (there, taken) in list(strata.items())[:_MOST_STRATA]
            ],
        )
        for rule, strata in zip(spec.mix, told, strict=True)
    ]


def _corpora(ground: Ground, selected: Counter[UUID], picks: Sequence[Pick]) -> list[CorpusEntry]:
    rows = Counter(pick.corpus_id for pick in picks)
    return [
        CorpusEntry(
            corpus=f"{corpus.namespace}/{corpus.name}",
            selected=selected[corpus.id],
            rows=rows[corpus.id],
        )
        for corpus in ground.corpora
    ]


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
        "every record of the selection is left out, as a copy of an evaluation item, for what "
        "the semantic report says of it, or by the mix",
        hint="A version has at least one row. The detail of a job's rejects says which items.",
    )
