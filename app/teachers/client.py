"""Asking a teacher: one chat completion, whatever comes back turned into a value or a failure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

from app.prompts.prompt import Message
from app.teachers.capabilities import Capabilities
from app.teachers.completion import Completion
from app.teachers.failures import AttemptFailed, TeacherDown
from app.teachers.refusals import failure_of, shown
from app.teachers.sampling import Sampling
from app.teachers.transport import Transport
from app.teachers.wire import ReplyTooLong

CAP_PER_TOKEN = 32
"""Bytes a reply may have for each token asked for, logprobs included, above the fixed cap."""
_HEALTH_SECONDS = 5.0


class TeacherClient:
    """One teacher, as seen from one process. Retries nothing: a retry is the worker's decision."""

    def __init__(
        self,
        transport: Transport,
        url: str,
        model: str,
        *,
        api_key: str | None = None,
        capabilities: Capabilities | None = None,
        cap: int,
    ) -> None:
        headers = {"content-type": "application/json", "user-agent": "limbeck"}
        if api_key is not None:
            headers["authorization"] = f"Bearer {api_key}"
        self._client = httpx.AsyncClient(
            transport=transport, base_url=url, headers=headers, trust_env=False
        )
        self._model = model
        self._key = api_key
        self._able = capabilities
        self._cap = cap
        self._prefix: tuple[tuple[Message, ...], bytes] = ((), b"")

    async def ask(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        request_id: str,
        schema: dict[str, Any] | None = None,
        deadline: float,
    ) -> tuple[Completion, ...]:
        """The `n` completions of one chat, in order; `deadline` is in seconds, over everything.

        `request_id` must be new for every attempt. Raises a `TeacherFailure`; a reply over the byte
        cap is none, but completions that say `oversize`.
        """
        body = self._encode(messages, sampling, schema)
        try:
            response = await self._client.post(
                "/v1/chat/completions",
                content=body,
                headers={"x-request-id": request_id},
                extensions={"deadline": deadline, "cap": self._cap * sampling.n},
            )
        except ReplyTooLong as long:
            return tuple(
                Completion(content="", finish_reason="oversize", size=long.size)
                for _ in range(sampling.n)
            )
        except httpx.ConnectError as error:
            raise TeacherDown("teacher.unreachable", shown(str(error), self._key)) from error
        except httpx.TimeoutException as error:
            down = isinstance(error, httpx.ConnectTimeout)
            failure = TeacherDown if down else AttemptFailed
            raise failure("teacher.timeout", shown(str(error), self._key)) from error
        except httpx.TransportError as error:
            raise AttemptFailed("teacher.broken_reply", shown(str(error), self._key)) from error
        if not response.is_success:
            raise failure_of(
                response.status_code, response.headers, response.content, secret=self._key
            )
        return self._completions(response.content, sampling.n, request_id)

    async def healthy(self) -> bool:
        """Whether the server says it is well. It may be wrong: a frozen engine still says so."""
        try:
            answer = await self._client.get("/health", extensions={"deadline": _HEALTH_SECONDS})
            if answer.status_code == httpx.codes.NOT_FOUND:
                answer = await self._client.get(
                    "/v1/models", extensions={"deadline": _HEALTH_SECONDS}
                )
        except (httpx.TransportError, ReplyTooLong):
            return False
        return answer.is_success

    def _encode(
        self, messages: Sequence[Message], sampling: Sampling, schema: dict[str, Any] | None
    ) -> bytes:
        """The request. What all rows of a chunk share is encoded once: turns are compared by
        identity first, so that the comparison costs next to nothing.
        """
        shared, last = tuple(messages[:-1]), messages[-1]
        if self._prefix[0] != shared:
            turns = [{"role": m.role, "content": m.content} for m in shared]
            self._prefix = (shared, b"".join(orjson.dumps(turn) + b"," for turn in turns))
        rest: dict[str, Any] = {"model": self._model, **sampling.on_the_wire()}
        if schema is not None and self._able is not None and self._able.json_schema:
            rest["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "record", "schema": schema},
            }
        final = orjson.dumps({"role": last.role, "content": last.content})
        return b'{"messages":[' + self._prefix[1] + final + b"]," + orjson.dumps(rest)[1:]

    def _completions(self, body: bytes, n: int, request_id: str) -> tuple[Completion, ...]:
        reply = _decode(body)
        echoes = self._able is not None and self._able.request_id_echo
        if echoes and reply.get("id") != f"chatcmpl-{request_id}":
            raise AttemptFailed(
                "teacher.alien_reply", "the reply is not to the request that was sent"
            )
        choices = reply.get("choices")
        if not isinstance(choices, list) or len(choices) != n:
            count = len(choices) if isinstance(choices, list) else "no"
            raise AttemptFailed("teacher.bad_reply", f"{count} choices came back instead of {n}")
        try:
            ordered = sorted(choices, key=lambda choice: choice.get("index", 0))
            return tuple(
                _completion(choice, reply, len(body), first=place == 0, alone=n == 1)
                for place, choice in enumerate(ordered)
            )
        except (AttributeError, TypeError, KeyError) as error:
            raise AttemptFailed("teacher.bad_reply", "the reply has another shape") from error


def _decode(body: bytes) -> dict[str, Any]:
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:  # orjson refuses lone surrogates and NaN; what they are part of may be one choice only
            reply = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise AttemptFailed("teacher.bad_reply", "the reply is not JSON") from error
    if not isinstance(reply, dict):
        raise AttemptFailed("teacher.bad_reply", "the reply is no JSON object")
    return reply


def _completion(
    choice: Mapping[str, Any], reply: Mapping[str, Any], size: int, *, first: bool, alone: bool
) -> Completion:
    message = choice["message"]
    usage = reply.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    token_ids = choice.get("token_ids")
    spent = _count(usage.get("completion_tokens"))
    if not alone:
        # Usage is summed over choices: each is charged its own tokens where they are listed.
        spent = len(token_ids) if isinstance(token_ids, list) else (spent if first else 0)
    reasoning = message.get("reasoning") or message.get("reasoning_content")
    content = message.get("content")
    logprobs = (choice.get("logprobs") or {}).get("content")
    fingerprint, model = reply.get("system_fingerprint"), reply.get("model")
    return Completion(
        content=content if isinstance(content, str) else "",
        finish_reason=_word(choice.get("finish_reason")),
        reasoning=reasoning if isinstance(reasoning, str) else None,
        prompt_tokens=_count(usage.get("prompt_tokens")) if first else 0,
        completion_tokens=spent,
        cached_tokens=_count(details.get("cached_tokens")) if first else 0,
        fingerprint=_storable(fingerprint),
        model=_storable(model),
        logprobs=logprobs if isinstance(logprobs, list) else None,
        size=size,
    )


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _word(value: Any) -> str:
    return shown(value)[:40] if isinstance(value, str) and value else "unknown"


def _storable(value: Any) -> str | None:
    return shown(value)[:200] if isinstance(value, str) else None
