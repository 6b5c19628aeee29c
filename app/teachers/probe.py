"""Finding out what a teacher can do, by asking it for little things and looking at what came.

A server that does not know a field ignores it and answers 200, so only the answer's content tells.
`seed` is never sent: it can kill the engine of a CPU build.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import orjson

from app.teachers import gauges
from app.teachers.capabilities import Capabilities
from app.teachers.failures import RequestRefused, TeacherFailure, TeacherMisconfigured
from app.teachers.line import Line, Seen, request_name, succeeded
from app.teachers.question import response_format
from app.teachers.refusals import shown

REVISION = 1
"""Of the questions: raised with each new one, so that no teacher passes for known without it."""

QUESTION_SECONDS = 30.0
ALL_SECONDS = 50.0
"""Below the minute after which the database ends a transaction that waits."""

_AT_ONCE = 4
_WORDS = ("zephyrine", "quixotry")
"""No model says these unless it is held to them."""
_CHAT = "/v1/chat/completions"
_TINY, _SHORT, _THINKING = 2, 96, 1024
"""Tokens of a reply that only has to be one, of one that says a word (held to a grammar that lets
it put blanks everywhere, it takes four times as many), and of a thought before."""

Found = dict[str, Any]


class _Absent(Exception):
    """The server lacks this; says what was seen instead."""


async def probe(
    transport: httpx.AsyncBaseTransport,
    urls: Sequence[str],
    model: str | None,
    *,
    api_key: str | None = None,
    known: Capabilities | None = None,
    question_seconds: float = QUESTION_SECONDS,
) -> Capabilities:
    """What the first of these endpoints can do; the others must serve the same model. Where it is
    the engine that is `known`, by its fingerprint, that is what it can do, and little is asked.

    Raises `TeacherFailure` where an endpoint cannot be reached, refuses us, lacks the model, or
    neither completes a chat nor embeds a text. Whatever else fails is a capability it lacks, with
    a note.
    """
    lines = [Line(transport, url, api_key, question_seconds) for url in urls]
    try:
        async with asyncio.timeout(ALL_SECONDS):
            listed = await asyncio.gather(*(_listed(line, model) for line in lines))
            return await _probe(lines[0], listed[0], known)
    except TimeoutError as error:
        raise TeacherMisconfigured(
            "teacher.too_slow", f"a few tiny questions took more than {ALL_SECONDS:g} seconds"
        ) from error


async def _listed(line: Line, model: str | None) -> Found:
    """The model's row in the server's list; the only one there is where none was named."""
    seen = await line.get("/v1/models")
    if seen.status in {401, 403}:
        raise line.refusal(seen)
    data = seen.value.get("data")
    rows = [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
    names = [row["id"] for row in rows if isinstance(row.get("id"), str)]
    if model is None:
        if len(names) != 1:
            told = f"it serves {_listing(names)}" if names else f"no list came: {_told(line, seen)}"
            raise TeacherMisconfigured("teacher.which_model", f"name the model; {told}")
        model = names[0]
    if names and model not in names:
        raise TeacherMisconfigured(
            "teacher.no_model", f"it does not serve {model!r}; it serves {_listing(names)}"
        )
    row = next((row for row in rows if row.get("id") == model), {})
    length = row.get("max_model_len")
    return {
        "probe": REVISION,
        "served_model": model,
        "revision": _text(row.get("root")),
        "context_length": length if type(length) is int and length > 0 else None,
    }


async def _probe(line: Line, listed: Found, known: Capabilities | None) -> Capabilities:
    chat = _Chat(line, listed["served_model"])
    try:
        found: Found = {**listed, **await chat.plain()}
    except (TeacherMisconfigured, RequestRefused) as why:
        return await _embedder(chat, listed, why)
    if known is not None and found["fingerprint"] is not None and _is_same(known, found):
        return known
    questions: dict[str, Callable[[], Awaitable[Found]]] = {
        "version": chat.version,
        "json_schema": chat.json_schema,
        "choice": chat.choice,
        "logprobs": chat.logprobs,
        "token_ids": chat.token_ids,
        "n": chat.n,
        "extras": chat.extras,
        "priority": chat.priority,
        "model_check": chat.model_check,
        "score": chat.score,
        "embeddings": chat.embeddings,
        "gauges": chat.gauges,
    }
    slots = asyncio.Semaphore(_AT_ONCE)
    notes: list[str] = []

    async def ask(name: str, question: Callable[[], Awaitable[Found]]) -> Found:
        async with slots:
            try:
                return await question()
            except (_Absent, TeacherFailure) as why:
                notes.append(f"{name}: {why}")
                return {}

    for more in await asyncio.gather(*(ask(*one) for one in questions.items())):
        found |= more
    if not found["request_id_echo"]:
        notes.append("request_id_echo: replies do not carry our id, so connections rest between")
    return Capabilities(**found, notes=tuple(sorted(notes)))


def _is_same(known: Capabilities, found: Found) -> bool:
    return all(getattr(known, name) == value for name, value in found.items())


async def _embedder(chat: "_Chat", listed: Found, why: TeacherFailure) -> Capabilities:
    """What does not chat may be there to embed texts; if not, that is what is wrong with it."""
    try:
        found = await chat.embeddings()
    except (_Absent, TeacherFailure):
        raise why from None
    return Capabilities(**listed, **found, chat=False, notes=(f"chat: {why}",))


class _Chat:
    """The questions, each answering what it found."""

    def __init__(self, line: Line, model: str) -> None:
        self._line = line
        self._model = model
        self._room = _SHORT

    def _body(self, **fields: Any) -> Found:
        messages = [{"role": "user", "content": "Answer with one word."}]
        body = {"messages": messages, "temperature": 0, "max_tokens": _TINY}
        return {"model": self._model, **body, **fields}

    async def _ask(self, **fields: Any) -> Found:
        return _reply(self._line, await self._line.post(_CHAT, self._body(**fields)))

    async def _say(self, **fields: Any) -> Found:
        return await self._ask(max_tokens=self._room, **fields)

    async def plain(self) -> Found:
        name = request_name()
        seen = await self._line.post(_CHAT, self._body(), name)
        if not succeeded(seen):
            raise self._line.refusal(seen)
        try:
            message = _message(_reply(self._line, seen))
        except _Absent as why:
            raise TeacherMisconfigured("teacher.bad_reply", f"a chat was answered: {why}") from why
        fields = ("reasoning", "reasoning_content")
        thinks = next((f for f in fields if isinstance(message.get(f), str) and message[f]), None)
        if thinks is not None:
            self._room = _THINKING
        echoed = seen.value.get("id") == f"chatcmpl-{name}"
        return {
            "fingerprint": _text(seen.value.get("system_fingerprint")),
            "request_id_echo": echoed or seen.headers.get("x-request-id") == name,
            "reasoning_field": thinks,
        }

    async def version(self) -> Found:
        seen = await self._line.get("/version")
        version = _text(seen.value.get("version"))
        if version is None:
            raise _Absent(_told(self._line, seen))
        return {"version": version}

    async def json_schema(self) -> Found:
        schema = {
            "type": "object",
            "properties": {"word": {"type": "string", "enum": list(_WORDS)}},
            "required": ["word"],
            "additionalProperties": False,
        }
        content = _content(await self._say(response_format=response_format(schema)))
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise _Absent(f"not held to the schema: {shown(content)[:80]!r}") from None
        if not isinstance(value, dict) or value.get("word") not in _WORDS:
            raise _Absent(f"not held to the schema: {shown(content)[:80]!r}")
        return {"json_schema": True}

    async def choice(self) -> Found:
        only = " ".join(_WORDS)
        content = _content(await self._say(structured_outputs={"choice": [only]}))
        if content.strip() != only:
            raise _Absent(f"not held to the choice: {shown(content)[:80]!r}")
        return {"choice": True}

    async def logprobs(self) -> Found:
        refused: Exception | None = None
        for most in (20, 5, 1):
            try:
                reply = await self._ask(logprobs=True, top_logprobs=most)
            except _Absent as why:
                refused = why
                continue
            told = _choices(reply)[0].get("logprobs")
            entries = told.get("content") if isinstance(told, dict) else None
            if not isinstance(entries, list) or not entries:
                raise _Absent("none came")
            return {"logprobs": True, "max_logprobs": min(most, *map(_alternatives, entries))}
        raise _Absent(str(refused))

    async def token_ids(self) -> Found:
        reply = await self._ask(return_token_ids=True)
        if not isinstance(_choices(reply)[0].get("token_ids"), list):
            raise _Absent("none came")
        return {"token_ids": True}

    async def n(self) -> Found:
        count = len(_choices(await self._ask(n=2, temperature=1)))
        if count != 2:  # noqa: PLR2004  (as many as were asked for)
            raise _Absent(f"{count} choices came instead of 2")
        return {"n": True}

    async def extras(self) -> Found:
        await self._ask(top_k=0, min_p=0.0, repetition_penalty=1.0)
        return {"extras": True}

    async def priority(self) -> Found:
        # Some refuse another one than 0 where their scheduler knows none.
        await self._ask(priority=1)
        return {"priority": True}

    async def model_check(self) -> Found:
        seen = await self._line.post(_CHAT, self._body(model=f"no-such-model-{_WORDS[0]}"))
        if succeeded(seen):
            raise _Absent("it answers to any model's name, so the one that answers is unproven")
        return {"model_check": seen.status in {400, 404}}

    async def score(self) -> Found:
        tokens = [1, 2, 3]
        body = {"model": self._model, "prompt": tokens, "max_tokens": 1, "temperature": 0}
        seen = await self._line.post("/v1/completions", {**body, "prompt_logprobs": 0})
        entries = _choices(_reply(self._line, seen))[0].get("prompt_logprobs")
        if not isinstance(entries, list) or len(entries) != len(tokens):
            raise _Absent("no log-probabilities of the prompt came")
        return {"score": True}

    async def embeddings(self) -> Found:
        body = {"model": self._model, "input": "a"}
        reply = _reply(self._line, await self._line.post("/v1/embeddings", body))
        data = reply.get("data")
        if not isinstance(data, list) or not data or not isinstance(data[0], dict):
            raise _Absent("none came")
        return {"embeddings": isinstance(data[0].get("embedding"), list)}

    async def gauges(self) -> Found:
        seen = await self._line.get("/metrics")
        if not succeeded(seen) or gauges.read(seen.body.decode("utf-8", "replace")) is None:
            raise _Absent(f"no engine's load at /metrics (status {seen.status})")
        return {"gauges": True}


def _reply(line: Line, seen: Seen) -> Found:
    if not succeeded(seen):
        raise _Absent(_told(line, seen))
    if not seen.value:
        raise _Absent("the answer is not a JSON object")
    return seen.value


def _choices(reply: Found) -> list[Found]:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise _Absent("the reply has no choices")
    return choices


def _message(reply: Found) -> Found:
    message = _choices(reply)[0].get("message")
    if not isinstance(message, dict):
        raise _Absent("the reply has no message")
    return message


def _content(reply: Found) -> str:
    content = _message(reply).get("content")
    return content if isinstance(content, str) else ""


def _alternatives(entry: Any) -> int:
    top = entry.get("top_logprobs") if isinstance(entry, dict) else None
    return len(top) if isinstance(top, list) else 0


def _told(line: Line, seen: Seen) -> str:
    if succeeded(seen):
        return f"status {seen.status}, but not what was asked for"
    return f"status {seen.status}: {line.refusal(seen).message[:120]}"


def _listing(names: Sequence[str]) -> str:
    return shown(", ".join(names[:20])) or "none"


def _text(value: Any) -> str | None:
    return shown(value)[:200] or None if isinstance(value, str) else None
