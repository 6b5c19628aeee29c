"""The bytes of a chat request. What the rows of a chunk share is encoded once."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import orjson

from app.prompts.prompt import Message
from app.teachers.capabilities import Capabilities
from app.teachers.failures import RequestRefused
from app.teachers.sampling import Sampling

_REMEMBERED = 8
"""Shared beginnings: as many as few-shot subsets are in turn at one time, and some."""


class Encoder:
    def __init__(self, model: str, capabilities: Capabilities) -> None:
        self.model = model
        self._able = capabilities
        self._prefixes: deque[tuple[tuple[Message, ...], bytes]] = deque(maxlen=_REMEMBERED)
        self._endings: deque[tuple[Sampling, dict[str, Any] | None, int, bytes]] = deque(
            maxlen=_REMEMBERED
        )

    def encode(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        schema: dict[str, Any] | None,
        priority: int = 0,
    ) -> bytes:
        """A teacher that does not know priorities is told none. Raises `RequestRefused` for a text
        that cannot be sent.
        """
        try:
            last = _turn(messages[-1])
            return (
                self._beginning(tuple(messages[:-1])) + last + self._end(sampling, schema, priority)
            )
        except orjson.JSONEncodeError as error:
            raise RequestRefused(
                "teacher.refused_request", f"the prompt is not valid Unicode: {error}"
            ) from error

    def _beginning(self, turns: tuple[Message, ...]) -> bytes:
        # Turns that are the same objects compare by identity, which costs next to nothing.
        for known, encoded in self._prefixes:
            if known == turns:
                return encoded
        encoded = b'{"messages":[' + b"".join(_turn(turn) + b"," for turn in turns)
        self._prefixes.appendleft((turns, encoded))
        return encoded

    def _end(self, sampling: Sampling, schema: dict[str, Any] | None, priority: int) -> bytes:
        for known, known_schema, known_priority, encoded in self._endings:
            if known is sampling and known_schema is schema and known_priority == priority:
                return encoded
        fields = {"model": self.model, **sampling.on_the_wire(extras=self._able.extras)}
        if schema is not None and self._able.json_schema:
            fields["response_format"] = response_format(schema)
        if self._able.priority:
            fields["priority"] = priority
        encoded = b"]," + orjson.dumps(fields)[1:]
        self._endings.appendleft((sampling, schema, priority, encoded))
        return encoded


def response_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}


def _turn(message: Message) -> bytes:
    return orjson.dumps({"role": message.role, "content": message.content})
