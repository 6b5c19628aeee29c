"""A line to one server for a few questions that are not samples: probes, and its health."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import orjson

from app.teachers.addresses import AddressRefused
from app.teachers.failures import AttemptFailed, TeacherDown, TeacherFailure, TeacherMisconfigured
from app.teachers.framing import ReplyTooLong
from app.teachers.refusals import failure_of, shown

_SUCCESS = 300


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server answered."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def value(self) -> dict[str, Any]:
        """The JSON object in it, empty where there is none."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Line:
    transport: httpx.AsyncBaseTransport
    base: str
    """The server's address without `/v1`."""
    key: str | None
    deadline: float
    """Seconds for each question."""
    cap: int | None = None
    """Bytes of answer that are read; a megabyte if it is not said."""

    async def get(self, path: str) -> Seen:
        return await self._ask(httpx.Request("GET", self.base + path, headers=self._headers()))

    async def post(self, path: str, fields: dict[str, Any], name: str = "") -> Seen:
        headers = self._headers() | {
            "Content-Type": "application/json",
            "X-Request-Id": name or request_name(),
        }
        content = orjson.dumps(fields)
        return await self._ask(
            httpx.Request("POST", self.base + path, headers=headers, content=content)
        )

    async def healthy(self) -> bool:
        """What `/health` says, or the list of models where there is no such page."""
        try:
            for page in ("/health", "/v1/models"):
                seen = await self.get(page)
                if seen.status != httpx.codes.NOT_FOUND:
                    return succeeded(seen)
        except TeacherFailure:
            pass
        return False

    def refusal(self, seen: Seen) -> TeacherFailure:
        """What an answer that is no success means."""
        return failure_of(seen.status, seen.headers, seen.body, secret=self.key)

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": "limbeck"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        return headers

    async def _ask(self, request: httpx.Request) -> Seen:
        """Raises a `TeacherFailure` where no answer came; a status that is no success is one."""
        request.extensions["deadline"] = self.deadline
        if self.cap is not None:
            request.extensions["cap"] = self.cap
        try:
            response = await self.transport.handle_async_request(request)
            body = await response.aread()
        except AddressRefused as error:
            raise TeacherMisconfigured("teacher.address", str(error)) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise TeacherDown("teacher.unreachable", shown(str(error), self.key)) from error
        except httpx.TimeoutException as error:
            raise AttemptFailed("teacher.timeout", shown(str(error), self.key)) from error
        except (httpx.TransportError, ReplyTooLong) as error:
            raise AttemptFailed("teacher.bad_reply", shown(str(error), self.key)) from error
        return Seen(response.status_code, response.headers, body)


def succeeded(seen: Seen) -> bool:
    return seen.status < _SUCCESS


def request_name() -> str:
    return f"probe-{uuid4().hex}"
