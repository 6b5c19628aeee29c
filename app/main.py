"""The API, assembled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from app.auth import dependency as auth
from app.auth import router as keys
from app.corpus import router as corpora
from app.curation.filter import filters
from app.curation.parser import parsers
from app.datasets import router as datasets
from app.datasets.exporter import exporters
from app.datasets.layouts import router as layouts
from app.datasets.receipts import Receipts
from app.datasets.rows import router as rows
from app.db import Database
from app.errors import Unavailable
from app.evaluations import router as evaluations
from app.health import router as health
from app.health.scrape import Scraper
from app.hub import application as hub
from app.jobs import router as jobs
from app.jobs.comparison import router as comparison
from app.jobs.control import router as control
from app.jobs.exchanges import dresser
from app.jobs.preview import AT_ONCE
from app.jobs.progress import router as progress
from app.jobs.progress.feed import Feed
from app.jobs.room import Room
from app.prompts import router as prompts
from app.prompts.sandbox import RenderPool
from app.recall import router as recall
from app.recipes import recipes
from app.schedules import router as schedules
from app.seeds import router as seeds
from app.semantic import router as semantic
from app.settings import Settings
from app.teachers import router as teachers
from app.teachers.clients import Clients
from app.teachers.pulse import Heartbeat
from app.web import problems
from app.web.access import Access

ABOUT = """
Synthetic data from a teacher, for training a student: templates and few-shot sets are rendered
over seed rows, sent to a teacher, parsed, filtered and deduplicated into a corpus, and published
as immutable dataset versions.
"""


def routers() -> list[APIRouter]:
    return [
        health.router,
        keys.router,
        teachers.router,
        prompts.router,
        seeds.router,
        evaluations.router,
        corpora.router,
        semantic.router,
        jobs.router,
        jobs.origins,
        control.router,
        comparison.router,
        progress.router,
        schedules.router,
        datasets.router,
        datasets.signed_files,
        recall.router,
        rows.router,
        layouts.router,
    ]


def load_plugins() -> None:
    """What other packages contribute; once, before a job document is read."""
    for registry in (parsers, filters, recipes, exporters):
        registry.load()


LOCK_SECONDS = 10.0
"""A request waits no longer for what another holds: who froze while holding it may do so for a
minute."""


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings. Raises `Unavailable` where no database is named."""
    if settings.database_url is None:
        raise Unavailable(
            "database.none",
            "no database: set LIMBECK_DATABASE_URL, or run `limbeck up`, which brings its own",
        )
    url = settings.database_url

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = Database(url, lock_seconds=LOCK_SECONDS)
        room = Room(settings.data_dir, settings.min_free_bytes)
        app.state.scraper = Scraper(app.state.database, room)
        app.state.feed = Feed(app.state.database)
        app.state.receipts = Receipts(app.state.database)
        app.state.render_pool = RenderPool()
        app.state.dresser = dresser(app.state.render_pool)
        app.state.clients = Clients(
            settings.max_reply_bytes,
            networks=settings.teacher_networks,
            most=AT_ONCE,
            heartbeat=Heartbeat(frozen_after=settings.teacher_frozen_seconds),
        )
        try:
            yield
        finally:
            await app.state.feed.close()
            await app.state.clients.close()
            await app.state.render_pool.close()
            await app.state.receipts.close()
            await app.state.database.close()

    app: FastAPI = FastAPIOffline(
        title="Limbeck",
        version="0.1.0",
        description=ABOUT,
        lifespan=lifespan,
        redoc_url=None,
        responses={"4XX": problems.ANSWER, 503: problems.ANSWER},
    )
    app.state.settings = settings
    app.state.identify = auth.identify
    app.add_middleware(Access)
    problems.install(app)
    auth.document(app)
    load_plugins()
    # First: a router asks its routes in their order, and a pull has four requests a shard.
    app.mount("/hf", hub.create(app.state))
    for router in routers():
        app.include_router(router)
    return app
