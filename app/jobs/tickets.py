"""Deliveries by procrastinate: a ticket lets one worker look at the ledger for one teacher's slot.

A teacher has as many slots as it may have chunks in flight. The slot's name is the ticket's lock,
so that holds across all workers. A ticket names no chunk: what it finds is the ledger's decision,
and nothing that a delivery loses, repeats or brings late can change an outcome. A job that asks
nobody has one slot of its own.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

QUEUE = "chunks"
TASK = "limbeck.chunk"
STORED_TASK = "limbeck.stored"
PUBLISH_TASK = "limbeck.publish"
SEMANTIC_TASK = "limbeck.semantic"
WEBHOOK_TASK = "limbeck.webhook"


def _insert(*due: str) -> TextClause:
    """Tickets for what is `due`: the same rows that procrastinate_defer_jobs_v1 writes (its
    triggers wake the workers), but passing over what has a waiting one instead of failing the whole
    transaction.
    """
    return text(f"""
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
        SELECT '{QUEUE}', task, priority, lock, lock, args FROM ({" UNION ALL ".join(due)}) AS due
        ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
    """)  # noqa: S608  (our own words)


# For each: the task, who goes first, what none runs twice at once for, and what the task is told.
_SLOTS = f"""
    SELECT '{TASK}' AS task, 0 AS priority, 'slot:' || t.id || ':' || slot AS lock,
        jsonb_build_object('teacher_id', t.id, 'slot', slot) AS args
    FROM teacher AS t, generate_series(0, t.chunk_slots - 1) AS slot
    WHERE
"""  # noqa: S608  (our own words)
_SLOTS_WITH_WORK = f"""
    {_SLOTS} (t.retry_at IS NULL OR t.retry_at <= clock_timestamp()) AND EXISTS (
        SELECT FROM job AS j JOIN job_arm AS a ON a.job_id = j.id
        WHERE a.teacher_id = t.id AND j.state IN ('queued', 'running') AND EXISTS (
            SELECT FROM chunk WHERE job_id = j.id AND arm = a.arm AND state = 'ready'
        )
    )
"""  # noqa: S608  (our own words)
_STORED = f"""
    SELECT '{STORED_TASK}' AS task, 0 AS priority, 'stored:' || id AS lock,
        jsonb_build_object('job_id', id) AS args
    FROM job WHERE teacher_id IS NULL AND state IN ('queued', 'running')
      AND EXISTS (SELECT FROM chunk WHERE job_id = job.id AND state = 'ready')
"""  # noqa: S608  (our own words)
_PUBLICATIONS = f"""
    SELECT '{PUBLISH_TASK}' AS task, 0 AS priority, 'publish:' || id AS lock,
        jsonb_build_object('job_id', id) AS args
    FROM job WHERE publishes AND state = 'finished'
"""  # noqa: S608  (our own words)
_SEMANTICS = f"""
    SELECT '{SEMANTIC_TASK}' AS task, 0 AS priority, 'semantic:' || corpus_id AS lock,
        jsonb_build_object('corpus_id', corpus_id) AS args
    FROM semantic_report
    WHERE state IN ('queued', 'running')
      AND (retry_at IS NULL OR retry_at <= clock_timestamp())
"""  # noqa: S608  (our own words)
# These go before chunks, which take far longer.
_DELIVERIES = f"""
    SELECT '{WEBHOOK_TASK}' AS task, 10 AS priority, 'webhook:' || id AS lock,
        jsonb_build_object('delivery_id', id) AS args
    FROM webhook_delivery WHERE state = 'pending' AND retry_at <= clock_timestamp()
"""  # noqa: S608  (our own words)


async def issue_for(session: AsyncSession, job_id: UUID) -> None:
    """A ticket for each slot of a job's teachers that lacks a waiting one, in this transaction."""
    await session.execute(_ISSUE_FOR, {"job": job_id})


_ISSUE_FOR = _insert(
    _SLOTS + "t.id IN (SELECT teacher_id FROM job_arm WHERE job_id = :job)"  # noqa: S608
)


async def issue_slot(session: AsyncSession, teacher_id: UUID, slot: int) -> None:
    """The next ticket of one slot."""
    await session.execute(_ISSUE_SLOT, {"teacher": teacher_id, "slot": slot})


_ISSUE_SLOT = _insert(_SLOTS + "t.id = :teacher AND slot = :slot")


async def issue_stored(session: AsyncSession) -> None:
    """A ticket for every job that asks nobody and has work ready."""
    await session.execute(_ISSUE_STORED)


_ISSUE_STORED = _insert(_STORED)


async def issue_publications(session: AsyncSession) -> None:
    """A ticket for every finished job whose version is still to be published."""
    await session.execute(_ISSUE_PUBLICATIONS)


_ISSUE_PUBLICATIONS = _insert(_PUBLICATIONS)


async def issue_deliveries(session: AsyncSession) -> None:
    """A ticket for every webhook of which an attempt is due."""
    await session.execute(_ISSUE_DELIVERIES)


_ISSUE_DELIVERIES = _insert(_DELIVERIES)


async def top_up(session: AsyncSession) -> None:
    """Every ticket that is due: also for teachers that are not away any more, and for semantic
    reports that are asked for and not finished.
    """
    await session.execute(_TOP_UP)


_TOP_UP = _insert(_SLOTS_WITH_WORK, _STORED, _PUBLICATIONS, _SEMANTICS, _DELIVERIES)


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
