"""From what was sent to an immutable version: all of it or nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from app.names import Ref
from app.seeds import store
from app.seeds.models import SeedDataset, SeedVersion
from app.uploads.formats import Format
from app.uploads.receive import Placed, laid, received
from app.uploads.spool import Spool
from app.uploads.store import copy


async def push_upload(
    session: AsyncSession,
    ref: Ref,
    chunks: AsyncIterator[bytes],
    form: Format,
    *,
    folder: Path,
    most: int,
) -> tuple[SeedDataset, SeedVersion, bool]:
    """A version of what is uploaded, and whether it is new."""
    async with received(chunks, form, folder=folder, most=most) as spool:
        return await _store(session, ref, spool, "upload")


async def push_rows(
    session: AsyncSession, ref: Ref, rows: Placed, source: str, *, folder: Path, most: int
) -> tuple[SeedDataset, SeedVersion, bool]:
    """The same for rows that are here already, each with the place it came from."""
    async with laid(rows, folder=folder, most=most) as spool:
        return await _store(session, ref, spool, source)


async def _store(
    session: AsyncSession, ref: Ref, spool: Spool, source: str
) -> tuple[SeedDataset, SeedVersion, bool]:
    dataset = await store.lock(session, ref)
    known = await store.with_digest(session, dataset.id, spool.digest)
    if known is not None:
        return dataset, known, False
    version = await store.add(
        session,
        dataset.id,
        digest=spool.digest,
        rows=spool.rows,
        columns=spool.columns,
        source=source,
    )
    await copy(session, "seed_row", version.id, spool)
    return dataset, version, True
