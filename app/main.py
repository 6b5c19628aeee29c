"""The API, assembled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from app.auth import router as keys
from app.auth.dependency import identify
from app.corpus import router as corpora
from app.curation.filter import filters
from app.curation.parser import parsers
from app.datasets import router as datasets
from app.datasets.exporter import exporters
from app.datasets.rows import router as rows
from app.db import Database
from app.errors import Unavailable
from app.evaluations import router as evaluations
from app.jobs import router as jobs
from app.prompts import router as prompts
from app.prompts.sandbox import RenderPool
from app.recipes import recipes
from app.seeds import router as seeds
from app.semantic import router as semantic
from app.settings import Settings
from app.teachers import router as teachers
from app.teachers.clients import Clients
from app.web import health, problems

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
        datasets.router,
        rows.router,
    ]


def load_plugins() -> None:
    """What other packages contribute; once, before a job document is read."""
    for registry in (parsers, filters, recipes, exporters):
        registry.load()


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
        app.state.database = Database(url)
        app.state.render_pool = RenderPool()
        app.state.clients = Clients(settings.max_reply_bytes, networks=settings.teacher_networks)
        try:
            yield
        finally:
            await app.state.clients.close()
            await app.state.render_pool.close()
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
    app.state.identify = identify
    problems.install(app)
    load_plugins()
    for router in routers():
        app.include_router(router)
    return app
