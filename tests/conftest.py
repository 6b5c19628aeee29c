"""What tests stand on: a real Postgres, a fresh database each, the application that ships."""

import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy.engine import make_url

from app import migrate, shell
from app.db import Database
from app.local import postgres
from app.main import create_app
from app.settings import Settings
from tests.fake_teacher import FakeTeacher
from tests.real_teacher import pytest_collection_modifyitems, real_teacher

__all__ = ["pytest_collection_modifyitems", "real_teacher"]

TEMPLATE = f"limbeck_template_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
FORGETFUL = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    # It would be in the way of removing a database, and is a superuser's to stop.
    "autovacuum": "off",
}
"""For databases that live as long as a test: a copy takes 30 ms instead of 230. The tests that
kill a server have one of their own, which forgets nothing."""

# A busy machine is slow to generate and to run examples; that is no finding.
hypothesis_settings.register_profile(
    "limbeck", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("limbeck")


@pytest.fixture(scope="session", autouse=True)
def logs_apart() -> None:
    """Lines go where pytest collects them, and not between those that a command prints."""
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Postgres that holds a migrated template database."""
    given = os.environ.get("LIMBECK_TEST_DATABASE_URL")
    folder = tmp_path_factory.mktemp("pg") / "data"
    running = None if given else postgres.start(folder, settings=FORGETFUL)
    url = given or (running.url if running else "")
    try:
        # pgvector is in `template1`, as in that of the databases that `limbeck up` makes.
        _recreate(url, TEMPLATE, "template1")
        migrate.upgrade(_named(url, TEMPLATE))
        yield url
    finally:
        if running:
            running.stop()


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _recreate(url: str, name: str, template: str = "template0") -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        copied = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
        admin.execute(copied.encode())


@contextmanager
def fresh_database(cluster: str) -> Iterator[str]:
    """A migrated database of one's own, removed afterwards."""
    name = f"t_{uuid4().hex[:12]}"
    _recreate(cluster, name, TEMPLATE)
    yield _named(cluster, name)
    with psycopg.connect(cluster, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def database_url(cluster: str) -> Iterator[str]:
    """A fresh, migrated database of this test's own."""
    with fresh_database(cluster) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path / "data", _env_file=None)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, its start-up and shutdown included."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        yield client


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The application that ships, over ASGI, on this test's own database."""
    async with running(create_app(settings)) as client:
        yield client


@pytest.fixture
def served(settings: Settings) -> Iterator[str]:
    """The same on loopback, where the shell finds it."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    shell.use(url)
    yield url
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def fake() -> Iterator[FakeTeacher]:
    """A scripted teacher, serving on loopback."""
    with FakeTeacher() as teacher:
        yield teacher
