"""Asking a teacher: one chat, whatever comes back turned into a value or a failure."""

from collections.abc import Sequence
from typing import Any, Self
from uuid import uuid4

import httpx

from app.prompts.prompt import Message
from app.teachers import reply
from app.teachers.addresses import AddressRefused
from app.teachers.capabilities import Capabilities
from app.teachers.completion import Completion
from app.teachers.embeddings import Vectors, vectors
from app.teachers.endpoints import Endpoints
from app.teachers.failures import (
    AttemptFailed,
    TeacherDown,
    TeacherFailure,
    TeacherMisconfigured,
)
from app.teachers.framing import Headers, ReplyTooLong
from app.teachers.line import Line, succeeded
from app.teachers.question import Encoder
from app.teachers.refusals import failure_of, shown
from app.teachers.sampling import Sampling
from app.teachers.transport import Transport, framed
from app.teachers.wire import Reply

_HEALTH_SECONDS = 5.0
_LOGPROB_BYTES = 160
"""Of one token's entry: its text, its number, its bytes as a list of numbers."""
_VECTOR_BYTES = 512 * 1024
"""Of one text's vector: 16,000 numbers, the most that pgvector stores, and their commas."""
_REST_SECONDS = 0.05
"""Where a reply does not prove whose it is, a connection lies still this long before it is used
again: a reply sent twice shows itself meanwhile."""
_SUCCESS = 300


class TeacherClient:
    """One teacher, as seen from one process. Retries nothing: a retry is the worker's decision."""

    def __init__(
        self,
        urls: Sequence[str],
        model: str,
        *,
        api_key: str | None = None,
        capabilities: Capabilities | None = None,
        cap: int,
        deadline: float = 1800.0,
        transport: Transport | None = None,
        unusable: TeacherFailure | None = None,
    ) -> None:
        """`urls` are without `/v1`; `cap` is the bytes of reply read for one sample. A transport
        that is given stays open when this closes. One that is `unusable` answers every question
        with that failure.
        """
        headers = {"Content-Type": "application/json", "User-Agent": "limbeck"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        self._endpoints = Endpoints(urls, headers)
        self._encoder = Encoder(model, capabilities or Capabilities())
        self._echoes = capabilities is not None and capabilities.request_id_echo
        self._key = api_key
        self._cap = cap
        self._deadline = deadline
        self._unusable = unusable
        self._own = transport is None
        self._transport = transport or Transport()

    async def ask(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        request_id: str,
        schema: dict[str, Any] | None = None,
        deadline: float | None = None,
    ) -> tuple[Completion, ...]:
        """The `n` completions of one chat, in order; `deadline` is in seconds, over everything.

        `request_id` must be new for every attempt: where the teacher returns it, a reply with
        another is not taken. Raises a `TeacherFailure`; a reply over the byte cap is none, but
        completions that say `oversize`.
        """
        if self._unusable is not None:
            raise self._unusable
        if not (request_id.isascii() and request_id.isprintable()):
            raise ValueError("a request id is printable ASCII")
        body = self._encoder.encode(messages, sampling, schema)
        rest = framed(b"X-Request-Id: %b\r\n" % request_id.encode(), body)
        try:
            got = await self._exchange(rest, deadline or self._deadline, self._cap_of(sampling))
        except ReplyTooLong as long:
            if long.status >= _SUCCESS:
                raise failure_of(long.status, _text(long.headers), b"") from long
            return reply.oversize(long.size, sampling.n)
        if got.status >= _SUCCESS:
            raise failure_of(got.status, _text(got.headers), got.body, secret=self._key)
        told = reply.decode(got.body)
        if self._echoes:
            _check_owner(got, told, request_id)
        return reply.completions(told, sampling.n, len(got.body))

    async def embed(self, texts: Sequence[str], *, deadline: float | None = None) -> Vectors:
        """A vector of length 1 for each text, in order. Raises a `TeacherFailure`."""
        if self._unusable is not None:
            raise self._unusable
        body = {"model": self._encoder.model, "input": list(texts)}
        seconds, cap = deadline or self._deadline, len(texts) * _VECTOR_BYTES
        refused: TeacherDown | None = None
        for endpoint in self._endpoints.in_order():
            line = Line(self._transport, endpoint.base, self._key, seconds, cap)
            try:
                seen = await line.post("/v1/embeddings", body, f"embed-{uuid4().hex}")
            except TeacherDown as down:
                self._endpoints.found_dead(endpoint)
                refused = down
                continue
            if not succeeded(seen):
                raise line.refusal(seen)
            return vectors(reply.decode(seen.body), len(texts))
        raise refused or TeacherDown("teacher.unreachable", "it has no endpoint")

    async def healthy(self) -> bool:
        """Whether one of its servers says it is well. It may be wrong: a frozen engine says so."""
        if self._unusable is not None:
            return False
        for endpoint in self._endpoints.in_order():
            line = Line(self._transport, endpoint.base, self._key, _HEALTH_SECONDS)
            if await line.healthy():
                return True
        return False

    async def aclose(self) -> None:
        if self._own:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _exchange(self, rest: bytes, deadline: float, cap: int) -> Reply:
        """With the best endpoint that takes a connection; nothing was sent to those that do not."""
        still = 0.0 if self._echoes else _REST_SECONDS
        refused: httpx.TransportError | None = None
        for endpoint in self._endpoints.in_order():
            endpoint.in_flight += 1
            try:
                got = await self._transport.exchange(
                    endpoint.origin, endpoint.head + rest, deadline=deadline, cap=cap, rest=still
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                self._endpoints.found_dead(endpoint)
                refused = error
            except AddressRefused as error:
                raise TeacherMisconfigured("teacher.address", self._shown(error)) from error
            except httpx.TimeoutException as error:
                raise AttemptFailed("teacher.timeout", self._shown(error)) from error
            except httpx.ReadError as error:
                raise AttemptFailed("teacher.dropped", self._shown(error)) from error
            except httpx.TransportError as error:
                raise AttemptFailed("teacher.bad_reply", self._shown(error)) from error
            else:
                if endpoint.failures:
                    self._endpoints.found_alive(endpoint)
                return got
            finally:
                endpoint.in_flight -= 1
        raise TeacherDown("teacher.unreachable", self._shown(refused)) from refused

    def _cap_of(self, sampling: Sampling) -> int:
        """Log-probabilities make a reply long, and are no reason to refuse it."""
        one = self._cap
        if sampling.wants_logprobs:
            one += sampling.max_tokens * _LOGPROB_BYTES * (1 + (sampling.top_logprobs or 0))
        return one * sampling.n

    def _shown(self, error: Exception | None) -> str:
        return shown(str(error), self._key)


def _check_owner(got: Reply, told: dict[str, Any], request_id: str) -> None:
    if told.get("id") == f"chatcmpl-{request_id}":
        return
    if _text(got.headers).get("x-request-id") == request_id:
        return
    got.connection.close()  # whatever else comes over it is not ours either
    raise AttemptFailed("teacher.alien_reply", "the reply is not to the request that was sent")


def _text(headers: Headers) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
