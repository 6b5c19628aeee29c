"""Asking a teacher: one chat, whatever comes back turned into a value or a failure."""

import asyncio
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
from app.teachers.endpoints import Endpoint
from app.teachers.failures import (
    AttemptFailed,
    TeacherBusy,
    TeacherDown,
    TeacherFailure,
    TeacherMisconfigured,
)
from app.teachers.framing import Headers, ReplyTooLong
from app.teachers.gate import Gate, Party, Place, away
from app.teachers.line import Line, succeeded
from app.teachers.models import MOST_IN_FLIGHT
from app.teachers.pace import START, START_SEEN
from app.teachers.pulse import Heartbeat, watch
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
        gate: Gate | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        """`urls` are without `/v1`; `cap` is the bytes of reply read for one sample. A transport
        that is given stays open when this closes. One that is `unusable` answers every question
        with that failure. A gate that is given keeps what was learnt of servers it knows already.
        """
        headers = {"Content-Type": "application/json", "User-Agent": "limbeck"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        self.gate = gate or Gate(MOST_IN_FLIGHT)
        start = START_SEEN if capabilities is not None and capabilities.gauges else START
        start = min(start, max(self.gate.cap, START))
        self.gate.serves_at([Endpoint.at(url, headers, start) for url in urls])
        self._anyone = Party()
        self._heartbeat = heartbeat or Heartbeat()
        self._watches: dict[Endpoint, asyncio.Task[None]] = {}
        self._checks: dict[Endpoint, asyncio.Task[bool]] = {}
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
        place: Place | None = None,
        priority: int = 0,
    ) -> tuple[Completion, ...]:
        """The `n` completions of one chat, in order, sooner with a lower `priority` where the
        teacher heeds it; `deadline` is in seconds, over everything
        but the wait for a place. One that is given has been entered; it is off the wire after.

        `request_id` must be new for every attempt: where the teacher returns it, a reply with
        another is not taken. Raises a `TeacherFailure`; a reply over the byte cap is none, but
        completions that say `oversize`.
        """
        if self._unusable is not None:
            raise self._unusable
        if not (request_id.isascii() and request_id.isprintable()):
            raise ValueError("a request id is printable ASCII")
        body = self._encoder.encode(messages, sampling, schema, priority)
        rest = framed(b"X-Request-Id: %b\r\n" % request_id.encode(), body)
        own = None
        if place is None:
            place = own = self.place()
        try:
            return await self._ask(place, rest, request_id, sampling, deadline or self._deadline)
        finally:
            place.land()
            if own is not None:
                own.leave()

    def place(self, party: Party | None = None, **more: Any) -> Place:
        """A place to be entered, of nobody in particular if it is not said."""
        return Place(self.gate, party or self._anyone, **more)

    async def _ask(
        self, place: Place, rest: bytes, request_id: str, sampling: Sampling, deadline: float
    ) -> tuple[Completion, ...]:
        try:
            got = await self._exchange(place, rest, deadline, self._cap_of(sampling))
        except ReplyTooLong as long:
            if long.status >= _SUCCESS:
                raise failure_of(long.status, _text(long.headers), b"") from long
            self._answered(place, 0)
            return reply.oversize(long.size, sampling.n)
        if got.status >= _SUCCESS:
            raise self._failed(
                place, failure_of(got.status, _text(got.headers), got.body, secret=self._key)
            )
        told = reply.decode(got.body)
        if self._echoes:
            _check_owner(got, told, request_id)
        made = reply.completions(told, sampling.n, len(got.body))
        self._answered(place, sum(one.completion_tokens for one in made))
        return made

    def _answered(self, place: Place, tokens: int) -> None:
        if place.endpoint is not None:
            now = asyncio.get_running_loop().time()
            # Servers that count no tokens are measured by replies.
            place.endpoint.answered(place.stage, tokens or 1, now, self.gate.cap)

    def _failed(self, place: Place, failure: TeacherFailure) -> TeacherFailure:
        """The same failure, after it was taken note of."""
        endpoint = place.endpoint
        if endpoint is None:
            return failure
        if isinstance(failure, TeacherBusy) or failure.reason == "teacher.timeout":
            now = asyncio.get_running_loop().time()
            endpoint.refuses(place.stage, failure.retry_after, now)
        elif isinstance(failure, TeacherDown):
            self.gate.found_dead(endpoint, failure)
            return failure
        endpoint.is_back()
        return failure

    async def embed(self, texts: Sequence[str], *, deadline: float | None = None) -> Vectors:
        """A vector of length 1 for each text, in order. Raises a `TeacherFailure`."""
        if self._unusable is not None:
            raise self._unusable
        body = {"model": self._encoder.model, "input": list(texts)}
        seconds, cap = deadline or self._deadline, len(texts) * _VECTOR_BYTES
        refused: TeacherDown | None = None
        for endpoint in self.gate.in_order():
            line = Line(self._transport, endpoint.base, self._key, seconds, cap)
            try:
                seen = await line.post("/v1/embeddings", body, f"embed-{uuid4().hex}")
            except TeacherDown as down:
                self.gate.found_dead(endpoint, down)
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
        for endpoint in self.gate.in_order():
            line = Line(self._transport, endpoint.base, self._key, _HEALTH_SECONDS)
            if await line.healthy():
                return True
        return False

    async def aclose(self) -> None:
        tasks = [*self._watches.values(), *self._checks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._own:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _exchange(self, place: Place, rest: bytes, deadline: float, cap: int) -> Reply:
        """With a server that takes a connection; nothing was sent to those that do not."""
        while True:
            endpoint = place.endpoint or await place.enter()
            try:
                # What was away is asked for its health first, so that a request that finds it away
                # again was never sent.
                if endpoint.down is None or await self._is_well(endpoint):
                    return await self._send(place, endpoint, rest, deadline, cap)
                gone = away(endpoint.down)
            except TeacherDown as broken_off:
                if broken_off.suspect or not self.gate.is_there:
                    raise
                place.leave()
                continue
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                gone = TeacherDown("teacher.unreachable", self._shown(error))
            self.gate.found_dead(endpoint, gone)
            if not self.gate.is_there:
                raise gone
            place.leave()

    async def _send(
        self, place: Place, endpoint: Endpoint, rest: bytes, deadline: float, cap: int
    ) -> Reply:
        still = 0.0 if self._echoes else _REST_SECONDS
        self._watch(endpoint)
        place.task = asyncio.current_task()
        try:
            return await self._transport.exchange(
                endpoint.origin, endpoint.head + rest, deadline=deadline, cap=cap, rest=still
            )
        except asyncio.CancelledError:
            # Broken off by whoever watches the server, or by whoever wants no reply any more.
            if place.broken is None or place.task is None or place.task.uncancel() > 0:
                raise
            raise place.broken from None
        except AddressRefused as error:
            raise TeacherMisconfigured("teacher.address", self._shown(error)) from error
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise
        except httpx.TimeoutException as error:
            raise self._failed(
                place, AttemptFailed("teacher.timeout", self._shown(error))
            ) from error
        except httpx.ReadError as error:
            place.task = None  # nothing is out any more that could be broken off
            raise await self._dropped(place, endpoint, error) from error
        except httpx.TransportError as error:
            raise AttemptFailed("teacher.bad_reply", self._shown(error)) from error
        finally:
            place.task = None

    async def _dropped(
        self, place: Place, endpoint: Endpoint, error: httpx.ReadError
    ) -> TeacherFailure:
        """The connection broke: was it the connection, or did the engine die with this request?"""
        if await self._is_well(endpoint):
            return AttemptFailed("teacher.dropped", self._shown(error))
        message = f"it died with the request: {self._shown(error)}"
        return self._failed(place, TeacherDown("teacher.engine_dead", message, suspect=True))

    async def _is_well(self, endpoint: Endpoint) -> bool:
        """Many ask at the same moment, and the server is asked once."""
        check = self._checks.get(endpoint)
        if check is None:
            line = Line(self._transport, endpoint.base, self._key, _HEALTH_SECONDS)
            check = self._checks[endpoint] = asyncio.create_task(line.healthy())
            check.add_done_callback(lambda _: self._checks.pop(endpoint, None))
        return await asyncio.shield(check)

    def _watch(self, endpoint: Endpoint) -> None:
        """As long as it has something of ours."""
        if endpoint in self._watches or endpoint.load_is_hidden:
            return
        line = Line(self._transport, endpoint.base, self._key, _HEALTH_SECONDS)
        watching = asyncio.create_task(watch(self.gate, endpoint, line, self._heartbeat))
        self._watches[endpoint] = watching
        watching.add_done_callback(lambda _: self._watches.pop(endpoint, None))

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
