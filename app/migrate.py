"""Bring a database to the schema of this version."""

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from tenacity import RetryCallState, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from app.errors import Unavailable

log = structlog.stdlib.get_logger(__name__)

OLDEST_POSTGRES = 16
_LOCK = 0x11_B3_C4
"""Two migrations at once wait for one another on this advisory lock."""


_PATIENCE = 10.0
"""Seconds that a process which starts waits for its database: after a power cut both do."""


def scripts() -> Path:
    """The revisions: beside the package in a checkout, inside it when installed."""
    packaged = Path(__file__).parent / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "migrations"


def config(connection: Connection) -> Config:
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(scripts()))
    return made


def upgrade(url: str) -> None:
    """Apply every revision that `url` lacks. Raises `Unavailable` for too old a Postgres, and for a
    database that another version made in its own way.
    """
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            version = int((connection.dialect.server_version_info or (0,))[0])
            if version < OLDEST_POSTGRES:
                raise Unavailable(
                    "database.too_old",
                    f"PostgreSQL {version} is too old: {OLDEST_POSTGRES} or later is needed",
                )
            connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
            connection.commit()
            _require_known(connection)
            command.upgrade(config(connection), "head")
            connection.commit()
            connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))
            connection.commit()
    finally:
        engine.dispose()


def _require_known(connection: Connection) -> None:
    present = MigrationContext.configure(connection).get_current_revision()
    revisions = ScriptDirectory.from_config(config(connection)).walk_revisions()
    if present not in {None, *(each.revision for each in revisions)}:
        raise Unavailable(
            "database.other_schema",
            f"the database is at revision {present}, which this version does not know",
            hint="Another version made it. Use that one, or another database: LIMBECK_DATA_DIR or "
            "LIMBECK_DATABASE_URL says which.",
        )


def require_current(url: str) -> None:
    """Raises `Unavailable` where the database has another schema than this version works with, or
    stays away.
    """
    try:
        present, wanted = _revisions(url)
    except OperationalError as error:
        raise Unavailable("database.away", f"the database does not answer: {error.orig}") from error
    if present != wanted:
        raise Unavailable(
            "database.other_schema",
            f"the database is at revision {present or 'none'}; this version works with {wanted}",
            hint="Run `limbeck migrate`.",
        )


def _waiting(state: RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    why = error.orig if isinstance(error, OperationalError) else error
    log.warning("database away, trying again", error=str(why)[:200])


@retry(
    retry=retry_if_exception_type(OperationalError),
    wait=wait_fixed(1),
    stop=stop_after_delay(_PATIENCE),
    before_sleep=_waiting,
    reraise=True,
)
def _revisions(url: str) -> tuple[str | None, str | None]:
    """The one the database is at, and the one it should be at."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
            return present, ScriptDirectory.from_config(config(connection)).get_current_head()
    finally:
        engine.dispose()
