"""Whom we talk to is proven by name, though we connect to an address."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from app.teachers.transport import Transport
from tests.teachers.conftest import read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TLS = Path(__file__).with_name("tls.pem")


async def get(transport: Transport, url: str) -> httpx.Response:
    response = await transport.handle_async_request(httpx.Request("GET", url))
    await response.aread()
    return response


async def test_tls_is_checked_against_the_name_and_not_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(TLS)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(loop, "getaddrinfo", _to_loopback)
    trusting = Transport(tls=ssl.create_default_context(cafile=TLS))
    assert (await get(trusting, f"https://teacher.example:{port}/")).content == b"ok"
    with pytest.raises(httpx.ConnectError, match="certificate"):
        await get(trusting, f"https://another.example:{port}/")
    with pytest.raises(httpx.ConnectError, match="certificate"):
        await get(Transport(), f"https://teacher.example:{port}/")
    await trusting.aclose()
    server.close()


async def _to_loopback(host: str, port: int, **_: object) -> list[object]:
    return [(2, 1, 6, "", ("127.0.0.1", port))]
