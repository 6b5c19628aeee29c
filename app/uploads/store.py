"""SQL of uploads: the rows of a version, copied in at once."""

from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.uploads.spool import Spool

_BLOCK = 1024 * 1024


async def copy(
    session: AsyncSession,
    table: Literal["seed_row", "evaluation_item"],
    version_id: UUID,
    spool: Spool,
) -> None:
    """Rows, numbered from 0, by COPY: a block in memory at a time."""
    raw = await (await session.connection()).get_raw_connection()
    connection: Any = raw.driver_connection
    if not isinstance(connection, AsyncConnection):
        raise TypeError(f"COPY needs psycopg, not {type(connection)}")
    prefix = f"{version_id}\t".encode()
    position = 0
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} (version_id, position, fields) FROM STDIN".encode()) as written,
    ):
        for block in spool.blocks(_BLOCK):
            lines = [
                b"%b%d\t%b\n" % (prefix, position + number, line.replace(b"\\", b"\\\\"))
                for number, line in enumerate(block)
            ]
            position += len(block)
            await written.write(b"".join(lines))
