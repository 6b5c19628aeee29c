"""A corpus rebuilt beside itself: filled while hidden, and put in its place in one transaction."""

import secrets
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.models import Corpus
from app.curation.novelty import DedupSpec
from app.errors import Conflict

_AT_ONCE = 5_000


async def cast(
    session: AsyncSession, corpus: Corpus, columns: dict[str, str], dedup: DedupSpec
) -> Corpus:
    """A hidden, empty corpus with the columns and the policy that `corpus` is to have."""
    shadow = Corpus(
        namespace=corpus.namespace,
        name=f"~{uuid4().hex}",  # no name that a request could spell
        columns=columns,
        dedup=dedup.model_dump(mode="json"),
        salt=secrets.randbits(63),
        shadow_of=corpus.id,
    )
    session.add(shadow)
    await session.flush()
    return shadow


async def require_open(session: AsyncSession, corpus_id: UUID) -> None:
    """Raises `Conflict` while the corpus is being rebuilt: what changed it now would be lost.

    Until the transaction ends no rebuilding begins.
    """
    await session.execute(_HOLD, {"corpus": corpus_id})
    rebuilder = await session.scalar(_REBUILDER, {"corpus": corpus_id})
    if rebuilder is not None:
        raise Conflict(
            "corpus.rebuilding",
            f"job {rebuilder} is rebuilding this corpus",
            hint="Wait until it has ended, or cancel it, which leaves the corpus as it is.",
        )


async def require_still(session: AsyncSession, corpus_id: UUID) -> None:
    """Raises `Conflict` while any job works on the corpus. Until the transaction ends none comes.

    Two statements: the second sees what committed while the first waited.
    """
    await session.execute(_CLOSE, {"corpus": corpus_id})
    busy = (await session.scalars(_BUSY, {"corpus": corpus_id})).first()
    if busy is not None:
        raise Conflict(
            "corpus.busy",
            f"job {busy} is still working on this corpus, which cannot be rebuilt meanwhile",
            hint="Wait until it has ended or cancel it; or give another corpus to write to.",
        )


_HOLD = text("SELECT id FROM corpus WHERE id = :corpus FOR KEY SHARE")
_CLOSE = text("SELECT id FROM corpus WHERE id = :corpus FOR UPDATE")

# The ledger of jobs lies further downstream; a corpus only asks it who is at work.
_BUSY = text("""
    SELECT id FROM job
    WHERE corpus_id = :corpus AND state IN ('queued', 'running', 'paused', 'cancelling') LIMIT 1
""")
_REBUILDER = text("""
    SELECT id FROM job
    WHERE corpus_id = :corpus AND shadow_id IS NOT NULL
      AND state IN ('queued', 'running', 'paused', 'cancelling')
""")


async def take_over(session: AsyncSession, corpus_id: UUID, shadow_id: UUID) -> None:
    """Put what the shadow holds in the place of what the corpus held, and end the shadow.

    A record that is made of the same reply and says the same keeps its id and its age; every
    other one leaves a tombstone. Whoever reads sees all of the old or all of the new.
    """
    names = {"corpus": corpus_id, "shadow": shadow_id}
    for statement in _TAKE_OVER:
        await session.execute(statement, names)


# Whatever is kept by record must follow its id: a foreign key to `record` with ON UPDATE CASCADE
# and ON DELETE CASCADE does that by itself.
_TAKE_OVER = [
    text(statement)
    for statement in (
        """
        CREATE TEMP TABLE kept ON COMMIT DROP AS
        SELECT new.id AS new_id, old.id AS old_id, old.created_at
        FROM record AS new
        JOIN replayed AS n ON n.job_id = new.job_id AND n.item = new.item
        JOIN (
            SELECT o.id, o.fields, o.created_at, coalesce(r.source_job_id, o.job_id) AS job_id,
                coalesce(r.source_item, o.item) AS item,
                coalesce(r.source_sample, o.sample) AS sample
            FROM record AS o
            LEFT JOIN replayed AS r ON r.job_id = o.job_id AND r.item = o.item
            WHERE o.corpus_id = :corpus
        ) AS old
            ON old.job_id = n.source_job_id AND old.item = n.source_item
            AND old.sample = n.source_sample AND old.fields = new.fields
        WHERE new.corpus_id = :shadow
        """,
        "ANALYZE kept",
        """
        INSERT INTO tombstone (record_id, corpus_id, job_id, item, sample, digest, reason)
        SELECT id, corpus_id, job_id, item, sample, digest, 'reprocessed'
        FROM record AS gone
        WHERE corpus_id = :corpus AND NOT EXISTS (SELECT FROM kept WHERE old_id = gone.id)
        """,
        "DELETE FROM record WHERE corpus_id = :corpus",
        "DELETE FROM reject WHERE corpus_id = :corpus",
        """
        UPDATE record SET id = kept.old_id, created_at = kept.created_at, corpus_id = :corpus
        FROM kept WHERE record.id = kept.new_id
        """,
        "UPDATE record SET corpus_id = :corpus WHERE corpus_id = :shadow",
        """
        UPDATE reject
        SET corpus_id = :corpus, duplicate_of = coalesce(kept.old_id, same.duplicate_of)
        FROM reject AS same LEFT JOIN kept ON kept.new_id = same.duplicate_of
        WHERE same.corpus_id = :shadow AND same.id = reject.id
        """,
        """
        UPDATE corpus
        SET columns = shadow.columns, dedup = shadow.dedup, salt = shadow.salt
        FROM corpus AS shadow WHERE corpus.id = :corpus AND shadow.id = :shadow
        """,
        "DELETE FROM corpus WHERE id = :shadow",
    )
]


async def clear(session: AsyncSession) -> int:
    """Remove some of what was left by rebuildings that came to nothing; answers how much."""
    if not await session.scalar(_SOME_ARE_LEFT):
        return 0
    gone = 0
    for statement in _CLEAR:
        gone += (await session.scalar(statement, {"most": _AT_ONCE})) or 0
    return gone


_ABANDONED = """
    SELECT id FROM corpus WHERE shadow_of IS NOT NULL AND NOT EXISTS (
        SELECT FROM job
        WHERE shadow_id = corpus.id AND state IN ('queued', 'running', 'paused', 'cancelling')
    )
"""
_SOME_ARE_LEFT = text(f"SELECT EXISTS ({_ABANDONED})")
_CLEAR = [
    *(
        text(f"""
            WITH gone AS (
                DELETE FROM {table} WHERE id IN (
                    SELECT id FROM {table} WHERE corpus_id IN ({_ABANDONED}) LIMIT :most
                ) RETURNING 1
            ) SELECT count(*) FROM gone
        """)  # noqa: S608  (our own words)
        for table in ("record", "reject")
    ),
    text(f"""
        WITH gone AS (
            DELETE FROM corpus AS empty WHERE id IN ({_ABANDONED})
              AND CAST(:most AS int8) > 0
              AND NOT EXISTS (SELECT FROM record WHERE corpus_id = empty.id)
              AND NOT EXISTS (SELECT FROM reject WHERE corpus_id = empty.id)
            RETURNING 1
        ) SELECT count(*) FROM gone
    """),  # noqa: S608  (our own words)
]
