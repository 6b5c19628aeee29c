"""What was sent, checked and laid down on the disk, before the database hears of it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

from app.uploads.formats import READERS, Format
from app.uploads.spool import Spool, lay

UNPACKED = 4
"""How much larger than the largest upload its rows may be as JSON."""

Placed = Iterable[tuple[str, Any]]
"""Rows, each with the place it came from ("line 17")."""


@asynccontextmanager
async def received(
    chunks: AsyncIterator[bytes],
    form: Format,
    *,
    folder: Path,
    most: int,
    pick: Callable[[Placed], Placed] = iter,
) -> AsyncIterator[Spool]:
    """The rows of an upload, or what `pick` makes of them.

    Whoever sends is waited for here, so open no transaction before this. Memory does not grow with
    the upload.
    """
    with scratch(folder) as sent, scratch(folder) as file:
        async for chunk in chunks:
            sent.write(chunk)
        sent.seek(0)
        yield await asyncio.to_thread(lay, pick(READERS[form](sent)), file, UNPACKED * most)


@asynccontextmanager
async def laid(rows: Placed, *, folder: Path, most: int) -> AsyncIterator[Spool]:
    """The same for rows that are here already."""
    with scratch(folder) as file:
        yield await asyncio.to_thread(lay, rows, file, most)


@contextmanager
def scratch(folder: Path) -> Iterator[IO[bytes]]:
    """Room on disk that is gone afterwards, whatever happens; not in /tmp, which may be memory."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        yield file
