"""This worker's shares of the teachers that it asks, renewed with every sign of life."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.jobs.durable import transaction
from app.teachers import shares
from app.teachers import store as teachers
from app.teachers.clients import Clients
from app.teachers.endpoints import Endpoint
from app.teachers.gate import Gate
from app.teachers.shares import Said, Share

EVERY = 2.0
"""Seconds between two signs of life."""
SOON = 0.25
"""While it waits for others to give up their places."""


@dataclass(slots=True)
class Shares:
    database: Database
    clients: Clients
    worker_id: UUID
    silence: float
    """Seconds for which others keep their shares without a sign of life: a lease's."""
    _users: Counter[UUID] = field(default_factory=Counter)
    """Turns that take chunks of a teacher, by teacher."""
    _held: set[UUID] = field(default_factory=set)
    _due: dict[UUID, float] = field(default_factory=dict)
    _served: dict[UUID, int] = field(default_factory=dict)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def of(self, teacher_id: UUID) -> AsyncIterator[None]:
        """Chunks of this teacher may be asked for."""
        self._users[teacher_id] += 1
        try:
            async with self._busy:
                if teacher_id not in self._held:
                    await self._renew(teacher_id)
            yield
        finally:
            self._users[teacher_id] -= 1

    async def beat(self) -> None:
        """Renew those that are due; give back what nobody needs."""
        now = asyncio.get_running_loop().time()
        async with self._busy:
            for teacher_id in list(self._held):
                if self._due.get(teacher_id, 0.0) <= now:
                    await self._renew(teacher_id)

    async def _renew(self, teacher_id: UUID) -> None:
        gate = self.clients.gate(teacher_id, 0)
        # What is out now is all that is out until the answer is known.
        gate.allow(min(gate.cap, gate.out))
        if not self._users[teacher_id] and not gate.out:
            await transaction(
                self.database,
                lambda session: shares.give_back(session, teacher_id, self.worker_id),
            )
            self._held.discard(teacher_id)
            return
        self._held.add(teacher_id)
        said = _said(gate)
        answers = sum(each.served for each in gate.endpoints)
        well = gate.is_there and answers > self._served.get(teacher_id, 0)

        async def take(session: AsyncSession) -> Share:
            share = await shares.take(session, teacher_id, self.worker_id, said, self.silence)
            if share.away and well:
                await teachers.close_circuit(session, teacher_id)
            return share

        share = await transaction(self.database, take)
        self._served[teacher_id] = answers
        gate.may_isolate = share.all_of_them
        gate.allow(share.places)
        waits = share.places == 0 or (gate.wants_isolation and not gate.may_isolate)
        wait = SOON if waits else EVERY
        self._due[teacher_id] = asyncio.get_running_loop().time() + wait


def _said(gate: Gate) -> Said:
    return Said(
        out=gate.out,
        isolates=gate.wants_isolation,
        in_flight=gate.in_flight,
        most=gate.found,
        endpoints={each.base: _shown(each) for each in gate.endpoints},
    )


def _shown(each: Endpoint) -> dict[str, Any]:
    return {
        "in_flight": each.in_flight,
        "limit": each.limit,
        "trouble": None if each.down is None else str(each.down),
    }
