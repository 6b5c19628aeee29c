"""Rows of a file as stored replies, so that they have a trace and can be decided anew."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

_COLUMNS = (
    "job_id, item, sample, corpus_id, content, finish_reason, prompt_tokens, completion_tokens,"
    " cached_tokens, size, prompt_digest, inputs"
)


async def copy(
    session: AsyncSession, job_id: UUID, corpus_id: UUID, blocks: Iterable[list[bytes]]
) -> None:
    """Rows, as lines of JSON, become the replies to the items from 0 on: a block in memory at a
    time. Nobody was asked, so they have no prompt, no model and no tokens.
    """
    raw = await (await session.connection()).get_raw_connection()
    connection: Any = raw.driver_connection
    if not isinstance(connection, AsyncConnection):
        raise TypeError(f"COPY needs psycopg, not {type(connection)}")
    item = 0
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY completion ({_COLUMNS}) FROM STDIN") as written,
    ):
        for block in blocks:
            lines = []
            for line in block:
                content = line.hex().encode()
                lines.append(
                    b"%b\t%d\t0\t%b\t\\\\x%b\tstop\t0\t0\t0\t%d\t\\\\x\t{}\n"
                    % (str(job_id).encode(), item, str(corpus_id).encode(), content, len(line))
                )
                item += 1
            await written.write(b"".join(lines))
