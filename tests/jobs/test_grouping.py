"""What arrives little by little is committed together, as long as nobody waits for that."""

import asyncio
from collections.abc import Callable

from app.jobs.ask import Asker
from app.jobs.grouping import Groups
from app.teachers.client import TeacherClient
from app.teachers.gate import Gate
from app.teachers.sampling import Sampling

LONG = 3600.0


async def committed(presses: Callable[[int], bool], linger: float) -> list[list[int]]:
    """The groups that three things came in, of which each arrived after the one before."""
    found: list[list[int]] = []

    async def commit(group: list[int]) -> None:
        found.append(group)

    groups: Groups[int] = Groups(commit, presses, linger)

    async def add(number: int) -> None:
        for _ in range(10 * number):
            await asyncio.sleep(0)
        await groups.add(number)

    async def adding() -> None:
        await asyncio.gather(*(add(number) for number in range(3)))

    await groups.while_running(adding())
    return found


async def test_a_group_waits_for_what_is_to_come() -> None:
    assert await committed(lambda waiting: waiting == 3, LONG) == [[0, 1, 2]]


async def test_nothing_waits_where_a_place_is_wanted() -> None:
    assert await committed(lambda _: True, LONG) == [[0], [1], [2]]


async def test_a_group_waits_no_longer_than_it_lingers() -> None:
    assert await committed(lambda _: False, 0.05) == [[0, 1, 2]]


async def test_replies_press_when_none_is_to_come_or_their_places_are_wanted() -> None:
    async with TeacherClient(["http://t:1"], "m", cap=1, gate=Gate(3)) as client:
        asker = Asker(client, Sampling(), None, 10)
        await asker.place().enter()
        await asker.place().enter()
        assert not asker.presses(1)
        assert asker.presses(2)

        await asker.place().enter()

        assert asker.presses(1)
