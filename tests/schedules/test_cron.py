"""When a schedule comes."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schedules.cron import Timetable, check_cron, delay, zone

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
CHANGES = {
    BERLIN: (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    NEW_YORK: (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
}
"""When the clocks change, in spring and in autumn."""


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    numbers = st.integers(low, high)
    return draw(
        st.one_of(
            st.just("*"),
            st.integers(1, high).map(lambda step: f"*/{step}"),
            st.lists(numbers, min_size=1, max_size=3).map(lambda n: ",".join(map(str, n))),
            st.tuples(numbers, numbers).map(lambda ends: f"{min(ends)}-{max(ends)}"),
        )
    )


EXPRESSIONS = st.builds(
    lambda minute, hour, weekday: f"{minute} {hour} * * {weekday}",
    fields(0, 59),
    fields(0, 23),
    st.sampled_from(["*", "1-5", "0", "6"]),
)
NEAR_A_CHANGE = st.tuples(
    st.sampled_from([(name, moment) for name, both in CHANGES.items() for moment in both]),
    st.timedeltas(timedelta(hours=-30), timedelta(hours=30)),
)


@pytest.mark.parametrize(
    ("cron", "timezone", "first", "times"),
    [
        # 02:30 is left out on 29 March and shown twice on 25 October.
        ("30 2 * * *", BERLIN, "2026-03-28T00:00", ["28T01:30", "29T01:00", "30T00:30"]),
        ("30 2 * * *", BERLIN, "2026-10-24T00:00", ["24T00:30", "25T00:30", "26T01:30"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T00:00", ["07T07:30", "08T07:00", "09T06:30"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T00:00", ["31T05:30", "01T05:30", "02T06:30"]),
        # Two that are left out come once, with the one that they move to.
        ("0,30 2,3 * * *", BERLIN, "2026-03-28T23:00", ["29T01:00", "29T01:30", "30T00:00"]),
        # What follows the time that passes knows of no change.
        ("*/30 * * * *", BERLIN, "2026-10-25T00:10", ["25T00:30", "25T01:00", "25T01:30"]),
        ("@daily", "Asia/Kolkata", "2026-03-28T00:00", ["28T18:30", "29T18:30", "30T18:30"]),
    ],
)
def test_times_follow_the_clocks_of_their_zone(
    cron: str, timezone: str, first: str, times: list[str]
) -> None:
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    found = islice(Timetable(cron, timezone).after(start), 3)
    assert [f"{each:%dT%H:%M}" for each in found] == times


@given(EXPRESSIONS, NEAR_A_CHANGE, st.timedeltas(timedelta(), timedelta(hours=48)))
def test_the_same_times_come_whoever_looks_and_from_whenever(
    cron: str, near: tuple[tuple[str, datetime], timedelta], later: timedelta
) -> None:
    (timezone, change), before = near
    timetable = Timetable(check_cron(cron), timezone)
    start = change + before
    times = list(islice(timetable.after(start), 100))
    assert all(a < b for a, b in zip([start, *times], times, strict=False))
    assert {(each.second, each.microsecond) for each in times} <= {(0, 0)}
    middle = start + later
    rest = [each for each in times if each > middle]
    assert list(islice(timetable.after(middle), len(rest))) == rest


@given(EXPRESSIONS, NEAR_A_CHANGE)
def test_a_time_shows_what_the_expression_says_or_what_the_clocks_moved_it_to(
    cron: str, near: tuple[tuple[str, datetime], timedelta]
) -> None:
    (timezone, change), before = near
    minutes, hours = (
        _numbers(part, most) for part, most in zip(cron.split(), (59, 23), strict=False)
    )
    spring = CHANGES[timezone][0]
    for instant in islice(Timetable(cron, timezone).after(change + before), 60):
        local = instant.astimezone(ZoneInfo(timezone))
        assert (local.minute in minutes and local.hour in hours) or instant == spring


def _numbers(part: str, most: int) -> set[int]:
    """The reference: what a field means, without steps from cronsim."""
    if part.startswith("*"):
        return set(range(0, most + 1, int(part[2:] or 1)))
    if "-" in part:
        low, high = map(int, part.split("-"))
        return set(range(low, high + 1))
    return set(map(int, part.split(",")))


@given(st.text(max_size=40) | st.text("0159*/,-#LW @adily", max_size=40))
def test_whatever_is_written_is_refused_or_has_a_next_time_or_none(text: str) -> None:
    with suppress(ValueError):
        Timetable(check_cron(text), "UTC").next(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "name", ["Europe/Nowhere", "/etc/passwd", "../tzdata", "Europe", "a\0b", "é", "x" * 300]
)
def test_a_zone_that_is_not_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="should be a time zone"):
        zone(name)


def test_the_last_of_many_missed_times_is_found_without_walking_all_of_them() -> None:
    first, now = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 11, 21, 9, 30, 30, tzinfo=UTC)
    found = Timetable("* * * * *", "UTC").last(first, now, lambda each: each < now)
    assert found == (datetime(2026, 11, 21, 9, 30, tzinfo=UTC), 1000)


@given(st.integers(0, 3600), st.datetimes(timezones=st.just(UTC)))
def test_a_delay_is_the_same_for_the_same_time_and_never_above_the_jitter(
    jitter: int, nominal: datetime
) -> None:
    schedule = uuid4()
    drawn = delay(schedule, nominal, jitter)
    assert timedelta() <= drawn <= timedelta(seconds=jitter)
    assert drawn == delay(schedule, nominal, jitter)
