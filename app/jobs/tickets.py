"""Deliveries by procrastinate: a ticket lets one worker look at the ledger for one teacher's slot.

A teacher has as many slots as it may have chunks in flight. The slot's name is the ticket's lock,
so that holds across all workers. A ticket names no chunk: what it finds is the ledger's decision,
and nothing that a delivery loses, repeats or brings late can change an outcome. A job that asks
nobody has one slot of its own.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

QUEUE = "chunks"
TASK = "limbeck.chunk"
STORED_TASK = "limbeck.stored"
PUBLISH_TASK = "limbeck.publish"
SEMANTIC_TASK = "limbeck.semantic"
WEBHOOK_TASK = "limbeck.webhook"


async def issue(session: AsyncSession, teacher_id: UUID) -> None:
    """A ticket for each slot of a teacher that lacks a waiting one, in this transaction."""
    await session.execute(
        _ISSUE, {"queue": QUEUE, "task": TASK, "teacher": teacher_id, "slot": None}
    )


async def issue_for(session: AsyncSession, job_id: UUID) -> None:
    """The same for every teacher of a job."""
    for teacher_id in (await session.scalars(_TEACHERS_OF, {"job": job_id})).all():
        await issue(session, teacher_id)


_TEACHERS_OF = text("SELECT DISTINCT teacher_id FROM job_arm WHERE job_id = :job")


async def issue_slot(session: AsyncSession, teacher_id: UUID, slot: int) -> None:
    """The next ticket of one slot."""
    await session.execute(
        _ISSUE, {"queue": QUEUE, "task": TASK, "teacher": teacher_id, "slot": slot}
    )


# The same row that procrastinate_defer_jobs_v1 writes (its triggers wake the workers), but passing
# over a slot that has a waiting ticket instead of failing the whole transaction.
_ISSUE = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
    SELECT :queue, :task, 'slot:' || t.id || ':' || slot, 'slot:' || t.id || ':' || slot,
        jsonb_build_object('teacher_id', t.id, 'slot', slot)
    FROM teacher AS t, generate_series(0, t.chunk_slots - 1) AS slot
    WHERE t.id = :teacher AND (CAST(:slot AS int8) IS NULL OR slot = :slot)
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
""")


async def others_wait(session: AsyncSession) -> bool:
    """Whether a ticket could be taken that none is being worked for: of another slot or job."""
    return bool(await session.scalar(_OTHERS_WAIT, {"queue": QUEUE}))


_OTHERS_WAIT = text("""
    SELECT EXISTS (
        SELECT FROM procrastinate_jobs AS p
        WHERE p.status = 'todo' AND p.queue_name = :queue AND NOT EXISTS (
            SELECT FROM procrastinate_jobs AS d WHERE d.status = 'doing' AND d.lock = p.lock
        )
    )
""")


async def issue_stored(session: AsyncSession) -> None:
    """A ticket for every job that asks nobody and has work ready."""
    await session.execute(_ISSUE_STORED, {"queue": QUEUE, "task": STORED_TASK})


_ISSUE_STORED = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
    SELECT :queue, :task, 'stored:' || id, 'stored:' || id, jsonb_build_object('job_id', id)
    FROM job WHERE teacher_id IS NULL AND state IN ('queued', 'running')
      AND EXISTS (SELECT FROM chunk WHERE job_id = job.id AND state = 'ready')
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
""")


async def top_up(session: AsyncSession) -> None:
    """Tickets for every teacher that has work ready and is not away, and for stored replies."""
    await issue_stored(session)
    for teacher_id in (await session.scalars(_WITH_WORK)).all():
        await issue(session, teacher_id)


_WITH_WORK = text("""
    SELECT DISTINCT t.id
    FROM job AS j
    JOIN job_arm AS a ON a.job_id = j.id
    JOIN teacher AS t ON t.id = a.teacher_id
    WHERE j.state IN ('queued', 'running')
      AND (t.retry_at IS NULL OR t.retry_at <= clock_timestamp())
      AND EXISTS (SELECT FROM chunk WHERE job_id = j.id AND arm = a.arm AND state = 'ready')
""")


async def issue_publications(session: AsyncSession) -> None:
    """A ticket for every finished job whose version is still to be published."""
    await session.execute(_ISSUE_PUBLICATIONS, {"queue": QUEUE, "task": PUBLISH_TASK})


_ISSUE_PUBLICATIONS = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
    SELECT :queue, :task, 'publish:' || id, 'publish:' || id, jsonb_build_object('job_id', id)
    FROM job WHERE publishes AND state = 'finished'
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
""")


async def issue_semantics(session: AsyncSession) -> None:
    """A ticket for every semantic report that is asked for and not finished."""
    await session.execute(_ISSUE_SEMANTICS, {"queue": QUEUE, "task": SEMANTIC_TASK})


_ISSUE_SEMANTICS = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
    SELECT :queue, :task, 'semantic:' || corpus_id, 'semantic:' || corpus_id,
        jsonb_build_object('corpus_id', corpus_id)
    FROM semantic_report
    WHERE state IN ('queued', 'running')
      AND (retry_at IS NULL OR retry_at <= clock_timestamp())
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
""")


async def issue_deliveries(session: AsyncSession) -> None:
    """A ticket for every webhook of which an attempt is due. They go before chunks, which take
    far longer.
    """
    await session.execute(_ISSUE_DELIVERIES, {"queue": QUEUE, "task": WEBHOOK_TASK})


_ISSUE_DELIVERIES = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
    SELECT :queue, :task, 10, 'webhook:' || id, 'webhook:' || id,
        jsonb_build_object('delivery_id', id)
    FROM webhook_delivery WHERE state = 'pending' AND retry_at <= clock_timestamp()
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
""")


async def drop_stalled(session: AsyncSession, silence: timedelta) -> None:
    """Remove tickets whose worker is gone. Asked of the ticket, not of a table of workers: a
    worker that was forgotten takes no ticket with it (procrastinate #1518).
    """
    await session.execute(_DROP_STALLED, {"queue": QUEUE, "silence": silence})


_DROP_STALLED = text("""
    DELETE FROM procrastinate_jobs AS p
    WHERE p.status = 'doing' AND p.queue_name = :queue
      AND NOT EXISTS (
          SELECT FROM procrastinate_workers AS w
          WHERE w.id = p.worker_id AND w.last_heartbeat > clock_timestamp() - :silence
      )
""")
