"""A teacher is believed to do what it was seen to do."""

import asyncio
import json
from typing import Any

import pytest

from app.teachers.capabilities import Capabilities
from app.teachers.failures import TeacherDown, TeacherFailure, TeacherMisconfigured
from app.teachers.probe import probe
from app.teachers.transport import Transport
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.abilities import ALL, ONLY_EMBEDS
from tests.teachers.conftest import Serve, read_request

NAMES = {"echo": "request_id_echo"}


async def test_an_able_teacher_is_seen_to_be_able(fake: FakeTeacher, transport: Transport) -> None:
    able = await probe(transport, [fake.url], "fake")
    assert able.notes == ()
    assert all(getattr(able, NAMES.get(ability, ability)) for ability in ALL)
    assert (able.max_logprobs, able.context_length, able.fingerprint) == (20, 8192, "fake-1")
    assert not able.random_seed


async def test_an_engine_that_is_known_by_its_fingerprint_is_hardly_asked(
    fake: FakeTeacher, transport: Transport
) -> None:
    able = await probe(transport, [fake.url], "fake")
    asked = len(fake.record.probed)
    assert await probe(transport, [fake.url], "fake", known=able) == able
    assert len(fake.record.probed) == asked + 1
    for changed in ({"fingerprint": "fake-0"}, {"context_length": 4096}, {"probe": 0}):
        other = able.model_copy(update={**changed, "choice": False})
        assert await probe(transport, [fake.url], "fake", known=other) == able


@pytest.mark.parametrize("lacking", sorted(ALL))
async def test_what_a_teacher_lacks_is_seen_though_it_answers_200(
    transport: Transport, lacking: str
) -> None:
    with FakeTeacher(abilities=ALL - {lacking}) as fake:
        able = await probe(transport, [fake.url], None)
    name = NAMES.get(lacking, lacking)
    assert not getattr(able, name)
    assert [note.partition(":")[0] for note in able.notes] == [name]
    others = ALL - {lacking}
    assert all(getattr(able, NAMES.get(other, other)) for other in others)


async def test_a_teacher_may_be_there_to_embed_texts_only(transport: Transport) -> None:
    with FakeTeacher("vectors", abilities=ONLY_EMBEDS) as fake:
        able = await probe(transport, [fake.url], None)
    assert (able.served_model, able.chat, able.embeddings) == ("vectors", False, True)
    with (
        FakeTeacher(abilities=ONLY_EMBEDS - {"embeddings"}) as fake,
        pytest.raises(TeacherMisconfigured),
    ):
        await probe(transport, [fake.url], None)


async def test_a_random_seed_is_never_sent(fake: FakeTeacher, transport: Transport) -> None:
    await probe(transport, [fake.url], None)
    assert len(fake.record.probed) > 6
    assert not any({"seed", "random_seed"} & body.keys() for body in fake.record.probed)
    assert all(body["max_tokens"] <= 96 for body in fake.record.probed)


async def test_a_teacher_that_is_not_there_is_down(fake: FakeTeacher, transport: Transport) -> None:
    fake.stop()
    with pytest.raises(TeacherDown):
        await probe(transport, [fake.url], None)


async def test_every_endpoint_must_serve_the_model(fake: FakeTeacher, transport: Transport) -> None:
    with FakeTeacher("other") as other, pytest.raises(TeacherMisconfigured, match="serves other"):
        await probe(transport, [fake.url, other.url], "fake")


async def test_a_server_that_never_answers_a_question_ends_it(
    serve: Serve, transport: Transport
) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter, __: int) -> None:
        await reader.read()

    with pytest.raises(TeacherFailure, match="timeout"):
        await probe(transport, [await serve(silent)], "m", question_seconds=0.1)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"data": 3, "choices": 5},
        {"data": [None, 3, {"id": 7}], "choices": [None]},
        {"choices": [{"message": 3}]},
        {"choices": [{"message": {"content": 4}, "logprobs": [1], "token_ids": {}}]},
        {
            "data": [{"id": "m", "max_model_len": "x", "root": 3}],
            "choices": [
                {
                    "message": {"content": "null", "reasoning": 3},
                    "logprobs": {"content": [3, {"top_logprobs": 4}]},
                    "prompt_logprobs": 3,
                }
            ],
            "system_fingerprint": "\ud800\x00",
            "version": [1],
        },
    ],
)
async def test_a_server_that_answers_nonsense_is_refused_or_able_of_little(
    serve: Serve, transport: Transport, answer: Any
) -> None:
    body = json.dumps(answer).encode()

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while await read_request(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

    try:
        able = await probe(transport, [await serve(nonsense)], "m", question_seconds=2)
    except TeacherFailure:
        return
    assert not any((able.json_schema, able.choice, able.n, able.score, able.embeddings))
    able.model_dump_json().encode()


def test_capabilities_survive_their_json_and_newer_fields() -> None:
    able = Capabilities(json_schema=True, notes=("a",))
    told = able.model_dump(mode="json") | {"of_a_later_version": 1}
    assert Capabilities.model_validate(told) == able
