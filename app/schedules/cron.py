"""When a schedule comes: a cron expression, read by the wall clock of a time zone.

cronsim steps as Debian's cron does. A time that the clocks leave out in spring comes when they have
moved; one that they show twice in autumn comes once. An expression whose minutes or hours begin
with `*` follows the time that passes instead: every ten minutes stays every ten minutes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from app.digest import short

SHORT_FORMS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""As in crontab(5)."""

_FIELDS = 5
_MOST_WALKED = 1_000
_LOOKED_BACK = (timedelta(days=1), timedelta(days=32), timedelta(days=400), timedelta(days=36_525))


@dataclass(frozen=True, slots=True)
class Timetable:
    """Raises nothing: both parts were checked by `check_cron` and `zone`."""

    cron: str
    timezone: str

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times after `moment`, rising, in UTC. They end where none comes for 50 years."""
        last = moment
        steps = CronSim(_written_out(self.cron), moment.astimezone(ZoneInfo(self.timezone)))
        try:
            for found in steps:
                # Two that the clocks leave out may move to the same one, and around the hour that
                # comes twice the first step may lie before where it began.
                if (instant := found.astimezone(UTC)) > last:
                    last = instant
                    yield instant
        except OverflowError:  # beyond the year 9999
            return

    def next(self, moment: datetime) -> datetime | None:
        return next(self.after(moment), None)

    def last(
        self, first: datetime, now: datetime, is_past: Callable[[datetime], bool]
    ) -> tuple[datetime, int]:
        """The last time that is past, from `first` on, itself one; and how many there are before
        it. That number ends at 1,000.
        """
        last, before = first, 0
        for found in islice(self.after(first), _MOST_WALKED):
            if not is_past(found):
                return last, before
            last, before = found, before + 1
        # Without walking years minute by minute.
        for span in _LOOKED_BACK:
            recent = list(takewhile(is_past, self.after(now - span)))
            if recent:
                return recent[-1], before
        return last, before

    def closest(self, moment: datetime, most: int = 50) -> timedelta | None:
        """The shortest pause between two of the next times."""
        times = list(islice(self.after(moment), most))
        pauses = [later - earlier for earlier, later in pairwise(times)]
        return min(pauses, default=None)


def check_cron(expression: str) -> str:
    """Raises `ValueError` that says what would be right."""
    written_out = _written_out(expression)
    if len(written_out.split()) != _FIELDS:
        raise ValueError(
            "should have five fields: minute, hour, day of the month, month, day of the week; or "
            f"be one of {', '.join(SHORT_FORMS)}"
        )
    try:
        CronSim(written_out, datetime(2026, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError) as error:
        raise ValueError(f"should be a cron expression, such as 30 2 * * * ({error})") from None
    return " ".join(expression.split())


def zone(name: str) -> str:
    """Raises `ValueError` where no time zone is named so."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            "should be a time zone of the IANA database, such as Europe/Berlin"
        ) from None
    return name


def delay(schedule_id: UUID, nominal: datetime, jitter: int) -> timedelta:
    """From 0 to `jitter` seconds: the same for the same time, whoever asks and however often."""
    drawn = int.from_bytes(short(schedule_id.bytes + b"%d" % int(nominal.timestamp()))[:8])
    return timedelta(seconds=drawn % (jitter + 1))


def _written_out(expression: str) -> str:
    return SHORT_FORMS.get(expression.strip().lower(), expression)
