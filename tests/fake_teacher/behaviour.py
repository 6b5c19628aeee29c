"""What can happen to one request."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Gate:
    """Holds replies until it is opened, from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None
        self._opened = False

    def open(self) -> None:
        self._opened = True
        if self._loop is not None and self._event is not None:
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        if self._event is None:
            self._loop = asyncio.get_running_loop()
            self._event = asyncio.Event()
        if not self._opened:
            await self._event.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A reply, or what is done instead of one. The default is one good reply."""

    name: str = "says"
    contents: tuple[Any, ...] | None = None
    """Of each choice, the last one repeated; None makes a fresh one. A None within is a null."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent instead of a chat completion."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Laid over the reply's own fields."""
    message: Mapping[str, Any] = field(default_factory=dict)
    """Laid over each choice's message."""
    finish_reason: str | None = "stop"
    choices: int | None = None
    """How many come back, whatever was asked for."""
    reply_id: str | None = None
    """Instead of the id that was sent."""
    sent: float | None = None
    """The share of the reply's bytes after which the connection is closed; 0 sends nothing."""
    drip: float = 0.0
    """Seconds between two bytes of the body."""
    delay: float = 0.0
    gate: Gate | None = None
    chunked: bool = False
    until_close: bool = False
    """No length at all: the end of the connection ends the body."""
    copies: int = 1
    """How often the whole response is sent on the connection."""
    copy_delay: float = 0.0
    kills: bool = False
    """The engine dies of it, once its gate is open, with all that is in flight."""
    endless: bool = False
    """The body never ends, as fast as it is read."""

    @property
    def good(self) -> bool:
        return self.name == "says"


def says(*contents: Any, **more: Any) -> Behaviour:
    return Behaviour(contents=contents or None, **more)


def fails(status: int, *, message: str = "scripted", retry_after: float | None = None) -> Behaviour:
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return Behaviour(
        name=f"error_{status}", status=status, headers=headers, body=error_body(status, message)
    )


def error_body(status: int, message: str, param: str | None = None) -> bytes:
    # vLLM's own shapes: 401 alone has a bare string.
    if status == 401:
        return b'{"error":"Unauthorized"}'
    error = {"message": message, "type": "scripted", "param": param, "code": status}
    return json.dumps({"error": error}).encode()


KILLS = Behaviour(name="kills", kills=True)
DEAD = fails(500, message="EngineCore encountered an issue. See stack trace for the root cause.")
