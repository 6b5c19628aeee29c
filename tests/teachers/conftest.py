"""Servers that say exactly the bytes a test wants said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.teachers.client import TeacherClient
from app.teachers.transport import Transport
from tests.fake_teacher import FakeTeacher
from tests.teachers.asking import ABLE, CAP

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
"""Serves one connection; the number counts them from 0."""
Serve = Callable[[Handler], Awaitable[str]]


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The head of a request; its body is read and dropped. Empty at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return head


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server on loopback; answers its address."""
    servers: list[asyncio.Server] = []
    writers: list[asyncio.StreamWriter] = []

    async def start(handler: Handler) -> str:
        count = iter(range(10_000))

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            try:
                await handler(reader, writer, next(count))
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
    for writer in writers:
        writer.transport.abort()  # with a reply half out, closing waits for its reader
    await asyncio.sleep(0)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    opened = Transport()
    yield opened
    await opened.aclose()


@pytest.fixture
async def client(fake: FakeTeacher) -> AsyncIterator[TeacherClient]:
    async with TeacherClient(
        [fake.url], fake.model, capabilities=ABLE, cap=CAP, deadline=10
    ) as opened:
        yield opened
