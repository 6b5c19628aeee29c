"""How many requests a server should have in flight, from nothing but what was seen."""

from hypothesis import given
from hypothesis import strategies as st

from app.teachers.pace import START, Load, Pace, Window, after, refused, resumed

loads = st.none() | st.builds(
    Load, running=st.integers(0, 10_000), waiting=st.integers(0, 10_000), preemptions=st.just(0)
)
windows = st.builds(
    Window,
    rate=st.floats(0, 1e9),
    full=st.booleans(),
    load=loads,
    preempted=st.booleans(),
)
happenings = st.lists(windows | st.sampled_from(["refused", "resumed"]), max_size=60)


def follow(pace: Pace, happened: "Window | str", cap: int) -> Pace:
    match happened:
        case "refused":
            return refused(pace)
        case "resumed":
            return resumed(pace)
    assert isinstance(happened, Window)
    return after(pace, happened, cap)


@given(happened=happenings, cap=st.integers(START, 2_000))
def test_whatever_is_seen_the_limit_is_at_least_one_and_never_above_the_cap(
    happened: list["Window | str"], cap: int
) -> None:
    pace = again = Pace()
    for each in happened:
        pace, again = follow(pace, each, cap), follow(again, each, cap)
        assert 1 <= pace.limit <= cap
        assert pace == again


@given(limit=st.integers(2, 2_000), running=st.integers(1, 2_000), more=st.integers(1, 2_000))
def test_a_long_queue_always_shrinks_it(limit: int, running: int, more: int) -> None:
    load = Load(running=running, waiting=running // 2 + more)
    for doubling in (True, False):
        found = after(Pace(limit, doubling=doubling), Window(1.0, full=True, load=load), 2_000)
        assert found.limit < limit


@given(limit=st.integers(2, 2_000), rate=st.floats(0, 1e6))
def test_a_short_queue_and_a_limit_that_was_not_reached_leave_it(limit: int, rate: float) -> None:
    queue = Load(running=100, waiting=11)
    assert after(Pace(limit), Window(rate, full=True, load=queue), 4_000).limit == limit
    assert after(Pace(limit), Window(rate, full=False), 4_000).limit == limit


def server(slots: int, pace: Pace, *, shows_load: bool, windows: int, cap: int = 512) -> list[int]:
    """The limits with a server that answers each request in a second, `slots` at a time."""
    limits = []
    for _ in range(windows):
        running = min(pace.limit, slots)
        load = Load(running, pace.limit - running) if shows_load else None
        pace = after(pace, Window(rate=float(running), full=True, load=load), cap)
        limits.append(pace.limit)
    return limits


def test_with_gauges_the_limit_settles_a_little_above_what_the_server_runs() -> None:
    for slots in (1, 6, 16, 37, 64, 100, 256, 450):
        settled = server(slots, Pace(), shows_load=True, windows=60)[-20:]
        assert slots <= min(settled)
        assert max(settled) <= slots * 1.51 + 1


def test_without_gauges_the_rate_alone_finds_it() -> None:
    for slots in (12, 16, 37, 64, 100, 256):
        settled = server(slots, Pace(), shows_load=False, windows=80)[-20:]
        assert slots <= min(settled)
        # Twice as many as it serves give as much; that some wait is not to be seen.
        assert max(settled) <= slots * 2.5 + 2


def test_a_server_that_takes_everything_is_given_the_cap_within_a_few_windows() -> None:
    assert server(10_000, Pace(), shows_load=True, windows=7)[-1] == 512
    assert server(10_000, Pace(), shows_load=False, windows=7)[-1] == 512
