"""Which split each row of a version is in: where it was before, or else by what it belongs to."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.clusters import LOOSE, cluster
from app.datasets.exporter import Row
from app.datasets.ground import Ground
from app.datasets.membership import History, Member
from app.datasets.pick import Pick
from app.datasets.sieve import Sieve, Tally
from app.datasets.splits import By, Sorter, Splits, group, hashed
from app.datasets.sweep import Texts
from app.datasets.twins import Twins


@dataclass(frozen=True, slots=True)
class Assigned:
    picks: Sequence[Pick]
    by: By
    before: History
    sorter: Sorter
    clustered: Mapping[UUID, str]

    def member(self, pick: Pick, row: Row) -> Member:
        known = self.before.current.get(pick.id)
        if known is not None:
            return Member(pick.id, known.split, known.key, pick.made_at)
        key = hashed(group(row) if self.by == "seed" else row.digest)
        split = self.clustered.get(pick.id) or self.before.split_of(pick.id, key)
        return Member(pick.id, split or self.sorter(key), key, pick.made_at)


async def assign(
    session: AsyncSession,
    ground: Ground,
    splits: Splits,
    sieve: Sieve,
    picks: Sequence[Pick],
    tally: Tally,
) -> Assigned:
    """What is decided before rows are written: clusters have to be seen as a whole."""
    sorter = Sorter(splits)
    signed = sieve.signed
    if signed is None or not signed.loose:
        return Assigned(picks, splits.by, ground.before, sorter, {})
    number_of = {pick.id: number for number, pick in enumerate(sieve.passed)}
    numbers = [number_of[pick.id] for pick in picks]
    twins = await asyncio.to_thread(Twins, signed.loose, signed.sketches, LOOSE)
    texts = Texts(session, replace(ground.near.near, same=()), sieve.passed)
    found = await cluster(twins, texts, sieve.passed, numbers, ground.before, sorter)
    clustered = {sieve.passed[n].id: split for n, split in found.items() if split is not None}
    for pick in picks:
        if pick.id not in clustered:
            tally.leave_out(pick.id, "split")
    there = [pick for pick in picks if pick.id in clustered]
    return Assigned(there, splits.by, ground.before, sorter, clustered)
