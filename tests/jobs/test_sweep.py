"""What workers see to from time to time."""

from uuid import UUID

import httpx
from sqlalchemy import text

from app.db import Database
from app.jobs import workers
from app.jobs.sweep import tidy
from app.jobs.workers import Sign
from app.teachers import shares
from app.teachers.shares import Said

SILENT, ALIVE = UUID(int=1), UUID(int=2)


async def test_of_workers_that_were_silent_for_a_day_nothing_is_kept(
    ready: httpx.AsyncClient, database: Database
) -> None:
    teacher = UUID((await ready.get("/v1/teachers")).json()["items"][0]["id"])
    async with database.unit_of_work() as session:
        for one in (SILENT, ALIVE):
            await workers.beat(session, Sign(one, "here", 1, 1, None, {}))
            said = Said(out=0, isolates=False, in_flight=0, most=8, endpoints={})
            await shares.take(session, teacher, one, said, 30.0)
        for table, name in (("worker", "id"), ("teacher_share", "worker_id")):
            await session.execute(
                text(f"UPDATE {table} SET seen_at = now() - interval '2 days' WHERE {name} = :one"),
                {"one": SILENT},
            )
    await tidy(database)
    async with database.unit_of_work() as session:
        assert (await session.scalars(text("SELECT id FROM worker"))).all() == [ALIVE]
        assert (await session.scalars(text("SELECT worker_id FROM teacher_share"))).all() == [ALIVE]
