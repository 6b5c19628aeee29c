"""Who may ask a teacher next, and which of its servers: one gate for each teacher in a process.

A request needs two things. A place is one of the teacher's `max_in_flight`, or of this process's
share of them; it is held until the reply is safe, so that a crash loses no more replies than that.
Within it the request is on the wire, and counts against the limit that was found for its server
(`pace.py`), only for as long as the server has it.

Among those who wait, the higher priority goes first, then who has the least out, then who waited
longest: a small job has its turn beside a large one.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from app.metrics import ENGINES_LOST
from app.teachers.endpoints import Endpoint
from app.teachers.failures import TeacherDown, TeacherFailure

_NEAR = 0.8
"""The server that has a prompt's beginning in its cache is taken as long as its free share is at
least so much of the largest one."""
_REMEMBERED = 256
"""Beginnings of prompts, and where they were asked last."""


@dataclass(slots=True, eq=False)
class Party:
    """Those who ask for one job, or for one preview."""

    rank: int = 0
    """The lower, the sooner."""
    out: int = 0
    waiting: "deque[Place]" = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class Place:
    """One request's, from the time it wants to be sent to the time its reply is safe."""

    gate: "Gate"
    party: Party
    beginning: Hashable = None
    """What its prompt shares with others, and a server may have in its cache."""
    alone: bool = False
    """It may be what kills engines: no other request should be out beside it."""
    avoids: Endpoint | None = None
    """The server that had it last: another one may do better."""
    endpoint: Endpoint | None = None
    """The server that has it; None while it is not on the wire."""
    held: bool = False
    stage: int = 0
    ready: "asyncio.Future[Endpoint] | None" = None
    task: "asyncio.Task[object] | None" = None
    """What asks, to be broken off when the server is found to be frozen."""
    broken: TeacherFailure | None = None

    async def enter(self) -> Endpoint:
        """Wait for a turn; answers where to ask. Raises `TeacherDown` where no server is there."""
        endpoint = self.gate.admit(self)
        if endpoint is not None:
            return endpoint
        self.ready = asyncio.get_running_loop().create_future()
        self.gate.queue(self)
        try:
            return await self.ready
        except BaseException:
            self.gate.forget(self)
            raise
        finally:
            self.ready = None

    def land(self) -> None:
        """The request is off the wire, answered or not."""
        if self.endpoint is not None:
            self.avoids = self.endpoint
            self.gate.landed(self)

    def leave(self) -> None:
        """The reply is safe, or there is none. It may `enter` again."""
        self.land()
        if self.held:
            self.held = False
            self.party.out -= 1
            self.gate.out -= 1
            self.gate.serve()


@dataclass(slots=True, eq=False)
class Gate:
    cap: int
    """Places at a time."""
    endpoints: list[Endpoint] = field(default_factory=list)
    out: int = 0
    """Places that are held."""
    ahead: int = 0
    """Questions that are ready to be asked and for which no place was wanted yet."""
    may_isolate: bool = True
    """Whether no other process has a request out: only then can one be alone."""
    isolated: Endpoint | None = None
    """The server that is kept for requests that must be alone."""
    _parties: dict[Party, None] = field(default_factory=dict)
    """Those with somebody waiting."""
    _suspects: "deque[Place]" = field(default_factory=deque)
    _on_wire: dict[Endpoint, "dict[Place, None]"] = field(default_factory=dict)
    _last: "OrderedDict[Hashable, Endpoint]" = field(default_factory=OrderedDict)
    _timer: asyncio.TimerHandle | None = None

    def serves_at(self, endpoints: Sequence[Endpoint]) -> None:
        """Those that are known already keep what was learnt of them."""
        known = {one.base: one for one in self.endpoints}
        for new in endpoints:
            if (old := known.get(new.base)) is not None:
                old.head = new.head
        self.endpoints = [known.get(new.base, new) for new in endpoints]

    def allow(self, cap: int) -> None:
        self.cap = cap
        self.serve()

    @property
    def limit(self) -> int:
        """Requests that may be in flight now, of this process."""
        return min(self.cap, self.found)

    @property
    def found(self) -> int:
        """The limit that was found for its servers together, whoever may use how much of it."""
        return sum(each.limit for each in self.endpoints)

    @property
    def in_flight(self) -> int:
        return sum(each.in_flight for each in self.endpoints)

    def is_full(self) -> bool:
        """Whether no place is free."""
        return self.out >= self.cap

    @property
    def is_waited_for(self) -> bool:
        return bool(self._parties or self._suspects)

    @property
    def wants_isolation(self) -> bool:
        return self.isolated is not None or bool(self._suspects)

    @property
    def is_there(self) -> bool:
        """Whether one of its servers answered when it was asked last."""
        return any(each.down is None for each in self.endpoints)

    def in_order(self) -> list[Endpoint]:
        """All servers, best first: one that rests is better than none."""
        if len(self.endpoints) == 1:
            return self.endpoints
        now = asyncio.get_running_loop().time()
        return sorted(self.endpoints, key=lambda one: (one.rests_until > now, -one.share))

    def admit(self, place: Place) -> Endpoint | None:
        """A place at once, if nobody waits and there is room."""
        if self._parties or self._suspects or place.alone:
            return None
        return self._put(place)

    def queue(self, place: Place) -> None:
        if place.alone:
            self._suspects.append(place)
        else:
            place.party.waiting.append(place)
            self._parties[place.party] = None
        self.serve()

    def forget(self, place: Place) -> None:
        """Whoever waited does not any more."""
        if place.alone and place in self._suspects:
            self._suspects.remove(place)
        elif place in place.party.waiting:
            place.party.waiting.remove(place)
            if not place.party.waiting:
                self._parties.pop(place.party, None)
        place.leave()
        self.serve()

    def landed(self, place: Place) -> None:
        endpoint = place.endpoint
        assert endpoint is not None
        place.endpoint = None
        endpoint.in_flight -= 1
        del self._on_wire[endpoint][place]
        self.serve()

    def serve(self) -> None:
        """Let in all that there is room for."""
        self._serve_suspects()
        while self._parties:
            party = min(self._parties, key=lambda one: (one.rank, one.out))
            place = party.waiting[0]
            endpoint = self._put(place)
            if endpoint is None:
                self._wake_later()
                break
            party.waiting.popleft()
            # Behind those that have as much out as it has now.
            del self._parties[party]
            if party.waiting:
                self._parties[party] = None
            _tell(place, endpoint)
        self._note_slack()

    def found_dead(self, endpoint: Endpoint, failure: TeacherFailure) -> None:
        """Nobody is there. With no other server, whoever waits is told so."""
        endpoint.dies(failure, asyncio.get_running_loop().time())
        ENGINES_LOST.inc()
        if self.is_there:
            self.serve()
            return
        waiting = [place for party in self._parties for place in party.waiting]
        waiting += self._suspects
        for party in self._parties:
            party.waiting.clear()
        self._parties.clear()
        self._suspects.clear()
        for place in waiting:
            if place.ready is not None and not place.ready.done():
                place.ready.set_exception(away(failure))

    def break_off(self, endpoint: Endpoint, failure: TeacherFailure) -> None:
        """It is found dead, and will answer nothing of what it has: none of that is waited for."""
        for place in list(self._on_wire.get(endpoint, ())):
            if place.task is not None:
                place.broken = away(failure)
                place.task.cancel()
        self.found_dead(endpoint, failure)

    def _put(self, place: Place) -> Endpoint | None:
        if self.out >= self.cap and not place.held:
            return None
        endpoint = self._best(place)
        if endpoint is not None:
            self._send(place, endpoint)
        return endpoint

    def _send(self, place: Place, endpoint: Endpoint) -> None:
        if not place.held:
            place.held = True
            place.party.out += 1
            self.out += 1
        place.endpoint, place.stage, place.broken = endpoint, endpoint.stage, None
        endpoint.in_flight += 1
        self._on_wire.setdefault(endpoint, {})[place] = None
        if place.beginning is not None and len(self.endpoints) > 1:
            self._last[place.beginning] = endpoint
            self._last.move_to_end(place.beginning)
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)

    def _best(self, place: Place) -> Endpoint | None:
        now = asyncio.get_running_loop().time()
        able = [one for one in self.endpoints if self._takes(one, now)]
        if not able:
            return self._trial(now)
        if len(able) == 1:
            return able[0]
        others = [one for one in able if one is not place.avoids]
        best = max(others, key=lambda one: (one.share, -one.waiting, -one.served))
        last = self._last.get(place.beginning) if place.beginning is not None else None
        if last in others and last.share >= best.share * _NEAR:
            return last
        return best

    def _takes(self, one: Endpoint, now: float) -> bool:
        return (
            one.in_flight < one.limit
            and now >= one.paused_until
            and one is not self.isolated
            and (one.down is None or now >= one.rests_until)
        )

    def _trial(self, now: float) -> Endpoint | None:
        """With all servers away, somebody who was told to try again may: one request in all."""
        if self.is_there or self.isolated is not None or self.in_flight:
            return None
        able = [one for one in self.endpoints if now >= one.paused_until]
        return min(able, key=lambda one: one.rests_until, default=None)

    def _serve_suspects(self) -> None:
        if not self._suspects:
            if self.isolated is not None and not self.isolated.in_flight:
                self.isolated = None
            return
        there = [one for one in self.endpoints if one.down is None] or self.endpoints
        if self.isolated not in there:
            self.isolated = min(there, key=lambda one: one.in_flight)
        if self.isolated.in_flight or not self.may_isolate or self.out >= self.cap:
            return
        if asyncio.get_running_loop().time() < self.isolated.paused_until:
            self._wake_later()
            return
        place = self._suspects.popleft()
        self._send(place, self.isolated)
        _tell(place, self.isolated)

    def _note_slack(self) -> None:
        """A limit that was not reached, for want of questions or of places, was not tried."""
        if (self._parties or self.ahead) and self.out < self.cap:
            return
        for each in self.endpoints:
            if each.in_flight < each.limit:
                each.meter.full = False

    def _wake_later(self) -> None:
        """Rests and pauses end by themselves."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        ends = [
            end
            for each in self.endpoints
            for end in (each.paused_until, each.rests_until if each.down is not None else 0.0)
            if end > now
        ]
        if ends and self._timer is None:
            self._timer = loop.call_at(min(ends), self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.serve()


def away(failure: TeacherFailure) -> TeacherDown:
    """For a request that was never sent, so that it is nobody's suspect."""
    return TeacherDown(failure.reason, failure.message, retry_after=failure.retry_after)


def _tell(place: Place, endpoint: Endpoint) -> None:
    if place.ready is not None and not place.ready.done():
        place.ready.set_result(endpoint)
    else:
        place.leave()
