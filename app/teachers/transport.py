"""The way to a teacher: an httpx transport that costs a tenth of a millisecond a request.

httpx's own pool walks every connection for every request: 6 ms each with 256 in flight. This one
keeps idle connections in a row. It connects to checked addresses only, holds one deadline over
the whole call and a cap on the bytes read, follows nothing, and uses no connection again on which
anything odd happened. It reads whole replies; it does not stream.

`handle_async_request` makes it httpx's: a request says more there by its `extensions`, which are
the arguments of `exchange`. Samples go through `exchange` itself: what httpx makes of a request and
its response costs five times as much.
"""

import asyncio
import os
import ssl
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import httpx

from app.teachers.addresses import Network, resolve
from app.teachers.wire import Connection, Reply

CONNECT_SECONDS = 5.0
_DEADLINE = 1800.0
_CAP = 1024 * 1024
_IDLE_SECONDS = 4.0
"""uvicorn closes an idle connection after 5 s; one nearer to that is not worth the race."""
_STALE_SECONDS = 1.0
"""A connection that was closed while idle says so at once. One that breaks later was answering."""
_INSTANT_SECONDS = 0.1
"""Nothing dies of a request as fast as this: what broke before was dead already."""
_OURS = frozenset({b"connection", b"transfer-encoding", b"accept-encoding", b"content-length"})

Origin = tuple[str, str, int]


class Transport(httpx.AsyncBaseTransport):
    """Raises httpx's own transport errors, `AddressRefused` and `ReplyTooLong`."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        networks: Sequence[Network] = (),
        public: bool = False,
    ) -> None:
        """It connects to `networks` only, where some are given; else to all but those that are
        never a teacher's. With `public`, to public addresses and `networks`.
        """
        self._tls = tls
        self._networks = tuple(networks)
        self._public = public
        self._idle: defaultdict[Origin, deque[Connection]] = defaultdict(deque)
        self._open: set[Connection] = set()

    async def exchange(
        self,
        origin: Origin,
        request: bytes,
        *,
        deadline: float = _DEADLINE,
        cap: int = _CAP,
        rest: float = 0.0,
    ) -> Reply:
        """One request, as it goes over the wire, and its whole reply.

        `deadline` is seconds for everything, connecting included; `cap` the most bytes of body
        that are read; `rest` the seconds a connection must have lain still before it is used
        again, for servers whose replies do not prove whose they are.
        """
        until = asyncio.get_running_loop().time() + deadline
        try:
            return await self._ask(origin, request, cap, rest, until)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no whole reply within {deadline:g} seconds") from error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wanted = ("deadline", "cap", "rest")
        told = {name: request.extensions[name] for name in wanted if name in request.extensions}
        body = await request.aread()
        raw = framed(head_of(request), body)
        reply = await self.exchange(origin_of(request.url), raw, **told)
        return httpx.Response(
            reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body)
        )

    async def _ask(self, origin: Origin, raw: bytes, cap: int, rest: float, until: float) -> Reply:
        used = self._take_idle(origin, rest)
        if used is not None:
            try:
                return await self._ask_over(used, origin, raw, cap, until)
            except httpx.ReadError as broken:
                # Closed while it lay idle, most likely: nothing of this request was answered.
                waited = asyncio.get_running_loop().time() - used.sent_at
                if used.has_answered or waited > _STALE_SECONDS:
                    raise
                try:
                    fresh = await self._connect(origin, until)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if waited < _INSTANT_SECONDS:
                        raise
                    # Whoever was there is gone, and may have gone with this request.
                    raise broken from None
        else:
            fresh = await self._connect(origin, until)
        return await self._ask_over(fresh, origin, raw, cap, until)

    async def _ask_over(
        self, connection: Connection, origin: Origin, raw: bytes, cap: int, until: float
    ) -> Reply:
        try:
            reply = await connection.ask(raw, cap, until)
        except BaseException:
            connection.close()
            self._open.discard(connection)
            raise
        if connection.is_open:
            connection.rests_since = asyncio.get_running_loop().time()
            self._idle[origin].append(connection)
        else:
            self._open.discard(connection)
        return reply

    def _take_idle(self, origin: Origin, rest: float) -> Connection | None:
        """The one used last, or, where they must rest, the one that rested longest."""
        idle = self._idle[origin]
        now = asyncio.get_running_loop().time()
        while idle:
            connection = idle[0] if rest else idle[-1]
            if now - connection.rests_since < rest:
                return None
            _ = idle.popleft() if rest else idle.pop()
            if connection.is_open and now - connection.rests_since < _IDLE_SECONDS:
                return connection
            connection.close()
            self._open.discard(connection)
        return None

    async def _connect(self, origin: Origin, until: float) -> Connection:
        async with asyncio.timeout_at(until):
            return await self._connect_in_time(origin)

    async def _connect_in_time(self, origin: Origin) -> Connection:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        secure: dict[str, Any] = {}
        if scheme == "https":
            self._tls = self._tls or httpx.create_ssl_context()
            secure = {"ssl": self._tls, "server_hostname": host}
        last: Exception | None = None
        for address in await resolve(host, port, self._networks, public=self._public):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, connection = await loop.create_connection(
                        Connection, address, port, **secure
                    )
            except TimeoutError:
                last = httpx.ConnectTimeout(f"{host}:{port} did not answer in time")
            except OSError as error:
                last = httpx.ConnectError(f"{host}:{port}: {_why(error)}")
            else:
                self._open.add(connection)
                return connection
        raise last or httpx.ConnectError(f"{host} has no address")

    async def aclose(self) -> None:
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._idle.clear()


def origin_of(url: httpx.URL) -> Origin:
    if url.scheme not in {"http", "https"} or not url.host:
        raise httpx.UnsupportedProtocol(f"{url.scheme!r} is not http or https")
    host = url.raw_host.decode("ascii").strip("[]")
    return url.scheme, host, url.port or (443 if url.scheme == "https" else 80)


def _why(error: OSError) -> str:
    """In the words of the system, which event loops do not all pass on."""
    if error.errno is None or isinstance(error, ssl.SSLError):
        return str(error)
    return os.strerror(error.errno)


def head_of(request: httpx.Request) -> bytes:
    """All lines of a request but those about its body."""
    lines = [f"{request.method} ".encode() + request.url.raw_path + b" HTTP/1.1"]
    for name, value in request.headers.raw:
        if name.lower() in _OURS:
            continue
        line = name + b": " + value
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise httpx.LocalProtocolError("a header holds a line break")
        lines.append(line)
    lines += [b"Accept-Encoding: identity", b""]
    return b"\r\n".join(lines)


def framed(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
