"""Workers divide what a teacher takes, whoever comes and goes."""

import asyncio
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.db import Database
from app.names import Ref
from app.teachers import shares, store
from app.teachers.shares import Said, Share, places

workers = st.integers(0, 4)


@given(
    cap=st.integers(1, 40),
    steps=st.lists(st.tuples(workers, st.integers(0, 40), st.booleans()), max_size=60),
)
def test_shares_never_add_up_to_more_than_the_cap_and_everybody_gets_one_in_the_end(
    cap: int, steps: list[tuple[int, int, bool]]
) -> None:
    held: dict[int, int] = {}
    for worker, out, isolates in steps:
        others = [number for other, number in held.items() if other != worker]
        held[worker] = places(
            cap=cap,
            others=others,
            parties=len(held | {worker: 0}),
            out=min(out, held.get(worker, 0)),
            isolates=isolates,
            others_isolate=False,
        )
        assert sum(held.values()) <= cap
    for _ in range(2):
        for worker in held:
            others = [number for other, number in held.items() if other != worker]
            held[worker] = places(
                cap=cap, others=others, parties=len(held), out=0,
                isolates=False, others_isolate=False,
            )  # fmt: skip
    assert sum(held.values()) <= cap
    if held and cap >= len(held) ** 2:
        assert min(held.values()) >= 1


async def taken(
    database: Database,
    teacher: UUID,
    worker: UUID,
    out: int = 0,
    *,
    isolates: bool = False,
    silence: float = 30.0,
) -> Share:
    async with database.unit_of_work() as session:
        said = Said(
            out, isolates, out, 8, {"http://a": {"in_flight": out, "limit": 8, "trouble": None}}
        )
        return await shares.take(session, teacher, worker, said, silence)


async def test_whoever_comes_later_gets_what_the_others_can_give_up(database: Database) -> None:
    async with database.unit_of_work() as session:
        values = {"urls": ["http://a"], "model": "m", "max_in_flight": 8, "chunk_slots": 4}
        teacher = (await store.register(session, Ref("default", "t"), values))[0].id
    one, two = uuid4(), uuid4()
    assert await taken(database, teacher, one) == Share(8, all_of_them=True, away=False)
    assert (await taken(database, teacher, two)).places == 0
    # Six are out and cannot be taken back at once.
    assert (await taken(database, teacher, one, out=6)).places == 6
    assert (await taken(database, teacher, two)).places == 2
    assert (await taken(database, teacher, one, out=3)).places == 4
    assert (await taken(database, teacher, two, out=2)).places == 4
    # One has to be alone: the other gives up what it has, and gets it back.
    assert not (await taken(database, teacher, one, out=1, isolates=True)).all_of_them
    assert (await taken(database, teacher, two, isolates=True)).places == 0
    assert (await taken(database, teacher, one, out=1, isolates=True)).all_of_them
    assert (await taken(database, teacher, one)).places == 4
    assert (await taken(database, teacher, two)).places == 4
    # Nobody hears of one for a while: the other has it all.
    async with database.unit_of_work() as session:
        silent = "UPDATE teacher_share SET seen_at = now() - interval '1 hour' WHERE worker_id = :w"
        await session.execute(text(silent), {"w": one})
        up = await session.scalar(
            text("SELECT extract(epoch FROM now() - pg_postmaster_start_time())")
        )
    # It could not say anything while the database was away.
    assert (await taken(database, teacher, two, silence=float(up) + 600)).places == 4
    assert (await taken(database, teacher, two, silence=1.0)).places == 8


async def test_racing_workers_never_have_more_than_the_cap_together(database: Database) -> None:
    async with database.unit_of_work() as session:
        values = {"urls": ["http://a"], "model": "m", "max_in_flight": 7, "chunk_slots": 4}
        teacher = (await store.register(session, Ref("default", "t"), values))[0].id
    crowd = [uuid4() for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(taken(database, teacher, worker) for worker in crowd))
        async with database.unit_of_work() as session:
            total = await session.scalar(text("SELECT sum(places) FROM teacher_share"))
            seen = await shares.together(session, teacher)
        assert total <= 7
    assert total == 7
    assert (seen.workers, seen.limit) == (4, 7)
    assert seen.endpoints["http://a"]["limit"] == 32
