"""A reply is taken only by the prompt it belongs to."""

import asyncio
import json
from typing import Any

from app.prompts.prompt import Message
from app.teachers.client import TeacherClient
from app.teachers.failures import (
    AttemptFailed,
)
from app.teachers.sampling import Sampling
from tests.fake_teacher import Behaviour, FakeTeacher
from tests.teachers.asking import ABLE, CAP, ask, numbers
from tests.teachers.conftest import Serve, read_request


async def test_a_doubled_reply_is_never_taken_for_the_next_prompts(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    count = 0

    def doubled(body: dict[str, Any]) -> Behaviour:
        nonlocal count
        count += 1
        told = body["messages"][-1]["content"]
        return Behaviour(contents=(f"to {told}",), copies=2 if count % 3 == 0 else 1)

    fake.when(doubled)
    await _each_its_own(client)


async def test_without_an_id_in_replies_a_doubled_one_is_caught_by_resting(
    fake: FakeTeacher,
) -> None:
    fake.abilities -= {"echo"}
    fake.when(lambda body: Behaviour(contents=(f"to {body['messages'][-1]['content']}",), copies=2))
    async with TeacherClient([fake.url], "fake", cap=CAP) as client:
        await _each_its_own(client)


async def _each_its_own(client: TeacherClient) -> None:
    async def one(number: int) -> bool:
        messages = (Message("user", f"q{number}"),)
        try:
            (got,) = await client.ask(messages, Sampling(), request_id=f"d.{next(numbers)}")
        except AttemptFailed:
            return False
        assert got.content == f"to q{number}"
        return True

    for start in range(0, 60, 4):
        await asyncio.gather(*(one(number) for number in range(start, start + 4)))


async def test_any_id_header_that_comes_back_proves_a_reply_too(serve: Serve) -> None:
    body = json.dumps({"choices": [{"message": {"content": "a"}}]}).encode()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while head := await read_request(reader):
            line = next(one for one in head.split(b"\r\n") if one.startswith(b"X-Request-Id"))
            size = b"Content-Length: %d" % len(body)
            writer.write(b"\r\n".join([b"HTTP/1.1 200 OK", line, size, b"", body]))
            await writer.drain()

    async with TeacherClient([await serve(echo)], "m", capabilities=ABLE, cap=CAP) as client:
        assert (await ask(client))[0].content == "a"
