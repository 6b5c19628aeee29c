"""The fake teacher itself: a scripted server in a thread of its own, or an ASGI application."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Self

from tests.fake_teacher import abilities as able
from tests.fake_teacher.behaviour import DEAD, Behaviour, error_body, fails
from tests.fake_teacher.http import Cut, HungUp, Request, read_request, send
from tests.fake_teacher.record import Asked, Record
from tests.fake_teacher.replies import completion
from tests.fake_teacher.script import Script

_TURNS = 8
"""Of a loop: more than a connection takes from being accepted to being served."""


class FakeTeacher(Script):
    def __init__(
        self,
        model: str = "fake",
        *,
        api_key: str | None = None,
        abilities: frozenset[str] = able.ALL,
        latency: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.api_key = api_key
        self.abilities = abilities
        self.latency = latency
        self.healthy = True
        self.dead = False
        """Its engine: every chat ends as vLLM's do then, until it revives."""
        self.tokens_per_look = 0
        """How far its count of tokens moves between two looks at its load, answers or not."""
        self.waiting = 0
        self.preemptions = 0
        self.longest_text = 8192
        """Characters of a text to be embedded; with a longer one the request is refused."""
        self.record = Record()
        self._served = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Asked]:
        return self.record.asked

    @property
    def peak(self) -> int:
        return self.record.peak

    async def until(self, claim: Callable[[Record], bool], seconds: float = 10) -> None:
        """Waits for something to be true of the record: `lambda seen: seen.in_flight == 3`."""
        await asyncio.to_thread(self.record.wait_until, claim, seconds)

    def calls(self, part: str) -> int:
        """How often a question with this text in it was asked."""
        return sum(part in one.question for one in self.record.asked)

    def answer(self, request: Request) -> tuple[Behaviour, bytes, bool]:
        """What to do, with which body, and whether it was a chat to keep a record of."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.api_key is not None and key != self.api_key and request.path.startswith("/v1/"):
            return _body_of(fails(401))
        chats = "no_chat" not in self.abilities
        if chats and request.path == "/v1/chat/completions" and request.method == "POST":
            return self._chat(request)
        found = self._page(request)
        if found is None:
            return Behaviour(name="missing", status=404), b'{"detail":"Not Found"}', False
        return Behaviour(name="page", status=found[0]), found[1], False

    def _chat(self, request: Request) -> tuple[Behaviour, bytes, bool]:
        body = request.json()
        request_id = request.headers.get("x-request-id", "")
        if request_id.startswith("probe-"):
            self.record.probed.append(body)
            act = able.probe_reply(self.abilities, self.model, body, request_id)
            return act, act.body or json.dumps(dict(act.extra)).encode(), False
        self._served += 1
        act = DEAD if self.dead else self.choose(body, self.record.count(body))
        self.record.arrive(
            Asked(request_id, body, request.headers, time.monotonic(), request.connection, act.name)
        )
        if act.body is not None:
            return act, act.body, True
        made = completion(act, body, request_id, self._served)
        if "echo" not in self.abilities and act.reply_id is None:
            made["id"] = f"reply-{self._served}"
        return act, json.dumps(made).encode(), True

    def _page(self, request: Request) -> tuple[int, bytes] | None:
        match request.path.partition("?")[0]:
            case "/health":
                return (200 if self.healthy else 503), b""
            case "/version":
                return 200, b'{"version":"0.0.fake"}'
            case "/v1/models":
                row = {"id": self.model, "root": f"fakes/{self.model}", "max_model_len": 8192}
                return 200, json.dumps({"object": "list", "data": [row]}).encode()
            case "/metrics" if "gauges" in self.abilities:
                return 200, self._metrics()
            case "/stats":
                return 200, json.dumps(self.record.stats()).encode()
            case "/v1/completions" if "score" in self.abilities:
                return 200, json.dumps(able.scored(request.json())).encode()
            case "/v1/embeddings" if "embeddings" in self.abilities:
                return self._embedded(request)
            case _:
                return None

    def _embedded(self, request: Request) -> tuple[int, bytes]:
        body = request.json()
        if not request.headers.get("x-request-id", "").startswith("probe-"):
            self.record.embedded.append(body["input"])
            if max(map(len, body["input"])) > self.longest_text:
                return 400, error_body(400, "the input is too long", "input")
        return 200, json.dumps(able.embedded(body)).encode()

    def _metrics(self) -> bytes:
        label = f'{{engine="0",model_name="{self.model}"}}'
        moved = self.record.look() * self.tokens_per_look
        return (
            "# HELP vllm:num_requests_running Running.\n"
            "# TYPE vllm:num_requests_running gauge\n"
            f"vllm:num_requests_running{label} {float(self.record.in_flight)}\n"
            f"vllm:num_requests_waiting{label} {float(self.waiting)}\n"
            f"vllm:num_preemptions_total{label} {float(self.preemptions)}\n"
            f"vllm:kv_cache_usage_perc{label} 0.25\n"
            f"vllm:prompt_tokens_total{label} {float(self.record.answered * 10)}\n"
            f"vllm:generation_tokens_total{label} {float(self.record.answered * 20 + moved)}\n"
        ).encode()

    async def _serve_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.record.connections += 1
        number = self.record.connections
        self._writers.add(writer)
        try:
            while (request := await read_request(reader, number)) is not None:
                if not await self._serve_request(reader, writer, request):
                    break
        except (HungUp, Cut, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # streams of Python 3.11 would tell of a cancelled one as of a fault
        finally:
            writer.close()
            try:
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
            finally:
                writer.transport.abort()  # with a long reply half out, it would wait for its reader
                self._writers.discard(writer)

    async def _serve_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
    ) -> bool:
        record = self.record
        act, body, chat = self.answer(request)
        whole = hung_up = False
        try:
            if act.kills:
                if act.gate is not None:
                    await act.gate.wait()
                self.dies()
            if chat and self.latency:
                await asyncio.sleep(self.latency)
            again = await send(reader, writer, act, body)
            whole = act.status == 200
        except (HungUp, ConnectionError):
            hung_up = True
            raise
        finally:
            if chat:
                record.leave(whole=whole, hung_up=hung_up)
        return again

    def start(self, port: int = 0) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, ready), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def _run(self, port: int, ready: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._main(port, ready))

    async def _main(self, port: int, ready: threading.Event) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._serve_connection, "127.0.0.1", port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopping.wait()
        server.close()
        # Turns of the loop, in which what was being accepted gets as far as to be known, and the
        # aborted connections are told.
        for _ in range(_TURNS):
            self._abort_all()
            await asyncio.sleep(0)

    def _abort_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def dies(self) -> None:
        """Its engine, with all that it has; the process stays, and says that it is not well."""
        self.dead, self.healthy = True, False
        self.hangs_up()

    def revives(self) -> None:
        self.dead, self.healthy = False, True

    def stop(self) -> None:
        """As a killed process: connections are reset, the port refuses."""
        if self._loop is None or self._thread is None or self._stopping is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(10)

    def hangs_up(self) -> None:
        """Resets every open connection; the next ones are accepted."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._abort_all)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send_event: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        raw = b""
        while (event := await receive())["type"] == "http.request":
            raw += event.get("body", b"")
            if not event.get("more_body"):
                break
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        act, body, chat = self.answer(Request(scope["method"], scope["path"], headers, raw, 0))
        try:
            if act.gate is not None:
                await act.gate.wait()
            if act.sent is not None:
                raise ConnectionResetError("the script drops this request")
            pairs = {"content-type": "application/json", **act.headers}
            await send_event(
                {
                    "type": "http.response.start",
                    "status": act.status,
                    "headers": [(k.encode(), v.encode()) for k, v in pairs.items()],
                }
            )
            await send_event({"type": "http.response.body", "body": body})
        finally:
            if chat:
                self.record.leave(whole=act.status == 200 and act.sent is None, hung_up=False)


def _body_of(act: Behaviour) -> tuple[Behaviour, bytes, bool]:
    return act, act.body or b"", False
