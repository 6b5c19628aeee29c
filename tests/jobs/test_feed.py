"""The questions of a chunk, and the places they take."""

import asyncio
from collections import deque

import pytest

from app.jobs.ask import Asker
from app.jobs.blueprint import Question
from app.jobs.feed import Feed
from app.jobs.lane import Course
from app.prompts.prompt import Message, Prompt
from app.teachers.client import TeacherClient
from app.teachers.failures import TeacherDown
from app.teachers.gate import Gate, Place
from app.teachers.sampling import Sampling

PROMPT = Prompt((Message("user", "Why?"),), bytes(16))


def feed_of(client: TeacherClient, count: int, course: Course) -> Feed[Question]:
    asker = Asker(client, Sampling(), None, 10)
    questions = deque(Question(item, {}, None, PROMPT) for item in range(count))

    async def never(_question: Question, _prompt: Prompt, _place: Place) -> None:
        await asyncio.Event().wait()

    return Feed(asker, questions, course, None, (), lambda _: True, never)


async def settle() -> None:
    """Until every task that can go on has done so."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_whenever_a_chunk_is_cancelled_its_places_are_free_again(turns: int) -> None:
    async with TeacherClient(["http://t:1"], "m", cap=1, gate=Gate(100)) as client:
        gate = client.gate
        running = asyncio.create_task(feed_of(client, 20, Course()).run())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.sleep(0)
        assert (gate.out, gate.in_flight, gate.ahead, gate.is_waited_for) == (0, 0, 0, False)


async def test_one_that_is_stopped_asks_no_more_and_waits_for_what_is_out() -> None:
    async with TeacherClient(["http://t:1"], "m", cap=1, gate=Gate(100)) as client:
        course, gate = Course(), client.gate
        feed = feed_of(client, 20, course)
        done = asyncio.Event()
        feed.ask = lambda *_: _until(done)
        running = asyncio.create_task(feed.run())
        await settle()
        assert gate.is_waited_for
        course.stop.set()
        await settle()
        assert (gate.out, gate.ahead) == (8, 0)
        done.set()
        assert await running is None
        assert gate.out == 0


async def test_with_nobody_there_the_rest_is_not_waited_for() -> None:
    async with TeacherClient(["http://t:1"], "m", cap=1, gate=Gate(100)) as client:
        gate = client.gate
        feed = feed_of(client, 20, Course())
        done = asyncio.Event()
        feed.ask = lambda *_: _until(done)
        running = asyncio.create_task(feed.run())
        await settle()
        assert gate.is_waited_for
        gate.found_dead(gate.endpoints[0], TeacherDown("teacher.unreachable", "nobody"))
        done.set()
        failure = await running
        assert failure is not None
        assert failure.reason == "teacher.unreachable"
        assert not failure.suspect


async def _until(done: asyncio.Event) -> None:
    await done.wait()
