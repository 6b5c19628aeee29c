"""The bands of a corpus's records, as a process remembers them to find near-duplicates by.

In Postgres, an index over them (GIN) takes 80 µs of each record that is put in and 35 µs of each
that is looked up (measured); here it is 5 µs, and 260 bytes of memory. The truth stays in Postgres:
a process catches up under the corpus's lock with what was committed since it last looked. What was
deleted stays here, and does no harm: its text is not there to be compared with.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import arrivals
from app.corpus.candidate import Target
from app.curation.near import BANDS, Keys

_REMEMBERED = 8
"""Corpora of which a process keeps the bands."""
_HEAD = 20
"""Bytes of an `int8[]` before its numbers, as Postgres sends it."""
_NUMBER = np.dtype([("length", ">i4"), ("value", ">i8")])
_STEP = 3
"""A run is merged into the one before where that one is not so many times its size."""
_UUID = 16

Owners = NDArray[np.uint32]


@dataclass(slots=True)
class Bands:
    """Of one corpus. For one event loop; not for two transactions of which one is not committed."""

    until: int = 0
    """The last number seen."""
    _ids: bytearray = field(default_factory=bytearray)
    """The records, as they came."""
    _runs: list[tuple[Keys, Owners]] = field(default_factory=list)
    """Keys in order, each with the place of its record; ever smaller ones."""
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def catch_up(self, session: AsyncSession, corpus_id: UUID) -> None:
        """Remember what has been committed since. Under the corpus's lock, that is all there is;
        say it before anything is added there.
        """
        async with self._one_at_a_time:
            async for page in arrivals.signatures(session, corpus_id, self.until):
                self._remember(page)

    @classmethod
    async def alike(cls, session: AsyncSession, corpus_id: UUID, asked: Sequence[Keys]) -> "Bands":
        """Only of those records that share one with these. For who looks once: Postgres goes
        through the corpus, and nothing is remembered.
        """
        found = cls()
        keys = np.concatenate(asked)
        async for page in arrivals.signatures(session, corpus_id, 0, sharing=keys):
            found._remember(page)
        return found

    def sharing(self, asked: Sequence[Keys]) -> dict[int, list[UUID]]:
        """By its place among those asked for, the records that share a band, oldest first."""
        keys = np.concatenate(asked)
        places = np.repeat(np.arange(len(asked)), [len(each) for each in asked])
        order = np.argsort(keys)  # neighbours in order are neighbours in memory
        keys, places = keys[order], places[order]
        found: defaultdict[int, set[int]] = defaultdict(set)
        for run, owners in self._runs:
            first = np.searchsorted(run, keys)
            hits = np.flatnonzero(run[np.minimum(first, len(run) - 1)] == keys)
            ends = np.searchsorted(run, keys[hits], side="right")
            for place, start, end in zip(places[hits], first[hits], ends, strict=True):
                found[int(place)].update(owners[start:end].tolist())
        return {place: [self._id(one) for one in sorted(ones)] for place, ones in found.items()}

    def _id(self, place: int) -> UUID:
        return UUID(bytes=bytes(self._ids[place * _UUID : (place + 1) * _UUID]))

    def _remember(self, page: arrivals.Signatures) -> None:
        count = len(page.ids) // _UUID
        rows = np.frombuffer(page.bands, dtype=np.uint8).reshape(count, -1)[:, _HEAD:]
        keys = np.ascontiguousarray(rows).view(_NUMBER)["value"].astype(np.int64).ravel()
        first = len(self._ids) // _UUID
        owners = np.repeat(np.arange(first, first + count, dtype=np.uint32), BANDS)
        self._ids += page.ids
        self.until = page.until
        self._runs.append(_in_order(keys, owners))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < _STEP * len(self._runs[-1][0]):
            (one, of_one), (other, of_other) = self._runs[-2:]
            merged = _in_order(np.concatenate((one, other)), np.concatenate((of_one, of_other)))
            self._runs[-2:] = [merged]


def _in_order(keys: Keys, owners: Owners) -> tuple[Keys, Owners]:
    order = np.argsort(keys, kind="stable")  # quick where there are runs in order already
    return keys[order], owners[order]


@dataclass(slots=True)
class Memory:
    """The bands of the corpora that this process added to last."""

    _kept: OrderedDict[tuple[UUID, int], Bands] = field(default_factory=OrderedDict)

    def of(self, target: Target) -> Bands:
        """A corpus that was rebuilt has a new salt, and is another one."""
        key = (target.corpus_id, target.salt)
        bands = self._kept.setdefault(key, Bands())
        self._kept.move_to_end(key)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return bands
