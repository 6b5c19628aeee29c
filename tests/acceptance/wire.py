"""The wire between clients and the API: what went over it, and the scissors."""

import asyncio
import re
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_HEAD = re.compile(rb"(GET|HEAD|POST) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)
_RANGE = re.compile(rb"(?i)\r\nrange: *([^\r]+)")


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    range: str | None

    @property
    def is_data(self) -> bool:
        """Whether bytes of a data file were asked for."""
        return self.method == "GET" and "/resolve/" in self.path and self.path.endswith(".parquet")

    @property
    def file(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_file(self) -> bool:
        return self.method == "GET" and "/resolve/" in self.path


class Wire:
    """A proxy on loopback that reads along; it may cut the next answer to a data request."""

    def __init__(self, port: int) -> None:
        self.asked: list[Asked] = []
        self._to = port
        self._cuts: list[int] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connect, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut_after(self, *sizes: int) -> None:
        """The next answers with a data file break off after so many bytes."""
        self._cuts = list(sizes)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._do(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _hang_up(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._to)
        line = _Line(self)
        both = [
            asyncio.ensure_future(line.up(reader, their_writer)),
            asyncio.ensure_future(line.down(their_reader, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for each in (writer, their_writer):
                each.close()

    def note(self, asked: Asked) -> int | None:
        """After how many bytes of its answer the line is to be cut."""
        self.asked.append(asked)
        return self._cuts.pop(0) if asked.is_data and self._cuts else None


class _Line:
    """One connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._seen = b""
        self._left: int | None = None

    async def up(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            self._read(data)
            writer.write(data)
            await writer.drain()

    def _read(self, data: bytes) -> None:
        self._seen += data
        for method, path, rest in _HEAD.findall(self._seen):
            found = _RANGE.search(b"\r\n" + rest)
            asked = Asked(method.decode(), path.decode(), found[1].decode() if found else None)
            self._left = self._wire.note(asked)
            self._seen = b""

    async def down(self, reader: StreamReader, writer: StreamWriter) -> None:
        while self._left != 0 and (data := await reader.read(1 << 16)):
            sent = data if self._left is None else data[: self._left]
            if self._left is not None:
                self._left -= len(sent)
            writer.write(sent)
            await writer.drain()
