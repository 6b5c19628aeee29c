"""The clients of one process: a teacher's is made once, and again when its registration changes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.teachers import secret
from app.teachers.addresses import Network
from app.teachers.client import TeacherClient
from app.teachers.failures import TeacherMisconfigured
from app.teachers.models import Teacher
from app.teachers.transport import Transport


class Clients:
    """All share one transport, and so one row of idle connections for each address."""

    def __init__(
        self,
        max_reply_bytes: int,
        deadline: float = 1800.0,
        networks: Sequence[Network] = (),
    ) -> None:
        self._cap = max_reply_bytes
        self._deadline = deadline
        self.transport = Transport(networks=networks)
        self._made: dict[UUID, tuple[Any, TeacherClient]] = {}

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
        )
        self._made[teacher.id] = (configuration, client)
        return client

    async def close(self) -> None:
        await self.transport.aclose()
