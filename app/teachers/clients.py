"""The clients of one process: a teacher's is made once, and again when its registration changes."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from app.teachers import secret
from app.teachers.addresses import Network
from app.teachers.client import TeacherClient
from app.teachers.failures import TeacherMisconfigured
from app.teachers.gate import Gate
from app.teachers.models import Teacher
from app.teachers.pulse import Heartbeat
from app.teachers.transport import Transport


class Clients:
    """All share one transport, and so one row of idle connections for each address. What was learnt
    of a teacher's servers outlives its jobs, and changes of its registration.
    """

    def __init__(
        self,
        max_reply_bytes: int,
        deadline: float = 1800.0,
        networks: Sequence[Network] = (),
        *,
        most: int | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        """`most` is how many requests a teacher may have of this process, where that is not for
        the teacher to say.
        """
        self._cap = max_reply_bytes
        self._deadline = deadline
        self._most = most
        self._heartbeat = heartbeat
        self.transport = Transport(networks=networks)
        self._made: dict[UUID, tuple[Any, TeacherClient]] = {}
        self._gates: dict[UUID, Gate] = {}

    def of(self, teacher: Teacher) -> TeacherClient:
        """A teacher whose key cannot be read has a client that says so when it is asked."""
        try:
            key = secret.resolve(teacher.api_key) if teacher.api_key else None
        except TeacherMisconfigured as failure:
            return TeacherClient(
                teacher.urls,
                teacher.model,
                cap=self._cap,
                transport=self.transport,
                unusable=failure,
            )
        configuration = (teacher.urls, teacher.model, key, teacher.capabilities)
        known = self._made.get(teacher.id)
        if known is not None and known[0] == configuration:
            return known[1]
        client = TeacherClient(
            teacher.urls,
            teacher.model,
            api_key=key,
            capabilities=teacher.known_capabilities,
            cap=self._cap,
            deadline=self._deadline,
            transport=self.transport,
            gate=self.gate(teacher.id, teacher.max_in_flight),
            heartbeat=self._heartbeat,
        )
        self._made[teacher.id] = (configuration, client)
        return client

    def gate(self, teacher_id: UUID, most: int) -> Gate:
        """A new one lets in `most` requests at a time, until somebody says how many."""
        known = self._gates.get(teacher_id)
        if known is None:
            known = self._gates[teacher_id] = Gate(self._most or most)
        return known

    def gates(self) -> Iterator[tuple[UUID, Gate]]:
        yield from self._gates.items()

    async def close(self) -> None:
        await asyncio.gather(*(client.aclose() for _, client in self._made.values()))
        await self.transport.aclose()
