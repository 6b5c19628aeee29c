"""What serves where vLLM cannot be had: the same weights, the same questions."""

import json
from pathlib import Path

import pytest

from app.local.kind import Kind
from app.prompts.prompt import Message
from app.teachers.client import TeacherClient
from app.teachers.probe import probe
from app.teachers.sampling import Sampling
from app.teachers.transport import Transport
from tests.real_teacher import running

ROOM = 256
"""Tokens, more than this schema's grammar lets a reply be long: between any two signs it allows two
line breaks and twenty blanks, and a small model likes to put them all."""
SCHEMA = {
    "type": "object",
    "properties": {"animal": {"type": "string", "maxLength": 20}},
    "required": ["animal"],
    "additionalProperties": False,
}


@pytest.mark.teacher
async def test_the_light_teacher_answers_in_the_schema_it_is_given(tmp_path: Path) -> None:
    transport = Transport()
    with running(tmp_path, Kind.LIGHT) as light:
        base = light.url.removesuffix("/v1")
        able = await probe(transport, [base], light.model)
        assert able.json_schema
        client = TeacherClient(
            [base], light.model, capabilities=able, cap=100_000, transport=transport
        )
        (reply,) = await client.ask(
            [Message("user", "Name an animal that lives in the sea.")],
            Sampling(max_tokens=ROOM),
            request_id="one",
            schema=SCHEMA,
            deadline=120,
        )
    await transport.aclose()
    assert reply.finish_reason == "stop"
    assert list(json.loads(reply.content)) == ["animal"]
