"""Evaluation sets as an index, remembered by the process: a version never changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.contamination import Contamination, Index
from app.curation.passages import Passage, passages
from app.evaluations import store
from app.names import Ref

Key = TypeVar("Key")
Made = TypeVar("Made")

_SETS_REMEMBERED = 32
_REMEMBERED = 8
_indexes: OrderedDict[UUID, Index] = OrderedDict()
_together: OrderedDict[tuple[UUID, ...], Contamination] = OrderedDict()
"""Jobs of one namespace share it: of many sets it may have many megabytes."""


async def load(session: AsyncSession, refs: Sequence[Ref]) -> Contamination | None:
    """What records are held against; nothing where there is no set. Each name has its version."""
    if not refs:
        return None
    versions = [(ref, (await store.get(session, ref))[1].id) for ref in refs]
    key = tuple(version_id for _, version_id in versions)
    if key not in _together:
        indexes = [await _index(session, ref, version_id) for ref, version_id in versions]
        _together[key] = await asyncio.to_thread(Contamination.of, indexes)
    made = _together[key]
    _trim(_together, key, _REMEMBERED)
    return made


async def _index(session: AsyncSession, ref: Ref, version_id: UUID) -> Index:
    if version_id not in _indexes:
        read = await _passages(session, version_id)
        _indexes[version_id] = await asyncio.to_thread(Index.of, str(ref), read)
    made = _indexes[version_id]
    _trim(_indexes, version_id, _SETS_REMEMBERED)
    return made


def _trim(known: OrderedDict[Key, Made], latest: Key, most: int) -> None:
    known.move_to_end(latest)
    if len(known) > most:
        known.popitem(last=False)


async def _passages(session: AsyncSession, version_id: UUID) -> list[Passage]:
    return [
        passage
        async for page in store.items(session, version_id)
        for position, fields in page
        for passage in passages(position, fields)
    ]
