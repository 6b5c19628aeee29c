"""What each arm of a job costs, by its teacher."""

from collections.abc import Collection, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import arm_rows
from app.jobs.models import Job
from app.teachers import store as teachers
from app.teachers.rates import Rates

Tariff = Mapping[int, Rates]
"""The rates of every arm of a job, by its number."""


async def tariff_of(session: AsyncSession, job: Job) -> Tariff | None:
    """None for a job that asks nobody, or one of whose teachers the caller may not see."""
    by_arm = await arm_rows.teachers_of(session, job)
    rates = await teachers.rates(session, set(by_arm.values()))
    if not by_arm or not set(by_arm.values()) <= rates.keys():
        return None
    return {arm: rates[teacher] for arm, teacher in by_arm.items()}


def adds_up(rates: Collection[Rates]) -> bool:
    """Whether what these cost can be added up: all of it in one currency."""
    return len({each.currency for each in rates if each.priced}) <= 1


def currency_of(rates: Collection[Rates]) -> str | None:
    return next((each.currency for each in rates if each.priced), None)
