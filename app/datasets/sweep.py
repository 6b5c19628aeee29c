"""What a version leaves out because a row that it has says nearly the same.

A corpus keeps to its policy by itself. What is left: rows of different corpora, and of corpora
whose policy is weaker than what is asked for here. The rule is that of a corpus (`curation.near`):
the same signatures, the same exact comparison.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.models import StoredRecord
from app.curation import near as nears
from app.curation.near import Near
from app.curation.verdict import Record
from app.datasets.exporter import Row
from app.datasets.pick import Pick
from app.datasets.twins import Compared, Keys, Sketches, Twins

_LOOSE_BAND: Final = 5
"""Numbers of a band by which clusters are found. With four, a hundredth of all unrelated rows share
one, and 100,000 rows take four times as long; with six, a third of the pairs at 0.6 are missed."""
_AT_ONCE: Final = 40
"""Texts signed together: their numbers fit a core's cache, which makes it 1.7 times as fast."""
_MOST_GRAMS: Final = 16 << 20
"""Remembered of texts that were compared: 128 MiB."""
_MASK = np.uint64(0xFFFFFFFF)


@dataclass(slots=True)
class Signed:
    """The keys of rows that went by: strict ones to sweep by, loose ones to cluster by."""

    near: Near
    strict: list[Keys] | None
    loose: list[Keys] | None
    sketches: list[Sketches] = field(default_factory=list)
    _blanks: int = 0

    def add(self, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            self._add([row.fields for row in rows[start : start + _AT_ONCE]])

    def _add(self, records: Sequence[Record]) -> None:
        texts = [self.near.text(record) for record in records]
        made = nears.signatures(texts)
        self.sketches.append((made & np.uint32(0xFF)).astype(np.uint8))
        if self.strict is not None:
            contexts = [self.near.context(record)[:8] for record in records]
            salts = np.array([int.from_bytes(each) for each in contexts], dtype=np.uint64)
            self.strict.append(self._keys(nears.bands(made, salts), texts))
        if self.loose is not None:
            salts = np.zeros(len(texts), dtype=np.uint64)
            self.loose.append(self._keys(nears.bands(made, salts, _LOOSE_BAND), texts))

    def _keys(self, bands: NDArray[np.int64], texts: Sequence[str]) -> Keys:
        made = (bands.view(np.uint64) & _MASK).astype(np.uint32)
        for number, text in enumerate(texts):
            if not text:  # like no other: its keys are anybody's by chance only
                self._blanks += 1
                chance = np.random.default_rng(self._blanks)
                made[number] = chance.integers(0, 1 << 32, made.shape[1], dtype=np.uint32)
        return made


@dataclass(slots=True)
class Texts:
    """What rows are compared by, by number; read again where it was forgotten."""

    session: AsyncSession
    near: Near
    picks: Sequence[Pick]
    _known: OrderedDict[int, Compared] = field(default_factory=OrderedDict)
    _size: int = 0

    async def of(self, numbers: Collection[int]) -> dict[int, Compared]:
        missing = [number for number in numbers if number not in self._known]
        if missing:
            fields = await self._read([self.picks[number].id for number in missing])
            records = [fields[self.picks[number].id] for number in missing]
            grams = nears.grams([self.near.text(record) for record in records])
            for number, record, each in zip(missing, records, grams, strict=True):
                self._known[number] = Compared(self.near.context(record), each)
                self._size += len(each)
        made = {}
        for number in numbers:
            self._known.move_to_end(number)
            made[number] = self._known[number]
        while self._size > _MOST_GRAMS and len(self._known) > len(made):
            self._size -= len(self._known.popitem(last=False)[1].grams)
        return made

    async def _read(self, ids: Sequence[UUID]) -> dict[UUID, Record]:
        query = select(StoredRecord.id, StoredRecord.fields).where(StoredRecord.id.in_(ids))
        return {row.id: row.fields for row in await self.session.execute(query)}


async def walk(twins: Twins, texts: Texts) -> AsyncIterator[tuple[int, dict[int, Compared]]]:
    """Rows that may have twins, in their order, with what they and their twins are compared by."""
    for page in twins.pages():
        known = await texts.of(twins.needed(page))
        for row in page:
            yield row, known


async def swept(twins: Twins, texts: Texts) -> dict[int, tuple[int, float]]:
    """The rows that go, each with the earlier one that it is like, and how much."""
    gone: dict[int, tuple[int, float]] = {}
    async for row, known in walk(twins, texts):
        found = next(twins.alike(row, known), None)
        if found is None:
            twins.keep(row)
        else:
            gone[row] = found
    return gone
