"""Every vector of a corpus is compared with all before it, exactly, a block at a time."""

import asyncio
from uuid import UUID

import numpy as np

from app.db import Database
from app.semantic import store, vectors
from app.semantic.vectors import Numbered

BLOCK = 2_048
PAGE = 8_192
"""Block times page is what is held at a time: 64 MiB of cosines."""
MOST_OLDER = 50
"""Pairs kept of one record, with the oldest that it is like: in a heap of equals, those stay."""
_ROUNDING = 1e-6

Pair = tuple[UUID, UUID, float]


async def pair_some(database: Database, corpus_id: UUID) -> bool:
    """Compare the next block and note its pairs; answers whether there was one."""
    async with database.unit_of_work() as session:
        report = await store.get(session, corpus_id)
        if report is None:
            return False
        since = report.compared_until
        until = await vectors.end_of_block(session, corpus_id, since, BLOCK)
        if until is None:
            return False
        found: list[Pair] = []
        blocks = [one async for one in vectors.between(session, corpus_id, since, until, BLOCK)]
        for block in blocks:
            async for page in vectors.between(session, corpus_id, 0, until, PAGE):
                found += await asyncio.to_thread(alike, block, page, report.threshold)
    async with database.unit_of_work() as session:
        held = await store.lock(session, corpus_id)
        if held is None or (held.edition, held.compared_until) != (report.edition, since):
            return True  # somebody asked for something else meanwhile, or did just this
        await store.add_pairs(session, corpus_id, _oldest(found))
        held.compared_until = until
    return True


def alike(block: Numbered, page: Numbered, threshold: float) -> list[Pair]:
    """Pairs of a vector of the block and one with a lower number in the page."""
    cosines = block.vectors @ page.vectors.T
    before = page.numbers[None, :] < block.numbers[:, None]
    rows, columns = np.nonzero((cosines >= threshold - _ROUNDING) & before)
    pairs = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        older, newer = sorted((block.record_ids[row], page.record_ids[column]))
        pairs.append((older, newer, round(min(float(cosines[row, column]), 1.0), 6)))
    return pairs


def _oldest(found: list[Pair]) -> list[Pair]:
    kept: list[Pair] = []
    count: dict[UUID, int] = {}
    for pair in sorted(found):
        newer = pair[1]
        count[newer] = count.get(newer, 0) + 1
        if count[newer] <= MOST_OLDER:
            kept.append(pair)
    return kept
