"""Alembic's entry: runs the revisions on the database that `app.migrate` hands over."""

from alembic import context
from sqlalchemy import Connection

from app.tables import metadata


def include(name: str | None, kind: str, _parents: object) -> bool:
    """Procrastinate's tables are made by its own SQL, in a revision of ours; that of the vectors
    is made when it is first needed, where pgvector is (`app/semantic/vectors.py`).
    """
    if kind != "table" or name is None:
        return True
    return name != "embedding" and not name.startswith("procrastinate_")


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=include,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
