"""The SQL of a teacher's clock (`TeacherClock`), and the one place that knows whose a chunk is.

Every statement that takes a chunk or lets go of one moves the clock in the same transaction, with
the chunk locked before the clock. It costs the same however long a teacher has been at work, and
needs nobody to look at it from time to time. Should all holders die, it stands still when the last
lease ends: nothing is charged for a night without workers.
"""

CHUNKS = """(
    SELECT c.*, a.teacher_id FROM chunk AS c
    LEFT JOIN job_arm AS a ON a.job_id = c.job_id AND a.arm = c.arm
)"""
"""All chunks, each with its teacher; null for one that asks nobody."""

_LAST_SIGN = f"""
    SELECT held.lease_until FROM {CHUNKS} AS held
    WHERE held.state = 'running' AND held.teacher_id = k.teacher_id
    ORDER BY held.lease_until DESC LIMIT 1
"""  # noqa: S608  (put together from the constants here)

SHOWS = f"""(k.seconds + CASE WHEN k.running > 0 THEN greatest(0, extract(epoch FROM
    least(clock_timestamp(), coalesce(({_LAST_SIGN}), k.at)) - k.at)) / k.running ELSE 0 END)
"""
"""What the clock `k` shows now."""

STOPPED = f"""
    clock AS (
        UPDATE teacher_clock AS k SET seconds = {SHOWS}, at = clock_timestamp(),
            running = greatest(k.running - let_go.chunks, 0)
        FROM let_go WHERE k.teacher_id = let_go.teacher_id
        RETURNING k.teacher_id, k.seconds
    )
"""  # noqa: S608
"""A part of a statement: the clocks, once the `chunks` of each `teacher_id` in `let_go` have been
let go of."""

LET_GO = """
    teacher_seconds = teacher_seconds + coalesce(clock.seconds - clock_from, 0), clock_from = NULL
"""
"""What it means for a chunk that is let go of, where `clock` is as above."""

STARTED = f"""
    clock AS (
        INSERT INTO teacher_clock AS k (teacher_id, running, seconds, at)
        SELECT taken.teacher_id, 1, 0, clock_timestamp() FROM taken
        ON CONFLICT (teacher_id) DO UPDATE SET seconds = {SHOWS}, at = clock_timestamp(),
            running = k.running + 1
        RETURNING k.seconds
    )
"""  # noqa: S608
"""A part of a statement: the clock of the `teacher_id` in `taken`, of which a chunk was taken."""
