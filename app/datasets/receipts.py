"""Receipts: who pulled which version, when, and how many bytes of it.

That somebody begins to pull is written before the first byte leaves; how much it was is counted
here and written every second. A process that is killed therefore forgets nobody, and at most the
last second's bytes. A receipt that cannot be written delays nothing and fails nothing: it is tried
again with the next.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.datasets import pulls
from app.datasets.pulls import Puller, Receipt
from app.db import Database

log = structlog.stdlib.get_logger(__name__)

Count = Callable[[int], None]
"""To be told bytes as they leave."""

_INTERVAL = 1.0
"""Seconds between two writes: what a crash may lose."""
_PATIENCE = 2.0
"""Seconds that a download waits for its receipt, at most and once a day for each client."""
_MOST_KNOWN = 10_000
"""Receipts of which the id is remembered, about 1 kB each; they are looked up again after that."""


@dataclass(slots=True)
class Amount:
    requests: int = 0
    bytes: int = 0


class Receipts:
    """Those of one process. Made by `main`, and closed after the last answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Receipt, UUID] = {}
        self._counted: dict[tuple[Receipt, str], Amount] = {}
        self._writing = asyncio.Lock()
        self._closing = asyncio.Event()
        self._later: asyncio.Task[None] | None = None

    async def record(self, version_id: UUID, path: str, puller: Puller) -> Count:
        """Note a request for a file of a version; the answer is to be told its bytes."""
        receipt = Receipt(version_id, datetime.now(UTC).date(), puller)
        if receipt not in self._known:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._introduce([receipt])
            except (SQLAlchemyError, TimeoutError) as error:
                _complain(error)
        self._amount(receipt, path).requests += 1
        return partial(self._sent, receipt, path)

    async def write(self) -> None:
        """Write what was counted until now. What cannot be written is kept for the next time."""
        async with self._writing:
            counted, self._counted = self._counted, {}
            try:
                wanted = {receipt for receipt, _ in counted}
                ids = {each: self._known[each] for each in wanted & self._known.keys()}
                ids |= await self._introduce(sorted(wanted - ids.keys(), key=str))
                rows = [
                    (ids[receipt], path, amount.requests, amount.bytes)
                    for (receipt, path), amount in counted.items()
                ]
                if rows:
                    async with self._database.unit_of_work() as session:
                        await pulls.add(session, sorted(rows))
            except SQLAlchemyError as error:
                _complain(error)
                for (receipt, path), amount in counted.items():
                    kept = self._amount(receipt, path)
                    kept.requests += amount.requests
                    kept.bytes += amount.bytes

    async def close(self) -> None:
        self._closing.set()
        if self._later is not None:
            await self._later
        await self.write()

    async def _introduce(self, receipts: list[Receipt]) -> dict[Receipt, UUID]:
        if not receipts:
            return {}
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        async with self._database.unit_of_work() as session:
            found = {each: await pulls.begin(session, each) for each in receipts}
        self._known.update(found)
        return found

    def _sent(self, receipt: Receipt, path: str, size: int) -> None:
        self._amount(receipt, path).bytes += size

    def _amount(self, receipt: Receipt, path: str) -> Amount:
        if self._later is None or self._later.done():
            self._later = asyncio.create_task(self._write_later())
        return self._counted.setdefault((receipt, path), Amount())

    async def _write_later(self) -> None:
        while self._counted and not self._closing.is_set():
            try:
                async with asyncio.timeout(_INTERVAL):
                    await self._closing.wait()
            except TimeoutError:
                await self.write()


def _complain(error: Exception) -> None:
    log.warning("a receipt is not written yet", error=str(error)[:200])
