"""Whatever goes wrong with a teacher ends as the right failure."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from app.teachers.client import TeacherClient
from app.teachers.failures import (
    AttemptFailed,
    RequestRefused,
    TeacherBusy,
    TeacherDown,
    TeacherFailure,
    TeacherMisconfigured,
)
from app.teachers.pace import Pace
from tests.fake_teacher import Behaviour, FakeTeacher
from tests.fake_teacher.behaviour import error_body, fails
from tests.fake_teacher.mixed import FAULTS
from tests.teachers.asking import ABLE, CAP, ask

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
    fake.fails(503).fails(429, retry_after=7)
    with pytest.raises(TeacherBusy) as silent:
        await ask(client)
    assert silent.value.retry_after is None
    with pytest.raises(TeacherBusy) as told:
        await ask(client)
    assert told.value.retry_after == 7


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
        await ask(client, deadline=0.5)
    assert seen.value.reason == "teacher.timeout"
    # On a machine so busy that the deadline ended before the request had left, there is no one
    # to hang up on.
    await fake.until(lambda record: record.hung_up == len(record.asked))


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
    client.gate.endpoints[0].pace = Pace(limit=32)
    asking = [asyncio.create_task(ask(client)) for _ in range(32)]
    await fake.until(lambda record: record.in_flight == 32)
    fake.stop()
    async with asyncio.timeout(10):
        ended = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, AttemptFailed | TeacherDown) for one in ended)
    assert len(fake.asked) == 32


async def test_every_fault_of_the_mixed_teacher_ends_as_a_value_or_a_failure(
    fake: FakeTeacher, client: TeacherClient
) -> None:
    fake.mixes(3, good=0.2)
    questions: list[Callable[[], Any]] = [lambda: ask(client, deadline=0.5) for _ in range(150)]
    ended = await asyncio.gather(*(one() for one in questions), return_exceptions=True)
    assert all(isinstance(one, tuple | TeacherFailure) for one in ended)
    assert sum(isinstance(one, tuple) for one in ended) > 30


@pytest.mark.parametrize("name", ["huge", "slow_drip", "drops", "alien", "error_500"])
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
