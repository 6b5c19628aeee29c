"""From what was sent to an immutable version: all of it or nothing."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.names import Ref
from app.seeds import store
from app.seeds.formats import READERS, Format
from app.seeds.models import SeedDataset, SeedVersion
from app.seeds.spool import Spool, lay

UNPACKED = 4
"""How much larger than the largest upload its rows may be as JSON."""
_BLOCK = 1024 * 1024


async def push_upload(
    session: AsyncSession,
    ref: Ref,
    chunks: AsyncIterator[bytes],
    form: Format,
    *,
    folder: Path,
    most: int,
) -> tuple[SeedDataset, SeedVersion, bool]:
    """A version of what is uploaded, and whether it is new.

    The upload is laid down and checked before the first statement, so no transaction waits for
    whoever is sending. Memory does not grow with the upload.
    """
    with _file(folder) as sent, _file(folder) as file:
        async for chunk in chunks:
            sent.write(chunk)
        sent.seek(0)
        spool = await asyncio.to_thread(lay, READERS[form](sent), file, UNPACKED * most)
        return await _store(session, ref, spool, "upload")


async def push_rows(
    session: AsyncSession,
    ref: Ref,
    rows: Iterable[tuple[str, Any]],
    source: str,
    *,
    folder: Path,
    most: int,
) -> tuple[SeedDataset, SeedVersion, bool]:
    """The same for rows that are here already, each with the place it came from."""
    with _file(folder) as file:
        spool = await asyncio.to_thread(lay, rows, file, most)
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
    await store.copy(session, version.id, spool.blocks(_BLOCK))
    return dataset, version, True


@contextmanager
def _file(folder: Path) -> Iterator[IO[bytes]]:
    """Room on disk that is gone afterwards, whatever happens; not in /tmp, which may be memory."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        yield file
