"""Whatever a teacher does ends as completions or as the right failure."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop

from app.prompts.prompt import Message
from app.teachers.capabilities import Capabilities
from app.teachers.client import TeacherClient
from app.teachers.completion import Completion
from app.teachers.failures import (
    AttemptFailed,
    RequestRefused,
    TeacherBusy,
    TeacherDown,
    TeacherFailure,
    TeacherMisconfigured,
)
from app.teachers.sampling import Sampling
from tests.fake_teacher import Behaviour, FakeTeacher
from tests.fake_teacher.behaviour import error_body, fails
from tests.fake_teacher.mixed import FAULTS
from tests.teachers.conftest import Serve, read_request

MESSAGES = (
    Message("system", "You answer."),
    Message("user", "An example."),
    Message("assistant", "Its answer."),
    Message("user", "The question."),
)
ABLE = Capabilities(request_id_echo=True, extras=True, json_schema=True)
CAP = 100_000

numbers = iter(range(1_000_000))


async def ask(
    client: TeacherClient, sampling: Sampling | None = None, **more: Any
) -> tuple[Completion, ...]:
    return await client.ask(
        MESSAGES, sampling or Sampling(), request_id=f"job/item.{next(numbers)}", **more
    )


@pytest.fixture
async def client(fake: FakeTeacher) -> AsyncIterator[TeacherClient]:
    async with TeacherClient(
        [fake.url], fake.model, capabilities=ABLE, cap=CAP, deadline=10
    ) as opened:
        yield opened


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


TABLE: list[tuple[str, Behaviour, type[TeacherFailure], str]] = [
    (
        "prompt too long",
        Behaviour(status=400, body=error_body(400, "longer than 4096", "input_tokens")),
        RequestRefused,
        "teacher.refused_request",
    ),
    ("bad schema", fails(400), RequestRefused, "teacher.refused_request"),
    ("unprocessable", fails(422), RequestRefused, "teacher.refused_request"),
    ("no key", fails(401), TeacherMisconfigured, "teacher.unauthorized"),
    ("forbidden", fails(403), TeacherMisconfigured, "teacher.unauthorized"),
    ("no such model", fails(404), TeacherMisconfigured, "teacher.not_found"),
    (
        "no such endpoint",
        Behaviour(status=404, body=b'{"detail":"Not Found"}'),
        TeacherMisconfigured,
        "teacher.not_found",
    ),
    ("queue full", fails(503), TeacherBusy, "teacher.busy"),
    ("gateway's limit", fails(429, retry_after=2), TeacherBusy, "teacher.busy"),
    (
        "engine dead",
        fails(500, message="EngineCore encountered an issue. See stack trace"),
        TeacherDown,
        "teacher.engine_dead",
    ),
    (
        "draining",
        fails(500, message="cannot schedule new futures after shutdown"),
        TeacherDown,
        "teacher.draining",
    ),
    ("bad gateway", fails(502), TeacherDown, "teacher.bad_gateway"),
    ("gateway's time-out", fails(504), AttemptFailed, "teacher.timeout"),
    ("another 500", fails(500), AttemptFailed, "teacher.error_500"),
    (
        "a redirect",
        Behaviour(status=308, headers={"location": "http://169.254.169.254/"}, body=b""),
        TeacherMisconfigured,
        "teacher.redirects",
    ),
    ("dropped", Behaviour(sent=0.0), AttemptFailed, "teacher.dropped"),
    ("dropped midway", Behaviour(sent=0.6), AttemptFailed, "teacher.bad_reply"),
    ("truncated JSON", FAULTS["truncated_json"], AttemptFailed, "teacher.bad_reply"),
    (
        "truncated JSON without a length",
        Behaviour(body=b'{"choices": [', until_close=True),
        AttemptFailed,
        "teacher.bad_reply",
    ),
    ("not JSON", Behaviour(body=b"<html>"), AttemptFailed, "teacher.bad_reply"),
    ("not UTF-8", Behaviour(body=b'{"a": "\xff"}'), AttemptFailed, "teacher.bad_reply"),
    ("too deep", Behaviour(body=b"[" * 50_000), AttemptFailed, "teacher.bad_reply"),
    ("a list", Behaviour(body=b"[1]"), AttemptFailed, "teacher.bad_reply"),
    ("empty", Behaviour(body=b""), AttemptFailed, "teacher.bad_reply"),
    ("too few choices", Behaviour(choices=0), AttemptFailed, "teacher.bad_reply"),
    ("too many choices", Behaviour(choices=2), AttemptFailed, "teacher.bad_reply"),
    ("no choices", Behaviour(extra={"choices": None}), AttemptFailed, "teacher.bad_reply"),
    ("a null choice", Behaviour(extra={"choices": [None]}), AttemptFailed, "teacher.bad_reply"),
    (
        "a content of parts",
        Behaviour(message={"content": [{"text": "a"}]}),
        AttemptFailed,
        "teacher.bad_reply",
    ),
    ("another's id", FAULTS["alien"], AttemptFailed, "teacher.alien_reply"),
    ("no id", Behaviour(extra={"id": None}), AttemptFailed, "teacher.alien_reply"),
]


@pytest.mark.parametrize(
    ("behaviour", "failure", "reason"),
    [row[1:] for row in TABLE],
    ids=[row[0].replace(" ", "-") for row in TABLE],
)
async def test_every_way_to_fail_has_its_class(
    fake: FakeTeacher,
    client: TeacherClient,
    behaviour: Behaviour,
    failure: type[TeacherFailure],
    reason: str,
) -> None:
    fake.does(behaviour)
    with pytest.raises(failure) as seen:
        await ask(client)
    assert seen.value.reason == reason
    assert seen.value.message


async def test_a_busy_teacher_may_say_for_how_long_or_not(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.fails(429, retry_after=7).fails(503)
    with pytest.raises(TeacherBusy) as told:
        await ask(client)
    assert told.value.retry_after == 7
    with pytest.raises(TeacherBusy) as silent:
        await ask(client)
    assert silent.value.retry_after is None


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


async def test_a_drip_feed_ends_at_the_deadline(fake: FakeTeacher, client: TeacherClient) -> None:
    fake.does(Behaviour(drip=0.01))
    with pytest.raises(AttemptFailed) as seen:
        await ask(client, deadline=0.2)
    assert seen.value.reason == "teacher.timeout"


async def test_a_server_that_never_answers_ends_at_the_deadline(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.holds("never")
    with pytest.raises(AttemptFailed) as seen:
        await ask(client, deadline=0.1)
    assert seen.value.reason == "teacher.timeout"
    await fake.until(lambda record: record.hung_up == 1)


async def test_a_server_that_is_not_there_is_down(fake: FakeTeacher, client: TeacherClient) -> None:
    assert await client.healthy()
    fake.stop()
    with pytest.raises(TeacherDown) as seen:
        await ask(client)
    assert seen.value.reason == "teacher.unreachable"
    assert not await client.healthy()


async def test_a_server_that_dies_with_32_in_flight_fails_each_of_them_once(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.holds("never")
    asking = [asyncio.create_task(ask(client)) for _ in range(32)]
    await fake.until(lambda record: record.in_flight == 32)
    fake.stop()
    async with asyncio.timeout(10):
        ended = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, AttemptFailed | TeacherDown) for one in ended)
    assert len(fake.asked) == 32


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


async def test_requests_are_spread_over_endpoints_and_pass_over_dead_ones() -> None:
    with FakeTeacher(latency=0.02) as one, FakeTeacher(latency=0.02) as other:
        urls = [one.url, other.url]
        async with TeacherClient(urls, "fake", capabilities=ABLE, cap=CAP) as client:
            await asyncio.gather(*(ask(client) for _ in range(20)))
            assert (len(one.asked), len(other.asked)) == (10, 10)
            one.stop()
            await asyncio.gather(*(ask(client) for _ in range(10)))
            assert len(other.asked) == 20
            other.stop()
            with pytest.raises(TeacherDown):
                await ask(client)


async def test_a_slow_endpoint_gets_less() -> None:
    with FakeTeacher(latency=0.3) as slow, FakeTeacher(latency=0.01) as fast:
        urls = [slow.url, fast.url]
        async with TeacherClient(urls, "fake", capabilities=ABLE, cap=CAP) as client:

            async def slot() -> None:
                for _ in range(10):
                    await ask(client)

            await asyncio.gather(*(slot() for _ in range(4)))
    assert len(fast.asked) > 2 * len(slow.asked)


@pytest.mark.parametrize("request_id", ["a\r\nX: 1", "ä", "a\0b"])
async def test_a_request_id_that_could_break_a_header_is_a_mistake_of_ours(
    client: TeacherClient, request_id: str
) -> None:
    with pytest.raises(ValueError, match="printable"):
        await client.ask(MESSAGES, Sampling(), request_id=request_id)


async def test_every_fault_of_the_mixed_teacher_ends_as_a_value_or_a_failure(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.mixes(3, good=0.2)
    questions: list[Callable[[], Any]] = [lambda: ask(client, deadline=0.5) for _ in range(150)]
    ended = await asyncio.gather(*(one() for one in questions), return_exceptions=True)
    assert all(isinstance(one, tuple | TeacherFailure) for one in ended)
    assert sum(isinstance(one, tuple) for one in ended) > 30


@pytest.mark.parametrize("name", ["huge", "slow_drip", "drops", "double", "alien", "error_500"])
def test_the_workers_own_event_loop_gives_the_same_ends(name: str) -> None:
    async def run(fake: FakeTeacher) -> list[str]:
        fake.does(FAULTS[name]).says("good")
        async with TeacherClient(
            [fake.url], fake.model, capabilities=ABLE, cap=CAP, deadline=0.5
        ) as client:
            ended = [await _ended(client)]
            fake.stop()
            return [*ended, await _ended(client)]

    ends = []
    for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with FakeTeacher() as fake, asyncio.Runner(loop_factory=loop) as runner:
            ends.append(runner.run(run(fake)))
    assert ends[0] == ends[1]
    assert ends[0][-1] == "teacher.unreachable"


async def _ended(client: TeacherClient) -> str:
    try:
        (got,) = await ask(client)
    except TeacherFailure as failure:
        return failure.reason
    return got.finish_reason
