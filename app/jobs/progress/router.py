"""A job's events over HTTP, as they happen."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from app.auth.dependency import CallerDep
from app.jobs import store
from app.jobs.events import Noted
from app.jobs.progress.feed import Feed, Message
from app.jobs.progress.mark import Mark, read_mark
from app.web.route import Route, SessionDep

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=Route)

_HEADERS = {
    "Cache-Control": "no-cache",
    # nginx would hold events back until it has a buffer full.
    "X-Accel-Buffering": "no",
}
_RETRY_MS = 2000
_EXAMPLE = 'event: state\ndata: {"state":"running","at":"2026-11-21T12:00:00Z"}\nid: 1-0\n\n'


@router.get(
    "/{job_id}/events",
    response_class=Response,  # FastAPI would take the other for an endpoint that yields
    responses={
        200: {
            "description": "Server-sent events, until the job has ended.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        204: {"description": "The job has ended, and this caller has had everything."},
    },
)
async def follow_job(
    job_id: UUID,
    request: Request,
    session: SessionDep,
    caller: CallerDep,
    last_event_id: Annotated[
        str | None,
        Header(description="The id of the last event that was had: what came after it follows."),
    ] = None,
) -> Response:
    """Follow a job: `state`, `changed`, `waiting` and `recovered` (its teacher), `chunk_lost`,
    `chunk_failed` and `retried` as they happen, `progress` at most once a second, and `end`, after
    which the stream ends.

    All events since the job's beginning come first, or those after `Last-Event-ID`; of progress,
    where it stands now. An id means the same whoever gave it, also after a restart.
    """
    mark = read_mark(last_event_id)
    job = await store.get(session, job_id)
    if job.state not in store.LIVE and mark.number == job.events:
        return Response(status_code=204)
    feed: Feed = request.app.state.feed
    return EventSourceResponse(_stream(feed, job_id, mark), headers=_HEADERS)


async def _stream(feed: Feed, job_id: UUID, since: Mark) -> AsyncIterator[bytes]:
    yield format_sse_event(comment="limbeck", retry=_RETRY_MS)
    async for message in feed.follow(job_id, since):
        yield format_sse_event(comment="alive") if message is None else _written(message)


def _written(message: Message) -> bytes:
    data = message.data
    if isinstance(data, Noted):
        said = orjson.dumps(data.data | {"at": data.at}).decode()
    else:
        said = data.model_dump_json()
    return format_sse_event(data_str=said, event=message.kind, id=str(message.at))
