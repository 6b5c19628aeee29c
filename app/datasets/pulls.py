"""What a receipt says, and the SQL of receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

Via = Literal["api", "hub", "url"]


@dataclass(frozen=True, slots=True)
class Puller:
    caller: str
    """`Caller.identity`."""
    name: str
    address: str
    client: str
    via: Via


@dataclass(frozen=True, slots=True)
class Receipt:
    version_id: UUID
    day: date
    puller: Puller


async def begin(session: AsyncSession, receipt: Receipt) -> UUID:
    """The id of a receipt, which is made if it is the first of its kind."""
    who = receipt.puller
    made: UUID = await session.scalar(
        _BEGIN,
        {
            "version": receipt.version_id,
            "caller": who.caller,
            "name": who.name,
            "address": who.address,
            "client": who.client,
            "via": who.via,
            "day": receipt.day,
        },
    )
    return made


_BEGIN = text("""
    INSERT INTO dataset_pull (version_id, caller, name, address, client, via, day)
    VALUES (:version, :caller, :name, :address, :client, :via, :day)
    ON CONFLICT (version_id, caller, address, client, via, day)
        DO UPDATE SET last_at = now(), name = excluded.name
    RETURNING id
""")


async def add(session: AsyncSession, rows: Sequence[tuple[UUID, str, int, int]]) -> None:
    """Add to what was fetched: receipt, path, requests, bytes. Sorted, so that two processes that
    add to the same receipts wait for each other and not in a circle.
    """
    ids, paths, requests, sizes = zip(*rows, strict=True)
    await session.execute(
        _ADD,
        {"ids": list(ids), "paths": list(paths), "requests": list(requests), "bytes": list(sizes)},
    )


_ADD = text("""
    WITH added AS (
        INSERT INTO dataset_pull_file AS f (pull_id, path, requests, bytes)
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:paths AS text[]), CAST(:requests AS int8[]),
            CAST(:bytes AS int8[])
        )
        ON CONFLICT (pull_id, path) DO UPDATE
            SET requests = f.requests + excluded.requests, bytes = f.bytes + excluded.bytes
        RETURNING pull_id
    )
    UPDATE dataset_pull SET last_at = now() WHERE id IN (SELECT pull_id FROM added)
""")


async def page(
    session: AsyncSession,
    versions: Sequence[UUID],
    *,
    before: UUID | None = None,
    limit: int,
) -> Sequence[Row[Any]]:
    """The receipts of these versions, newest first, each with what it adds up to."""
    asked = {"versions": list(versions), "before": before, "limit": limit}
    return (await session.execute(_PAGE, asked)).all()


_PAGE = text("""
    SELECT pull.*, fetched.*,
        NOT EXISTS (
            SELECT FROM dataset_file AS file
            LEFT JOIN dataset_pull_file AS got ON got.pull_id = pull.id AND got.path = file.path
            WHERE file.version_id = pull.version_id AND file.split IS NOT NULL
                AND coalesce(got.bytes, 0) < file.size
        ) AS complete
    FROM (
        SELECT dataset_pull.*, version FROM dataset_pull
        JOIN dataset_version ON dataset_version.id = version_id
        WHERE version_id = ANY(:versions)
            AND (CAST(:before AS uuid) IS NULL OR dataset_pull.id < :before)
        ORDER BY dataset_pull.id DESC LIMIT :limit
    ) AS pull
    CROSS JOIN LATERAL (
        SELECT CAST(coalesce(sum(requests), 0) AS int8) AS requests,
            CAST(coalesce(sum(bytes), 0) AS int8) AS bytes, count(*) AS files
        FROM dataset_pull_file WHERE pull_id = pull.id
    ) AS fetched
    ORDER BY pull.id DESC
""")
