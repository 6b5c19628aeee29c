"""Schedules over HTTP."""

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from app.auth.dependency import CallerDep
from app.names import Name, Ref
from app.schedules import store
from app.schedules.cron import Timetable, delay
from app.schedules.define import create, pause, replace, run_now
from app.schedules.models import Schedule
from app.schedules.schemas import RunView, ScheduleSpec, ScheduleView
from app.web.paging import Page, PageDep, page_of
from app.web.route import Route, SessionDep
from app.webhooks import store as webhooks
from app.webhooks.schemas import DeliveryView

router = APIRouter(prefix="/v1/schedules", tags=["schedules"], route_class=Route)

_SHOWN = 5


@router.post("", status_code=201, responses={200: {"description": "It says just so already."}})
async def create_schedule(
    request: Request, body: ScheduleSpec, session: SessionDep, caller: CallerDep, response: Response
) -> ScheduleView:
    """Make a schedule. Its job document is checked as a submission is; the same again answers
    200.
    """
    schedule, new = await create(session, request.app.state.render_pool, body)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/schedules/{schedule.ref}"
    return _view(schedule)


@router.get("")
async def list_schedules(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[ScheduleView]:
    """All schedules, oldest first."""
    rows = await store.page(session, namespace=namespace, after=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda schedule: schedule.id, _view)


@router.get("/{namespace}/{name}")
async def get_schedule(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> ScheduleView:
    """One schedule, with the next five times it comes."""
    return _view(await store.get(session, Ref(namespace, name)))


@router.put("/{namespace}/{name}")
async def replace_schedule(
    request: Request,
    namespace: Name,
    name: Name,
    body: ScheduleSpec,
    session: SessionDep,
    caller: CallerDep,
) -> ScheduleView:
    """Let a schedule say something else. Its history stays, and what is running goes on."""
    pool = request.app.state.render_pool
    return _view(await replace(session, pool, Ref(namespace, name), body))


@router.delete("/{namespace}/{name}", status_code=204)
async def delete_schedule(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> Response:
    """Remove a schedule and its history. The jobs that it submitted stay, and go on."""
    schedule = await store.get(session, Ref(namespace, name), lock=True)
    await store.remove(session, schedule.id)
    return Response(status_code=204)


@router.post("/{namespace}/{name}/pause")
async def pause_schedule(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> ScheduleView:
    """Let its times pass from now on. What is running goes on; what waits its turn stays."""
    schedule = await store.get(session, Ref(namespace, name), lock=True)
    await pause(session, schedule, paused=True)
    return _view(schedule)


@router.post("/{namespace}/{name}/resume")
async def resume_schedule(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> ScheduleView:
    """Keep its times again, from now on: those that passed meanwhile are not made up for."""
    schedule = await store.get(session, Ref(namespace, name), lock=True)
    await pause(session, schedule, paused=False)
    return _view(schedule)


@router.post("/{namespace}/{name}/runs", status_code=201)
async def run_schedule_now(
    request: Request, namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> RunView:
    """Run it now, paused or not; its next time comes all the same. The answer is the run, whatever
    became of it: it may have been skipped, or have failed, and says why.
    """
    pool = request.app.state.render_pool
    return RunView.of(await run_now(session, pool, Ref(namespace, name)))


@router.get("/{namespace}/{name}/runs")
async def list_runs(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[RunView]:
    """What became of its times, newest first."""
    schedule = await store.get(session, Ref(namespace, name))
    rows = await store.runs(session, schedule.id, before=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda run: run.id, RunView.of)


@router.get("/{namespace}/{name}/deliveries")
async def list_schedule_deliveries(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[DeliveryView]:
    """Whom its webhook told, newest first, with what went wrong."""
    schedule = await store.get(session, Ref(namespace, name))
    rows = await webhooks.page(session, schedule.id, before=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda delivery: delivery.id, DeliveryView.of)


def _view(schedule: Schedule) -> ScheduleView:
    return ScheduleView.of(schedule, _next(schedule))


def _next(schedule: Schedule) -> list[tuple[datetime, datetime]]:
    first = schedule.next_nominal
    if schedule.paused or first is None:
        return []
    local = ZoneInfo(schedule.timezone)
    times = [first, *islice(Timetable(schedule.cron, schedule.timezone).after(first), _SHOWN - 1)]
    return [
        (
            each.astimezone(local),
            (each + delay(schedule.id, each, schedule.jitter)).astimezone(local),
        )
        for each in times
    ]
