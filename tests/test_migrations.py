"""Models and migrations agree; one command brings any database to the schema of this version."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url

from app import migrate
from app.errors import Unavailable

FILE_NAME = re.compile(r"\d{8}_\d{4}_[a-z0-9_]+\.py")


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@pytest.fixture
def empty_url(cluster: str, database_url: str) -> Iterator[str]:
    """A database without a single table."""
    name = f"empty_{make_url(database_url).database}"
    with psycopg.connect(cluster, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        yield make_url(cluster).set(database=name).render_as_string(hide_password=False)
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def revisions() -> ScriptDirectory:
    return ScriptDirectory(str(migrate.scripts()))


def columns(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public'"
            " ORDER BY table_name, column_name"
        ).fetchall()


def test_the_models_and_the_migrations_agree(database_url: str) -> None:
    with connected(database_url) as connection:
        command.check(migrate.config(connection))


def test_there_is_one_head_and_one_way_to_it() -> None:
    walked = list(revisions().walk_revisions())
    assert len(revisions().get_heads()) == 1
    assert len(revisions().get_bases()) == 1
    assert not any(revision.is_merge_point or revision.is_branch_point for revision in walked)


def test_revisions_are_named_for_their_time_and_deed() -> None:
    for file in (migrate.scripts() / "versions").glob("*.py"):
        assert FILE_NAME.fullmatch(file.name), file.name


def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = columns(database_url)
    migrate.upgrade(database_url)
    assert columns(database_url) == before


def test_two_that_migrate_at_once_make_one_schema(empty_url: str, database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrate.upgrade, [empty_url, empty_url]))
    assert columns(empty_url) == columns(database_url)


def test_ids_and_counters_are_64_bit(database_url: str) -> None:
    # `smallint` is chosen for what is known to stay small; `integer` is what nobody thought about.
    narrow = {
        (table, column)
        for table, column, kind, *_ in columns(database_url)
        if kind == "integer" and not table.startswith("procrastinate_")
    }
    assert not narrow


def test_every_constraint_has_a_name_that_says_what_it_holds(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        names = connection.execute(
            "SELECT conrelid::regclass::text, conname, contype FROM pg_constraint"
            " JOIN pg_namespace n ON n.oid = connamespace AND n.nspname = 'public'"
            " WHERE conrelid <> 0 AND contype IN ('p', 'u', 'f', 'c')"
        ).fetchall()
    prefixes = {"p": "pk", "u": "uq", "f": "fk", "c": "ck"}
    for table, name, kind in names:
        if not table.startswith(("procrastinate_", "alembic_")):
            assert name.startswith(f"{prefixes[kind]}_{table}"), name


def test_a_database_of_another_version_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", ["20261121_table"])
    before = columns(database_url)
    with pytest.raises(Unavailable, match="20261121_table, which this version does not know"):
        migrate.upgrade(database_url)
    assert columns(database_url) == before


def test_a_postgres_that_is_too_old_is_refused(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "OLDEST_POSTGRES", 99)
    with pytest.raises(Unavailable, match="too old: 99 or later is needed"):
        migrate.upgrade(empty_url)
    assert columns(empty_url) == []


def test_a_process_that_starts_waits_for_its_database(
    cluster: str, empty_url: str, database_url: str
) -> None:
    name = f"late_{make_url(database_url).database}"
    late = make_url(cluster).set(database=name).render_as_string(hide_password=False)
    now = make_url(empty_url).database
    with ThreadPoolExecutor() as threads, psycopg.connect(cluster, autocommit=True) as admin:
        starting = threads.submit(migrate.require_current, late)
        migrate.upgrade(empty_url)
        admin.execute(f'ALTER DATABASE "{now}" RENAME TO "{name}"'.encode())
        try:
            starting.result()
        finally:
            admin.execute(f'ALTER DATABASE "{name}" RENAME TO "{now}"'.encode())
