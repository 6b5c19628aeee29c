"""What goes out to a teacher, and what comes back as completions."""

import asyncio
import tracemalloc
from typing import Any

import pytest

from app.teachers.client import TeacherClient
from app.teachers.failures import (
    AttemptFailed,
    RequestRefused,
    TeacherMisconfigured,
)
from app.teachers.sampling import Sampling
from tests.fake_teacher import Behaviour, FakeTeacher
from tests.fake_teacher.mixed import FAULTS
from tests.teachers.asking import CAP, MESSAGES, ask


async def test_a_reply_becomes_a_completion(fake: FakeTeacher, client: TeacherClient) -> None:
    fake.says("Good day.", message={"reasoning": "They greet."})
    (got,) = await ask(client)
    assert (got.content, got.finish_reason, got.reasoning) == ("Good day.", "stop", "They greet.")
    assert (got.prompt_tokens, got.completion_tokens, got.cached_tokens) == (8, 2, 4)
    assert (got.fingerprint, got.model) == ("fake-1", "fake")
    assert got.size > 300


async def test_what_is_asked_is_what_was_rendered(fake: FakeTeacher, client: TeacherClient) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    await ask(client, Sampling(temperature=0.5, stop=("END",), random_seed=3), schema=schema)
    sent = fake.asked[0].body
    assert [(m["role"], m["content"]) for m in sent["messages"]] == [
        (m.role, m.content) for m in MESSAGES
    ]
    assert sent["response_format"]["json_schema"]["schema"] == schema
    assert (sent["temperature"], sent["stop"], sent["seed"]) == (0.5, ["END"], 3)
    explicit = {"top_p", "top_k", "min_p", "max_tokens", "n", "repetition_penalty"}
    assert explicit <= sent.keys()
    assert fake.asked[0].headers["accept-encoding"] == "identity"


async def test_a_schema_is_sent_only_to_a_teacher_that_keeps_to_it(fake: FakeTeacher) -> None:
    async with TeacherClient([fake.url], "fake", cap=CAP) as unknown:
        await ask(unknown, schema={"type": "object"})
    assert "response_format" not in fake.asked[0].body
    assert "top_k" not in fake.asked[0].body


async def test_several_samples_come_in_order_and_share_the_usage(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    def choice(at: int) -> dict[str, Any]:
        content = f"answer {at} " + "word " * at
        return {"index": at, "message": {"content": content}, "finish_reason": "stop"}

    usage = {"prompt_tokens": 9, "completion_tokens": 100}
    fake.says(extra={"choices": [choice(2), choice(0), choice(1)], "usage": usage})
    got = await ask(client, Sampling(n=3))
    assert [one.content.split()[1] for one in got] == ["0", "1", "2"]
    assert sum(one.completion_tokens for one in got) == 100
    assert got[2].completion_tokens > got[0].completion_tokens
    assert [one.prompt_tokens for one in got] == [9, 0, 0]


async def test_logprobs_come_as_the_teacher_sent_them(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.says("one two")
    (got,) = await ask(client, Sampling(top_logprobs=2))
    assert got.logprobs is not None
    assert [entry["token"] for entry in got.logprobs] == ["one", "two"]
    assert len(got.logprobs[0]["top_logprobs"]) == 2


async def test_bad_content_is_a_completion_and_no_failure(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    for content, came in (
        ("a\x00b", "a\x00b"),
        ("a\ud800b", "a\ud800b"),
        (None, ""),
        ("", ""),
        (" " * 90_000, " " * 90_000),
    ):
        fake.forgets().says(content)
        (got,) = await ask(client)
        assert got.content == came


async def test_a_lone_surrogate_in_one_choice_costs_the_others_nothing(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.says("a\ud800", "good")
    got = await ask(client, Sampling(n=2))
    assert [one.content for one in got] == ["a\ud800", "good"]


async def test_a_servers_own_words_are_made_fit_to_be_stored(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": -4, "prompt_tokens_details": 3}
    fake.says(
        "a",
        finish_reason="st\x00op",
        extra={"system_fingerprint": "f\ud800" + "x" * 900, "model": 7, "usage": usage},
    )
    (got,) = await ask(client)
    assert got.finish_reason == "st op"
    assert got.fingerprint is not None
    assert len(got.fingerprint) <= 200
    got.fingerprint.encode()
    assert (got.model, got.prompt_tokens, got.completion_tokens) == (None, 0, 0)


async def test_a_reply_over_the_cap_is_oversize_and_no_failure(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.does(FAULTS["huge"])
    (got,) = await ask(client)
    assert (got.finish_reason, got.content) == ("oversize", "")
    assert got.size > CAP
    fake.forgets().does(Behaviour(endless=True))
    first, second = await ask(client, Sampling(n=2))
    assert (first.finish_reason, second.finish_reason) == ("oversize", "oversize")
    fake.forgets().does(Behaviour(status=500, body=b"x" * 5_000_000))
    with pytest.raises(AttemptFailed, match="error_500"):
        await ask(client)


async def test_memory_stays_bounded_under_many_oversize_replies(fake: FakeTeacher) -> None:
    fake.does(Behaviour(endless=True))
    async with TeacherClient([fake.url], "fake", cap=200_000) as client:
        await ask(client)
        tracemalloc.start()
        try:
            await asyncio.gather(*(ask(client) for _ in range(32)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 32 * 1_500_000


async def test_room_is_made_for_the_logprobs_that_were_asked_for(fake: FakeTeacher) -> None:
    fake.says("word " * 300)
    async with TeacherClient([fake.url], "fake", cap=20_000) as client:
        (got,) = await ask(client, Sampling(top_logprobs=20, max_tokens=300))
    assert got.finish_reason == "stop"


async def test_a_key_is_sent_and_shown_nowhere() -> None:
    secret = "canary-0123456789"
    with FakeTeacher(api_key=secret) as fake:
        async with TeacherClient([fake.url], "fake", api_key=secret, cap=CAP) as client:
            assert await ask(client)
            fake.fails(400, message=f"bad key {secret} and sk-abcdefgh123456")
            with pytest.raises(RequestRefused) as seen:
                await ask(client)
    assert secret not in str(seen.value)
    assert "abcdefgh123456" not in str(seen.value)
    assert secret not in repr(client)


async def test_an_unusable_teacher_says_so_when_asked() -> None:
    failure = TeacherMisconfigured("teacher.no_key", "there is no key at env:NOPE")
    async with TeacherClient(["http://a"], "m", cap=CAP, unusable=failure) as client:
        assert not await client.healthy()
        with pytest.raises(TeacherMisconfigured, match="env:NOPE"):
            await ask(client)


async def test_an_address_where_no_teacher_may_be_is_never_connected_to() -> None:
    async with TeacherClient(["http://169.254.169.254"], "m", cap=CAP) as client:
        with pytest.raises(TeacherMisconfigured) as seen:
            await ask(client)
    assert seen.value.reason == "teacher.address"


@pytest.mark.parametrize("request_id", ["a\r\nX: 1", "ä", "a\0b"])
async def test_a_request_id_that_could_break_a_header_is_a_mistake_of_ours(
    client: TeacherClient, request_id: str
) -> None:
    with pytest.raises(ValueError, match="printable"):
        await client.ask(MESSAGES, Sampling(), request_id=request_id)
