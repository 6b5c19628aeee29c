"""Several servers of one teacher."""

import asyncio

import pytest

from app.teachers.client import TeacherClient
from app.teachers.failures import (
    TeacherDown,
)
from tests.fake_teacher import FakeTeacher
from tests.teachers.asking import ABLE, CAP, ask


async def test_requests_are_spread_over_endpoints_and_pass_over_dead_ones() -> None:
    with FakeTeacher(latency=0.02) as one, FakeTeacher(latency=0.02) as other:
        urls = [one.url, other.url]
        async with TeacherClient(urls, "fake", capabilities=ABLE, cap=CAP) as client:
            await asyncio.gather(*(ask(client) for _ in range(16)))
            assert (len(one.asked), len(other.asked)) == (8, 8)
            one.stop()
            await asyncio.gather(*(ask(client) for _ in range(10)))
            assert len(other.asked) == 18
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
