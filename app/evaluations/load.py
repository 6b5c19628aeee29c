"""Evaluation sets as an index, remembered by the process: a version never changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.contamination import Contamination, Index
from app.curation.passages import Passage, passages
from app.evaluations import store
from app.names import Ref

_REMEMBERED = 32
_indexes: OrderedDict[UUID, Index] = OrderedDict()


async def load(session: AsyncSession, refs: Sequence[Ref]) -> Contamination | None:
    """What records are held against; nothing where there is no set. Each name has its version."""
    indexes = [await _index(session, ref) for ref in refs]
    return await asyncio.to_thread(Contamination.of, indexes) if indexes else None


async def _index(session: AsyncSession, ref: Ref) -> Index:
    _, version = await store.get(session, ref)
    known = _indexes.get(version.id)
    if known is None:
        known = await asyncio.to_thread(Index.of, str(ref), await _passages(session, version.id))
        _indexes[version.id] = known
        if len(_indexes) > _REMEMBERED:
            _indexes.popitem(last=False)
    _indexes.move_to_end(version.id)
    return known


async def _passages(session: AsyncSession, version_id: UUID) -> list[Passage]:
    return [
        passage
        async for page in store.items(session, version_id)
        for position, fields in page
        for passage in passages(position, fields)
    ]
