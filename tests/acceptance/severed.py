"""A way to Postgres that can be cut right after a commit, before its answer has come back."""

import asyncio
import threading
from contextlib import suppress
from typing import Self

_ASKED = b"COMMIT\x00"
_ANSWERED = b"COMMIT\x00"


class Severed:
    """Passes everything through. Once `cut_next` was said, the next commit that a client asks for
    is carried out, and the client never hears of it: its connection is reset instead.
    """

    def __init__(self, port: int) -> None:
        """`port` is the server's, on loopback."""
        self._server = port
        self._armed = threading.Event()
        self._spared = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self.port = 0
        self.cuts = 0

    def cut_next(self, spared: int = 0) -> None:
        """The next one after so many that are `spared`."""
        self._spared = spared
        self._armed.set()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        assert self._stopping is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._main(ready))

    async def _main(self, ready: threading.Event) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopping.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._server)
        except OSError:
            writer.transport.abort()
            return
        severed = asyncio.Event()
        ways = [
            asyncio.create_task(self._out(reader, there[1], severed)),
            asyncio.create_task(self._back(there[0], writer, severed)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # streams of Python 3.11 would tell of a cancelled one as of a fault
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, there[1]):
                end.transport.abort()

    async def _out(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, severed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if _ASKED in data and self._armed.is_set():
                    if self._spared:
                        self._spared -= 1
                    else:
                        self._armed.clear()
                        severed.set()
                writer.write(data)
                await writer.drain()

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, severed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if severed.is_set() and _ANSWERED in data:
                    self.cuts += 1
                    return
                writer.write(data)
                await writer.drain()
