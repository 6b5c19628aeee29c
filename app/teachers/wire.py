"""One connection to a teacher: a request out, its reply in, one at a time.

A byte that nobody asked for ends the connection: it could be the start of another's reply.
"""

import asyncio
import socket
from typing import cast

import httpx

from app.teachers.framing import BadReply, Headers, ReplyReader, ReplyTooLong


class Reply:
    __slots__ = ("body", "connection", "headers", "status")

    def __init__(
        self, status: int, headers: Headers, body: bytes, connection: "Connection"
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.connection = connection
        """Where it came from, to be closed by whoever mistrusts it."""


class Connection(asyncio.Protocol):
    """Made by `loop.create_connection`; `ask` has one caller at a time."""

    __slots__ = ("_reader", "_transport", "_waiting", "is_open", "rests_since", "sent_at")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._reader: ReplyReader | None = None
        self.is_open = False
        self.sent_at = 0.0
        self.rests_since = 0.0

    @property
    def has_answered(self) -> bool:
        """Whether anything came back for the present request."""
        return self._reader is not None and self._reader.has_started

    async def ask(self, request: bytes, cap: int, until: float) -> Reply:
        """Raises httpx's transport errors, `ReplyTooLong`, and `TimeoutError` once the loop's clock
        says `until`. Whoever gives up on it (a cancellation) must `close` the connection.
        """
        loop = asyncio.get_running_loop()
        self.sent_at = loop.time()
        self._reader = ReplyReader(cap)
        if self._transport is None or not self.is_open:
            raise httpx.ReadError("the connection is closed")
        self._waiting = loop.create_future()
        self._transport.write(request)
        # A timer of its own costs a third of what `asyncio.timeout` does.
        timer = loop.call_at(until, self._fail, TimeoutError())
        try:
            return await self._waiting
        finally:
            timer.cancel()

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self.is_open = True
        # A long reply is minutes of silence, which some networks take for the end.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        waiting, reader = self._waiting, self._reader
        if waiting is None or waiting.done() or reader is None:
            self.close()
            return
        try:
            if reader.feed(data):
                self._finish(waiting, reader)
        except ReplyTooLong as error:
            self._fail(error)
        except BadReply as error:
            self._fail(httpx.RemoteProtocolError(f"not a whole HTTP reply: {error}"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        waiting, reader = self._waiting, self._reader
        if waiting is None or waiting.done() or reader is None:
            return
        if error is not None or not reader.has_started:
            self._fail(httpx.ReadError(f"the connection broke: {error or 'it was closed'}"))
            return
        try:
            reader.end()
        except BadReply as bad:
            self._fail(httpx.RemoteProtocolError(f"not a whole HTTP reply: {bad}"))
        else:
            self._finish(waiting, reader)

    def _finish(self, waiting: "asyncio.Future[Reply]", reader: ReplyReader) -> None:
        if not reader.keeps_alive:
            self.close()
        waiting.set_result(Reply(reader.status, reader.headers, reader.body, self))

    def _fail(self, error: Exception) -> None:
        self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
