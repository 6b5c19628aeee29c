"""What each arm of a job costs, by its teacher, and what its judge does."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import arm_rows, judges
from app.jobs.models import Job
from app.teachers import store as teachers
from app.teachers.rates import Rates


@dataclass(frozen=True, slots=True)
class Tariff:
    arms: Mapping[int, Rates]
    """By their numbers."""
    judge: Rates | None = None
    """None where nobody scores the records."""

    @property
    def all(self) -> Collection[Rates]:
        return [*self.arms.values(), *([self.judge] if self.judge else [])]

    @property
    def adds_up(self) -> bool:
        return adds_up(self.all)

    @property
    def by_token(self) -> bool:
        """Whether all of them have a price by the token."""
        return all(each.by_token for each in self.all)

    @property
    def currency(self) -> str | None:
        return next((each.currency for each in self.all if each.priced), None)


async def tariff_of(session: AsyncSession, job: Job) -> Tariff | None:
    """None for a job that asks nobody, or if the caller may not see whom it asks."""
    by_arm = await arm_rows.teachers_of(session, job)
    if not by_arm:
        return None
    judge = (await judges.of_jobs(session, [job.id])).get(job.id, set())
    wanted = {*by_arm.values(), *judge}
    rates = await teachers.rates(session, wanted)
    if not wanted <= rates.keys():
        return None
    return Tariff(
        {arm: rates[teacher] for arm, teacher in by_arm.items()},
        next((rates[teacher] for teacher in judge), None),
    )


def adds_up(rates: Collection[Rates]) -> bool:
    """Whether what these cost can be added up: all of it in one currency."""
    return len({each.currency for each in rates if each.priced}) <= 1
