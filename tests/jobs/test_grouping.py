"""What arrives little by little is committed together, as long as nobody waits for that."""

import asyncio

from app.jobs.grouping import ENOUGH, Groups

LONG = 3600.0


async def committed(
    count: int, *, to_come: int, linger: float = LONG, pressing: bool = False
) -> list[list[int]]:
    """The groups that so many things came in, of which each arrived after the one before."""
    found: list[list[int]] = []

    async def commit(group: list[int]) -> None:
        found.append(group)

    groups: Groups[int] = Groups(commit, lambda: pressing, linger)
    groups.to_come = to_come

    async def add(number: int) -> None:
        for _ in range(10 * number):
            await asyncio.sleep(0)
        await groups.add(number)

    async def adding() -> None:
        await asyncio.gather(*(add(number) for number in range(count)))

    await groups.while_running(adding())
    return found


async def test_a_group_waits_for_what_is_to_come() -> None:
    assert await committed(3, to_come=3) == [[0, 1, 2]]


async def test_nothing_waits_where_its_place_is_wanted() -> None:
    assert await committed(3, to_come=9, pressing=True) == [[0], [1], [2]]


async def test_a_group_that_is_large_enough_waits_for_no_more() -> None:
    [first, second] = await committed(2 * ENOUGH, to_come=9 * ENOUGH)
    assert (len(first), len(second)) == (ENOUGH, ENOUGH)


async def test_a_group_waits_no_longer_than_it_lingers() -> None:
    assert await committed(3, to_come=9, linger=0.05) == [[0, 1, 2]]
