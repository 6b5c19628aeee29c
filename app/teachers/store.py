"""SQL of teachers, and of the circuit that is open while one is away."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, NotFound
from app.names import Ref
from app.teachers.capabilities import Capabilities
from app.teachers.models import Teacher
from app.teachers.rates import Rates


async def get(session: AsyncSession, ref: Ref) -> Teacher:
    found = await find(session, ref)
    if found is None or ref.version is not None:
        raise NotFound(
            "teacher.not_found",
            f"there is no teacher {ref}",
            hint="GET /v1/teachers lists them; they have no versions.",
        )
    return found


async def find(session: AsyncSession, ref: Ref) -> Teacher | None:
    return await session.scalar(
        select(Teacher).where(Teacher.namespace == ref.namespace, Teacher.name == ref.name)
    )


async def by_id(session: AsyncSession, teacher_id: UUID) -> Teacher:
    found = await session.get(Teacher, teacher_id, populate_existing=True)
    if found is None:
        raise NotFound("teacher.not_found", f"there is no teacher with the id {teacher_id}")
    return found


def rates_of(teacher: Teacher) -> Rates:
    return Rates(
        teacher.prompt_price,
        teacher.completion_price,
        teacher.currency,
        teacher.gpus,
        teacher.gpu_hour_price,
    )


async def rates(session: AsyncSession, teacher_ids: Iterable[UUID]) -> dict[UUID, Rates]:
    """What these teachers cost; nothing for those that this session may not see."""
    wanted = list(teacher_ids)
    if not wanted:
        return {}
    found = await session.scalars(select(Teacher).where(Teacher.id.in_(wanted)))
    return {teacher.id: rates_of(teacher) for teacher in found}


async def page(
    session: AsyncSession, *, namespace: str | None, after: UUID | None, limit: int
) -> Sequence[Teacher]:
    query = select(Teacher).order_by(Teacher.id).limit(limit)
    if namespace is not None:
        query = query.where(Teacher.namespace == namespace)
    if after is not None:
        query = query.where(Teacher.id > after)
    return (await session.scalars(query)).all()


async def register(
    session: AsyncSession, ref: Ref, values: Mapping[str, Any]
) -> tuple[Teacher, bool]:
    """The teacher of that name, and whether this call made it. Two racing calls make one."""
    made = (
        insert(Teacher)
        .values(namespace=ref.namespace, name=ref.name, **values)
        .on_conflict_do_nothing()
        .returning(Teacher.id)
    )
    new = await session.scalar(made)
    return await get(session, ref), new is not None


async def change(session: AsyncSession, teacher_id: UUID, values: Mapping[str, Any]) -> Teacher:
    if values:
        await session.execute(update(Teacher).where(Teacher.id == teacher_id).values(**values))
    return await by_id(session, teacher_id)


async def set_capabilities(session: AsyncSession, teacher_id: UUID, found: Capabilities) -> Teacher:
    values = {"capabilities": found.model_dump(mode="json"), "probed_at": func.now()}
    return await change(session, teacher_id, values)


async def remove(session: AsyncSession, teacher: Teacher) -> None:
    """Raises `Conflict` where jobs refer to it: what they made must stay explainable."""
    try:
        async with session.begin_nested():
            await session.execute(delete(Teacher).where(Teacher.id == teacher.id))
    except IntegrityError as error:
        raise Conflict(
            "teacher.used",
            f"teacher {teacher.ref} has jobs, and what they made must stay explainable",
            hint="Set max_in_flight low, or register another one under another name.",
        ) from error


async def open_circuit(
    session: AsyncSession, teacher_id: UUID, reason: str, retry_after: float | None
) -> None:
    """Nobody takes work for this teacher for a while: a second at first, twice as long each time
    it is found away again, half a minute at most, or as long as it asked for.
    """
    await session.execute(
        _OPEN, {"teacher": teacher_id, "reason": reason, "retry_after": retry_after or 0.0}
    )


# Workers that fail together raise `failures` once: only one after the last wait counts.
_OPEN = text("""
    WITH seen AS (
        SELECT id, failures + (retry_at IS NULL OR retry_at <= clock_timestamp())::int AS failures
        FROM teacher WHERE id = :teacher FOR UPDATE
    )
    UPDATE teacher AS t SET
        down_since = coalesce(t.down_since, clock_timestamp()),
        down_reason = :reason,
        failures = seen.failures,
        retry_at = greatest(t.retry_at, clock_timestamp() + make_interval(secs =>
            greatest(least(power(2, least(seen.failures - 1, 10)), 30), :retry_after)))
    FROM seen WHERE t.id = seen.id
""")


async def close_circuit(session: AsyncSession, teacher_id: UUID) -> None:
    """It answers. Costs nothing where the circuit was closed."""
    await session.execute(
        update(Teacher)
        .where(Teacher.id == teacher_id, Teacher.down_since.is_not(None))
        .values(down_since=None, down_reason=None, retry_at=None, failures=0)
    )


async def away(session: AsyncSession, teacher_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Of these, the ones that are away, each with why."""
    wanted = list(teacher_ids)
    if not wanted:
        return {}
    rows = await session.execute(
        select(Teacher.id, Teacher.down_reason).where(
            Teacher.id.in_(wanted), Teacher.down_since.is_not(None)
        )
    )
    return {row.id: row.down_reason or "teacher.down" for row in rows}
