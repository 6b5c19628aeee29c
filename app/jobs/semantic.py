"""A worker's turn at a corpus's semantic report: embed what lacks a vector, compare what is new.

Nothing is lost when a turn ends in the middle, and two that overlap do no harm: each step is one
transaction that first locks the report.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from app.db import Database
from app.semantic import store, vectors
from app.semantic.embed import embed_some
from app.semantic.models import SemanticReport
from app.semantic.pair import pair_some
from app.teachers import store as teachers
from app.teachers.client import TeacherClient
from app.teachers.clients import Clients
from app.teachers.failures import TeacherFailure

log = structlog.stdlib.get_logger(__name__)

TURN = 20.0
"""Seconds; then somebody else's ticket may come first."""
_PAUSE = 15.0
"""Seconds before a teacher that failed is asked again, where it does not say how long."""


async def take_turn(
    database: Database, clients: Clients, corpus_id: UUID, draining: asyncio.Event
) -> None:
    """Go on with the report until it is finished, the turn is over or the teacher is away."""
    ends = asyncio.get_running_loop().time() + TURN
    async with database.unit_of_work() as session:
        report = await store.lock(session, corpus_id)
        if report is None or report.state not in store.WORKING:
            return
        report.state = "running"
        teacher = await teachers.by_id(session, report.teacher_id)

    def is_over() -> bool:
        return draining.is_set() or asyncio.get_running_loop().time() > ends

    try:
        await _work(database, clients.of(teacher), report, is_over)
    except TeacherFailure as failure:
        log.warning("no vectors", corpus=str(corpus_id), reason=failure.reason)
        await _note(database, report, failure)


async def _work(
    database: Database, client: TeacherClient, report: SemanticReport, is_over: Callable[[], bool]
) -> None:
    after = None
    while (after := await embed_some(database, client, report, after)) is not None:
        if is_over():
            return
    while await pair_some(database, report.corpus_id):
        if is_over():
            return
    await _finish(database, report)


async def _finish(database: Database, report: SemanticReport) -> None:
    """It is finished if nothing has come since it was looked at; else the next turn goes on."""
    async with database.unit_of_work() as session:
        held = await store.lock(session, report.corpus_id)
        if held is None or held.edition != report.edition:
            return
        if await vectors.lacking(session, report.corpus_id, None, 1):
            return
        if await vectors.end_of_block(session, report.corpus_id, held.compared_until, 1) is None:
            held.state, held.reason, held.retry_at = "finished", None, None


async def _note(database: Database, report: SemanticReport, failure: TeacherFailure) -> None:
    async with database.unit_of_work() as session:
        held = await store.lock(session, report.corpus_id)
        if held is None or held.edition != report.edition:
            return
        reason = f"{failure.reason}: {failure.message}"
        if failure.transient:
            await store.wait(session, report.corpus_id, reason, failure.retry_after or _PAUSE)
        else:
            held.state, held.reason = "failed", reason
