"""Before the first release: write the tables' one revision again, from the models."""

import fcntl
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from app.local import postgres
from app.migrate import config, scripts

FIRST = "20261121_0501_tables.py"
GROUND = "20261121_ground"
REVISION = "20261121_tables"

with Path(tempfile.gettempdir(), "limbeck-remake.lock").open("w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    (scripts() / "versions" / FIRST).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="lb-") as folder:
        running = postgres.start(Path(folder) / "pg")
        try:
            engine = create_engine(make_url(running.url).set(drivername="postgresql+psycopg"))
            with engine.connect() as connection:
                command.upgrade(config(connection), GROUND)
                connection.commit()
                made = config(connection)
                made.set_main_option("file_template", FIRST.removesuffix(".py"))
                command.revision(made, "The tables", autogenerate=True, rev_id=REVISION)
                connection.commit()
                written = scripts() / "versions" / FIRST
                for words in (["check", "--fix", "--silent"], ["format", "--silent"]):
                    subprocess.run([sys.executable, "-m", "ruff", *words, written], check=False)
                # Named by what it says: a database made by an earlier one is told apart.
                told = written.read_text()
                named = hashlib.sha256(told.encode()).hexdigest()[:8]
                written.write_text(told.replace(REVISION, f"{REVISION}_{named}", 1))
                command.upgrade(config(connection), "head")
                connection.commit()
                command.check(config(connection))
                count = connection.scalar(
                    text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
                )
                print(f"{FIRST}: {count} tables")
            engine.dispose()
        finally:
            running.stop()
