"""How many requests one server should have in flight: a rule over what was seen, and nothing else.

| a window (as many replies as the limit) showed | the limit                                    |
|-----------------------------------------------|----------------------------------------------|
| a higher rate, and hardly any waiting          | doubles; once that has failed, 5 % more       |
| no higher rate, twice                          | returns to where the last rise was            |
| more than 10 % of the running ones waiting     | stays                                        |
| more than 50 %, or some thrown out and redone  | shrinks to what runs, or by a tenth           |
| refusals for load (503, 429), or time-outs     | shrinks by a quarter, once for each limit;    |
|                                               | one in twenty, or a single one, is no load    |

Nothing here knows a clock, a server or a task, so that every claim about it can be tested.
"""

from dataclasses import dataclass, replace
from math import ceil

START = 8
START_SEEN = 64
"""Of a server that shows its load: too many only wait in its queue, which is seen a second later,
while beginning low costs it half of its first minute. Its own limit is hardly ever lower."""
_RISE = 1.05
"""A window's rate is higher if it is so by this: less is noise."""
_SOME, _MANY = 0.1, 0.5
"""Waiting requests as a share of running ones. A tenth is the standing queue that keeps an engine
from ever running dry; half of them only wait longer."""
_STEP = 0.05
_STRIDE = 1.25
"""Small steps show in no single window. Over this much more, a server with room gives at least
`_STRIDE_RISE` more; a CPU gives 12 % for a doubling (vLLM, 64 to 128)."""
_STRIDE_RISE = 1.02
_STRAY = 0.05
"""Of a window's requests: so many may be refused or late for other reasons than load."""
_REST = 20
"""Windows for which a limit stays that gave nothing more; then more is tried again."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a server says of itself, at one moment."""

    running: int
    waiting: int
    preemptions: int = 0
    """Requests that it threw out and had to do again, since it started."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen while as many requests as the limit were answered."""

    rate: float
    """Work a second, in any unit."""
    full: bool
    """Whether it was this limit that held requests back; else nothing is learnt from the rate."""
    load: Load | None = None
    """The last that was seen; None for a server that shows none."""
    preempted: bool = False
    """Whether requests were thrown out meanwhile."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A limit, and what it takes to find the next one."""

    limit: int = START
    doubling: bool = True
    base_limit: int = 0
    base_rate: float = 0.0
    """The highest limit that gave a higher rate than those before, and that rate."""
    doubted: float | None = None
    """The rate of a window that showed no rise: a second one decides."""
    rests: int = 0
    """Windows for which the limit stays."""


def after(pace: Pace, window: Window, cap: int) -> Pace:
    """What the next window should be asked with; between 1 and `cap`, whatever was seen."""
    if not window.full:
        return pace
    queue = _queue(window)
    if window.preempted or queue > _MANY:
        return _fewer(pace, window)
    if queue > _SOME:
        return replace(pace, doubling=False, doubted=None, base_limit=0, base_rate=0.0)
    more = _doubled(pace, window) if pace.doubling else _crept(pace, window)
    return replace(more, limit=max(1, min(more.limit, cap)))


def too_many(refusals: int, limit: int) -> bool:
    """Whether so many refusals and time-outs in one window, of requests that were sent under this
    limit, mean that it is too high. A server of which one reply in thirty fails whatever it has to
    do would else be asked one request at a time.
    """
    return refusals > max(1.0, _STRAY * limit)


def refused(pace: Pace) -> Pace:
    """After too many refusals for load, or time-outs."""
    return Pace(limit=max(1, int(pace.limit * 0.75)), doubling=False, rests=1)


def resumed(pace: Pace) -> Pace:
    """For a server that was away: half of what it took before."""
    return Pace(limit=max(1, pace.limit // 2), doubling=False)


def _queue(window: Window) -> float:
    """Waiting requests as a share of running ones."""
    if window.load is None or window.load.waiting <= 0:
        return 0.0
    return window.load.waiting / max(window.load.running, 1)


def _fewer(pace: Pace, window: Window) -> Pace:
    limit = int(pace.limit * 0.9)
    load = window.load
    if pace.doubling and load is not None and load.running:
        # A doubling went far over: what runs of all that is there is our share, and a tenth more.
        ours = pace.limit * load.running / (load.running + load.waiting)
        limit = min(limit, ceil(ours * (1 + _SOME)))
    return Pace(limit=max(1, limit), doubling=False)


def _doubled(pace: Pace, window: Window) -> Pace:
    if window.rate >= pace.base_rate * _RISE:
        return Pace(limit=pace.limit * 2, base_limit=pace.limit, base_rate=window.rate)
    if pace.doubted is None:
        return replace(pace, doubted=window.rate)
    rate = (pace.doubted + window.rate) / 2
    if rate >= pace.base_rate * _RISE:
        return Pace(limit=pace.limit * 2, base_limit=pace.limit, base_rate=rate)
    settled = min(pace.limit, _step(_step(pace.base_limit)))
    return replace(pace, limit=settled, doubling=False, doubted=None)


def _crept(pace: Pace, window: Window) -> Pace:
    if pace.rests:
        return replace(pace, rests=pace.rests - 1)
    if not pace.base_limit:
        first = replace(pace, base_limit=pace.limit, base_rate=window.rate)
        return replace(first, limit=_step(pace.limit))
    if pace.limit < pace.base_limit * _STRIDE:
        return replace(pace, limit=_step(pace.limit))
    if pace.doubted is None:
        return replace(pace, doubted=window.rate)
    rate = (pace.doubted + window.rate) / 2
    if rate >= pace.base_rate * _STRIDE_RISE:
        higher = replace(pace, base_limit=pace.limit, base_rate=rate, doubted=None)
        return replace(higher, limit=_step(pace.limit))
    return Pace(limit=_step(pace.base_limit), doubling=False, rests=_REST)


def _step(limit: int) -> int:
    return limit + max(1, int(limit * _STEP))
