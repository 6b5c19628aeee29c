"""Who may ask a teacher next, and where."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.teachers.endpoints import Endpoint
from app.teachers.failures import TeacherDown
from app.teachers.gate import Gate, Party, Place
from app.teachers.pace import Pace


def gate_of(*limits: int, cap: int = 1_000) -> Gate:
    gate = Gate(cap)
    gate.serves_at([Endpoint.at(f"http://t{n}:1", {}) for n in range(len(limits))])
    for endpoint, limit in zip(gate.endpoints, limits, strict=True):
        endpoint.pace = Pace(limit)
    return gate


async def entered(gate: Gate, party: Party | None = None, **more: object) -> Place:
    place = Place(gate, party or Party(), **more)  # type: ignore[arg-type]
    await place.enter()
    return place


async def settle() -> None:
    """Until every task that can go on has done so."""
    for _ in range(5):
        await asyncio.sleep(0)


def who_is_in(tasks: Sequence[asyncio.Task[Place]]) -> list[int]:
    return [number for number, task in enumerate(tasks) if task.done()]


async def test_a_place_counts_until_the_reply_is_safe_and_the_limit_until_it_came() -> None:
    gate = gate_of(2, cap=3)
    first, second = await entered(gate), await entered(gate)
    third = asyncio.create_task(entered(gate))
    await settle()
    assert not third.done()
    first.land()
    await settle()
    assert third.done()
    second.land()
    fourth = asyncio.create_task(entered(gate))
    await settle()
    # Two replies are not safe yet, and one request is out: that is the cap.
    assert not fourth.done()
    assert (gate.in_flight, gate.out) == (1, 3)
    first.leave()
    await fourth


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["enter", "land", "leave", "cancel"]))),
)
def test_neither_the_cap_nor_a_limit_is_ever_passed(
    limits: list[int], cap: int, steps: list[tuple[int, str]]
) -> None:
    async def run() -> None:
        gate = gate_of(*limits, cap=cap)
        parties = [Party(rank=rank) for rank in range(3)]
        tasks: list[asyncio.Task[Place]] = []
        for number, step in steps:
            ready = [task.result() for task in tasks if task.done()]
            waiting = [task for task in tasks if not task.done()]
            if step == "enter":
                tasks.append(asyncio.create_task(entered(gate, parties[number])))
            elif step == "land" and ready:
                ready[number % len(ready)].land()
            elif step == "leave" and ready:
                ready[number % len(ready)].leave()
            elif step == "cancel" and waiting:
                tasks.remove(waiting[0])
                waiting[0].cancel()
            await settle()
            assert gate.out <= cap
            assert all(each.in_flight <= each.limit for each in gate.endpoints)
            assert gate.out == sum(party.out for party in parties)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


async def test_a_small_job_has_its_turn_beside_a_large_one() -> None:
    gate = gate_of(8)
    large, small = Party(), Party()
    crowd = [await entered(gate, large) for _ in range(8)]
    queue = [asyncio.create_task(entered(gate, large)) for _ in range(50)]
    await settle()
    late = [asyncio.create_task(entered(gate, small)) for _ in range(4)]
    await settle()
    for place in crowd[:4]:
        place.leave()
    await settle()
    assert who_is_in(late) == [0, 1, 2, 3]
    assert who_is_in(queue) == []
    for task in queue:
        task.cancel()


async def test_a_higher_priority_goes_first_whatever_it_has_out() -> None:
    gate = gate_of(2)
    urgent, other = Party(rank=-5), Party()
    held = [await entered(gate, urgent) for _ in range(2)]
    waits = asyncio.create_task(entered(gate, other))
    goes = asyncio.create_task(entered(gate, urgent))
    await settle()
    held[0].leave()
    await settle()
    assert goes.done()
    assert not waits.done()
    waits.cancel()


async def test_the_server_with_the_largest_free_share_is_asked() -> None:
    gate = gate_of(10, 30)
    for _ in range(20):
        await entered(gate)
    assert [each.in_flight for each in gate.endpoints] == [5, 15]


async def test_a_server_that_has_the_same_beginning_in_its_cache_is_preferred_within_a_fifth() -> (
    None
):
    gate = gate_of(100, 100)
    one, other = gate.endpoints
    places = [await entered(gate, beginning=b) for b in ("a", "b", "a", "b", "a")]
    assert [place.endpoint for place in places] == [one, other, one, other, one]
    for _ in range(15):
        await entered(gate, beginning="a")
    assert one.in_flight == 18
    while one.in_flight < 30:
        await entered(gate, beginning="a")
        if other.in_flight > 2:
            break
    # It had a fifth less to give than the other one.
    assert one.share == pytest.approx(0.78)
    assert other.share == pytest.approx(0.97)


async def test_of_two_servers_that_are_as_free_the_one_with_less_waiting_is_asked() -> None:
    gate = gate_of(10, 10)
    gate.endpoints[0].waiting = 3
    assert (await entered(gate)).endpoint is gate.endpoints[1]


async def test_what_failed_at_one_server_is_tried_at_another() -> None:
    gate = gate_of(10, 10)
    place = await entered(gate)
    first = place.endpoint
    place.leave()
    assert await place.enter() is not first


async def test_with_one_server_dead_all_goes_to_the_other_and_with_none_nobody_waits() -> None:
    gate = gate_of(4, 2)
    gate.found_dead(gate.endpoints[0], TeacherDown("teacher.unreachable", "no"))
    await entered(gate)
    await entered(gate)
    waits = asyncio.create_task(entered(gate))
    await settle()
    assert not waits.done()
    gate.found_dead(gate.endpoints[1], TeacherDown("teacher.frozen", "no token came"))
    with pytest.raises(TeacherDown, match="frozen"):
        await waits


async def test_what_was_away_gets_one_request_and_then_half_of_what_it_took() -> None:
    gate = gate_of(40)
    (endpoint,) = gate.endpoints
    gate.found_dead(endpoint, TeacherDown("teacher.unreachable", "no"))
    trial = await entered(gate)
    others = [asyncio.create_task(entered(gate)) for _ in range(30)]
    await settle()
    assert who_is_in(others) == []
    endpoint.answered(trial.stage, 1, 0.0, gate.cap)
    trial.leave()
    await settle()
    assert len(who_is_in(others)) == endpoint.in_flight == 20
    for task in others:
        task.cancel()


async def test_a_server_that_says_how_long_to_wait_is_left_alone_so_long() -> None:
    gate = gate_of(8)
    place = await entered(gate)
    (endpoint,) = gate.endpoints
    now = asyncio.get_running_loop().time()
    endpoint.refuses(place.stage, 5.0, now)
    # Others that were sent under the same limit say nothing new.
    endpoint.refuses(place.stage, None, now)
    place.leave()
    assert endpoint.pace.limit == 6
    waits = asyncio.create_task(entered(gate))
    await settle()
    assert not waits.done()
    endpoint.paused_until = 0.0
    gate.serve()
    await waits


async def test_a_suspect_is_alone_with_its_server_and_others_go_elsewhere() -> None:
    gate = gate_of(4, 4)
    one, other = gate.endpoints
    before = [await entered(gate) for _ in range(3)]
    suspects = [asyncio.create_task(entered(gate, alone=True)) for _ in range(2)]
    await settle()
    assert who_is_in(suspects) == []
    assert gate.isolated is other
    after = [await entered(gate) for _ in range(2)]
    assert {place.endpoint for place in after} == {one}
    before[1].leave()
    await settle()
    assert who_is_in(suspects) == [0]
    assert other.in_flight == 1
    suspects[0].result().leave()
    await settle()
    assert who_is_in(suspects) == [0, 1]
    suspects[1].result().leave()
    assert gate.isolated is None
    assert (await entered(gate)).endpoint is other
