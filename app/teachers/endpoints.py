"""One of a teacher's servers: what it has of this process's requests, and how many it takes."""

import asyncio
from dataclasses import dataclass, field

import httpx

from app.metrics import BACK_PRESSURE
from app.teachers import pace as rule
from app.teachers.failures import TeacherFailure
from app.teachers.pace import START, Load, Pace, Window
from app.teachers.transport import Origin, head_of, origin_of

_MOST_REST = 30.0
_LEAST_REPLIES = 8
"""Of a window: fewer say nothing of a rate."""
_HIDES = 60.0
"""Seconds after which a server that shows no load is looked at again."""
_LONGEST_PAUSE = 60.0
"""Seconds for which a refusal's `Retry-After` keeps everybody away; whoever was refused waits for
all of it."""


@dataclass(slots=True)
class Meter:
    """The window that is being looked at. It begins with the first reply to a request that was sent
    under the present limit.
    """

    began: float | None = None
    replies: int = 0
    work: float = 0.0
    full: bool = True
    """Whether there was always more to ask than the limit let out."""
    seen: Load | None = None
    preempted: bool = False
    """Whether requests were thrown out between two looks at the server."""
    refusals: int = 0
    """For load, or by a time-out."""


@dataclass(slots=True, eq=False)
class Endpoint:
    base: str
    """Its address without `/v1`."""
    origin: Origin
    head: bytes
    """The lines that every chat request to it begins with."""
    pace: Pace = field(default_factory=Pace)
    stage: int = 0
    """Raised with every change of the limit: of which one a request was sent under."""
    in_flight: int = 0
    served: int = 0
    waiting: int = 0
    """Requests in its own queue, when last seen."""
    preemptions: int | None = None
    """When last seen."""
    load_is_shown: bool = False
    hides_until: float = 0.0
    """It shows no load; nobody looks again before this."""
    failures: int = 0
    down: TeacherFailure | None = None
    """What was wrong with it, until it answers again."""
    rests_until: float = 0.0
    paused_until: float = 0.0
    meter: Meter = field(default_factory=Meter)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a window waits for the server's load to be seen."""

    @classmethod
    def at(cls, base: str, headers: dict[str, str], start: int = START) -> "Endpoint":
        request = httpx.Request("POST", f"{base}/v1/chat/completions", headers=headers)
        return cls(base, origin_of(request.url), head_of(request), Pace(limit=start))

    @property
    def limit(self) -> int:
        """One at a time, until one that was away has answered."""
        return 1 if self.down is not None else self.pace.limit

    @property
    def load_is_hidden(self) -> bool:
        return self.hides_until > 0 and asyncio.get_running_loop().time() < self.hides_until

    @property
    def share(self) -> float:
        """How much of it is free."""
        return 1 - self.in_flight / self.limit

    def answered(self, stage: int, work: float, now: float, cap: int) -> None:
        """A reply came to a request that was sent under the limit of that stage."""
        self.served += 1
        self.is_back()
        if stage != self.stage:
            return
        meter = self.meter
        if meter.began is None:
            meter.began = now
            return
        meter.replies += 1
        meter.work += work
        if meter.replies >= max(self.pace.limit, _LEAST_REPLIES):
            if self.load_is_shown and meter.seen is None:
                self.look.set()
            else:
                self._decide(now, cap)

    def shows(self, load: Load | None, now: float, cap: int) -> None:
        """What the server says of its load; None for one that says nothing."""
        self.load_is_shown = load is not None
        if load is None:
            self.hides_until = now + _HIDES
            return
        meter = self.meter
        self.waiting = load.waiting
        if self.preemptions is not None and load.preemptions > self.preemptions:
            meter.preempted = True
        self.preemptions = load.preemptions
        if meter.began is None:
            return
        meter.seen = load
        if meter.replies >= max(self.pace.limit, _LEAST_REPLIES):
            self._decide(now, cap)

    def _decide(self, now: float, cap: int) -> None:
        meter, elapsed = self.meter, now - (self.meter.began or now)
        window = Window(
            rate=meter.work / elapsed if elapsed > 0 else 0.0,
            full=meter.full and elapsed > 0,
            load=meter.seen,
            preempted=meter.preempted,
        )
        self._go_at(rule.after(self.pace, window, cap))

    def refuses(self, stage: int, retry_after: float | None, now: float) -> None:
        """It has too much, or took too long over a request that was sent under that limit."""
        BACK_PRESSURE.inc()
        if retry_after is not None:
            self.paused_until = max(self.paused_until, now + min(retry_after, _LONGEST_PAUSE))
        if stage != self.stage:
            return
        self.meter.refusals += 1
        if rule.too_many(self.meter.refusals, self.pace.limit):
            self._go_at(rule.refused(self.pace), changed=True)

    def is_back(self) -> None:
        """It answered, whatever it said."""
        if self.down is not None:
            self.down, self.failures, self.rests_until = None, 0, 0.0

    def dies(self, failure: TeacherFailure, now: float) -> None:
        """Nobody is there. It rests for a second, twice as long each time, 30 at most."""
        if self.down is None:
            self._go_at(rule.resumed(self.pace), changed=True)
        self.down = failure
        self.rests_until = now + min(2.0**self.failures, _MOST_REST)
        self.failures = min(self.failures + 1, 10)

    def _go_at(self, pace: Pace, *, changed: bool = False) -> None:
        if changed or pace.limit != self.pace.limit:
            self.stage += 1
        self.meter = Meter()
        self.pace = pace
