"""The client against a real engine: what the scripted teacher claims about servers is true."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from app.local.kind import Kind
from app.prompts.prompt import Message
from app.teachers import gauges
from app.teachers.client import TeacherClient
from app.teachers.failures import AttemptFailed, RequestRefused, TeacherMisconfigured
from app.teachers.probe import probe
from app.teachers.sampling import Sampling
from app.teachers.transport import Transport
from tests.real_teacher import RealTeacher

pytestmark = pytest.mark.teacher

SHARED = (
    Message("system", "You name one animal that lives where the user says. " * 8),
    Message("user", "In the sea."),
    Message("assistant", '{"animal": "octopus"}'),
)
SCHEMA = {
    "type": "object",
    "properties": {"animal": {"type": "string", "maxLength": 20}},
    "required": ["animal"],
    "additionalProperties": False,
}


def base(teacher: RealTeacher) -> str:
    return teacher.url.removesuffix("/v1")


async def client_of(teacher: RealTeacher, transport: Transport) -> TeacherClient:
    able = await probe(transport, [base(teacher)], teacher.model)
    return TeacherClient(
        [base(teacher)],
        teacher.model,
        capabilities=able,
        cap=1_000_000,
        deadline=120,
        transport=transport,
    )


async def test_a_real_teacher_is_seen_for_what_it_is(
    real_teacher: RealTeacher, transport: Transport
) -> None:
    able = await probe(transport, [base(real_teacher)], None)
    assert able.served_model
    assert able.context_length is None or able.context_length >= 2048
    assert able.json_schema
    assert able.logprobs
    is_vllm = real_teacher.kind is not Kind.LIGHT
    assert (able.request_id_echo, able.choice, able.score, able.gauges) == (is_vllm,) * 4


async def test_real_replies_keep_to_the_schema_and_share_the_prompt(
    real_teacher: RealTeacher, transport: Transport
) -> None:
    client = await client_of(real_teacher, transport)
    sampling = Sampling(max_tokens=60, n=2, top_logprobs=2)
    asked = [
        client.ask(
            (*SHARED, Message("user", f"In {place}.")),
            sampling,
            request_id=f"real.{place}",
            schema=SCHEMA,
        )
        for place in ("trees", "caves", "deserts", "rivers")
    ]
    for completions in await asyncio.gather(*asked):
        assert len(completions) == 2
        for one in completions:
            assert one.logprobs
            assert one.finish_reason in {"stop", "length"}
            if one.finish_reason == "stop":
                assert json.loads(one.content).keys() == {"animal"}
        assert completions[0].prompt_tokens > 40
        assert sum(one.completion_tokens for one in completions) > 4


async def test_a_real_teacher_says_what_it_refuses(
    real_teacher: RealTeacher, transport: Transport
) -> None:
    client = await client_of(real_teacher, transport)
    with pytest.raises((RequestRefused, AttemptFailed)) as seen:
        await client.ask([Message("user", "word " * 20_000)], Sampling(), request_id="real.long")
    assert seen.value.message
    if real_teacher.kind is not Kind.LIGHT:
        other = TeacherClient([base(real_teacher)], "no-such", cap=1_000, transport=transport)
        with pytest.raises(TeacherMisconfigured) as missing:
            await other.ask([Message("user", "a")], Sampling(), request_id="real.other")
        assert missing.value.reason == "teacher.not_found"


async def test_a_cancelled_question_stops_costing_the_teacher(
    real_teacher: RealTeacher, transport: Transport
) -> None:
    client = await client_of(real_teacher, transport)
    asking = asyncio.create_task(
        client.ask(
            [Message("user", "Count from one to a thousand.")],
            Sampling(max_tokens=1500),
            request_id="real.cancel",
        )
    )
    shows_load = real_teacher.kind is not Kind.LIGHT
    if shows_load:
        await until(real_teacher, lambda load: load.running > 0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    if shows_load:
        await until(real_teacher, lambda load: load.running == 0)


async def until(teacher: RealTeacher, claim: Callable[[gauges.Gauges], bool]) -> None:
    async with asyncio.timeout(20), httpx.AsyncClient() as http:
        while True:
            load = gauges.read((await http.get(f"{base(teacher)}/metrics")).text)
            assert load is not None
            if claim(load):
                return
