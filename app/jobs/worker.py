"""A worker process: takes tickets, works chunks, shows signs of life, and sweeps.

procrastinate delivers the tickets; what a ticket leads to is decided by the ledger. Every worker
sweeps: the sweep asks only the ledger and the database's clock, so any number may run at once.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import procrastinate
import structlog
from procrastinate import App, PsycopgConnector
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import lease, shares, tickets, workers
from app.jobs.chunk import Done, End, HandedBack, work
from app.jobs.durable import forever, transaction
from app.jobs.indexing import Indexer
from app.jobs.lane import Course
from app.jobs.lease import Claim
from app.jobs.loaded import Tools
from app.jobs.publication import publish_result
from app.jobs.room import Room
from app.jobs.semantic import take_turn
from app.jobs.shares import Shares
from app.jobs.sweep import sweep, tidy
from app.jobs.turn import overlapping
from app.jobs.workers import Sign, Standing
from app.metrics import CHUNKS_LOST
from app.teachers import store as teachers
from app.teachers.addresses import Network
from app.teachers.shares import leave
from app.webhooks.deliver import deliver

log = structlog.stdlib.get_logger(__name__)

TURN = 10.0
"""Seconds. A ticket for each chunk would leave the slot idle between two: a delivery waits for the
end of the one before it."""

SIGN_EVERY = 2.0
"""Seconds between two signs of life: also how long a pause or a cancellation may go unnoticed."""

SWEEP_EVERY = 2.0
"""Seconds. Also how often procrastinate polls, so that a lost notification costs no more."""

TIDY_EVERY = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Held:
    """A chunk that is being worked."""

    job_id: UUID
    work: asyncio.Task[Any]
    stop: asyncio.Event
    """Set when nothing more should be asked; what is in flight is settled."""
    arm: int = 0


@dataclass(slots=True)
class Worker:
    """One process's work. `run` returns when it was told to stop and nothing is held any more."""

    tools: Tools
    data_dir: Path
    room: Room
    concurrency: int
    lease: timedelta
    grace: float
    webhook_networks: Sequence[Network] = ()
    """Where webhooks may go besides public addresses."""
    duties: Sequence[Callable[[], Awaitable[object]]] = ()
    """What those above the jobs have every worker do from time to time."""
    holder: str = field(default_factory=lambda: uuid4().hex)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    held: dict[tuple[UUID, int], Held] = field(default_factory=dict)
    waits: str | None = None
    """Why no work is taken at the moment."""
    moved: str | None = None
    """Why it stopped by itself: the schema is another version's now."""
    shares: Shares = field(init=False)

    def __post_init__(self) -> None:
        tools, silence = self.tools, self.lease.total_seconds()
        self.shares = Shares(tools.database, tools.clients, UUID(self.holder), silence)
        tools.admitted = self.shares.of

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.drain)
        log.info("worker started", holder=self.holder, concurrency=self.concurrency)
        with suppress(DBAPIError, OSError):  # the database may be away: it is tried again
            await self._show_life()
        loops = [
            asyncio.create_task(forever(self._show_life, SIGN_EVERY)),
            asyncio.create_task(
                forever(lambda: sweep(self.tools.database, self.lease), SWEEP_EVERY)
            ),
            asyncio.create_task(forever(lambda: tidy(self.tools.database), TIDY_EVERY)),
            asyncio.create_task(forever(self._renew, self.lease.total_seconds() / 3)),
            asyncio.create_task(forever(Indexer(self.tools.database).beat, SWEEP_EVERY)),
            asyncio.create_task(forever(self.shares.beat, shares.SOON)),
            *(asyncio.create_task(forever(duty, SWEEP_EVERY)) for duty in self.duties),
        ]
        try:
            await self._deliver()
        finally:
            for running in loops:
                running.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            with suppress(DBAPIError, OSError):
                async with self.tools.database.unit_of_work() as session:
                    await workers.leave(session, UUID(self.holder))
                    await leave(session, UUID(self.holder))
            log.info("worker stopped", holder=self.holder)

    def drain(self) -> None:
        """Take nothing more, settle what is in flight, hand back the rest."""
        self.draining.set()
        for held in self.held.values():
            held.stop.set()

    async def _deliver(self) -> None:
        """Run procrastinate's worker until told to stop; start it again if it ends by itself."""
        while not self.draining.is_set():
            try:
                await self._deliver_once()
            except Exception as error:  # noqa: BLE001  (whatever ended it, delivery goes on)
                log.warning("delivery interrupted, starting it again", error=str(error)[:200])
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self.draining.wait()

    async def _deliver_once(self) -> None:
        app = App(connector=PsycopgConnector(conninfo=self.tools.database.libpq_url))

        @app.task(name=tickets.TASK, queue=tickets.QUEUE)
        async def chunk(teacher_id: str, slot: int) -> None:
            await self._take_for(UUID(teacher_id), slot)

        @app.task(name=tickets.STORED_TASK, queue=tickets.QUEUE)
        async def stored(job_id: str) -> None:
            await self._take_stored(UUID(job_id))

        @app.task(name=tickets.PUBLISH_TASK, queue=tickets.QUEUE)
        async def publish(job_id: str) -> None:
            tools = self.tools
            await publish_result(tools.database, self.data_dir, UUID(job_id), tools.pool)

        @app.task(name=tickets.SEMANTIC_TASK, queue=tickets.QUEUE)
        async def semantic(corpus_id: str) -> None:
            tools = self.tools
            await take_turn(tools.database, tools.clients, UUID(corpus_id), self.draining)

        @app.task(name=tickets.WEBHOOK_TASK, queue=tickets.QUEUE)
        async def webhook(delivery_id: str) -> None:
            await deliver(self.tools.database, self.webhook_networks, UUID(delivery_id))

        async with app.open_async():
            running = asyncio.create_task(
                app.run_worker_async(
                    queues=[tickets.QUEUE],
                    concurrency=self.concurrency,
                    fetch_job_polling_interval=SWEEP_EVERY,
                    shutdown_graceful_timeout=self.grace,
                    update_heartbeat_interval=self.lease.total_seconds() / 3,
                    stalled_worker_timeout=self.lease.total_seconds(),
                    delete_jobs=procrastinate.jobs.DeleteJobCondition.ALWAYS.value,
                    install_signal_handlers=False,
                )
            )
            stop = asyncio.create_task(self.draining.wait())
            await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            running.cancel()  # procrastinate's own way to be told to drain
            with suppress(asyncio.CancelledError):
                await running

    async def _take_for(self, teacher_id: UUID, slot: int) -> None:
        """What a teacher's ticket leads to: its chunks, for a turn. Then the slot's next ticket
        goes behind those of other teachers.
        """
        async with self.shares.of(teacher_id):
            await self._take(
                lambda session: lease.claim(session, teacher_id, self.holder, self.lease),
                lambda session: tickets.issue_slot(session, teacher_id, slot),
                lambda end: self._judge(teacher_id, end),
            )

    async def _take_stored(self, job_id: UUID) -> None:
        """What the ticket of a job that asks nobody leads to: its chunks, for a turn."""
        await self._take(
            lambda session: lease.claim_stored(session, job_id, self.holder, self.lease),
            tickets.issue_stored,
            _goes_on,
        )

    async def _take(
        self,
        claim_next: Callable[[AsyncSession], Awaitable[Claim | None]],
        issue_next: Callable[[AsyncSession], Awaitable[None]],
        judge: Callable[[End], Awaitable[bool]],
    ) -> None:
        database, clock = self.tools.database, asyncio.get_running_loop()
        until = clock.time() + TURN

        async def begin(near_end: asyncio.Event) -> asyncio.Task[bool] | None:
            claim = await transaction(database, claim_next)
            if claim is None:
                return None
            return asyncio.create_task(self._judged(claim, judge, near_end))

        async def may_go_on() -> bool:
            nonlocal until
            if self.draining.is_set() or self.waits is not None:
                return False
            if clock.time() > until:
                if await transaction(database, tickets.others_wait):
                    await transaction(database, issue_next)
                    return False
                until = clock.time() + TURN
            return True

        await overlapping(begin, may_go_on)

    async def _judged(
        self,
        claim: Claim,
        judge: Callable[[End], Awaitable[bool]],
        near_end: asyncio.Event,
    ) -> bool:
        with structlog.contextvars.bound_contextvars(job=str(claim.job_id), chunk=claim.seq):
            return await judge(await self._work(claim, Course(near_end=near_end)))

    async def _work(self, claim: Claim, course: Course) -> End:
        if self.draining.is_set():
            course.stop.set()
        task = asyncio.create_task(work(claim, self.tools, course))
        key = (claim.chunk_id, claim.epoch)
        self.held[key] = Held(claim.job_id, task, course.stop, claim.arm)
        try:
            return await task
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is not None and this.cancelling():
                raise
            return HandedBack(None)  # it was the chunk that was told to stop
        finally:
            self.held.pop(key, None)

    async def _judge(self, teacher_id: UUID, end: End) -> bool:
        """Note whether the teacher is there; answers whether it is fit for the next chunk."""
        database = self.tools.database
        match end:
            case HandedBack(failure=failure) if failure is not None:
                log.warning("teacher away", teacher=str(teacher_id), reason=failure.reason)
                await transaction(
                    database,
                    lambda session: teachers.open_circuit(
                        session,
                        teacher_id,
                        f"{failure.reason}: {failure.message}",
                        failure.retry_after,
                    ),
                )
                return False
            case Done():
                await transaction(
                    database, lambda session: teachers.close_circuit(session, teacher_id)
                )
                return True
            case _:
                return True

    async def _renew(self) -> None:
        """Signs of life for what is held right now: a claim that this process knows nothing of, by
        a commit whose answer was cut off, ends with its lease.
        """
        asked = list(self.held)
        if not asked:
            return
        async with self.tools.database.unit_of_work() as session:
            still_ours = await lease.renew(session, asked, self.lease)
        for key in asked:
            held = self.held.get(key)
            if held is not None and key not in still_ours:
                CHUNKS_LOST.inc()
                log.warning("lease lost", chunk=str(key[0]), epoch=key[1])
                held.work.cancel()

    async def _show_life(self) -> None:
        """Say that we are there and what we have in flight; learn what became of the jobs whose
        chunks we hold, and whether there is room for more.
        """
        self.moved = await self.tools.database.singly(self.tools.database.moved)
        if self.moved is not None:
            log.error("worker stops", reason=self.moved)
            self.drain()
            return
        short, found = await self.tools.database.singly(self._said_and_heard)
        if short != self.waits and (short is None or self.waits is None):
            log.warning("takes no work" if short else "takes work again", reason=short)
        self.waits = short
        for held in list(self.held.values()):
            standing = found.get((held.job_id, held.arm))
            if standing is None:
                continue
            self.tools.ranks(held.job_id, held.arm, standing.priority)
            if standing.state in {"cancelling", "cancelled"}:
                held.work.cancel()
            elif standing.state == "paused" or standing.outranked or standing.spent:
                held.stop.set()

    async def _said_and_heard(
        self, session: AsyncSession
    ) -> tuple[str | None, dict[tuple[UUID, int], Standing]]:
        short = await self.room.short(session)
        await workers.beat(session, self._sign(short))
        held_by = {(one.job_id, one.arm) for one in self.held.values()}
        return short, await workers.standings(session, held_by)

    def _sign(self, waits: str | None) -> Sign:
        return Sign(
            worker_id=UUID(self.holder),
            host=socket.gethostname(),
            pid=os.getpid(),
            concurrency=self.concurrency,
            waits=waits,
            in_flight=self.tools.in_flight.seen(),
        )


async def _goes_on(_: End) -> bool:
    return True
