"""The HTTP that a fake teacher speaks: small, exact, and wrong only where it is told to be."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.fake_teacher.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    connection: int

    def json(self) -> dict[str, Any]:
        value = json.loads(self.raw or b"{}")
        return value if isinstance(value, dict) else {}


Answer = Callable[[Request], "tuple[Behaviour, bytes]"]
"""What to do, and the bytes of the body to do it with."""


class HungUp(Exception):
    """The asker went away."""


class Cut(Exception):
    """The script closes the connection here."""


async def read_request(reader: asyncio.StreamReader, connection: int) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, raw, connection)


async def unless_hung_up(reader: asyncio.StreamReader, waiting: Awaitable[Any]) -> None:
    """Waits, and raises HungUp as soon as the asker closes the connection."""
    wait = asyncio.ensure_future(waiting)
    gone = asyncio.ensure_future(reader.read(1))
    done, pending = await asyncio.wait({wait, gone}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    if wait not in done:
        raise HungUp


async def send(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, act: Behaviour, body: bytes
) -> bool:
    """Does what the behaviour says; true if the connection may carry another request."""
    if act.gate is not None:
        await unless_hung_up(reader, act.gate.wait())
    if act.delay:
        await unless_hung_up(reader, asyncio.sleep(act.delay))
    if act.endless:
        await _send_endless(writer, act)
    head = _head(act, len(body))
    payload = _chunked(body) if act.chunked else body
    if act.sent is not None:
        whole = head + payload
        writer.write(whole[: int(len(whole) * act.sent)])
        await writer.drain()
        raise Cut
    if act.drip:
        writer.write(head)
        for at in range(len(payload)):
            writer.write(payload[at : at + 1])
            await unless_hung_up(reader, asyncio.sleep(act.drip))
    else:
        writer.write(head + payload)
    for _ in range(act.copies - 1):
        if act.copy_delay:
            await writer.drain()
            await asyncio.sleep(act.copy_delay)
        writer.write(head + payload)
    await writer.drain()
    return not act.until_close and act.headers.get("connection") != "close"


def _head(act: Behaviour, length: int) -> bytes:
    headers = {"content-type": "application/json", **act.headers}
    if act.chunked:
        headers["transfer-encoding"] = "chunked"
    elif not act.until_close:
        headers.setdefault("content-length", str(length))
    lines = [f"HTTP/1.1 {act.status} Scripted", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunked(body: bytes) -> bytes:
    parts = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return framed + b"0\r\n\r\n"


async def _send_endless(writer: asyncio.StreamWriter, act: Behaviour) -> None:
    writer.write(_head(act, 0).replace(b"content-length: 0\r\n", b""))
    while True:
        writer.write(b" " * 65536)
        await writer.drain()
