"""Jobs and previews over HTTP."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.dependency import CallerDep
from app.corpus import browse, replies
from app.corpus.browse import Scope
from app.corpus.candidate import Place
from app.corpus.query import OwnRecordsQuery, OwnRejectsQuery
from app.corpus.schemas import RecordView, RejectView, ReplyView
from app.corpus.selection import RecordSelection
from app.errors import NotFound
from app.jobs import novelty, store
from app.jobs.arm_spec import MOST_TEACHERS
from app.jobs.documents import ReprocessSpec
from app.jobs.imports.arrival import arrived
from app.jobs.imports.submit import submit_import
from app.jobs.imports.wishes import read_wishes
from app.jobs.lineage import RecordDetail, RejectDetail, show_record, show_reject
from app.jobs.preview import MOST_ROWS, PreviewView, preview
from app.jobs.reprocess import submit_reprocess
from app.jobs.schemas import FailureView, JobSpec, JobView, StratumView
from app.jobs.show import show, spent_by, why_waiting
from app.jobs.submit import submit
from app.names import Name, Ref
from app.uploads.formats import UPLOAD, Format, format_of
from app.web import body as bodies
from app.web import idempotency
from app.web.paging import Page, PageDep, page_of
from app.web.route import DatabaseDep, Route, SessionDep, not_replayed, reads_stream
from app.webhooks import store as webhooks
from app.webhooks.schemas import DeliveryView

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=Route)
origins = APIRouter(prefix="/v1/corpora", tags=["corpora"], route_class=Route)
"""A corpus's own routes know nothing of jobs; where a sample comes from is known here."""

OneArm = Annotated[
    int | None,
    Query(ge=0, lt=MOST_TEACHERS, description="Only of this arm of the job, by its number."),
]


@router.post("/jobs", status_code=201)
async def submit_job(
    request: Request, body: JobSpec, session: SessionDep, caller: CallerDep, response: Response
) -> JobView:
    """Submit a job. Everything that can be checked is checked now; the answer is the resolved
    document, every "latest" pinned, with one digest over all of it.
    """
    job = await submit(session, request.app.state.render_pool, body)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return await show(session, job)


@router.post("/jobs/reprocess", status_code=201)
async def reprocess(
    body: ReprocessSpec, session: SessionDep, caller: CallerDep, response: Response
) -> JobView:
    """Decide stored replies anew, by other filters and another dedup policy, into another corpus
    or their own. No teacher is asked. The answer shows how they had been decided before.

    Their own corpus is rebuilt beside itself: it stays as it is until the job has finished, and
    takes no other job until then.
    """
    job = await submit_reprocess(session, body)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return await show(session, job)


@router.post(
    "/corpora/{namespace}/{name}/imports",
    status_code=201,
    tags=["corpora"],
    response_model=JobView,
    openapi_extra=UPLOAD,
)
@reads_stream
@not_replayed  # by the route; it has to read the file to know whether it is the same
async def import_file(
    namespace: Name,
    name: Name,
    request: Request,
    session: SessionDep,
    caller: CallerDep,
    form: Annotated[
        Format | None,
        Query(alias="format", description="Instead of a Content-Type: jsonl, csv or parquet."),
    ] = None,
    file: Annotated[
        str, Query(max_length=255, description="What the file is called, for the lineage.")
    ] = "upload",
    accept: Annotated[
        str | None,
        Query(
            description="What drops rows, as JSON; as in a job document.",
            examples=['{"filters": [{"name": "length", "field": "answer", "min_words": 5}]}'],
        ),
    ] = None,
    dedup: Annotated[
        str | None,
        Query(
            description="What makes two records the same, as JSON; the corpus's own policy if it "
            "is not said.",
            examples=['{"on": ["question"]}'],
        ),
    ] = None,
    columns: Annotated[
        str | None,
        Query(
            description="Where columns of the file go, as JSON; the others are left out.",
            examples=['{"instruction": "question", "output": "answer"}'],
        ),
    ] = None,
) -> Response:
    """Take JSON Lines, CSV (with a header; every cell is text) or Parquet into a corpus: all of
    it is queued, or nothing and the line that is wrong. The answer is a job: it filters the rows
    and drops what the corpus has already, as for replies of a teacher.

    A corpus that is not there is made, with the columns of the file. The rows are kept as they
    came, and can be reprocessed.
    """
    settings, headers = request.app.state.settings, request.headers
    wishes = read_wishes(file, accept, dedup, columns)
    found = format_of(headers.get("content-type", ""), headers.get("content-encoding", ""), form)
    sent = bodies.chunks(request, settings.max_upload_bytes)
    folder = settings.data_dir / "uploads"
    async with arrived(
        sent, found, wishes.columns, folder=folder, most=settings.max_upload_bytes
    ) as arrival:

        async def take_in() -> Response:
            job = await submit_import(session, Ref(namespace, name), arrival, wishes)
            view = await show(session, job)
            return Response(
                view.model_dump_json(),
                201,
                {"Location": f"/v1/jobs/{job.id}"},
                "application/json",
            )

        if idempotency.HEADER not in headers:
            return await take_in()
        return await idempotency.once(session, request, arrival.sha256.encode(), take_in)


@router.get("/jobs")
async def list_jobs(
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    namespace: Name | None = None,
    state: Annotated[
        Literal["queued", "running", "paused", "cancelling", "finished", "failed", "cancelled"]
        | None,
        Query(description="Only jobs in this state."),
    ] = None,
) -> Page[JobView]:
    """Jobs, newest first."""
    rows = await store.page(
        session, namespace=namespace, state=state, before=page.after_id, limit=page.limit + 1
    )
    accounts = await store.ledgers(session, [job.id for job in rows])
    waiting = await why_waiting(session, rows, accounts)
    used = await spent_by(session, rows)
    return page_of(
        rows,
        page,
        lambda job: job.id,
        lambda job: JobView.of(job, accounts[job.id], waiting.get(job.id), used[job.id]),
    )


@router.get("/jobs/{job_id}")
async def get_job(job_id: UUID, session: SessionDep, caller: CallerDep) -> JobView:
    """One job: its state, its ledger, which always adds up, and its funnel."""
    return await show(session, await store.get(session, job_id))


@router.get("/jobs/{job_id}/records")
async def list_job_records(
    job_id: UUID,
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    selection: OwnRecordsQuery,
    arm: OneArm = None,
) -> Page[RecordView]:
    """What a job added to its corpus, oldest first."""
    where = await _own(session, job_id, selection, arm)
    rows = await browse.records(
        session, where, selection, after=page.after_id, limit=page.limit + 1
    )
    return page_of(rows, page, lambda record: record.id, RecordView.of)


@router.get("/jobs/{job_id}/rejects")
async def list_job_rejects(
    job_id: UUID,
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    selection: OwnRejectsQuery,
    arm: OneArm = None,
) -> Page[RejectView]:
    """What was refused, oldest first, with why."""
    where = await _own(session, job_id, selection, arm)
    rows = await browse.rejects(
        session, where, selection, after=page.after_id, limit=page.limit + 1
    )
    return page_of(rows, page, lambda reject: reject.id, RejectView.of)


@router.get("/jobs/{job_id}/novelty")
async def list_job_strata(
    job_id: UUID, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[StratumView]:
    """How much of what came was new, in each cell of the job's matrix that had a candidate; and in
    a job that stratifies, of every cell, its quota and how many records it has.
    """
    await store.get(session, job_id)
    rows = await novelty.page(session, job_id, after=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda counted: counted.key, StratumView.of)


@router.get("/jobs/{job_id}/failures")
async def list_job_failures(
    job_id: UUID, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[FailureView]:
    """Samples for which no usable reply could be had, with what the teacher said."""
    await store.get(session, job_id)
    rows = await store.failures(session, job_id, after=page.after_number, limit=page.limit + 1)
    return page_of(rows, page, lambda row: row.item * 64 + row.sample, FailureView.of)


@router.get("/jobs/{job_id}/deliveries")
async def list_job_deliveries(
    job_id: UUID, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[DeliveryView]:
    """Whom its webhook told, and what went wrong."""
    await store.get(session, job_id)
    rows = await webhooks.page(session, job_id, before=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda delivery: delivery.id, DeliveryView.of)


@router.get("/jobs/{job_id}/replies/{item}/{sample}")
async def get_reply(
    job_id: UUID,
    item: Annotated[int, Path(ge=0, lt=2**62)],
    sample: Annotated[int, Path(ge=0, lt=64)],
    session: SessionDep,
    caller: CallerDep,
) -> ReplyView:
    """The raw reply behind a record or a reject, exactly as it came."""
    await store.get(session, job_id)
    stored = await replies.reply_at(session, Place(job_id, item, sample))
    if stored is None:
        raise NotFound("reply.not_found", f"job {job_id} has no reply {item}/{sample}")
    return ReplyView.of(stored)


@router.post("/previews")
@not_replayed
async def preview_job(
    request: Request,
    body: JobSpec,
    database: DatabaseDep,
    caller: CallerDep,
    rows: Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many rows.")] = 3,
) -> PreviewView:
    """Run a job document on its first rows and show prompt, raw reply, parsed record and verdict
    of each. Nothing is stored in a corpus.
    """
    state = request.app.state
    return await preview(database, state.render_pool, state.clients, body, rows)


@origins.get("/{namespace}/{name}/records/{record_id}")
async def get_record(
    request: Request,
    namespace: Name,
    name: Name,
    record_id: UUID,
    database: DatabaseDep,
    caller: CallerDep,
) -> RecordDetail:
    """One record, with all that it was made from, and the exchange with the teacher: the prompt is
    rendered again and checked against the digest of what was sent.
    """
    pool = request.app.state.render_pool
    return await show_record(database, pool, Ref(namespace, name), record_id)


@origins.get("/{namespace}/{name}/rejects/{reject_id}")
async def get_reject(
    request: Request,
    namespace: Name,
    name: Name,
    reject_id: UUID,
    database: DatabaseDep,
    caller: CallerDep,
) -> RejectDetail:
    """One reject and why, with all that it was made from; for a duplicate, the record that was
    there first.
    """
    pool = request.app.state.render_pool
    return await show_reject(database, pool, Ref(namespace, name), reject_id)


async def _own(
    session: AsyncSession, job_id: UUID, selection: RecordSelection, arm: int | None
) -> Scope:
    job = await store.get(session, job_id)
    where = await browse.scope(session, job.corpus_id, selection)
    if arm is None or (job.arms == 1 and arm == 0):
        return replace(where, jobs=[job.id])
    return replace(where, jobs=[], arms=[(job.id, arm)])
