"""Tells everybody who follows a job, in this process, what becomes of it.

One look a second serves all followers of all jobs: one transaction, and none while nobody follows.
It asks what is stored and nothing else, so that a message has the same id from any process and
after any restart: the number of the last event before it, and how many samples had ended. (To be
notified by Postgres instead would take a lock over the whole database at every commit that
notifies, in the path of every sample.)
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.jobs import events, forecast, show, store, workers
from app.jobs.events import Noted
from app.jobs.progress.mark import BEGINNING, Mark
from app.jobs.progress.progress import Progress
from app.jobs.tariff import Tariff, tariff_of
from app.metrics import EVENT_STREAMS

log = structlog.stdlib.get_logger(__name__)

EVERY = 1.0
"""Seconds between two looks."""
HEARTBEAT = 15.0
"""Seconds of silence after which a follower is told that we are still there."""
_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Message:
    at: Mark
    """Where a follower is who has had this."""
    kind: str
    data: Noted | Progress


@dataclass(frozen=True, slots=True)
class _Pulse:
    mark: Mark
    progress: Progress
    ended: bool


@dataclass(slots=True)
class _Watched:
    followers: int = 0
    pulse: _Pulse | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    recent: deque[Noted] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    tariff: Tariff | None = None


class Feed:
    """One for each API process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watched: dict[UUID, _Watched] = {}
        self._joined = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._closing = False

    async def follow(self, job_id: UUID, since: Mark) -> AsyncIterator[Message | None]:
        """What became of a job after `since`, until it has ended or we stop; None for a sign of
        life. Progress comes before the event that it led to.
        """
        watched = self._join(job_id)
        seen, shown = since, None
        try:
            while not self._closing:
                pulse = watched.pulse
                if pulse is not None and pulse.mark != seen:
                    async for message in self._news(job_id, watched, pulse, seen):
                        yield message
                elif pulse is not None and pulse.progress.outside != shown:
                    yield Message(pulse.mark, "progress", pulse.progress)
                if pulse is not None:
                    seen, shown = pulse.mark, pulse.progress.outside
                if pulse is not None and pulse.ended:
                    return
                if watched.pulse is pulse and not await _in_time(watched.moved):
                    yield None
        finally:
            self._leave(job_id, watched)

    def stop(self) -> None:
        """End every stream: who follows comes back, to another process, with the last id."""
        self._closing = True
        for watched in self._watched.values():
            _wake(watched)

    async def close(self) -> None:
        self.stop()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _news(
        self, job_id: UUID, watched: _Watched, pulse: _Pulse, seen: Mark
    ) -> AsyncIterator[Message]:
        number = seen.number if seen.number <= pulse.mark.number else BEGINNING.number
        noted = await self._since(job_id, watched, number, pulse.mark.number)
        for each in noted[:-1]:
            number = each.number
            yield Message(Mark(number, seen.ended), each.kind, each)
        if pulse.mark.ended != seen.ended:
            yield Message(Mark(number, pulse.mark.ended), "progress", pulse.progress)
        for each in noted[-1:]:
            yield Message(pulse.mark, each.kind, each)

    async def _since(
        self, job_id: UUID, watched: _Watched, number: int, until: int
    ) -> Sequence[Noted]:
        """The events after `number` up to `until`: from memory for who has followed for a while."""
        known = list(watched.recent)
        if known and known[0].number <= number + 1:
            return [each for each in known if number < each.number <= until]
        found: list[Noted] = []
        while number < until:
            async with self._database.unit_of_work() as session:
                more = await events.after(session, job_id, number)
            if not more:
                break
            found += [each for each in more if each.number <= until]
            number = more[-1].number
        return found

    def _join(self, job_id: UUID) -> _Watched:
        watched = self._watched.setdefault(job_id, _Watched())
        watched.followers += 1
        EVENT_STREAMS.inc()
        self._joined.set()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again())
        return watched

    def _leave(self, job_id: UUID, watched: _Watched) -> None:
        watched.followers -= 1
        EVENT_STREAMS.dec()
        if watched.followers == 0:
            self._watched.pop(job_id, None)

    async def _look_again(self) -> None:
        while self._watched and not self._closing:
            self._joined.clear()
            try:
                await self._look()
            except (SQLAlchemyError, OSError) as error:
                log.warning("progress cannot be read", error=str(error)[:200])
            try:
                async with asyncio.timeout(EVERY):
                    await self._joined.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        wanted = dict(self._watched)
        async with self._database.unit_of_work() as session:
            # One moment for everything: progress and the events that it led to agree.
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            jobs = await store.some(session, list(wanted))
            accounts = await store.ledgers(session, list(wanted))
            waiting = await show.why_waiting(session, jobs, accounts)
            crew = await workers.crew(session, list(wanted))
            lately = await forecast.recent(session, list(wanted))
            fresh = [j for j in jobs if wanted[j.id].pulse is None]
            tariffs = {job.id: await tariff_of(session, job) for job in fresh}
            used = await show.spent_by(session, jobs)
            known = {j.id: p.mark.number for j in jobs if (p := wanted[j.id].pulse) is not None}
            news = await events.after_each(session, list(known), list(known.values()))
        for noted in news:
            wanted[noted.job_id].recent.append(noted)
        for job in jobs:
            watched, account = wanted[job.id], accounts[job.id]
            watched.tariff = tariffs.get(job.id, watched.tariff)
            expected = (
                forecast.of(job, account, lately[job.id], used[job.id], watched.tariff)
                if job.state in store.LIVE
                else None
            )
            watched.pulse = _Pulse(
                Mark(job.events, account.settled + account.cancelled),
                Progress.of(
                    job,
                    account,
                    waiting.get(job.id),
                    used[job.id],
                    crew.in_flight.get(job.id, 0),
                    expected,
                ),
                ended=job.state not in store.LIVE,
            )
            _wake(watched)


def _wake(watched: _Watched) -> None:
    """Who waits goes on; who comes to wait afterwards waits for the next time."""
    watched.moved.set()
    watched.moved = asyncio.Event()


async def _in_time(moved: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(HEARTBEAT):
            await moved.wait()
    except TimeoutError:
        return False
    return True
