"""Which arm is asked about which rows: SQL that adds chunks, or takes them to another arm.

Everybody here holds the job's lock, so that no two number chunks at once.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.item import ROWS
from app.jobs.models import Job
from app.jobs.plan import items_per_chunk

AWAY = timedelta(minutes=1)
"""How long a teacher is away before others do its work: longer than it takes to start again."""


async def plan(
    session: AsyncSession, job: Job, *, first_row: int, rows: int, per_chunk: int | None = None
) -> None:
    """Add chunks for `rows` rows from `first_row` on. In a comparison each arm has all of them; in
    another job each row is one arm's, as the arms' weights say.
    """
    samples = job.samples_per_item
    each = -(-rows // (1 if job.compares else job.arms))
    said = {
        "job": job.id,
        "first": first_row,
        "n": rows,
        "per": per_chunk or items_per_chunk(each, samples),
        "samples": samples,
        "arms": job.arms,
        "in_arm": ROWS,
    }
    await session.execute(_PLAN if job.compares or job.arms == 1 else _SHARE, said)


_PLAN = text("""
    INSERT INTO chunk (job_id, arm, seq, first_item, items, samples)
    SELECT :job, arm,
        (SELECT coalesce(max(seq) + 1, 0) FROM chunk WHERE job_id = :job AND arm = 0) + k,
        arm * CAST(:in_arm AS int8) + :first + k * :per,
        least(:per, :n - k * :per),
        least(:per, :n - k * :per) * :samples
    FROM generate_series(0, (CAST(:n AS int8) - 1) / :per) AS k
    CROSS JOIN generate_series(0, :arms - 1) AS arm
""")

# The k-th chunk goes to whoever is furthest behind its share: an arm of weight w has its next one
# due at (those it has + 1/2) / w. So weights hold from the first chunks on, over all plans.
_SHARE = text("""
    WITH standing AS (
        SELECT a.arm, a.weight, count(c.id) AS had, coalesce(max(c.seq) + 1, 0) AS next
        FROM job_arm AS a LEFT JOIN chunk AS c ON c.job_id = a.job_id AND c.arm = a.arm
        WHERE a.job_id = :job GROUP BY a.arm, a.weight
    ), due AS (
        SELECT arm, next,
            row_number() OVER (ORDER BY (had + j + 0.5) / weight, arm) - 1 AS k
        FROM standing CROSS JOIN generate_series(0, (CAST(:n AS int8) - 1) / :per) AS j
    )
    INSERT INTO chunk (job_id, arm, seq, first_item, items, samples)
    SELECT :job, arm, next + row_number() OVER (PARTITION BY arm ORDER BY k) - 1,
        arm * CAST(:in_arm AS int8) + :first + k * :per,
        least(:per, :n - k * :per),
        least(:per, :n - k * :per) * :samples
    FROM due WHERE k <= (CAST(:n AS int8) - 1) / :per
""")


async def stranded(session: AsyncSession) -> Sequence[UUID]:
    """The jobs of which some chunks wait for a teacher that has been away for long, while another
    one of the job is there and has nothing left to do for it.
    """
    return (await session.scalars(_STRANDED, {"away": AWAY})).all()


_STRANDED = text("""
    SELECT DISTINCT a.job_id
    FROM job AS j
    JOIN job_arm AS a ON a.job_id = j.id JOIN teacher AS t ON t.id = a.teacher_id
    WHERE j.arms > 1 AND NOT j.compares AND t.down_since < clock_timestamp() - :away
      AND j.state IN ('queued', 'running')
      AND EXISTS (SELECT FROM chunk WHERE job_id = j.id AND arm = a.arm AND state = 'ready')
      AND EXISTS (
          SELECT FROM job_arm AS b JOIN teacher AS u ON u.id = b.teacher_id
          WHERE b.job_id = j.id AND u.down_since IS NULL AND NOT EXISTS (
              SELECT FROM chunk WHERE job_id = j.id AND arm = b.arm AND state = 'ready'
          )
      )
    ORDER BY a.job_id
""")


async def take_over(session: AsyncSession, job_id: UUID) -> int:
    """Give each arm that has nothing left to do as many chunks as its teacher takes at a time, of
    arms whose teachers have been away for long; answers how many. The last ones go first, so that
    who comes back goes on where it was.
    """
    names = {"job": job_id, "away": AWAY}
    takers = (await session.execute(_TAKERS, names)).all()
    turns = [row.arm for turn in range(MOST_SLOTS) for row in takers if turn < row.chunk_slots]
    found = (await session.execute(_ABANDONED, names | {"most": len(turns)})).all()
    for chunk, arm in zip(found, turns, strict=False):
        said = {"chunk": chunk.id, "job": job_id, "arm": arm, "in_arm": ROWS}
        await session.execute(_SPLIT if chunk.begun else _MOVE, said)
    return len(found)


MOST_SLOTS = 64

_TAKERS = text("""
    SELECT b.arm, u.chunk_slots
    FROM job_arm AS b JOIN teacher AS u ON u.id = b.teacher_id
    WHERE b.job_id = :job AND u.down_since IS NULL AND NOT EXISTS (
        SELECT FROM chunk WHERE job_id = :job AND arm = b.arm AND state = 'ready'
    )
    ORDER BY b.arm
""")

# One with a reply that is kept and not decided on, by a crash, waits for its own teacher.
_ABANDONED = text("""
    SELECT c.id, EXISTS (
        SELECT FROM sample
        WHERE job_id = c.job_id AND item >= c.first_item AND item < c.first_item + c.items
    ) AS begun
    FROM chunk AS c
    JOIN job_arm AS a ON a.job_id = c.job_id AND a.arm = c.arm
    JOIN teacher AS t ON t.id = a.teacher_id
    WHERE c.job_id = :job AND c.state = 'ready'
      AND t.down_since < clock_timestamp() - :away
      AND NOT EXISTS (
          SELECT FROM completion AS r
          WHERE r.job_id = c.job_id AND r.item >= c.first_item
            AND r.item < c.first_item + c.items
            AND NOT EXISTS (
                SELECT FROM sample AS s
                WHERE s.job_id = r.job_id AND s.item = r.item AND s.sample = r.sample
            )
      )
    ORDER BY c.seq DESC, c.arm LIMIT :most
    FOR UPDATE OF c SKIP LOCKED
""")

_MOVE = text("""
    UPDATE chunk SET arm = :arm, epoch = epoch + 1, losses = 0,
        seq = (SELECT coalesce(max(seq) + 1, 0) FROM chunk WHERE job_id = :job AND arm = :arm),
        first_item = :arm * CAST(:in_arm AS int8) + first_item % :in_arm
    WHERE id = :chunk
""")

# What has ended stays where it is; each run of what has not becomes a chunk of the other arm.
_SPLIT = text("""
    WITH closed AS (
        UPDATE chunk SET state = 'done', ended_at = now(),
            cancelled = samples - accepted - rejected - failed
        WHERE id = :chunk RETURNING first_item, items, samples / items AS of_item
    ), untouched AS (
        SELECT i, of_item, i - row_number() OVER (ORDER BY i) AS run
        FROM closed CROSS JOIN generate_series(first_item, first_item + items - 1) AS i
        WHERE NOT EXISTS (SELECT FROM sample WHERE job_id = :job AND item = i)
    ), runs AS (
        SELECT min(i) AS first_item, count(*) AS items, min(of_item) AS of_item
        FROM untouched GROUP BY run
    )
    INSERT INTO chunk (job_id, arm, seq, first_item, items, samples)
    SELECT :job, :arm,
        (SELECT coalesce(max(seq), -1) FROM chunk WHERE job_id = :job AND arm = :arm)
            + row_number() OVER (ORDER BY first_item),
        :arm * CAST(:in_arm AS int8) + first_item % :in_arm, items, items * of_item
    FROM runs
""")
